using Weights.Formats;
using Weights.IO;
using Weights.Passes.Patch;

namespace Weights.Tests.Passes.Patch;

public class PatchTests
{
    public static TheoryData<string, string> WritingFormats()
    {
        TheoryData<string, string> data = [];
        foreach (Format from in Format.All.Where(static format => format.Writes.Count > 0))
        {
            foreach (Format to in Format.All.Where(static format => format.Writes.Count > 0))
            {
                data.Add(from.Name, to.Name);
            }
        }
        Assert.NotEmpty(data);
        return data;
    }

    [Fact]
    public void What_is_made_is_the_target_bit_for_bit_in_its_order_with_metadata_and_ties()
    {
        using Checkpoint from = PatchSamples.Base();
        using Checkpoint to = PatchSamples.Target();
        using PatchFile patch = PatchSamples.Open(PatchSamples.Make(from, to));

        using Checkpoint made = patch.Apply(PatchSamples.Digests(from));

        Assert.Equal(to.Names(), made.Names());
        Assert.All(to.Tensors.Zip(made.Tensors), static pair => Assert.True((pair.First.DType, pair.First.Shape) == (pair.Second.DType, pair.Second.Shape) && pair.First.Bytes.AllBytes().AsSpan().SequenceEqual(pair.Second.Bytes.AllBytes())));
        Assert.Equal(to.Metadata.ToJson(), made.Metadata.ToJson());
        Assert.Equal(to.Metadata, made.Metadata);
        Assert.Equal(to.Aliases, made.Aliases);
        Assert.Same(made.Find("embed")!.Bytes, made.Find("head")!.Bytes);
        Assert.Equal("pt", made.Origin.Framework);
        patch.Check(PatchSamples.Digests(made));
        patch.CheckFrames(PatchSamples.Digests(from));
    }

    [Fact]
    public void Each_tensor_takes_the_way_that_is_shortest()
    {
        using Checkpoint from = PatchSamples.Base();
        using Checkpoint to = PatchSamples.Target();
        byte[] bytes = PatchSamples.Make(from, to);
        using PatchFile patch = PatchSamples.Open(bytes);

        Assert.Equal(
            [
                ("sparse", PatchMethod.Delta, "sparse"), ("new", PatchMethod.Stored, null), ("frozen", PatchMethod.Base, "frozen"), ("trained", PatchMethod.Delta, "trained"),
                ("layers.0.weight", PatchMethod.Delta, "model.layers.0.weight"), ("new.name", PatchMethod.Base, "old.name"), ("reshaped", PatchMethod.Base, "frozen"),
                ("recast", PatchMethod.Stored, null), ("packed", PatchMethod.Delta, "packed"), ("embed", PatchMethod.Delta, "embed"), ("head", PatchMethod.Earlier, "embed"),
                ("empty", PatchMethod.Stored, null), ("scalar", PatchMethod.Stored, (string?)null),
            ],
            patch.Tensors.Select(static tensor => (tensor.Name, tensor.Method, tensor.Source)));
        Dictionary<string, double> shares = patch.Tensors.Where(static tensor => tensor.Bytes > 0).ToDictionary(static tensor => tensor.Name, static tensor => (double)tensor.PatchBytes / tensor.Bytes);
        Assert.InRange(shares["sparse"], 0, 0.01);
        Assert.InRange(shares["trained"], 0.2, 0.65);
        Assert.InRange(shares["new"], 0.7, 0.92);
        Assert.False(patch.Tensors[0].HasPlanes);
        Assert.True(patch.Tensors[1].HasPlanes && patch.Tensors[3].HasPlanes);
        Assert.Equal(6, patch.Tensors[3].Frames.Count);
    }

    [Fact]
    public void What_has_nothing_to_do_with_its_base_is_stored()
    {
        using Checkpoint from = Samples.Checkpoint(PatchSamples.Floats("a", 1, 100_000));
        using Checkpoint to = Samples.Checkpoint(PatchSamples.Floats("a", 2, 100_000));
        using PatchFile patch = PatchSamples.Open(PatchSamples.Make(from, to));
        Assert.Equal(PatchMethod.Stored, Assert.Single(patch.Tensors).Method);
        patch.CheckFrames(PatchSamples.Digests(from));
    }

    [Fact]
    public void The_same_checkpoints_give_the_same_bytes_whoever_made_a_frame_before()
    {
        using Checkpoint from = PatchSamples.Base();
        using Checkpoint to = PatchSamples.Target();
        byte[] bytes = PatchSamples.Make(from, to);
        Assert.Equal(bytes, PatchSamples.Make(from, to));
        using PatchFile patch = PatchSamples.Open(bytes);
        int frames = 0;
        foreach (PatchTensor tensor in patch.Tensors)
        {
            byte[] target = to.Find(tensor.Name)!.Bytes.AllBytes();
            byte[]? others = tensor.Method == PatchMethod.Delta ? from.Find(tensor.Source!)!.Bytes.AllBytes() : null;
            for (int index = 0; index < tensor.Frames.Count; index++, frames++)
            {
                Range range = (index * Frame.Bytes)..Math.Min(target.Length, (index + 1) * Frame.Bytes);
                Span<byte> part = target.AsSpan(range);
                if (others is not null)
                {
                    FrameCodec.Xor(part, others.AsSpan(range));
                }
                using FrameCodec fresh = new();
                byte[] compressed = new byte[FrameCodec.MostCompressed];
                int length = fresh.Compress(part, tensor.HasPlanes ? tensor.DType.WordBytes : 1, compressed);
                Assert.True(bytes.AsSpan((int)tensor.Frames[index].Offset, tensor.Frames[index].Length).SequenceEqual(compressed.AsSpan(0, length)));
            }
        }
        Assert.True(frames > 15);
    }

    [Fact]
    public void Bytes_are_read_at_any_place_from_any_thread()
    {
        using Checkpoint from = PatchSamples.Base();
        using Checkpoint to = PatchSamples.Target();
        using PatchFile patch = PatchSamples.Open(PatchSamples.Make(from, to));
        using Checkpoint made = patch.Apply(PatchSamples.Digests(from));
        byte[][] expected = [.. to.Tensors.Select(static tensor => tensor.Bytes.AllBytes())];
        Parallel.For(0, 8, seed =>
        {
            Random random = new(seed);
            byte[] buffer = new byte[(3 << 20) / 2];
            for (int round = 0; round < 60; round++)
            {
                int index = random.Next(expected.Length);
                int offset = random.Next(expected[index].Length + 1);
                int length = random.Next(Math.Min(buffer.Length, expected[index].Length - offset) + 1);
                made.Tensors[index].Bytes.Read(offset, buffer.AsSpan(0, length));
                Assert.True(expected[index].AsSpan(offset, length).SequenceEqual(buffer.AsSpan(0, length)));
            }
        });
    }

    [Fact]
    public void Another_base_is_refused_with_both_ids()
    {
        using Checkpoint from = PatchSamples.Base(30);
        using Checkpoint to = PatchSamples.Target(30);
        using Checkpoint other = from.With(from.Tensors.Skip(1));
        using PatchFile patch = PatchSamples.Open(PatchSamples.Make(from, to));
        WeightFileException error = Assert.Throws<WeightFileException>(() => patch.Apply(PatchSamples.Digests(other)));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains(PatchSamples.Digests(from).Id, error.Message);
        Assert.Contains(PatchSamples.Digests(other).Id, error.Message);
        Assert.Contains("already", Assert.Throws<WeightFileException>(() => patch.Apply(PatchSamples.Digests(to))).Message);
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void The_base_and_the_result_may_be_of_any_formats(string fromName, string toName)
    {
        Format from = Format.ByName(fromName)!;
        Format to = Format.ByName(toName)!;
        // What both store; packed types have rules of their own.
        DType[] types = [.. from.Writes.Intersect(to.Writes).Where(static dtype => dtype.BlockLength == 1)];
        Assert.True(types.Length > 5);
        using Checkpoint memory = new([.. types.SelectMany(static type => (Tensor[])[Noise($"{type}.a", type, 1), Noise($"{type}.b", type, 2)])], new Origin("a", "memory", "", 0));
        using Checkpoint target = new([.. types.SelectMany(static type => (Tensor[])[Noise($"{type}.a", type, 1), Noise($"{type}.b", type, 3), Noise($"{type}.c", type, 4)])], new Origin("b", "memory", "", 0));
        using TemporaryFolder folder = new();
        using PatchFile patch = PatchSamples.Open(PatchSamples.Make(memory, target));
        using Checkpoint source = Format.Open(Write(from, memory, folder.File("a" + from.Extensions[0])));

        using Checkpoint made = patch.Apply(PatchSamples.Digests(source));
        using Checkpoint written = Format.Open(Write(to, made, folder.File("b" + to.Extensions[0])));

        Assert.Equal(PatchSamples.Digests(target).Id, PatchSamples.Digests(written).Id);
        patch.Check(PatchSamples.Digests(written));
    }

    [Fact]
    public void What_was_written_is_read_again_before_it_has_its_name()
    {
        using Checkpoint checkpoint = Samples.Named("a", "b", "c", "d");
        using TemporaryFolder folder = new();
        Format format = Format.Safetensors;
        using Output output = new(folder.File("model" + format.Extensions[0]), replace: false);
        output.Write(format.Layout(checkpoint, output.FileName, new WriteOptions { MaxShardBytes = 8 }, []));
        using (Checkpoint written = format.Read(output.OpenWritten(), new ReadOptions()))
        {
            Assert.Equal(PatchSamples.Digests(checkpoint).Id, PatchSamples.Digests(written).Id);
        }
        Assert.All(folder.Names(), static name => Assert.EndsWith(".partial", name));
        output.Commit();
        Assert.True(folder.Names().Length > 4);
    }

    private static string Write(Format format, Checkpoint checkpoint, string path)
    {
        using Output output = new(path, replace: false);
        output.Write(format.Layout(checkpoint, output.FileName, new WriteOptions(), []));
        output.Commit();
        return path;
    }

    private static Tensor Noise(string name, DType dtype, int seed)
    {
        byte[] bytes = new byte[6 * dtype.BlockBytes];
        new Random(seed + name[0]).NextBytes(bytes);
        bytes = dtype.Kind == DTypeKind.Bool ? [.. bytes.Select(static one => (byte)(one & 1))] : bytes;
        return new Tensor(name, dtype, new Shape(2, 3), new MemoryBytes(bytes));
    }
}
