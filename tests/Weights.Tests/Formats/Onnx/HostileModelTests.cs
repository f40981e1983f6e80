using System.Diagnostics;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Models made to cost more than they weigh. Each must end soon and allocate in proportion to its own length.</summary>
public class HostileModelTests
{
    private const int Megabyte = 1 << 20;

    // A tenth of this on an idle machine; the tests run beside others.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);

    public static TheoryData<string, long> Attacks() => new()
    {
        // What, and how many bytes it may allocate for each byte of its own: an empty message of two bytes is objects of 150 to 800 bytes.
        { "empty nodes", 400 },
        { "empty attributes", 500 },
        { "empty tensors", 200 },
        { "empty tensors in an attribute", 200 },
        { "tensors of nothing", 200 },
        { "constants of one name", 200 },
        { "constants of no name", 200 },
        { "empty graphs", 400 },
        { "functions", 300 },
        { "tiny runs", 200 },
        { "a shape of many dimensions", 100 },
        { "an impossible shape of many dimensions", 100 },
        { "a long name", 30 },
        { "empty properties", 200 },
        { "empty operator sets", 200 },
        { "a list of tensors", 400 },
        { "lists in lists", 400 },
        { "external data under many names", 300 },
        { "numbers", 20 },
        { "unknown fields", 60 },
        { "pieces of a graph", 200 },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void An_attack_ends_soon_and_allocates_little(string attack, long bytesPerByte)
    {
        byte[] file = Make(attack);
        Assert.InRange(file.Length, Megabyte / 2, 2 * Megabyte);
        Dictionary<string, ReadOnlyMemory<byte>> siblings = new() { ["one.data"] = new byte[8] };
        Stopwatch watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using MemoryInput input = new("model.onnx", file, siblings);
            Assert.True(Format.Onnx.Sniff(input), "is not taken for a model at all");
            using Checkpoint checkpoint = Format.Onnx.Read(input, new ReadOptions { AllTensors = true });
            byte[] buffer = new byte[1 << 16];
            foreach (Tensor tensor in checkpoint.Tensors)
            {
                tensor.Bytes.ReadChunks(buffer, static (_, _) => { });
            }
        }
        catch (WeightFileException error)
        {
            Assert.InRange(error.Message.Length, 1, 2000);
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (4 * Megabyte) + (bytesPerByte * file.Length));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_longest);
    }

    [Fact]
    public void Numbers_that_no_memory_could_hold_are_refused_before_they_are_counted()
    {
        // Bytes of the type times bytes of a number is more than 64 bits hold.
        foreach (int type in (int[])[2, 3, 7, 9])
        {
            byte[] file = ProtoBuilder.Model(type, [1L << 62], tensor => tensor.Bytes(type == 7 ? 7 : 5, [1, 2, 3]));
            WeightFileException error = Assert.Throws<WeightFileException>(() => Read(file));
            Assert.Equal(Fault.Corrupt, error.Fault);
        }
    }

    [Fact]
    public void A_model_of_thousands_of_files_is_read()
    {
        // As exporters write what is too large for one file: each weight in its own.
        const int count = 3000;
        using TemporaryFolder folder = new();
        ProtoBuilder graph = new();
        for (int index = 0; index < count; index++)
        {
            File.WriteAllBytes(folder.File($"w{index}"), [(byte)index]);
            graph.Message(5, new ProtoBuilder().Number(1, 1).Number(2, 2).Text(8, $"w{index}").Message(13, new ProtoBuilder().Text(1, "location").Text(2, $"w{index}")).Number(14, 1));
        }
        File.WriteAllBytes(folder.File("model.onnx"), ProtoBuilder.Model(graph));
        using Checkpoint checkpoint = Format.Open(folder.File("model.onnx"));
        Assert.Equal(count, checkpoint.Tensors.Count);
        byte[] element = new byte[1];
        checkpoint.Tensors[count - 1].Bytes.Read(0, element);
        Assert.Equal(unchecked((byte)(count - 1)), element[0]);
    }

    private static Checkpoint Read(byte[] file) => Format.Onnx.Read(new MemoryInput("model.onnx", file), new ReadOptions());

    private static byte[] Make(string attack)
    {
        const int half = Megabyte / 2;
        ProtoBuilder empty = new();
        return attack switch
        {
            "empty nodes" => Graph(half, static (graph, _) => graph.Bytes(1, [])),
            "empty attributes" => ProtoBuilder.Model(new ProtoBuilder().Message(1, empty.Repeat(half, static (node, _) => node.Bytes(5, [])))),
            "empty tensors" => Graph(half, static (graph, _) => graph.Bytes(5, [])),
            "empty tensors in an attribute" => ProtoBuilder.Model(new ProtoBuilder().Message(1, new ProtoBuilder().Message(5, empty.Repeat(half, static (attribute, _) => attribute.Bytes(10, []))))),
            "tensors of nothing" => Graph(half / 4, static (graph, index) => graph.Message(5, new ProtoBuilder().Number(1, 0).Number(2, 1))),
            "constants of one name" => Graph(half / 16, static (graph, _) => graph.Message(1, Constant("c"))),
            "constants of no name" => Graph(half / 16, static (graph, _) => graph.Message(1, Constant(""))),
            "empty graphs" => ProtoBuilder.Model(new ProtoBuilder().Message(1, new ProtoBuilder().Message(5, empty.Repeat(half, static (attribute, _) => attribute.Bytes(11, []))))),
            "functions" => [.. ProtoBuilder.Model(empty), .. new ProtoBuilder().Repeat(half, static (model, _) => model.Bytes(25, [])).ToArray()],
            // Sixty pieces of one number, and each behind its own tag.
            "tiny runs" => Graph(half / 160, static (graph, index) => graph.Message(5, new ProtoBuilder().Number(1, 60).Number(2, 6).Text(8, $"t{index}").Repeat(30, static (tensor, _) => tensor.Number(5, 1).Bytes(5, [2])))),
            "a shape of many dimensions" => ProtoBuilder.Model(1, [], static tensor => tensor.Bytes(1, Ones(Megabyte)).Bytes(9, new byte[4])),
            "an impossible shape of many dimensions" => ProtoBuilder.Model(1, [-1], static tensor => tensor.Bytes(1, Ones(Megabyte)).Bytes(9, new byte[4])),
            "a long name" => ProtoBuilder.Model(77, [1], static tensor => tensor.Text(8, new string('\x1b', Megabyte))),
            "empty properties" => [.. ProtoBuilder.Model(empty), .. new ProtoBuilder().Repeat(half, static (model, _) => model.Bytes(14, [])).ToArray()],
            "empty operator sets" => [.. ProtoBuilder.Model(empty), .. new ProtoBuilder().Repeat(half, static (model, _) => model.Bytes(8, [])).ToArray()],
            "a list of tensors" => new ProtoBuilder().Number(2, 1).Repeat(half / 4, static (list, _) => list.Message(3, new ProtoBuilder().Number(1, 0).Number(2, 1))).ToArray(),
            "lists in lists" => Lists(),
            "external data under many names" => External(),
            "numbers" => ProtoBuilder.Model(7, [Megabyte], static tensor => tensor.Bytes(7, Ones(Megabyte))),
            "unknown fields" => Graph(half, static (graph, _) => graph.Bytes(4, [])),
            "pieces of a graph" => [.. ProtoBuilder.Model(empty), .. new ProtoBuilder().Repeat(half, static (model, _) => model.Bytes(7, [])).ToArray()],
            _ => throw new ArgumentOutOfRangeException(nameof(attack)),
        };
    }

    private static byte[] Graph(int count, Action<ProtoBuilder, int> field) => ProtoBuilder.Model(new ProtoBuilder().Repeat(count, field));

    private static byte[] Ones(int count)
    {
        byte[] ones = new byte[count];
        Array.Fill(ones, (byte)1);
        return ones;
    }

    private static ProtoBuilder Constant(string output)
    {
        ProtoBuilder node = new ProtoBuilder().Text(4, "Constant").Message(5, new ProtoBuilder().Text(1, "value_int"));
        return output.Length > 0 ? node.Text(2, output) : node;
    }

    // Fifteen lists around many small ones: each level could be gone over again by the one above.
    private static byte[] Lists()
    {
        ProtoBuilder list = new ProtoBuilder().Number(2, 3).Repeat(Megabyte / 8, static (builder, _) => builder.Message(5, new ProtoBuilder().Number(2, 1)));
        for (int depth = 0; depth < 14; depth++)
        {
            list = new ProtoBuilder().Number(2, 3).Message(5, list);
        }
        return list.ToArray();
    }

    // Each tensor spells the path of the same file in another way.
    private static byte[] External() => Graph(1000, static (graph, index) => graph.Message(5, new ProtoBuilder().Number(1, 1).Number(2, 2).Text(8, $"t{index}").Message(
        13, new ProtoBuilder().Text(1, "location").Text(2, string.Concat(Enumerable.Repeat("./", index)) + "one.data")).Number(14, 1)));
}
