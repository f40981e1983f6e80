using Weights.IO;

namespace Weights.Tests.IO;

public class OutputTests
{
    private static readonly byte[] s_noise = Noise(5_000_003);

    [Fact]
    public void Segments_land_at_their_offsets_and_gaps_are_zero()
    {
        using TemporaryFolder folder = new();
        Write(folder.File("a"), Layout("a", s_noise.Length + 100, new Segment(100, new MemoryBytes(s_noise)), new Segment(10, new MemoryBytes(new byte[] { 7 }))));
        byte[] written = File.ReadAllBytes(folder.File("a"));
        Assert.Equal(s_noise, written[100..]);
        Assert.Equal(7, written[10]);
        Assert.Equal(7, written[..100].Sum(static value => value));
        Assert.Equal(["a"], folder.Names());
    }

    [Fact]
    public void Checksums_of_chunked_segments_are_those_of_the_whole()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<uint>? found = null;
        FileLayout layout = Layout("a", s_noise.Length + 20, new Segment(0, new MemoryBytes(s_noise), NeedsCrc32: true), new Segment(s_noise.Length, new MemoryBytes(new byte[4])),
            new Segment(s_noise.Length + 4, new MemoryBytes(Array.Empty<byte>()), NeedsCrc32: true)) with
        {
            Finish = checksums =>
            {
                found = checksums;
                return [new Segment(s_noise.Length + 4, new MemoryBytes("finished"u8.ToArray()))];
            },
        };
        Write(folder.File("a"), layout);
        Assert.Equal([System.IO.Hashing.Crc32.HashToUInt32(s_noise), 0, 0], found!);
        Assert.EndsWith("finished\0\0\0\0\0\0\0\0", File.ReadAllText(folder.File("a"), System.Text.Encoding.Latin1));
    }

    [Fact]
    public void Nothing_has_its_final_name_before_commit_and_nothing_stays_without()
    {
        using TemporaryFolder folder = new();
        using (Output output = new(folder.File("a"), replace: false))
        {
            output.Write([Layout("a", 1), Layout("b", 1)]);
            Assert.DoesNotContain("a", folder.Names());
            Assert.Equal(2, folder.Names().Length);
        }
        Assert.Empty(folder.Names());
    }

    [Fact]
    public void A_target_that_exists_is_kept_unless_it_may_be_replaced()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("a"), "old");
        Assert.Throws<TargetExistsException>(() => new Output(folder.File("a"), replace: false));
        using (Output output = new(folder.File("new"), replace: false))
        {
            Assert.Throws<TargetExistsException>(() => output.Write([Layout("a", 1)]));
        }
        Assert.Equal("old", File.ReadAllText(folder.File("a")));
        Write(folder.File("a"), Layout("a", 2), replace: true);
        Assert.Equal("\0\0", File.ReadAllText(folder.File("a")));
        Assert.Equal(["a"], folder.Names());
    }

    [Fact]
    public void A_failing_source_leaves_the_old_file_and_no_debris()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("a"), "old");
        WeightFileException error = Assert.Throws<WeightFileException>(() => Write(folder.File("a"), Layout("a", 9, new Segment(0, new BrokenBytes(), "layer.weight")), replace: true));
        Assert.Equal("layer.weight", error.Tensor);
        Assert.Equal("old", File.ReadAllText(folder.File("a")));
        Assert.Equal(["a"], folder.Names());
    }

    [Fact]
    public void A_recorded_checksum_that_differs_is_damage()
    {
        using TemporaryFolder folder = new();
        WeightFileException error = Assert.Throws<WeightFileException>(() => Write(folder.File("a"), Layout("a", 4, new Segment(0, new WrongChecksum(), "w"))));
        Assert.Equal(Fault.Corrupt, error.Fault);
        Assert.Contains("'w'", error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names());
    }

    [Fact]
    public void What_a_killed_run_left_is_removed_by_the_next_run_for_the_same_target_only()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File(".a.0.partial"), "debris");
        File.WriteAllText(folder.File(".a.17.partial"), "debris");
        File.WriteAllText(folder.File(".b.0.partial"), "somebody else's");
        Write(folder.File("a"), Layout("a", 1));
        Assert.Equal([".b.0.partial", "a"], folder.Names());
    }

    [Fact]
    public void Two_writers_of_one_target_do_not_mix()
    {
        using TemporaryFolder folder = new();
        using Output first = new(folder.File("a"), replace: false);
        first.Write([Layout("a", 1)]);
        using Output second = new(folder.File("a"), replace: false);
        IOException error = Assert.Throws<IOException>(() => second.Write([Layout("a", 1)]));
        Assert.Contains("another process", error.Message, StringComparison.Ordinal);
        first.Commit();
        Assert.Equal(["a"], folder.Names());
    }

    [Fact]
    public void Cancelling_ends_the_copy_and_leaves_nothing()
    {
        using TemporaryFolder folder = new();
        using CancellationTokenSource source = new();
        using (Output output = new(folder.File("a"), replace: false) { Cancellation = source.Token, Copied = _ => source.Cancel() })
        {
            Assert.ThrowsAny<OperationCanceledException>(() => output.Write([Layout("a", s_noise.Length, new Segment(0, new MemoryBytes(s_noise)))]));
        }
        Assert.Empty(folder.Names());
    }

    [Fact]
    public void A_folder_a_missing_folder_and_a_device_are_refused_with_the_next_step()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => new Output(folder.Path, replace: true)).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => new Output(folder.Path + "/", replace: true)).Message, StringComparison.Ordinal);
        Assert.Contains("create it first", Assert.Throws<IOException>(() => new Output(folder.File("no/a"), replace: true)).Message, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains("device", Assert.Throws<IOException>(() => new Output("/dev/null", replace: true)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_name_that_no_file_system_holds_is_refused_before_anything_is_copied()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("shorter", Assert.Throws<IOException>(() => new Output(folder.File(new string('n', 256)), replace: false)).Message, StringComparison.Ordinal);
        Assert.Contains("shorter", Assert.Throws<IOException>(() => new Output(folder.File(new string('é', 128)), replace: false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_255_bytes_can_be_written()
    {
        using TemporaryFolder folder = new();
        string name = new('n', 255);
        Write(folder.File(name), Layout(name, 1));
        Assert.Equal([name], folder.Names());
    }

    private static FileLayout Layout(string name, long length, params Segment[] segments) => new() { Name = name, Length = length, Segments = segments };

    private static void Write(string path, FileLayout layout, bool replace = false)
    {
        using Output output = new(path, replace);
        output.Write([layout]);
        output.Commit();
    }

    private static byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private sealed class BrokenBytes : ByteSource
    {
        public override long Length => 9;

        protected override void ReadCore(long offset, Span<byte> destination) => throw new WeightFileException(Fault.Corrupt, "does not inflate");
    }

    private sealed class WrongChecksum : ByteSource
    {
        public override long Length => 4;

        public override uint? Crc32 => 0x12345678;

        protected override void ReadCore(long offset, Span<byte> destination) => destination.Clear();
    }
}
