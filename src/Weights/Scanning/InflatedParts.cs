namespace Weights.Scanning;

/// <summary>
/// Memory for inflated parts of a file, in pieces that the next part takes over: most of what a part of 64 MB costs is the first touch of
/// its memory.
/// </summary>
internal sealed class InflatedParts
{
    private const int PieceBytes = 1 << 16;

    private readonly Stack<byte[]> _free = [];

    /// <summary>A part without any bytes yet.</summary>
    public Part Create() => new(this);

    private byte[] Take() => _free.TryPop(out byte[]? piece) ? piece : GC.AllocateUninitializedArray<byte>(PieceBytes);

    /// <summary>One part; disposing it gives its pieces back, so that nothing that was read from it may be used any longer.</summary>
    internal sealed class Part(InflatedParts parts) : ByteSource, IDisposable
    {
        private readonly List<byte[]> _pieces = [];
        private long _length;

        public override long Length => _length;

        public void Dispose()
        {
            foreach (byte[] piece in _pieces)
            {
                parts._free.Push(piece);
            }
            _pieces.Clear();
            _length = 0;
        }

        /// <summary>Reads as much as one piece has room for, at most <paramref name="most"/> bytes, and returns how many came.</summary>
        public int ReadFrom(Stream stream, long most)
        {
            int at = (int)(_length % PieceBytes);
            if (_length == (long)_pieces.Count * PieceBytes)
            {
                _pieces.Add(parts.Take());
            }
            int count = stream.Read(_pieces[^1], at, (int)Math.Min(PieceBytes - at, most));
            _length += count;
            return count;
        }

        protected override void ReadCore(long offset, Span<byte> destination)
        {
            while (!destination.IsEmpty)
            {
                int at = (int)(offset % PieceBytes);
                int count = Math.Min(destination.Length, PieceBytes - at);
                _pieces[(int)(offset / PieceBytes)].AsSpan(at, count).CopyTo(destination);
                offset += count;
                destination = destination[count..];
            }
        }
    }
}
