namespace Weights.Formats.PyTorch.Distributed;

/// <summary>
/// A chunk's elements, row-major. Its archive is looked at when they are first wanted: what it needs to have is known from the metadata.
/// </summary>
internal sealed class ChunkBytes : ByteSource
{
    private readonly StoredItem _item;
    private readonly string _tensor;
    private readonly TorchElement _element;
    private readonly long[] _sizes;
    private readonly Lock _lock = new();
    private volatile ByteSource? _bytes;

    /// <param name="item">Where the chunk is.</param>
    /// <param name="tensor">The tensor it is a part of, for messages.</param>
    /// <param name="element">What the tensor is made of.</param>
    /// <param name="sizes">The chunk's dimensions; its bytes fit 63 bits.</param>
    public ChunkBytes(StoredItem item, string tensor, TorchElement element, long[] sizes)
    {
        (_item, _tensor, _element, _sizes) = (item, tensor, element, sizes);
        Length = element.Bytes;
        foreach (long size in sizes)
        {
            Length = checked(Length * size);
        }
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override uint? Crc32 => Bytes().Crc32;

    protected override void ReadCore(long offset, Span<byte> destination) => Bytes().Read(offset, destination);

    private ByteSource Bytes()
    {
        if (_bytes is { } known)
        {
            return known;
        }
        lock (_lock)
        {
            return _bytes ??= Open();
        }
    }

    private ByteSource Open()
    {
        try
        {
            TorchFile file = _item.Load();
            if (file.Root is not TorchTensor tensor)
            {
                throw new WeightFileException(Fault.Corrupt, $"one of its chunks is {file.Root.Kind} and no tensor");
            }
            if (tensor.View is { } view && (view.Element != _element || !view.Shape.AsSpan().SequenceEqual(_sizes)))
            {
                throw new WeightFileException(Fault.Corrupt, $"one of its chunks is torch.{view.Element.Name} [{string.Join(", ", view.Shape)}], where the metadata says torch.{_element.Name} [{string.Join(", ", _sizes)}]; the files are not of one checkpoint");
            }
            ByteSource bytes = tensor.ToTensor(_tensor).Bytes;
            if (bytes.ReadsForward)
            {
                _item.File.Own(file.Input); // It holds a stream that must be closed.
            }
            return bytes;
        }
        catch (WeightFileException error)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File ?? _item.File.Path, _tensor, error.Offset ?? _item.Offset, error);
        }
    }
}
