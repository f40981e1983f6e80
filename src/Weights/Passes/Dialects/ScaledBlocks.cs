using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>ggml's blocks of scales and codes, as other packings see them, and the reverse.</summary>
internal abstract class ScaledBlocks
{
    private static readonly Dictionary<DType, ScaledBlocks> s_all = new()
    {
        [DType.Q4_0] = new Of<Q4_0>(DType.Q4_0, DType.F16, scalesPerBlock: 1, bits: 4),
        [DType.Q5_0] = new Of<Q5_0>(DType.Q5_0, DType.F16, scalesPerBlock: 1, bits: 5),
        [DType.Q8_0] = new Of<Q8_0>(DType.Q8_0, DType.F16, scalesPerBlock: 1, bits: 8),
        [DType.MXFP4] = new Of<MXFP4>(DType.MXFP4, DType.F8E8M0, scalesPerBlock: 1),
        [DType.NVFP4] = new Of<NVFP4>(DType.NVFP4, DType.F8E4M3, scalesPerBlock: 4),
    };

    /// <summary>Those of a type; null where it has others.</summary>
    public static ScaledBlocks? Find(DType dtype) => s_all.GetValueOrDefault(dtype);

    /// <summary>How the numbers of a matrix of such blocks come about; null for other tensors.</summary>
    public abstract ScaledCodes? Codes(Tensor tensor);

    /// <summary>The blocks of a weight that was packed otherwise, if they can be the same codes and scales.</summary>
    /// <param name="weight">Its numbers.</param>
    /// <param name="codes">How they come about.</param>
    /// <returns>Null where they cannot: others, too many bits, zero points, groups that are not whole blocks, another type of scales.</returns>
    public abstract ByteSource? Blocks(Tensor weight, ScaledCodes codes);

    /// <param name="dtype">The type.</param>
    /// <param name="scaleType">The type of scales.</param>
    /// <param name="scalesPerBlock">How many of them there are.</param>
    /// <param name="bits">Bits of integers; 0 for 4-bit floats.</param>
    private sealed class Of<T>(DType dtype, DType scaleType, int scalesPerBlock, int bits = 0) : ScaledBlocks
        where T : unmanaged, IScaledBlock<T>
    {
        private readonly CodeSet _set = bits == 0 ? CodeSet.Levels : CodeSet.Integers;
        private readonly float[] _levels = bits == 0 ? CompressedTensors.E2M1 : [];

        public override ScaledCodes? Codes(Tensor tensor) => tensor.Shape.Rank != 2 ? null : new ScaledCodes
        {
            Set = _set,
            Bits = bits,
            Levels = _levels,
            Rows = tensor.Shape[0],
            Columns = tensor.Shape[1],
            BlockColumns = dtype.BlockLength / scalesPerBlock,
            ScaleType = scaleType,
            Scales = new BlockScales<T>(tensor.Bytes, scalesPerBlock),
        };

        public override ByteSource? Blocks(Tensor weight, ScaledCodes codes)
        {
            bool isSame = codes.Set == _set && codes.Bits <= bits && codes.Levels.AsSpan().SequenceEqual(_levels)
                && codes.ScaleType == scaleType && codes.Divisor == 1 && codes.HasOneScaleFor(1, dtype.BlockLength / scalesPerBlock);
            return isSame && codes.Simplified(codes.Bits) is { ZeroPoints: null } simple ? new BlockBytes<T>(weight, simple, dtype.BlockLength, scalesPerBlock) : null;
        }
    }

    private sealed class BlockScales<T>(ByteSource bytes, int perBlock) : Elements
        where T : unmanaged, IScaledBlock<T>
    {
        private const int Batch = 256;

        public override void Read(long first, Span<float> values)
        {
            T[] blocks = ArrayPool<T>.Shared.Rent(Batch);
            Span<float> scales = stackalloc float[perBlock];
            while (!values.IsEmpty)
            {
                (long block, long place) = Math.DivRem(first, perBlock);
                int count = (int)Math.Min(Batch, (place + values.Length + perBlock - 1) / perBlock);
                Span<T> read = blocks.AsSpan(0, count);
                bytes.Read(block * Unsafe.SizeOf<T>(), MemoryMarshal.AsBytes(read));
                for (int index = 0; index < count; index++)
                {
                    T.ReadScales(in read[index], scales);
                    int taken = Math.Min(perBlock - (int)place, values.Length);
                    scales.Slice((int)place, taken).CopyTo(values);
                    values = values[taken..];
                    first += taken;
                    place = 0;
                }
            }
            ArrayPool<T>.Shared.Return(blocks);
        }
    }

    private sealed class BlockBytes<T>(Tensor weight, ScaledCodes codes, int length, int scalesPerBlock) : UnitBytes(Unsafe.SizeOf<T>())
        where T : unmanaged, IScaledBlock<T>
    {
        private const int Batch = 1024;

        private readonly Elements _numbers = Elements.Of(weight);

        public override long Length => checked(weight.Shape.ElementCount / length * Unsafe.SizeOf<T>());

        protected override void ReadUnits(long first, Span<byte> units)
        {
            Span<T> blocks = MemoryMarshal.Cast<byte, T>(units);
            float[] numbers = ArrayPool<float>.Shared.Rent(Batch * length);
            float[] scales = ArrayPool<float>.Shared.Rent(Batch * scalesPerBlock);
            while (!blocks.IsEmpty)
            {
                int count = Math.Min(Batch, blocks.Length);
                _numbers.Read(first * length, numbers.AsSpan(0, count * length));
                codes.Read(first * length, length / scalesPerBlock, scales.AsSpan(0, count * scalesPerBlock), []);
                for (int index = 0; index < count; index++)
                {
                    blocks[index] = T.Of(scales.AsSpan(index * scalesPerBlock, scalesPerBlock), numbers.AsSpan(index * length, length));
                }
                first += count;
                blocks = blocks[count..];
            }
            ArrayPool<float>.Shared.Return(numbers);
            ArrayPool<float>.Shared.Return(scales);
        }
    }
}
