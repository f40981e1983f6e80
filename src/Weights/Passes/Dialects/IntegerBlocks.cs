using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>ggml's blocks of a scale and 32 signed integers, as other packings see them, and the reverse.</summary>
internal abstract class IntegerBlocks
{
    private const int Length = 32;

    private static readonly Dictionary<DType, IntegerBlocks> s_all = new()
    {
        [DType.Q4_0] = new Of<Q4_0>(),
        [DType.Q5_0] = new Of<Q5_0>(),
        [DType.Q8_0] = new Of<Q8_0>(),
    };

    /// <summary>Those of a type; null where it has others.</summary>
    public static IntegerBlocks? Find(DType dtype) => s_all.GetValueOrDefault(dtype);

    /// <summary>The integers and scales of a matrix of such blocks; null for other tensors.</summary>
    public abstract IntegerGrid? Grid(Tensor tensor);

    /// <summary>The blocks of a weight that is packed otherwise, if they can be the same integers and scales.</summary>
    /// <returns>Null where they cannot: too many bits, zero points, groups that are not whole blocks.</returns>
    public abstract ByteSource? Blocks(IntegerGrid grid);

    private sealed class Of<T> : IntegerBlocks
        where T : unmanaged, IIntegerBlock<T>
    {
        public override IntegerGrid? Grid(Tensor tensor)
        {
            if (tensor.Shape.Rank != 2)
            {
                return null;
            }
            return new IntegerGrid
            {
                Bits = T.Bits,
                Rows = tensor.Shape[0],
                Columns = tensor.Shape[1],
                GroupColumns = Length,
                ScaleType = DType.F16,
                Numbers = new BlockElements<T>(tensor.Bytes, isScales: false),
                Scales = new BlockElements<T>(tensor.Bytes, isScales: true),
            };
        }

        public override ByteSource? Blocks(IntegerGrid grid) =>
            grid.Bits <= T.Bits && grid.ZeroPoints is null && grid.GroupColumns % Length == 0 && grid.ScaleType == DType.F16 ? new BlockBytes<T>(grid) : null;
    }

    private sealed class BlockElements<T>(ByteSource bytes, bool isScales) : Elements
        where T : unmanaged, IIntegerBlock<T>
    {
        private const int Batch = 256;

        public override void Read(long first, Span<float> values)
        {
            int perBlock = isScales ? 1 : Length;
            T[] blocks = ArrayPool<T>.Shared.Rent(Batch);
            Span<float> integers = stackalloc float[Length];
            while (!values.IsEmpty)
            {
                (long block, long place) = Math.DivRem(first, perBlock);
                int count = (int)Math.Min(Batch, (place + values.Length + perBlock - 1) / perBlock);
                Span<T> read = blocks.AsSpan(0, count);
                bytes.Read(block * Unsafe.SizeOf<T>(), MemoryMarshal.AsBytes(read));
                for (int index = 0; index < count; index++)
                {
                    float scale = T.Read(in read[index], isScales ? [] : integers);
                    ReadOnlySpan<float> made = isScales ? new ReadOnlySpan<float>(in scale) : integers[(int)place..];
                    int taken = Math.Min(made.Length, values.Length);
                    made[..taken].CopyTo(values);
                    values = values[taken..];
                    first += taken;
                    place = 0;
                }
            }
            ArrayPool<T>.Shared.Return(blocks);
        }
    }

    private sealed class BlockBytes<T>(IntegerGrid grid) : UnitBytes(Unsafe.SizeOf<T>())
        where T : unmanaged, IIntegerBlock<T>
    {
        private const int Batch = 1024;

        public override long Length => checked(grid.Rows * grid.Columns / IntegerBlocks.Length * Unsafe.SizeOf<T>());

        protected override void ReadUnits(long first, Span<byte> units)
        {
            Span<T> blocks = MemoryMarshal.Cast<byte, T>(units);
            int perScale = grid.GroupColumns / IntegerBlocks.Length;
            float[] buffer = ArrayPool<float>.Shared.Rent(Batch * IntegerBlocks.Length);
            float[] scales = ArrayPool<float>.Shared.Rent(Batch + 1);
            while (!blocks.IsEmpty)
            {
                int count = Math.Min(Batch, blocks.Length);
                Span<float> integers = buffer.AsSpan(0, count * IntegerBlocks.Length);
                grid.Numbers.Read(first * IntegerBlocks.Length, integers);
                long firstScale = first / perScale;
                grid.Scales.Read(firstScale, scales.AsSpan(0, (int)(((first + count - 1) / perScale) - firstScale) + 1));
                for (int index = 0; index < count; index++)
                {
                    blocks[index] = T.Of(scales[(int)(((first + index) / perScale) - firstScale)], integers.Slice(index * IntegerBlocks.Length, IntegerBlocks.Length));
                }
                first += count;
                blocks = blocks[count..];
            }
            ArrayPool<float>.Shared.Return(buffer);
            ArrayPool<float>.Shared.Return(scales);
        }
    }
}
