using System.Buffers;
using System.Runtime.InteropServices;
using Weights.IO;

namespace Weights.Formats.PyTorch;

/// <summary>
/// The floats that quantised integers stand for, made when they are read. Rounded as <c>dequantize()</c> of torch 2.6 rounds where it is
/// built without FBGEMM (Debian's): one scale for all is taken as a float, one of many is multiplied as a double unless it is a float itself.
/// </summary>
internal sealed class DequantizedBytes : UnitBytes
{
    // Elements at a time: the integers and the scales of as many channels fit the second-level cache.
    private const int BufferElements = 2048;

    private readonly Tensor _integers;
    private readonly Tensor _scale;
    private readonly Tensor _zeroPoint;
    private readonly long? _channelElements;

    /// <param name="integers">I8, U8 or I32.</param>
    /// <param name="scale">F32 or F64: one, or one for each channel.</param>
    /// <param name="zeroPoint">As many; I32, I64 or F32.</param>
    /// <param name="channelElements">Consecutive elements of one channel; null where one scale is for all.</param>
    public DequantizedBytes(Tensor integers, Tensor scale, Tensor zeroPoint, long? channelElements)
        : base(sizeof(float))
    {
        (_integers, _scale, _zeroPoint, _channelElements) = (integers, scale, zeroPoint, channelElements);
        Length = checked(integers.Shape.ElementCount * sizeof(float));
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override bool ReadsForward => _integers.Bytes.ReadsForward;

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        Span<float> floats = MemoryMarshal.Cast<byte, float>(units);
        int[] integers = ArrayPool<int>.Shared.Rent(BufferElements);
        double[] parameters = ArrayPool<double>.Shared.Rent(2 * BufferElements);
        try
        {
            Span<double> scales = parameters.AsSpan(0, BufferElements);
            Span<double> zeroPoints = parameters.AsSpan(BufferElements, BufferElements);
            while (!floats.IsEmpty)
            {
                int count = Math.Min(floats.Length, BufferElements);
                ReadIntegers(first, integers.AsSpan(0, count));
                Dequantize(first, integers.AsSpan(0, count), scales, zeroPoints, floats[..count]);
                first += count;
                floats = floats[count..];
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(integers);
            ArrayPool<double>.Shared.Return(parameters);
        }
    }

    // Channels follow each other in runs, and start again after the last.
    private void Dequantize(long first, ReadOnlySpan<int> integers, Span<double> scales, Span<double> zeroPoints, Span<float> floats)
    {
        long channels = _scale.Shape.ElementCount;
        long run = _channelElements ?? long.MaxValue;
        int done = 0;
        while (done < integers.Length)
        {
            long channel = (first + done) / run % channels;
            int window = (int)Math.Min(Math.Min(channels - channel, scales.Length), integers.Length - done);
            ReadNumbers(_scale, channel, scales[..window]);
            ReadNumbers(_zeroPoint, channel, zeroPoints[..window]);
            for (int index = 0; index < window && done < integers.Length; index++)
            {
                int count = (int)Math.Min(run - ((first + done) % run), integers.Length - done);
                Dequantize(integers.Slice(done, count), scales[index], zeroPoints[index], floats.Slice(done, count));
                done += count;
            }
        }
    }

    private void Dequantize(ReadOnlySpan<int> integers, double scale, double zeroPoint, Span<float> floats)
    {
        if (_channelElements is null)
        {
            (float single, int zero) = ((float)scale, unchecked((int)(long)zeroPoint));
            for (int index = 0; index < integers.Length; index++)
            {
                floats[index] = single * unchecked(integers[index] - zero);
            }
            return;
        }
        (bool isSingle, float offset) = (_scale.DType.Name == "F32", (float)zeroPoint);
        for (int index = 0; index < integers.Length; index++)
        {
            float distance = integers[index] - offset;
            floats[index] = isSingle ? distance * (float)scale : (float)(distance * scale);
        }
    }

    // The bytes are read to the end of where the wider integers go, and widened from the start: none is overtaken before it is read.
    private void ReadIntegers(long first, Span<int> integers)
    {
        int size = _integers.DType.BlockBytes;
        Span<byte> bytes = MemoryMarshal.AsBytes(integers)[^(integers.Length * size)..];
        _integers.Bytes.Read(first * size, bytes);
        if (size == sizeof(int))
        {
            return;
        }
        bool isSigned = _integers.DType.Name == "I8";
        for (int index = 0; index < integers.Length; index++)
        {
            integers[index] = isSigned ? unchecked((sbyte)bytes[index]) : bytes[index];
        }
    }

    private static void ReadNumbers(Tensor tensor, long first, Span<double> numbers)
    {
        int size = tensor.DType.BlockBytes;
        Span<byte> bytes = MemoryMarshal.AsBytes(numbers)[^(numbers.Length * size)..];
        tensor.Bytes.Read(first * size, bytes);
        switch (tensor.DType.Name)
        {
            case "F32":
                Widen(MemoryMarshal.Cast<byte, float>(bytes), numbers);
                break;
            case "I32":
                Widen(MemoryMarshal.Cast<byte, int>(bytes), numbers);
                break;
            case "I64":
                Widen(MemoryMarshal.Cast<byte, long>(bytes), numbers);
                break;
        }
    }

    private static void Widen<T>(ReadOnlySpan<T> narrow, Span<double> wide)
        where T : System.Numerics.INumber<T>
    {
        for (int index = 0; index < wide.Length; index++)
        {
            wide[index] = double.CreateTruncating(narrow[index]);
        }
    }
}
