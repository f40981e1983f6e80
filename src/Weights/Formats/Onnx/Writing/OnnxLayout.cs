using Google.Protobuf;
using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.External;
using Weights.Formats.Onnx.Wire;
using Weights.IO;

namespace Weights.Formats.Onnx.Writing;

/// <summary>Lays out a model, and the file beside it where elements go to one.</summary>
internal sealed class OnnxLayout
{
    // protobuf counts a message's bytes in 31 bits.
    private const long MostBytes = int.MaxValue;

    // What shapes depend on has to stay in the model for runtimes to work with it: sizes and indexes, and the factors of a Resize.
    private const long LeastExternalBytes = 1024;
    private const long LeastExternalFloatBytes = 128;

    // So that the elements can be mapped into memory.
    private const long Alignment = 4096;

    private const string OwnExtension = ".data";

    // Number of the field of a value in StringStringEntryProto.
    private const int ValueField = 2;

    private readonly ModelDraft _draft;
    private readonly string _fileName;
    private readonly WriteOptions _options;
    private readonly List<Payload> _payloads;

    private OnnxLayout(ModelDraft draft, string fileName, WriteOptions options)
    {
        (_draft, _fileName, _options) = (draft, fileName, options);
        _payloads = [.. draft.Payloads];
    }

    /// <summary>The files; the model comes last, as it names the other.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a type or name that the format cannot hold, or more bytes than it can.</exception>
    public static IReadOnlyList<FileLayout> Files(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger)
    {
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            MetadataText.RequireUtf8(tensor);
            if (tensor.Name.Length == 0)
            {
                throw new WeightFileException(Fault.Unsupported, "has an empty name, which in ONNX means that there is no tensor; give it one with --rename", tensor: tensor.Name);
            }
        }
        TypeCheck.Require("onnx", ElementType.Stored, checkpoint.Tensors);
        ModelDraft draft = checkpoint.Original is OnnxModel original
            ? KeptGraph.Draft(original, checkpoint, ledger)
            : PlainModel.Draft(checkpoint, Dropped(checkpoint, options.Aliases, ledger), ledger);
        return new OnnxLayout(draft, fileName, options).Files(checkpoint, ledger);
    }

    // Names that are another tensor's too: by default each is written, as a runtime knows none but those.
    private static Dictionary<string, string> Dropped(Checkpoint checkpoint, AliasMode mode, Ledger ledger)
    {
        Dictionary<string, string> dropped = new(StringComparer.Ordinal);
        foreach ((string name, string of) in checkpoint.SameAs())
        {
            Tensor tensor = checkpoint.Find(name)!;
            Tensor first = checkpoint.Find(of)!;
            if (mode == AliasMode.Drop && tensor.DType == first.DType && tensor.Shape == first.Shape)
            {
                dropped.Add(name, of);
                ledger.Add(LedgerKind.Deduplicated, name, $"is the same tensor as {WeightFileException.Quote(of)}, under which it is written once; a node gives it the other name");
            }
            else
            {
                ledger.Add(LedgerKind.Untied, name, $"shares storage with {WeightFileException.Quote(of)} and is written out in full; --aliases drop writes one copy of names that are the same tensor");
            }
        }
        return dropped;
    }

    private IReadOnlyList<FileLayout> Files(Checkpoint checkpoint, Ledger ledger)
    {
        DraftTensor[] external = External();
        FileLayout? elements = _options.ExternalFormat is not null ? Foreign(checkpoint, external, ledger) : external.Length > 0 ? Own(external) : null;
        HashSet<DraftTensor> outside = new(external, ReferenceEqualityComparer.Instance);
        foreach (DraftTensor tensor in _draft.Tensors.Where(tensor => !outside.Contains(tensor) && !(tensor.IsInPlace && !tensor.WasExternal)))
        {
            tensor.Message.ExternalData.Clear();
            tensor.Message.ClearDataLocation();
            tensor.Message.Payload.Clear();
            tensor.Message.Payload.Add(Add(Payload.Raw(tensor.Tensor.Bytes, tensor.Tensor.Name)));
        }
        FileLayout model = Model();
        return elements is null ? [model] : [elements, model];
    }

    private DraftTensor[] External()
    {
        ElementPlacement placement = _options.ExternalFormat is null ? _options.Placement : ElementPlacement.External;
        if (placement == ElementPlacement.Automatic)
        {
            long inside = _draft.Tensors.Where(static tensor => !tensor.WasExternal).Sum(static tensor => tensor.Tensor.Bytes.Length);
            if (inside < MostBytes - _draft.Message.CalculateSize())
            {
                return [.. _draft.Tensors.Where(static tensor => tensor.WasExternal && tensor.Tensor.Bytes.Length > 0)];
            }
        }
        return placement == ElementPlacement.Inline ? [] : [.. _draft.Tensors.Where(static tensor => CanMove(tensor.Tensor) && (tensor.IsInitializer || tensor.WasExternal))];
    }

    private static bool CanMove(Tensor tensor) => tensor.Bytes.Length >= (tensor.DType.Kind is DTypeKind.Float or DTypeKind.Complex ? LeastExternalFloatBytes : LeastExternalBytes);

    // Nothing but elements, each at an offset that can be mapped; tensors that are one range of bytes are one here, too.
    private FileLayout Own(DraftTensor[] tensors)
    {
        string name = _fileName + OwnExtension;
        List<Segment> segments = [];
        Dictionary<ByteSource, long> offsets = new(ReferenceEqualityComparer.Instance);
        long end = 0;
        foreach (DraftTensor tensor in tensors)
        {
            ByteSource bytes = tensor.Tensor.Bytes;
            long offset = (end + Alignment - 1) / Alignment * Alignment;
            if (offsets.TryAdd(bytes, offset))
            {
                segments.Add(new Segment(offset, bytes, tensor.Tensor.Name));
                end = offset + bytes.Length;
            }
        }
        return Referenced(new FileLayout { Name = name, Length = end, Segments = segments }, tensors, tensor => offsets[tensor.Tensor.Bytes]);
    }

    // A file of another format, whose tensors stand in it as they are. It has the small ones too, so that it is whole by itself.
    private FileLayout Foreign(Checkpoint checkpoint, DraftTensor[] tensors, Ledger ledger)
    {
        Format format = _options.ExternalFormat!;
        string stem = Path.GetFileNameWithoutExtension(_fileName);
        IEnumerable<Tensor> initializers = _draft.Tensors.Where(static tensor => tensor.IsInitializer).Select(static tensor => tensor.Tensor);
        Checkpoint file = new(initializers, checkpoint.Origin) { Metadata = checkpoint.Original is null ? checkpoint.Metadata : MetadataValue.Map.Empty };
        FileLayout layout = format.Layout(file, stem + format.Extensions[0], new WriteOptions(), ledger) is [{ Finish: null } only]
            ? only
            : throw new WeightFileException(Fault.Unsupported, $"a {format.Name} file cannot hold the elements of a model, as its bytes are not laid out before it is written; give --external alone");
        Dictionary<string, long> offsets = new(StringComparer.Ordinal);
        foreach (Segment segment in layout.Segments.Where(static segment => segment.Tensor is not null))
        {
            offsets.Add(segment.Tensor!, segment.Offset);
        }
        return Referenced(layout, tensors, tensor => offsets[tensor.Tensor.Name]);
    }

    private FileLayout Referenced(FileLayout layout, DraftTensor[] tensors, Func<DraftTensor, long> offset)
    {
        // A file that stays beside the model without one stays without one: to compute it takes longer than to copy the file.
        bool staysUnchecked = _options is { Placement: ElementPlacement.Automatic, ExternalFormat: null } && tensors.All(static tensor => tensor.WasUnchecked);
        FileDigest? digest = _options.WithoutChecksum || staysUnchecked ? null : new(new LayoutBytes(layout));
        uint? checksum = digest is null ? null : Add(Payload.Delimited(ValueField, digest));
        foreach (DraftTensor tensor in tensors)
        {
            new ExternalEntry(layout.Name, offset(tensor), tensor.Tensor.Bytes.Length, null).WriteTo(tensor.Message, checksum);
        }
        return digest is null ? layout : layout with { Alongside = digest.Compute };
    }

    private FileLayout Model()
    {
        byte[] message = _draft.Message.ToByteArray();
        (IReadOnlyList<Segment> segments, long length) = new Skeleton(message, _payloads).Put(MessageKind.Model);
        return length <= MostBytes
            ? new FileLayout { Name = _fileName, Length = length, Segments = segments }
            : throw new WeightFileException(Fault.Unsupported, $"the model would have {length:N0} bytes, but protobuf, which ONNX is made of, ends at {MostBytes:N0}; put elements in a file beside it with --external");
    }

    private uint Add(Payload payload)
    {
        _payloads.Add(payload);
        return (uint)(_payloads.Count - 1);
    }
}
