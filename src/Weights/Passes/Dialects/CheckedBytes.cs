namespace Weights.Passes.Dialects;

/// <summary>The same bytes, which are compared with the checksum that their container has for them as soon as all have been read, in whatever order.</summary>
internal sealed class CheckedBytes(ByteSource source) : ByteSource
{
    private readonly SourceCheck _check = new(source);

    public override long Length => source.Length;

    public override bool ReadsForward => source.ReadsForward;

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        source.Read(offset, destination);
        _check.Saw(offset, destination);
    }
}
