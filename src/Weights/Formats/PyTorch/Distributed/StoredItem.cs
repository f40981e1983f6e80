using Weights.IO;

namespace Weights.Formats.PyTorch.Distributed;

/// <summary>An item: a file of <c>torch.save</c> among others in a <c>.distcp</c> file.</summary>
internal sealed record StoredItem(Input File, long Offset, long Length)
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
