namespace Weights.Scanning;

/// <summary>
/// A file through windows that stay in memory: an archive of many small parts is read in a thousandth of the system calls. Of a file
/// below 16 MiB no window is read twice, in whatever order its parts stand. For one thread.
/// </summary>
internal sealed class WindowedBytes(ByteSource source) : ByteSource
{
    private const int WindowBytes = 1 << 14;
    private const int Windows = 1 << 10;

    // What is longer goes past the windows.
    private const int LongestRead = 1 << 13;

    private readonly byte[]?[] _windows = new byte[Windows][];
    private readonly long[] _numbers = new long[Windows];

    public override long Length => source.Length;

    public override uint? Crc32 => source.Crc32;

    public override bool ReadsForward => source.ReadsForward;

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        if (destination.Length > LongestRead)
        {
            source.Read(offset, destination);
            return;
        }
        while (!destination.IsEmpty)
        {
            int at = (int)(offset % WindowBytes);
            int count = Math.Min(destination.Length, WindowBytes - at);
            Window(offset / WindowBytes).AsSpan(at, count).CopyTo(destination);
            offset += count;
            destination = destination[count..];
        }
    }

    private byte[] Window(long number)
    {
        int place = (int)(number % Windows);
        byte[] window = _windows[place] ?? [];
        if (window.Length == 0 || _numbers[place] != number)
        {
            long start = number * WindowBytes;
            int length = (int)Math.Min(WindowBytes, source.Length - start);
            window = window.Length < length ? new byte[length] : window;
            _windows[place] = null; // What breaks off while it is read is no window.
            source.Read(start, window.AsSpan(0, length));
            (_windows[place], _numbers[place]) = (window, number);
        }
        return window;
    }
}
