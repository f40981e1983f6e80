using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Passes;

/// <summary>Small checkpoints in memory.</summary>
internal static class Samples
{
    public static Checkpoint Checkpoint(params IEnumerable<Tensor> tensors) => new(tensors, new Origin("sample", "memory", "", 0)) { Metadata = new MetadataValue.Map([new("epoch", new MetadataValue.Integer(3))]) };

    /// <summary>F32 tensors of two elements with these names.</summary>
    public static Checkpoint Named(params IEnumerable<string> names) => Checkpoint([.. names.Select(static (name, index) => Tensor(name, DType.F32, index, index + 0.5))]);

    public static Checkpoint WithAliases(this Checkpoint checkpoint, params IReadOnlyList<Alias> aliases) => new(checkpoint.Tensors, checkpoint.Origin) { Metadata = checkpoint.Metadata, Aliases = aliases };

    public static Tensor Tensor(string name, DType dtype, params double[] values) => new(name, dtype, new Shape(values.Length / dtype.Components), new MemoryBytes(DTypes.Numbers.Encode(dtype, values)));

    public static Glob[] Globs(params IEnumerable<string> patterns) => [.. patterns.Select(Glob.Parse)];

    public static string[] Names(this Checkpoint checkpoint) => [.. checkpoint.Tensors.Select(static tensor => tensor.Name)];

    public static byte[] AllBytes(this ByteSource source)
    {
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes);
        return bytes;
    }

    public static double[] Values(this Tensor tensor) => DTypes.Numbers.Decode(tensor.DType, tensor.Bytes.AllBytes())[..(int)(tensor.Shape.ElementCount * tensor.DType.Components)];
}

/// <summary>Bytes whose container recorded a checksum, and which know how they were read.</summary>
internal sealed class RecordedBytes(byte[] bytes, uint? crc32, bool readsForward = false) : ByteSource
{
    private long _last;

    public override long Length => bytes.Length;

    public override uint? Crc32 => crc32;

    public override bool ReadsForward => readsForward;

    /// <summary>Whether some read began before the end of the one before it.</summary>
    public bool WentBack { get; private set; }

    /// <summary>Most bytes asked for at once.</summary>
    public int LargestRead { get; private set; }

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        lock (bytes)
        {
            WentBack |= offset < _last;
            _last = offset + destination.Length;
            LargestRead = Math.Max(LargestRead, destination.Length);
        }
        bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }
}
