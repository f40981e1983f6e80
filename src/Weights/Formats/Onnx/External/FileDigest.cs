using System.Security.Cryptography;
using System.Text;

namespace Weights.Formats.Onnx.External;

/// <summary>
/// The SHA-1 of a file as the specification asks for it, in 40 hexadecimal digits: read when they are needed, and only once. It is no
/// protection against somebody who wants to deceive.
/// </summary>
/// <param name="file">The whole file.</param>
internal sealed class FileDigest(ByteSource file) : ByteSource
{
    private const int BufferBytes = 1 << 20;

    private readonly Lock _lock = new();
    private byte[]? _digits;

    /// <inheritdoc/>
    public override long Length => 2 * SHA1.HashSizeInBytes;

    /// <summary>The digits.</summary>
    public string Text => Encoding.ASCII.GetString(Digits(CancellationToken.None));

    /// <summary>Finds them out.</summary>
    public void Compute(CancellationToken cancellation)
    {
        try
        {
            Digits(cancellation);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or WeightFileException)
        {
            // Whoever copies the same bytes says so.
        }
    }

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination) => Digits(CancellationToken.None).AsSpan((int)offset, destination.Length).CopyTo(destination);

#pragma warning disable CA5350
    private byte[] Digits(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_digits is null)
            {
                using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
                file.ReadChunks(new byte[BufferBytes], (_, chunk) =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    hash.AppendData(chunk);
                });
                _digits = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
            }
            return _digits;
        }
    }
#pragma warning restore CA5350
}
