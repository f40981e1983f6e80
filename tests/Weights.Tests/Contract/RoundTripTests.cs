using Weights.Formats;
using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Contract;

/// <summary>What every format that writes must do; a new one joins by existing.</summary>
public class RoundTripTests
{
    // Every length is a multiple of 4 in its last dimension, so that packed types fit; scalars and odd lengths are added for the rest.
    private static readonly long[][] s_shapes = [[4], [2, 3, 4], [0], [3, 0, 4], [1, 1, 8], [5, 300, 16]];
    private static readonly long[][] s_unpackedShapes = [[], [1], [7], [3, 5, 2]];

    public static TheoryData<string, string> WrittenTypes()
    {
        TheoryData<string, string> data = [];
        foreach (Format format in Format.All)
        {
            foreach (DType dtype in format.Writes)
            {
                data.Add(format.Name, dtype.Name);
            }
        }
        Assert.NotEmpty(data);
        return data;
    }

    public static TheoryData<string> WritingFormats() => [.. Format.All.Where(static format => format.Writes.Count > 0).Select(static format => format.Name)];

    public static TheoryData<string> ShardingFormats() => [.. Format.All.Where(static format => format.WritesShards).Select(static format => format.Name)];

    [Theory]
    [MemberData(nameof(WrittenTypes))]
    public void Every_dtype_that_is_written_comes_back_bit_for_bit(string formatName, string dtypeName)
    {
        Format format = Format.ByName(formatName)!;
        Assert.True(DType.TryParse(dtypeName, out DType dtype));
        Assert.Contains(dtype, format.Reads);
        IEnumerable<long[]> shapes = dtype.Kind == DTypeKind.Quantized ? [[dtype.BlockLength], [3, 2 * dtype.BlockLength], [0, dtype.BlockLength], [2, 2, dtype.BlockLength]]
            : dtype.BlockLength == 1 ? s_shapes.Concat(s_unpackedShapes) : s_shapes;
        using Checkpoint written = Checkpoint(shapes.Select((shape, index) => Noise($"t{index}.weight", dtype, shape)));
        AssertRoundTrip(format, written, new WriteOptions());
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void Hard_names_come_back_or_are_refused_by_name(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        string[] names = ["a b", "ключ.вес", "名前", "emoji.🙂", "quote\"d", "back\\slash", "new\nline", "tab\t", "\u0001", "\u2028", "a/b", "../up", "é", "e\u0301", "x.0", "x.00", new('n', 300), "__metadata__", "format", ""];
        foreach (string name in names)
        {
            using Checkpoint written = Checkpoint([Noise(name, DType.F32, [4]), Noise("other", DType.F32, [4])]);
            try
            {
                AssertRoundTrip(format, written, new WriteOptions());
            }
            catch (WeightFileException error)
            {
                Assert.Equal((Fault.Unsupported, name), (error.Fault, error.Tensor));
            }
        }
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void Metadata_comes_back_or_is_in_the_ledger(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        using Checkpoint written = Checkpoint([Noise("a", DType.F32, [4])]).With(new MetadataValue.Map([new("author", new MetadataValue.Text("né \"x\""))]));
        Ledger ledger = [];
        using TemporaryFolder folder = new();
        using Checkpoint read = Write(format, written, folder, new WriteOptions(), ledger);
        bool kept = read.Metadata["author"] == new MetadataValue.Text("né \"x\"");
        Assert.NotEqual(kept, ledger.Any(static entry => entry.Kind == LedgerKind.LeftOut && (entry.Subject + entry.Reason).Contains("author", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void Names_of_one_tensor_are_all_found_again_kept_or_dropped(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        foreach (AliasMode mode in Enum.GetValues<AliasMode>())
        {
            Tensor tensor = Noise("embed", DType.F32, [4, 4]);
            using Checkpoint written = new([tensor, tensor.Rename("head"), Noise("other", DType.F32, [4])], new Origin("memory", "none", "", 0)) { Aliases = [new Alias("head", "embed", AliasKind.Same)] };
            AssertRoundTrip(format, written, new WriteOptions { Aliases = mode });
        }
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void A_checkpoint_without_tensors_comes_back(string formatName)
    {
        using Checkpoint written = Checkpoint([]);
        AssertRoundTrip(Format.ByName(formatName)!, written, new WriteOptions());
    }

    [Theory]
    [MemberData(nameof(ShardingFormats))]
    public void Shards_hold_together_what_one_file_would(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        using Checkpoint written = Checkpoint(Enumerable.Range(0, 20).Select(static index => Noise($"layer.{index}", DType.F32, [index, 8])));
        using TemporaryFolder folder = new();
        Ledger ledger = [];
        using Checkpoint read = Write(format, written, folder, new WriteOptions { MaxShardBytes = 1000 }, ledger);
        AssertSameTensors(written, read);
        Assert.True(folder.Names().Length > 3, $"only {string.Join(", ", folder.Names())}");
        Assert.Empty(ledger);
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void A_dtype_that_is_not_written_is_refused_by_tensor_and_remedy(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        foreach (DType dtype in DType.All.Except(format.Writes))
        {
            // No cast is proposed that the format would refuse again, nor one to another kind of numbers if it has that kind.
            using Checkpoint written = Checkpoint([Noise("the.tensor", dtype, [Math.Max(4, dtype.BlockLength)])]);
            WeightFileException error = Assert.Throws<WeightFileException>(() => format.Layout(written, "x", new WriteOptions(), []));
            Assert.Equal(Fault.Unsupported, error.Fault);
            Assert.Contains("the.tensor", error.Message, StringComparison.Ordinal);
            Assert.Contains(dtype.Name, error.Message, StringComparison.Ordinal);
            DTypeKind[] alike = dtype.Kind switch
            {
                DTypeKind.Quantized => [DTypeKind.Float],
                DTypeKind.Bool or DTypeKind.Unsigned when !format.Writes.Any(type => type.Kind == dtype.Kind) => [DTypeKind.Unsigned, DTypeKind.Signed],
                _ => [dtype.Kind],
            };
            if (!format.Writes.Any(type => alike.Contains(type.Kind)))
            {
                Assert.DoesNotContain("--cast", error.Message, StringComparison.Ordinal);
                Assert.Contains("--exclude", error.Message, StringComparison.Ordinal);
                continue;
            }
            string cast = Assert.Single(error.Message.Split(' '), static word => word.Contains('=', StringComparison.Ordinal));
            Assert.True(CastRule.Parse(cast) is { } rule && rule.From == dtype && format.Writes.Contains(rule.To) && alike.Contains(rule.To.Kind), error.Message);
            format.Layout(written.Cast([CastRule.Parse(cast)], []), "x", new WriteOptions(), []);
        }
    }

    [Theory]
    [MemberData(nameof(WritingFormats))]
    public void Packed_numbers_of_any_count_come_back_or_are_refused_with_a_cast_that_keeps_them(string formatName)
    {
        Format format = Format.ByName(formatName)!;
        foreach (DType dtype in format.Writes.Where(static dtype => dtype.PadsLastBlock))
        {
            foreach (long[] dimensions in (long[][])[[], [1], [3], [3, 5], [2, 3], [3, 2], [0, 3], [3, 0]])
            {
                Tensor tensor = Padded(Noise("the.tensor", dtype, dimensions));
                using Checkpoint written = Checkpoint([tensor]);
                try
                {
                    AssertRoundTrip(format, written, new WriteOptions());
                }
                catch (WeightFileException error)
                {
                    Assert.Equal(Fault.Unsupported, error.Fault);
                    Assert.Contains("'the.tensor'", error.Message, StringComparison.Ordinal);
                    string cast = Assert.Single(error.Message.Split(' '), static word => word.Contains('=', StringComparison.Ordinal));
                    CastRule rule = CastRule.Parse(cast);
                    using Checkpoint wide = written.Cast([rule], []);
                    AssertRoundTrip(format, wide, new WriteOptions());
                    Assert.Equal(Bytes(tensor), Bytes(wide.Cast([new CastRule(rule.To, dtype)], []).Tensors[0]));
                }
            }
        }
    }

    private static void AssertRoundTrip(Format format, Checkpoint written, WriteOptions options)
    {
        using TemporaryFolder folder = new();
        using TemporaryFolder again = new();
        using Checkpoint read = Write(format, written, folder, options, []);
        AssertSameTensors(written, read);
        using Checkpoint second = Write(format, read, again, options, []);
        Assert.Equal(read.Tensors.Select(static tensor => tensor.Name), second.Tensors.Select(static tensor => tensor.Name));
        foreach (string name in folder.Names())
        {
            Assert.True(File.ReadAllBytes(folder.File(name)).AsSpan().SequenceEqual(File.ReadAllBytes(again.File(name))), $"{name} differs when it is read and written again");
        }
    }

    private static void AssertSameTensors(Checkpoint expected, Checkpoint actual)
    {
        Assert.Equal(expected.Tensors.Select(static tensor => tensor.Name).Order(StringComparer.Ordinal), actual.Tensors.Select(static tensor => tensor.Name).Order(StringComparer.Ordinal));
        foreach (Tensor tensor in expected.Tensors)
        {
            Tensor found = actual.Find(tensor.Name)!;
            Assert.Equal((tensor.DType, tensor.Shape), (found.DType, found.Shape));
            Assert.Equal(Bytes(tensor), Bytes(found));
        }
    }

    private static Checkpoint Write(Format format, Checkpoint checkpoint, TemporaryFolder folder, WriteOptions options, Ledger ledger)
    {
        string name = "model" + format.Extensions[0];
        using (Output output = new(folder.File(name), replace: false))
        {
            IReadOnlyList<FileLayout> layouts = format.Layout(checkpoint, name, options, ledger);
            output.Write(layouts);
            output.Commit();
            return Format.Open(folder.File(layouts[^1].Name));
        }
    }

    private static Checkpoint Checkpoint(IEnumerable<Tensor> tensors) => new(tensors, new Origin("memory", "none", "", 0));

    private static Tensor Noise(string name, DType dtype, long[] dimensions)
    {
        Shape shape = new(dimensions);
        byte[] bytes = new byte[dtype.ByteCount(shape)!.Value];
        new Random(bytes.Length + name.Length).NextBytes(bytes);
        if (dtype.Kind == DTypeKind.Bool)
        {
            for (int index = 0; index < bytes.Length; index++)
            {
                bytes[index] &= 1;
            }
        }
        return new Tensor(name, dtype, shape, new MemoryBytes(bytes));
    }

    // The same with zeros for the bits that no element uses, as casting there and back leaves it.
    private static Tensor Padded(Tensor tensor)
    {
        using Checkpoint wide = Checkpoint([tensor]).Cast([new CastRule(tensor.DType, DType.F64)], []);
        return wide.Cast([new CastRule(DType.F64, tensor.DType)], []).Tensors[0];
    }

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }
}
