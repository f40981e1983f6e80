using Weights.IO;

namespace Weights.Formats.PyTorch.Distributed;

/// <summary>The files beside the metadata. One that is missing matters when something in it is wanted.</summary>
internal sealed class ItemFiles
{
    private readonly Dictionary<string, Input> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, WeightFileException> _missing = new(StringComparer.Ordinal);

    /// <summary>Opens every file that there is.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsafe"/>: a name leaves the folder.</exception>
    public ItemFiles(Input metadata, IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            try
            {
                _files.Add(name, metadata.OpenSibling(name));
                Bytes += _files[name].Bytes.Length;
            }
            catch (WeightFileException error) when (error.Fault == Fault.Corrupt)
            {
                _missing.Add(name, error);
            }
        }
    }

    /// <summary>Bytes of all files.</summary>
    public long Bytes { get; }

    /// <summary>The item at a place.</summary>
    /// <exception cref="WeightFileException">Its file is missing or too short, or it was written in a way that is not read.</exception>
    public StoredItem Find(ItemPlace place)
    {
        if (_missing.TryGetValue(place.File, out WeightFileException? missing))
        {
            throw missing;
        }
        Input file = _files[place.File];
        if (place.Length > file.Bytes.Length - place.Offset)
        {
            throw new WeightFileException(Fault.Corrupt, $"is in {place.Length:N0} bytes from {place.Offset:N0} on of a file of {file.Bytes.Length:N0} bytes, which is truncated; get a fresh copy", file.Path);
        }
        return place.Transform is null
            ? new StoredItem(file, place.Offset, place.Length)
            : throw new WeightFileException(Fault.Unsupported, $"was written through the transforms {WeightFileException.Quote(place.Transform)}, which are not undone; save it without extensions", file.Path);
    }
}
