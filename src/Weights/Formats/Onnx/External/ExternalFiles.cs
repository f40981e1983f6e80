using Weights.IO;

namespace Weights.Formats.Onnx.External;

/// <summary>The files beside a model that hold elements of its tensors; each is opened once.</summary>
/// <param name="model">The model.</param>
internal sealed class ExternalFiles(Input model)
{
    private readonly Dictionary<string, Input> _files = new(StringComparer.Ordinal);
    private readonly HashSet<(string Location, string Checksum)> _checksums = [];

    /// <summary>Bytes of all of them.</summary>
    public long Bytes => _files.Values.Sum(static file => file.Bytes.Length);

    /// <summary>How many there are.</summary>
    public int Count => _files.Count;

    /// <summary>A range of one of the files.</summary>
    /// <param name="entry">Which.</param>
    /// <param name="length">The bytes that the tensor needs.</param>
    /// <exception cref="WeightFileException">There is no such file, it is outside of the folder, or the range is not inside of it.</exception>
    public ByteSource Open(ExternalEntry entry, long length)
    {
        if (entry.Length is { } said && said != length)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {said:N0} bytes in {WeightFileException.Quote(entry.Location)}, but its type and shape need {length:N0}; export the model again");
        }
        if (!_files.TryGetValue(entry.Location, out Input? file))
        {
            file = model.OpenBelow(entry.Location);
            _files.Add(entry.Location, file);
        }
        if (entry.Checksum is not null)
        {
            _checksums.Add((entry.Location, entry.Checksum));
        }
        return entry.Offset <= file.Bytes.Length && length <= file.Bytes.Length - entry.Offset
            ? file.Bytes.Slice(entry.Offset, length)
            : throw new WeightFileException(Fault.Corrupt, $"has bytes {entry.Offset:N0} to {(Int128)entry.Offset + length:N0} of {WeightFileException.Quote(entry.Location)}, which has {file.Bytes.Length:N0}: that file is truncated or of another model; get a fresh copy");
    }

    /// <summary>Reads every file for which the model gives a checksum.</summary>
    /// <exception cref="WeightFileException">One has another, or there was none to compare.</exception>
    public void Verify()
    {
        if (_files.Count == 0)
        {
            throw new WeightFileException(Fault.Unsupported, "has all elements in itself, so --verify has nothing to compare; leave it out");
        }
        Dictionary<string, string> computed = new(StringComparer.Ordinal);
        foreach ((string location, string checksum) in _checksums)
        {
            if (!computed.TryGetValue(location, out string? actual))
            {
                actual = new FileDigest(_files[location].Bytes).Text;
                computed.Add(location, actual);
            }
            if (!checksum.Equals(actual, StringComparison.OrdinalIgnoreCase))
            {
                throw new WeightFileException(Fault.Corrupt, $"the file {WeightFileException.Quote(location)} has the SHA-1 {actual}, but the model was written with one of {WeightFileException.Quote(checksum)}: it is damaged or of another model; get a fresh copy");
            }
        }
        if (_files.Keys.Except(computed.Keys).FirstOrDefault() is { } unchecked_)
        {
            throw new WeightFileException(Fault.Unsupported, $"gives no checksum for the file {WeightFileException.Quote(unchecked_)}, so --verify has nothing to compare; leave it out");
        }
    }
}
