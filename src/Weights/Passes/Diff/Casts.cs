namespace Weights.Passes.Diff;

/// <summary>Tells whether one tensor is the other in another element type.</summary>
internal static class Casts
{
    private const int BufferBytes = 1 << 18;

    /// <summary>Whether a cast of one, in either direction, gives the other.</summary>
    public static bool AreEqual(Tensor a, Tensor b, DiffOptions options) => IsCast(a, b, options) || IsCast(b, a, options);

    private static bool IsCast(Tensor from, Tensor to, DiffOptions options)
    {
        if (to.DType.ByteCount(from.Shape) is null || from.DType.Kind == DTypeKind.Complex != (to.DType.Kind == DTypeKind.Complex))
        {
            return false;
        }
        CastBytes cast = CastBytes.Create(from, to.DType);
        byte[] left = new byte[BufferBytes];
        byte[] right = new byte[BufferBytes];
        for (long offset = 0; offset < to.Bytes.Length; offset += BufferBytes)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            int length = (int)Math.Min(BufferBytes, to.Bytes.Length - offset);
            cast.Read(offset, left.AsSpan(0, length));
            to.Bytes.Read(offset, right.AsSpan(0, length));
            if (!left.AsSpan(0, length).SequenceEqual(right.AsSpan(0, length)))
            {
                return false;
            }
        }
        return true;
    }
}
