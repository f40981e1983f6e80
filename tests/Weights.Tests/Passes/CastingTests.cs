using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class CastingTests
{
    [Theory]
    [InlineData("F32=BF16", "F32", "BF16")]
    [InlineData("f32 = bf16", "F32", "BF16")]
    [InlineData("C128=c64", "C128", "C64")]
    public void A_rule_names_two_types(string text, string from, string to)
    {
        CastRule rule = CastRule.Parse(text);
        Assert.Equal((from, to, $"{from}={to}"), (rule.From.Name, rule.To.Name, rule.ToString()));
    }

    [Theory]
    [InlineData("F32", "FROM=TO")]
    [InlineData("F32=F16=BF16", "FROM=TO")]
    [InlineData("F32=", "'', which is unknown; known are BF16, BOOL")]
    [InlineData("FLOAT=F32", "'FLOAT', which is unknown")]
    [InlineData("C64=F32", "C64 cannot become F32")]
    [InlineData("F32=C64", "F32 cannot become C64")]
    public void A_rule_that_is_none_is_refused_with_a_sentence(string text, string says) =>
        Assert.Contains(says, Assert.Throws<FormatException>(() => CastRule.Parse(text)).Message);

    [Fact]
    public void Tensors_of_a_rules_type_are_cast_once_and_the_ledger_has_a_line_for_each_rule()
    {
        using Checkpoint checkpoint = Samples.Checkpoint(
            Samples.Tensor("a", DType.F32, 1.1, 2), Samples.Tensor("b", DType.F16, 3, 4), Samples.Tensor("c", DType.I64, 5), Samples.Tensor("d", DType.F32, 6), Samples.Tensor("e", DType.U8, 7));
        Ledger ledger = new();
        Checkpoint cast = checkpoint.Cast([CastRule.Parse("F32=F16"), CastRule.Parse("F16=F64"), CastRule.Parse("I64=I8"), CastRule.Parse("I64=I32"), CastRule.Parse("BF16=F32"), CastRule.Parse("U8=U8")], ledger);
        Assert.Equal(["F16", "F64", "I32", "F16", "U8"], cast.Tensors.Select(static tensor => tensor.DType.Name));
        Assert.Equal([(double)(Half)1.1, 2], cast.Tensors[0].Values());
        Assert.Equal([3, 4], cast.Tensors[1].Values());
        Assert.Same(checkpoint.Tensors[4], cast.Tensors[4]);
        Assert.Equal(checkpoint.Names(), cast.Names());
        Assert.Equal(checkpoint.Metadata, cast.Metadata);
        Assert.Equal(
            [
                new LedgerEntry(LedgerKind.Cast, "2 tensors (a, d)", "from F32 to F16, as asked for"),
                new LedgerEntry(LedgerKind.Cast, "b", "from F16 to F64, as asked for"),
                new LedgerEntry(LedgerKind.Cast, "c", "from I64 to I32, as asked for"),
            ],
            ledger);
    }

    [Fact]
    public void Nothing_to_cast_is_the_same_checkpoint()
    {
        using Checkpoint checkpoint = Samples.Named("a");
        Ledger ledger = new();
        Assert.Same(checkpoint, checkpoint.Cast([CastRule.Parse("F16=F32"), CastRule.Parse("F32=F32")], ledger));
        Assert.Empty(ledger);
    }

    [Theory]
    [InlineData("F32", "BF16")]
    [InlineData("F16", "F32")]
    [InlineData("F32", "F4")]
    [InlineData("F32", "F6_E2M3")]
    [InlineData("F4", "F6_E3M2")]
    [InlineData("F6_E3M2", "F4")]
    [InlineData("F6_E2M3", "F64")]
    [InlineData("I4", "F32")]
    [InlineData("I8", "U4")]
    [InlineData("I2", "F6_E2M3")]
    [InlineData("U4", "U2")]
    [InlineData("C128", "C32")]
    [InlineData("C32", "C64")]
    [InlineData("U8", "BOOL")]
    public void Any_range_can_be_read_at_any_time_from_any_thread(string fromName, string toName)
    {
        (DType from, DType to) = (DTypes.Numbers.Type(fromName), DTypes.Numbers.Type(toName));
        const int elements = 150_000; // Whole blocks of all; more than one buffer of 256 KiB for most of them.
        double[] numbers = [.. Enumerable.Range(0, elements * from.Components).Select(static index => (index % 61 / 4.0) - 7)];
        byte[] source = DTypes.Numbers.Encode(from, numbers);
        byte[] expected = DTypes.Numbers.Encode(to, DTypes.Numbers.Decode(from, source));
        Tensor tensor = new("t", from, new Shape(3, elements / 3), new RecordedBytes(source, Crc32Value.Of(source)));
        using Checkpoint checkpoint = Samples.Checkpoint(tensor);
        ByteSource cast = checkpoint.Cast([new CastRule(from, to)], new Ledger()).Tensors[0].Bytes;
        Assert.Equal(expected.Length, cast.Length);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, seed =>
        {
            Random random = new(seed);
            for (int round = 0; round < 12; round++)
            {
                int offset = random.Next(expected.Length);
                int length = random.Next(round % 2 == 0 ? 9 : expected.Length - offset) % (expected.Length - offset + 1);
                byte[] read = new byte[length];
                cast.Read(offset, read);
                Assert.True(read.AsSpan().SequenceEqual(expected.AsSpan(offset, length)), $"{length} bytes at {offset} differ");
            }
        });
        Assert.True(cast.AllBytes().AsSpan().SequenceEqual(expected));
        Assert.True(cast.Slice(5, 7).AllBytes().AsSpan().SequenceEqual(expected.AsSpan(5, 7)));
    }

    [Fact]
    public void The_source_is_read_in_order_and_in_small_pieces()
    {
        byte[] source = new byte[5 << 20];
        RecordedBytes recorded = new(source, null, readsForward: true);
        using Checkpoint checkpoint = Samples.Checkpoint(new Tensor("t", DType.F32, new Shape(5 << 18), recorded));
        ByteSource cast = checkpoint.Cast([CastRule.Parse("F32=F64")], new Ledger()).Tensors[0].Bytes;
        Assert.True(cast.ReadsForward);
        cast.ReadChunks(new byte[ByteSource.ChunkBytes], static (_, _) => { });
        Assert.False(recorded.WentBack);
        Assert.InRange(recorded.LargestRead, 1, 1 << 20);
    }

    [Fact]
    public void Empty_and_scalar_tensors_are_cast()
    {
        using Checkpoint checkpoint = Samples.Checkpoint(
            new Tensor("empty", DType.F32, new Shape(3, 0), new MemoryBytes(Array.Empty<byte>())), new Tensor("scalar", DType.F32, Shape.Scalar, new MemoryBytes(BitConverter.GetBytes(1.5f))));
        Checkpoint cast = checkpoint.Cast([CastRule.Parse("F32=F64")], new Ledger());
        Assert.Equal((new Shape(3, 0), 0), (cast.Tensors[0].Shape, cast.Tensors[0].Bytes.Length));
        Assert.Equal((Shape.Scalar, 1.5), (cast.Tensors[1].Shape, cast.Tensors[1].Values()[0]));
    }

    [Fact]
    public void A_tensor_of_broken_blocks_is_refused_by_name()
    {
        using Checkpoint checkpoint = Samples.Checkpoint(Samples.Tensor("odd", DType.F32, 1, 2, 3));
        WeightFileException error = Assert.Throws<WeightFileException>(() => checkpoint.Cast([CastRule.Parse("F32=F6_E2M3")], new Ledger()));
        Assert.Equal((Fault.Unsupported, "odd"), (error.Fault, error.Tensor));
        Assert.Contains("3 elements are not whole blocks of F6_E2M3, which are 4", error.Message);
    }

    // Every type whose last byte may be partly filled to and from every other, the unused bits set where the file should have had none.
    [Fact]
    public void Any_count_of_packed_numbers_is_cast_at_any_offset_and_length()
    {
        // Nine elements are no block of any quantised type.
        DType[] types = [.. DType.All.Where(static dtype => dtype.Components == 1 && dtype.Kind != DTypeKind.Quantized)];
        DType[] padded = [.. types.Where(static dtype => dtype.PadsLastBlock)];
        int compared = 0;
        foreach ((DType from, DType to) in types.SelectMany(from => types.Select(to => (from, to))).Where(pair => pair.from != pair.to && (padded.Contains(pair.from) || padded.Contains(pair.to))))
        {
            for (int count = 0; count <= 9; count++)
            {
                Shape shape = new(count);
                if (from.ByteCount(shape) is not { } sourceLength || to.ByteCount(shape) is null)
                {
                    continue;
                }
                byte[] source = new byte[sourceLength];
                new Random(count).NextBytes(source);
                byte[] expected = DTypes.Numbers.Encode(to, DTypes.Numbers.Decode(from, source).AsSpan(0, count));
                using Checkpoint checkpoint = Samples.Checkpoint(new Tensor("t", from, shape, new RecordedBytes(source, Crc32Value.Of(source))));
                ByteSource cast = checkpoint.Cast([new CastRule(from, to)], new Ledger()).Tensors[0].Bytes;
                Assert.Equal(expected.Length, cast.Length);
                for (int offset = 0; offset <= expected.Length; offset++)
                {
                    for (int length = 0; offset + length <= expected.Length; length++)
                    {
                        byte[] read = new byte[length];
                        cast.Read(offset, read);
                        Assert.True(read.AsSpan().SequenceEqual(expected.AsSpan(offset, length)), $"{count} {from} as {to}: {length} bytes at {offset} are {Convert.ToHexString(read)}, not {Convert.ToHexString(expected.AsSpan(offset, length))}");
                        compared++;
                    }
                }
            }
        }
        Assert.True(compared > 100_000, $"only {compared}");
    }

    [Fact]
    public void An_odd_count_survives_the_way_to_a_wider_type_and_back()
    {
        Tensor packed = Samples.Tensor("t", DType.I4, -8, 7, 3, -1, 5);
        using Checkpoint checkpoint = Samples.Checkpoint(packed);
        Tensor single = checkpoint.Cast([CastRule.Parse("I4=F32")], new Ledger()).Tensors[0];
        Assert.Equal((3, 20), (packed.Bytes.Length, single.Bytes.Length));
        Assert.Equal([-8, 7, 3, -1, 5], single.Values());
        using Checkpoint wide = Samples.Checkpoint(single);
        Tensor back = wide.Cast([CastRule.Parse("F32=I4")], new Ledger()).Tensors[0];
        Assert.Equal([0x78, 0xF3, 0x05], back.Bytes.AllBytes());
    }

    [Fact]
    public void Damaged_bytes_do_not_pass_through_a_cast()
    {
        byte[] source = new byte[3 << 20];
        uint recorded = Crc32Value.Of(source);
        source[12345] = 1;
        using Checkpoint checkpoint = Samples.Checkpoint(new Tensor("t", DType.F32, new Shape(3 << 18), new RecordedBytes(source, recorded)));
        ByteSource cast = checkpoint.Cast([CastRule.Parse("F32=F16")], new Ledger()).Tensors[0].Bytes;
        WeightFileException error = Assert.Throws<WeightFileException>(() => cast.AllBytes());
        Assert.Equal(Fault.Corrupt, error.Fault);
        Assert.Contains($"{recorded:x8} was recorded", error.Message);
    }

    [Fact]
    public void Aliases_survive_where_both_get_the_same_cast()
    {
        using Checkpoint checkpoint = Samples.Checkpoint(
            Samples.Tensor("a", DType.F32, 1, 2), Samples.Tensor("same", DType.F32, 1, 2), Samples.Tensor("part", DType.F32, 1), Samples.Tensor("bits", DType.I32, 1, 2), Samples.Tensor("x", DType.U8, 1), Samples.Tensor("y", DType.I8, 1))
            .WithAliases(new Alias("same", "a", AliasKind.Same), new Alias("part", "a", AliasKind.Overlapping), new Alias("bits", "a", AliasKind.Overlapping), new Alias("y", "x", AliasKind.Overlapping));
        Ledger ledger = new();
        Checkpoint cast = checkpoint.Cast([CastRule.Parse("F32=F16")], ledger);
        Assert.Equal([new Alias("same", "a", AliasKind.Same), new Alias("part", "a", AliasKind.Overlapping), new Alias("y", "x", AliasKind.Overlapping)], cast.Aliases);
        Assert.Equal("bits", Assert.Single(ledger, static entry => entry.Kind == LedgerKind.Untied).Subject);
    }
}
