using System.Buffers.Binary;
using Weights.Formats.Onnx.Wire;
using Weights.IO;

namespace Weights.Formats.Onnx.Elements;

/// <summary>
/// Elements that a file holds as numbers of variable length, each cut down to the bytes of its type. Where every so many of them
/// begin is found out when the first is read.
/// </summary>
internal sealed class VarintElements : UnitBytes
{
    private const int WindowBytes = 64 << 10;

    private readonly NumberRun[] _runs;
    private readonly int _elementBytes;
    private readonly bool _isTruth;
    private readonly long _count;
    private readonly Lazy<List<Mark>> _marks;

    // A place from which reading can start.
    private readonly record struct Mark(long Element, int Run, long Offset);

    /// <summary>So many elements.</summary>
    /// <param name="runs">The numbers, in order.</param>
    /// <param name="elementBytes">Bytes that each becomes; or of a block of several elements, where one number holds one.</param>
    /// <param name="isTruth">Whether every number but zero means one.</param>
    /// <param name="count">How many numbers there must be.</param>
    public VarintElements(NumberRun[] runs, int elementBytes, bool isTruth, long count)
        : base(elementBytes)
    {
        (_runs, _elementBytes, _isTruth, _count) = (runs, elementBytes, isTruth, count);
        _marks = new Lazy<List<Mark>>(FindMarks);
        Length = count * elementBytes;
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <summary>Makes sure that there are as many numbers as there must be.</summary>
    /// <exception cref="WeightFileException">There are not.</exception>
    public void Check() => _ = _marks.Value;

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        List<Mark> marks = _marks.Value;
        (int low, int high) = (0, marks.Count);
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            (low, high) = marks[middle].Element <= first ? (middle, high) : (low, middle);
        }
        Mark mark = marks[low];
        long element = mark.Element;
        long end = first + (units.Length / _elementBytes);
        long offset = mark.Offset;
        for (int run = mark.Run; element < end; run++, offset = 0)
        {
            Decoder decoder = new(_runs[run], offset);
            while (element < end && decoder.Next(out ulong value))
            {
                if (element >= first)
                {
                    Store(value, units.Slice((int)(element - first) * _elementBytes, _elementBytes));
                }
                element++;
            }
        }
    }

    private void Store(ulong value, Span<byte> element)
    {
        if (_isTruth)
        {
            element[0] = value == 0 ? (byte)0 : (byte)1;
            return;
        }
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[.._elementBytes].CopyTo(element);
    }

    private List<Mark> FindMarks()
    {
        List<Mark> marks = [];
        long element = 0;
        for (int run = 0; run < _runs.Length; run++)
        {
            Decoder decoder = new(_runs[run], 0);
            do
            {
                marks.Add(new Mark(element, run, decoder.Offset));
                element += decoder.CountWindow();
            }
            while (!decoder.IsAtEnd);
        }
        return element == _count
            ? marks
            : throw new WeightFileException(Fault.Corrupt, $"has {element:N0} numbers where its type and shape need {_count:N0}; the file is damaged, get a fresh copy or export it again");
    }

    // Goes over a run from a place where a number (or its tag) begins.
    private sealed class Decoder(NumberRun run, long offset)
    {
        private readonly byte[] _window = new byte[(int)Math.Min(WindowBytes, Math.Max(run.Values.Length - offset, 1))];
        private int _next;
        private int _filled;

        public long Offset { get; private set; } = offset;

        public bool IsAtEnd => Offset == run.Values.Length;

        public bool Next(out ulong value)
        {
            value = 0;
            // The longest number, and its tag, are in the window or the run ends before.
            if (_filled - _next < WireCursor.LongestVarint + run.TagBytes)
            {
                Fill();
            }
            if (_next == _filled)
            {
                return false;
            }
            int position = _next + run.TagBytes;
            int shift = 0;
            while (position < _filled && shift < 7 * WireCursor.LongestVarint)
            {
                byte next = _window[position++];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    Offset += position - _next;
                    _next = position;
                    return true;
                }
                shift += 7;
            }
            throw new WeightFileException(Fault.Corrupt, "its last number is cut off, or one has more than ten bytes; the file is damaged, get a fresh copy");
        }

        // The numbers in the next window.
        public long CountWindow()
        {
            long start = Offset;
            long count = 0;
            while (Offset - start < WindowBytes && Next(out _))
            {
                count++;
            }
            return count;
        }

        private void Fill()
        {
            long rest = run.Values.Length - Offset;
            _filled = (int)Math.Min(_window.Length, rest);
            _next = 0;
            if (_filled > 0)
            {
                run.Values.Read(Offset, _window.AsSpan(0, _filled));
            }
        }
    }
}
