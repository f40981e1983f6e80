using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Weights.IO;
using Weights.Passes.Checksums;
using Weights.Passes.Patch;
using ZstdSharp;

namespace Weights.Tests.Passes.Patch;

public sealed class DamagedPatchTests : IDisposable
{
    private const int HeadBytes = 64;
    private readonly Checkpoint _base = PatchSamples.Base(40);
    private readonly Checksum _digests;
    private readonly byte[] _patch;

    public DamagedPatchTests()
    {
        using Checkpoint target = PatchSamples.Target(40);
        _digests = PatchSamples.Digests(_base);
        _patch = PatchSamples.Make(_base, target);
    }

    public void Dispose() => _base.Dispose();

    [Fact]
    public void Every_changed_byte_is_noticed()
    {
        Use(_patch);
        for (int index = 0; index < _patch.Length; index++)
        {
            foreach (byte flip in (ReadOnlySpan<byte>)[1, 0x80, 0xFF])
            {
                byte[] changed = [.. _patch];
                changed[index] ^= flip;
                AssertRefused(changed, $"byte {index} of {_patch.Length} changed by {flip:x2}");
            }
        }
    }

    [Fact]
    public void Every_prefix_and_every_byte_too_many_is_noticed()
    {
        for (int length = 0; length < _patch.Length; length++)
        {
            AssertRefused(_patch[..length], $"cut to {length} of {_patch.Length} bytes");
        }
        AssertRefused([.. _patch, 0], "a byte too many");
    }

    [Fact]
    public void Every_changed_byte_of_an_index_with_the_right_digest_is_refused_in_words_or_makes_something_else()
    {
        (byte[] frames, byte[] index) = Parts();
        int refused = 0;
        for (int place = 0; place < index.Length; place++)
        {
            foreach (byte flip in (ReadOnlySpan<byte>)[1, 0x80, 0xFF])
            {
                byte[] changed = [.. index];
                changed[place] ^= flip;
                refused += TryUse(Joined(frames, changed), $"byte {place} of the index changed by {flip:x2}") ? 0 : 1;
            }
            refused += TryUse(Joined(frames, index[..place]), $"index cut to {place} bytes") ? 0 : 1;
        }
        Assert.True(refused > index.Length);
    }

    [Fact]
    public void Frames_that_decompress_to_more_or_less_than_said_are_refused_and_never_written_past_their_end()
    {
        byte[] zeros = new byte[40 << 20];
        using Compressor compressor = new(1);
        foreach (int said in (int[])[10_000, Frame.Bytes, Frame.Bytes + 100])
        {
            foreach (int real in (int[])[said - 1, said + 1, zeros.Length])
            {
                byte[] compressed = compressor.Wrap(zeros.AsSpan(0, real)).ToArray();
                byte[] patch = WithOneFrameEach(said, compressed);
                using PatchFile file = PatchSamples.Open(patch);
                using Checkpoint made = file.Apply(_digests);
                WeightFileException error = Assert.Throws<WeightFileException>(() => made.Tensors[0].Bytes.AllBytes());
                Assert.Equal((Fault.Corrupt, "x.wpatch", "t", (long?)HeadBytes), (error.Fault, error.File, error.Tensor, error.Offset));
            }
        }
    }

    [Fact]
    public void Counts_that_the_file_has_no_room_for_allocate_nothing()
    {
        (byte[] frames, byte[] index) = Parts();
        int tensors = 32 + 8 + 32 + 1 + 4 + "pt".Length;
        foreach (ulong count in (ulong[])[ulong.MaxValue, long.MaxValue, 1UL << 40, 1 << 30])
        {
            for (int place = tensors; place < index.Length - 8; place++)
            {
                byte[] changed = [.. index];
                BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan(place), count);
                long before = GC.GetAllocatedBytesForCurrentThread();
                TryUse(Joined(frames, changed), $"{count} at byte {place} of the index");
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
            }
        }
    }

    [Fact]
    public void A_newer_version_and_an_unknown_type_are_not_called_damaged()
    {
        byte[] newer = [.. _patch];
        newer[8] = 2;
        Assert.Equal(Fault.Unsupported, Assert.Throws<WeightFileException>(() => PatchSamples.Open(newer)).Fault);
        (byte[] frames, byte[] index) = Parts();
        int place = index.AsSpan().IndexOf("\u0003\0\0\0F32"u8);
        index[place + 4] = (byte)'Q';
        WeightFileException error = Assert.Throws<WeightFileException>(() => PatchSamples.Open(Joined(frames, index)));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("'Q32'", error.Message);
    }

    private static byte[] WithOneFrameEach(int said, byte[] compressed)
    {
        using Checkpoint from = PatchSamples.Base(40);
        long whole = PatchTensor.FrameCount(said);
        List<Frame> frames = [new Frame(HeadBytes, compressed.Length, FrameCodec.Checksum(compressed))];
        byte[] body = compressed;
        if (whole == 2)
        {
            byte[] rest = new byte[said - Frame.Bytes];
            frames.Add(new Frame(HeadBytes + compressed.Length, rest.Length, FrameCodec.Checksum(rest)));
            body = [.. compressed, .. rest];
        }
        PatchIndex index = new()
        {
            BaseId = PatchSamples.Digests(from).Id,
            BaseTensors = (ulong)from.Tensors.Count,
            TargetId = new string('0', 64),
            Framework = null,
            Metadata = MetadataValue.Map.Empty,
            Tensors = [new PatchTensor("t", DType.U8, new Shape(said), new byte[32], PatchMethod.Stored, null) { Frames = frames }],
            Aliases = [],
        };
        return Joined(body, index.ToBytes());
    }

    private (byte[] Frames, byte[] Index) Parts()
    {
        int start = (int)BinaryPrimitives.ReadInt64LittleEndian(_patch.AsSpan(16));
        return (_patch[HeadBytes..start], _patch[start..]);
    }

    private static byte[] Joined(byte[] frames, byte[] index) => [.. PatchFile.Head(HeadBytes + frames.Length, index), .. frames, .. index];

    // Everything that applying does.
    private void Use(byte[] patch)
    {
        using PatchFile file = PatchSamples.Open(patch);
        using Checkpoint made = file.Apply(_digests);
        file.Check(PatchSamples.Digests(made));
    }

    private bool TryUse(byte[] patch, string what)
    {
        Stopwatch watch = Stopwatch.StartNew();
        try
        {
            Use(patch);
            return true;
        }
        catch (WeightFileException error)
        {
            Assert.False(error.Message.Contains('\n'), what);
            return false;
        }
        catch (Exception error)
        {
            Assert.Fail($"{what}: {error}");
            return false;
        }
        finally
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), what);
        }
    }

    private void AssertRefused(byte[] patch, string what) => Assert.False(TryUse(patch, what), what);
}
