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
    public Item Find(ItemPlace place)
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
            ? new Item(file, place.Offset, place.Length)
            : throw new WeightFileException(Fault.Unsupported, $"was written through the transforms {WeightFileException.Quote(place.Transform)}, which are not undone; save it without extensions", file.Path);
    }
}

/// <summary>An item: a file of <c>torch.save</c> among others in a <c>.distcp</c> file.</summary>
internal sealed record Item(Input File, long Offset, long Length)
{
    /// <summary>Whether torch.save wrote it.</summary>
    public bool IsSaved => TorchFile.Sniff(new PartInput(File, Offset, Length));

    /// <summary>Reads its pickle.</summary>
    /// <exception cref="WeightFileException">It is damaged or something else; the exception names the file.</exception>
    public TorchFile Load()
    {
        try
        {
            PartInput part = new(File, Offset, Length);
            return TorchFile.Sniff(part) ? TorchFile.Open(part) : throw Refused();
        }
        catch (WeightFileException error)
        {
            throw new WeightFileException(error.Fault, error.Reason, File.Path, error.Tensor, Offset + (error.Offset ?? 0), error);
        }
    }

    // Newer torch can be told to write a whole file of safetensors: a length, then JSON.
    private WeightFileException Refused()
    {
        Span<byte> head = stackalloc byte[9];
        head = head[..(int)Math.Min(head.Length, Length)];
        File.Bytes.Read(Offset, head);
        return head.Length == 9 && head[8] == (byte)'{' && head[7] == 0
            ? new WeightFileException(Fault.Unsupported, "is an item in safetensors, which is not read within a distributed checkpoint; save it with SerializationFormat.TORCH_SAVE")
            : new WeightFileException(Fault.Corrupt, "the metadata says that an item of torch.save begins here, and none does; the files are damaged or not of one checkpoint");
    }
}
