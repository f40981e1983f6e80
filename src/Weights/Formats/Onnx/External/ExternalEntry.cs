using System.Globalization;
using Weights.Formats.Onnx.Messages;

namespace Weights.Formats.Onnx.External;

/// <summary>Where a tensor's elements are, in a file beside the model.</summary>
/// <param name="Location">The file, relative to the model's folder.</param>
/// <param name="Offset">Where they begin.</param>
/// <param name="Length">How many bytes they have; null for what the tensor needs.</param>
/// <param name="Checksum">SHA-1 of the whole file, in hexadecimal digits.</param>
internal sealed record ExternalEntry(string Location, long Offset, long? Length, string? Checksum)
{
    /// <summary>The value of <c>data_location</c> that says so.</summary>
    public const int IsExternal = 1;

    private const string LocationKey = "location";
    private const string OffsetKey = "offset";
    private const string LengthKey = "length";
    private const string ChecksumKey = "checksum";

    /// <summary>What a tensor says.</summary>
    /// <exception cref="WeightFileException">It does not say which file, or its numbers are none.</exception>
    public static ExternalEntry Of(TensorProto tensor)
    {
        (string? location, string? offset, string? length, string? checksum) = (null, null, null, null);
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            switch (entry.Key)
            {
                case LocationKey:
                    location = entry.Value;
                    break;
                case OffsetKey:
                    offset = entry.Value;
                    break;
                case LengthKey:
                    length = entry.Value;
                    break;
                case ChecksumKey:
                    checksum = entry.Value;
                    break;
            }
        }
        return string.IsNullOrEmpty(location)
            ? throw new WeightFileException(Fault.Corrupt, "is said to be in another file, but not in which; export the model again")
            : new ExternalEntry(location, Number(offset, OffsetKey) ?? 0, Number(length, LengthKey), string.IsNullOrEmpty(checksum) ? null : checksum);
    }

    /// <summary>Makes a tensor say this, in place of elements of its own.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="checksum">Which payload is the checksum of the file; null for none.</param>
    public void WriteTo(TensorProto tensor, uint? checksum)
    {
        tensor.Payload.Clear();
        tensor.ExternalData.Clear();
        tensor.DataLocation = IsExternal;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = LocationKey, Value = Location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = OffsetKey, Value = Offset.ToString(CultureInfo.InvariantCulture) });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = LengthKey, Value = Length!.Value.ToString(CultureInfo.InvariantCulture) });
        if (checksum is { } payload)
        {
            tensor.ExternalData.Add(new StringStringEntryProto { Key = ChecksumKey, Payload = { payload } });
        }
    }

    private static long? Number(string? text, string key) =>
        text is null ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw new WeightFileException(Fault.Corrupt, $"is in another file, with the {key} {WeightFileException.Quote(text)}, which is no number of bytes; export the model again");
}
