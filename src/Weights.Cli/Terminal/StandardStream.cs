namespace Weights.Cli.Terminal;

/// <summary>
/// Standard output or standard error. A reader that has gone away is no error; a full disk behind standard output is one, and says
/// so; whatever is wrong with standard error has nobody to tell.
/// </summary>
internal sealed class StandardStream(int descriptor) : Stream
{
    /// <summary>Descriptor of standard output.</summary>
    public const int Output = 1;

    /// <summary>Descriptor of standard error.</summary>
    public const int Error = 2;

    private readonly Stream? _console = !OperatingSystem.IsWindows() ? null
        : descriptor == Output ? Console.OpenStandardOutput()
        : Console.OpenStandardError();

    private bool _isUnread;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            if (_console is not null)
            {
                _console.Write(buffer);
            }
            else
            {
                _isUnread = _isUnread || !Posix.Write(descriptor, buffer);
            }
        }
        catch (IOException error)
        {
            if (descriptor == Output)
            {
                throw new IOException($"standard output could not be written: {error.Message}", error);
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
