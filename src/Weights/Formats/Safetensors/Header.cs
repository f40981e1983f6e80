using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Weights.Formats.Safetensors;

/// <summary>
/// The index of a file, checked in the reference library's order: length of the header, its JSON, then that the tensors'
/// bytes follow each other without gaps, have the size of their shapes, and end where the file does.
/// </summary>
internal static class Header
{
    /// <summary>Bytes of the header's length, before it.</summary>
    public const int LengthBytes = 8;

    /// <summary>Longest header: the reference library's limit. Real ones stay below 15 MB, which is 100,000 tensors.</summary>
    public const int MaxBytes = 100_000_000;

    /// <summary>Reads and checks the index.</summary>
    /// <returns>The tensors in the order of their bytes, and the metadata as it is in the file.</returns>
    /// <exception cref="WeightFileException">The file is refused.</exception>
    public static (List<Tensor> Tensors, MetadataValue.Map Metadata) Read(ByteSource file)
    {
        byte[] json = ReadText(file);
        (List<HeaderEntry> entries, MetadataValue.Map metadata) = new HeaderReader(json, LengthBytes).Read();
        SortByBytes(entries);
        ulong end = CheckRanges(entries);
        long dataStart = LengthBytes + json.Length;
        CheckEnd(end, file.Length - dataStart);
        ByteSource data = file.Slice(dataStart, file.Length - dataStart);
        List<Tensor> tensors = new(entries.Count);
        foreach (HeaderEntry entry in entries)
        {
            CheckHeld(entry);
            tensors.Add(new Tensor(entry.Name, entry.DType, entry.Shape, data.Slice((long)entry.Begin, (long)(entry.End - entry.Begin))));
        }
        return (tensors, metadata);
    }

    private static byte[] ReadText(ByteSource file)
    {
        if (file.Length < LengthBytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {file.Length} bytes, but the length of the header alone takes {LengthBytes}: the file is truncated; get a fresh copy");
        }
        Span<byte> lengthBytes = stackalloc byte[LengthBytes];
        file.Read(0, lengthBytes);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxBytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"claims a header of {length:N0} bytes, but {MaxBytes:N0} are the most there can be: the file is damaged or of another kind", offset: 0);
        }
        long present = file.Length - LengthBytes;
        if ((long)length > present)
        {
            throw new WeightFileException(Fault.Corrupt, $"its header has {length:N0} bytes, but {(long)length - present:N0} of them are missing, and all tensors: the file is truncated; get a fresh copy", offset: file.Length);
        }
        byte[] json = new byte[length];
        file.Read(LengthBytes, json);
        return Utf8.IsValid(json)
            ? json
            : throw new WeightFileException(Fault.Corrupt, "its header is not UTF-8: the file is damaged; get a fresh copy", offset: LengthBytes + FirstInvalid(json));
    }

    private static int FirstInvalid(ReadOnlySpan<byte> text)
    {
        int position = 0;
        while (Rune.DecodeFromUtf8(text[position..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            position += length;
        }
        return position;
    }

    // Most files are in order already; of empty tensors at one place, the header's order stays.
    private static void SortByBytes(List<HeaderEntry> entries)
    {
        for (int index = 1; index < entries.Count; index++)
        {
            if ((entries[index].Begin, entries[index].End).CompareTo((entries[index - 1].Begin, entries[index - 1].End)) < 0)
            {
                HeaderEntry[] sorted = [.. entries.OrderBy(static entry => (entry.Begin, entry.End))];
                entries.Clear();
                entries.AddRange(sorted);
                return;
            }
        }
    }

    private static ulong CheckRanges(List<HeaderEntry> entries)
    {
        ulong previousEnd = 0;
        foreach (HeaderEntry entry in entries)
        {
            if (entry.Begin != previousEnd || entry.End < entry.Begin)
            {
                string problem = entry.End < entry.Begin ? "end before they begin"
                    : entry.Begin < previousEnd ? $"overlap the tensor before it, which ends at {previousEnd:N0}"
                    : $"leave a gap: the tensor before it ends at {previousEnd:N0}";
                throw Corrupt(entry, $"its data_offsets [{entry.Begin}, {entry.End}] {problem}");
            }
            previousEnd = entry.End;
            CheckSize(entry);
        }
        return previousEnd;
    }

    private static void CheckSize(in HeaderEntry entry)
    {
        // 4, 6 or whole bytes an element: the division leaves no rest.
        UInt128 bits = Elements(entry) * (ulong)(entry.DType.BlockBytes * 8 / entry.DType.BlockLength);
        CheckFits(entry, bits);
        if (bits % 8 != 0)
        {
            throw Corrupt(entry, $"{Described(entry)} has {entry.DType.BitsPerElement} bits an element, which do not come to a whole number of bytes");
        }
        if (bits / 8 != entry.End - entry.Begin)
        {
            throw Corrupt(entry, $"{Described(entry)} needs {bits / 8:N0} bytes, but its data_offsets [{entry.Begin}, {entry.End}] hold {entry.End - entry.Begin:N0}");
        }
    }

    private static UInt128 Elements(in HeaderEntry entry)
    {
        if (entry.Unheld is null)
        {
            return (ulong)entry.Shape.ElementCount;
        }
        UInt128 elements = 1;
        foreach (ulong dimension in entry.Unheld)
        {
            elements *= dimension; // Both have 64 bits here.
            CheckFits(entry, elements);
        }
        return elements;
    }

    private static void CheckFits(in HeaderEntry entry, UInt128 number)
    {
        if (number > ulong.MaxValue)
        {
            throw Corrupt(entry, $"{Described(entry)} overflows: its elements, or the bits they take, are more than 64 bits can count");
        }
    }

    private static void CheckEnd(ulong end, long present)
    {
        if (end > (ulong)present)
        {
            throw new WeightFileException(Fault.Corrupt, $"{end - (ulong)present:N0} bytes are missing: the tensors have {end:N0}, the file only {present:N0} of them: it is truncated; get a fresh copy");
        }
        if (end < (ulong)present)
        {
            throw new WeightFileException(Fault.Corrupt, $"{(ulong)present - end:N0} bytes follow the last tensor and belong to none: the file is damaged, or something was appended to it");
        }
    }

    private static void CheckHeld(in HeaderEntry entry)
    {
        if (entry.Unheld is not null)
        {
            throw new WeightFileException(Fault.Unsupported, $"{Described(entry)} is empty, but its other dimensions are more than 63 bits can count, which this program does not hold", tensor: entry.Name, offset: entry.Position);
        }
    }

    private static string Described(in HeaderEntry entry)
    {
        const int shown = 16; // A damaged header can have any number.
        if (entry.Unheld is null && entry.Shape.Rank <= shown)
        {
            return $"{entry.DType.Name} {entry.Shape}";
        }
        IEnumerable<string> dimensions = entry.Unheld?.Select(static dimension => dimension.ToString()) ?? entry.Shape.Dimensions.ToArray().Select(static dimension => dimension.ToString());
        string[] first = [.. dimensions.Take(shown + 1)];
        return $"{entry.DType.Name} [{string.Join(", ", first.Take(shown))}{(first.Length > shown ? ", …" : "")}]";
    }

    private static WeightFileException Corrupt(in HeaderEntry entry, string problem) => new(Fault.Corrupt, problem, tensor: entry.Name, offset: entry.Position);
}
