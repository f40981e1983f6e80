using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Messages;

namespace Weights.Formats.Onnx.Reading;

/// <summary>What a model says about itself.</summary>
internal static class ModelSummary
{
    private const string DefaultDomain = "ai.onnx";
    private const int MaxDepth = 16;

    /// <summary>Of its graph.</summary>
    /// <param name="model">The model.</param>
    /// <param name="uses">How its weights are used.</param>
    public static GraphSummary Of(ModelProto model, IReadOnlyDictionary<string, WeightUse> uses)
    {
        GraphProto graph = model.Graph ?? new GraphProto();
        HashSet<string> initializers = [.. graph.Initializer.Select(static tensor => tensor.Name), .. graph.SparseInitializer.Select(static sparse => sparse.Values?.Name ?? "")];
        return new GraphSummary
        {
            Name = graph.Name,
            Producer = string.Join(' ', new[] { model.ProducerName.ToStringUtf8(), model.ProducerVersion.ToStringUtf8() }.Where(static text => text.Length > 0)),
            IrVersion = model.HasIrVersion ? model.IrVersion : null,
            ModelVersion = model.HasModelVersion && model.ModelVersion != 0 ? model.ModelVersion : null,
            OperatorSets = [.. model.OpsetImport.Select(static set => KeyValuePair.Create(set.Domain.Length == 0 ? DefaultDomain : set.Domain, set.Version))],
            // Before version 4 each initializer had to be an input, too.
            Inputs = [.. graph.Input.Where(input => !initializers.Contains(input.Name)).Select(Value)],
            Outputs = [.. graph.Output.Select(Value)],
            Operators = [.. graph.Node.GroupBy(Operator).Select(static group => KeyValuePair.Create(group.Key, group.Count())).OrderByDescending(static entry => entry.Value).ThenBy(static entry => entry.Key, StringComparer.Ordinal)],
            WeightUses = uses,
            Nodes = graph.Node.Count,
            InnerNodes = graph.Node.Sum(InnerNodes) + model.Functions.Sum(static function => function.Node.Count + function.Node.Sum(InnerNodes)),
        };
    }

    /// <summary>Its metadata: the properties, and its description.</summary>
    public static MetadataValue.Map Metadata(ModelProto model)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [];
        if (model.DocString.Length > 0)
        {
            entries.Add(new("doc_string", new MetadataValue.Text(model.DocString.ToStringUtf8())));
        }
        entries.AddRange(model.MetadataProps.Select(static property => KeyValuePair.Create<string, MetadataValue>(property.Key, new MetadataValue.Text(property.Value.ToStringUtf8()))));
        return new MetadataValue.Map(entries);
    }

    private static string Operator(NodeProto node) => node.Domain.Length is 0 || node.Domain == DefaultDomain ? node.OpType : $"{node.Domain}.{node.OpType}";

    private static int InnerNodes(NodeProto node)
    {
        int count = 0;
        foreach (AttributeProto attribute in node.Attribute)
        {
            foreach (GraphProto graph in attribute.G is null ? attribute.Graphs : attribute.Graphs.Append(attribute.G))
            {
                count += graph.Node.Count + graph.Node.Sum(InnerNodes);
            }
        }
        return count;
    }

    private static GraphValue Value(ValueInfoProto value) => new(value.Name, TypeName(value.Type, 0), value.Type is { } type ? Dimensions(type) : null);

    private static string TypeName(TypeProto? type, int depth) => depth > MaxDepth ? "…" : type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => ElementType.NameOf(type.TensorType.ElemType),
        TypeProto.ValueOneofCase.SparseTensorType => $"sparse {ElementType.NameOf(type.SparseTensorType.ElemType)}",
        TypeProto.ValueOneofCase.SequenceType => $"sequence of {TypeName(type.SequenceType.ElemType, depth + 1)}",
        TypeProto.ValueOneofCase.OptionalType => $"optional {TypeName(type.OptionalType.ElemType, depth + 1)}",
        TypeProto.ValueOneofCase.MapType => $"map from {ElementType.NameOf(type.MapType.KeyType)} to {TypeName(type.MapType.ValueType, depth + 1)}",
        _ => "unknown",
    };

    private static string[]? Dimensions(TypeProto type)
    {
        TensorShapeProto? shape = type.ValueCase switch
        {
            TypeProto.ValueOneofCase.TensorType => type.TensorType.Shape,
            TypeProto.ValueOneofCase.SparseTensorType => type.SparseTensorType.Shape,
            _ => null,
        };
        return shape is null ? null : [.. shape.Dim.Select(static dimension => dimension.ValueCase switch
        {
            TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue => dimension.DimValue.ToString(),
            TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 => dimension.DimParam,
            _ => "?",
        })];
    }
}
