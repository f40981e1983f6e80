using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.External;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Wire;
using Weights.Formats.Onnx.Writing;
using Weights.IO;

namespace Weights.Formats.Onnx.Reading;

/// <summary>Reads a file: its index, and what it says about itself.</summary>
internal sealed class ModelReader
{
    private readonly Input _input;
    private readonly string _format;
    private readonly Skeleton _skeleton;
    private readonly ExternalFiles _files;
    private readonly ElementReader _elements;
    private readonly TensorSearch _search = new();

    /// <summary>Takes the elements out of the file.</summary>
    /// <exception cref="WeightFileException">It is no sound message of that kind.</exception>
    public ModelReader(Input input, string format, MessageKind kind)
    {
        (_input, _format) = (input, format);
        _skeleton = Skeleton.Take(input.Bytes, kind);
        _files = new ExternalFiles(input);
        _elements = new ElementReader(_skeleton, _files);
    }

    /// <summary>A model.</summary>
    public Checkpoint Model(ReadOptions options)
    {
        ModelProto model = OnnxModel.Parse(_skeleton, ModelProto.Parser);
        _search.Search(model);
        string set = model.OpsetImport.FirstOrDefault(static set => set.Domain.Length == 0) is { } main ? $", opset {main.Version}" : "";
        return Checkpoint($"IR version {model.IrVersion}{set}", options, model);
    }

    /// <summary>A file of one tensor.</summary>
    public Checkpoint Tensor(ReadOptions options)
    {
        _search.Search(OnnxModel.Parse(_skeleton, TensorProto.Parser));
        return Checkpoint("single tensor", options);
    }

    /// <summary>A file of a list of tensors.</summary>
    public Checkpoint Sequence(ReadOptions options)
    {
        _search.Search(OnnxModel.Parse(_skeleton, SequenceProto.Parser));
        return Checkpoint("sequence of tensors", options);
    }

    private Checkpoint Checkpoint(string variant, ReadOptions options, ModelProto? model = null)
    {
        List<Tensor> tensors = [];
        List<Tensor> inner = [];
        Dictionary<string, Tensor> all = new(StringComparer.Ordinal);
        List<LeftOut> leftOut = [.. _search.Hidden.Select(static name => new LeftOut(name, "a later initializer has the same name, and is the one that counts") { IsPartOfGraph = true })];
        leftOut.AddRange(_search.Maps.Select(static name => new LeftOut(name, "a map; keys and values of maps are not read")));
        foreach (FoundTensor found in _search.Found)
        {
            Tensor? tensor = found.Literal ?? _elements.Read(found.Message!, found.Name);
            if (tensor is null)
            {
                leftOut.Add(new LeftOut(found.Name, $"{Strings(found.Message!)}, which are no numbers") { IsPartOfGraph = true });
            }
            else
            {
                all.Add(tensor.Name, tensor);
                (found.IsInitializer || options.AllTensors ? tensors : inner).Add(tensor);
            }
        }
        if (inner.Count > 0)
        {
            leftOut.Add(new LeftOut("constants", "values of the graph's nodes and of inner graphs; --all-tensors takes them, too") { Tensors = inner, IsPartOfGraph = true });
        }
        if (options.Verify)
        {
            _files.Verify();
        }
        string external = _files.Count switch { 0 => "", 1 => ", elements in another file", int count => $", elements in {count:N0} other files" };
        Origin origin = new(_input.Path, _format, variant + external, _input.Bytes.Length + _files.Bytes);
        if (model is null)
        {
            return new Checkpoint(tensors, origin, _input) { LeftOut = leftOut, VerifiedFiles = options.Verify ? _files.Count : 0 };
        }
        IReadOnlyList<QuantizedNodes> quantized = QuantizedNodes.Find(model, all);
        List<Alias> aliases = [];
        foreach ((string name, string of) in PlainModel.Aliases(model))
        {
            if (all.TryGetValue(of, out Tensor? tensor) && all.TryAdd(name, tensor))
            {
                tensors.Add(tensor.Rename(name));
                aliases.Add(new Alias(name, of, AliasKind.Same));
            }
        }
        return new Checkpoint(tensors, origin, _input)
        {
            Metadata = WithSparseShapes(ModelSummary.Metadata(model), model),
            Aliases = aliases,
            LeftOut = leftOut,
            VerifiedFiles = options.Verify ? _files.Count : 0,
            QuantizedValues = [.. quantized.Select(static one => one.Value)],
            Graph = PlainModel.Is(model) ? null : ModelSummary.Of(model, WeightUses.Of(model, all, quantized)),
            Original = PlainModel.Is(model) ? null : new OnnxModel(model, _skeleton, all),
        };
    }

    private static string Strings(TensorProto message) => $"strings of shape {ElementReader.ShapeText(message)}";

    private static MetadataValue.Map WithSparseShapes(MetadataValue.Map metadata, ModelProto model)
    {
        if (model.Graph is not { SparseInitializer.Count: > 0 } graph)
        {
            return metadata;
        }
        return new MetadataValue.Map(
        [
            .. metadata,
            .. graph.SparseInitializer.Select(static sparse => KeyValuePair.Create<string, MetadataValue>(
                sparse.Values?.Name ?? "",
                new MetadataValue.Map([new("layout", new MetadataValue.Text("coo")), new("size", new MetadataValue.List([.. sparse.Dims.Select(static size => new MetadataValue.Integer(size))]))]))),
        ]);
    }
}
