using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary><c>weights inspect</c> for programs.</summary>
internal static class InspectJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(Inspection inspection, Channel channel) => Json.Write(channel, "weights/inspect/1", writer =>
    {
        WriteSummary(inspection, writer);
        if (inspection.Modules is { } modules)
        {
            Json.Objects(writer, "modules", modules.Flatten().Where(module => !(module.Depth > inspection.Depth)), WriteModule);
        }
        Json.Objects(writer, "tensors", inspection.Rows, (line, tensor) =>
        {
            WriteTensor(line, tensor);
            line.WriteNumber("share", Math.Round((decimal)Quantity.Share(tensor.Bytes.Length, inspection.FileTensorBytes), 6));
            if (inspection.Statistics is { } statistics)
            {
                WriteStatistics(line, statistics[tensor]);
            }
        });
    });

    // What is not known is null or empty. Everything here is in the metadata too, wherever the training program put it.
    private static void WriteCard(ModelCard card, Utf8JsonWriter writer)
    {
        writer.WriteStartObject("model");
        writer.WriteString("class", card.ClassName);
        writer.WriteString("task", card.Task);
        Json.Names(writer, "class_names", card.ClassNames);
        writer.WritePropertyName("strides");
        new MetadataValue.List([.. card.Strides.Select(static stride => new MetadataValue.Real(stride))]).WriteTo(writer);
        writer.WritePropertyName("architecture");
        ((MetadataValue?)card.Architecture ?? MetadataValue.Null.Value).WriteTo(writer);
        writer.WritePropertyName("training_arguments");
        ((MetadataValue?)card.TrainingArguments ?? MetadataValue.Null.Value).WriteTo(writer);
        writer.WriteString("date", card.Date);
        writer.WriteString("version", card.Version);
        writer.WritePropertyName("epoch");
        (card.Epoch is { } epoch ? new MetadataValue.Integer(epoch) : (MetadataValue)MetadataValue.Null.Value).WriteTo(writer);
        Json.Real(writer, "fitness", card.Fitness);
        writer.WriteEndObject();
    }

    private static void WriteModule(Utf8JsonWriter line, ModuleNode module)
    {
        line.WriteString("path", module.Path);
        line.WriteString("class", module.ClassName);
        line.WriteNumber("tensors", module.Tensors);
        line.WriteNumber("parameters", module.Parameters);
        line.WriteNumber("buffers", module.Buffers);
        line.WriteNumber("bytes", module.Bytes);
    }

    private static void WriteSummary(Inspection inspection, Utf8JsonWriter writer)
    {
        Checkpoint checkpoint = inspection.Checkpoint;
        writer.WriteString("path", checkpoint.Origin.Path);
        writer.WriteString("format", checkpoint.Origin.Format);
        writer.WriteString("variant", checkpoint.Origin.Variant);
        writer.WriteNumber("file_bytes", checkpoint.Origin.FileBytes);
        writer.WriteNumber("file_tensor_count", inspection.FileTensors);
        writer.WriteNumber("file_tensor_bytes", inspection.FileTensorBytes);
        writer.WriteNumber("tensor_count", checkpoint.Tensors.Count);
        writer.WriteNumber("tensor_bytes", checkpoint.TensorBytes);
        writer.WriteNumber("parameter_count", checkpoint.ParameterCount);
        Json.Objects(writer, "dtypes", inspection.DTypes, (line, total) =>
        {
            line.WriteString("dtype", total.DType.Name);
            line.WriteNumber("tensors", total.Tensors);
            line.WriteNumber("elements", total.Elements);
            line.WriteNumber("bytes", total.Bytes);
        });
        if (inspection.Card is { } card)
        {
            WriteCard(card, writer);
        }
        else
        {
            writer.WriteNull("model");
        }
        if (checkpoint.Graph is { } graph)
        {
            WriteGraph(graph, writer);
        }
        else
        {
            writer.WriteNull("graph");
        }
        writer.WritePropertyName("metadata");
        checkpoint.Metadata.WriteTo(writer);
        Json.Objects(writer, "aliases", checkpoint.Aliases, (line, alias) =>
        {
            line.WriteString("name", alias.Name);
            line.WriteString("of", alias.Of);
            line.WriteString("kind", alias.Kind == AliasKind.Same ? "same" : "overlapping");
        });
        Json.Objects(writer, "quantized_values", checkpoint.QuantizedValues, WriteQuantized);
        Json.Objects(writer, "left_out", checkpoint.LeftOut, (line, part) =>
        {
            line.WriteString("path", part.Path);
            line.WriteString("reason", part.Reason);
            line.WriteStartArray("tensors");
            foreach (Tensor tensor in part.Tensors)
            {
                line.WriteStartObject();
                WriteTensor(line, tensor);
                line.WriteEndObject();
            }
            line.WriteEndArray();
        });
    }

    private static void WriteQuantized(Utf8JsonWriter writer, QuantizedValue value)
    {
        writer.WriteString("name", value.Name);
        writer.WriteString("kind", value.Kind == QuantizedValueKind.Linear ? "linear" : "block_matrix");
        writer.WriteString("numbers", value.Numbers);
        writer.WriteString("scales", value.Scales);
        writer.WriteString("zero_points", value.ZeroPoints);
        writer.WriteString("dtype", value.DType.Name);
        WriteShape(writer, value.Shape);
        writer.WriteNumber("axis", value.Axis);
        writer.WriteNumber("block_size", value.BlockSize);
    }

    private static void WriteShape(Utf8JsonWriter writer, Shape shape)
    {
        writer.WriteStartArray("shape");
        foreach (long dimension in shape.Dimensions)
        {
            writer.WriteNumberValue(dimension);
        }
        writer.WriteEndArray();
    }

    private static void WriteTensor(Utf8JsonWriter writer, Tensor tensor)
    {
        writer.WriteString("name", tensor.Name);
        writer.WriteString("dtype", tensor.DType.Name);
        WriteShape(writer, tensor.Shape);
        writer.WriteNumber("bytes", tensor.Bytes.Length);
    }

    private static void WriteGraph(GraphSummary graph, Utf8JsonWriter writer)
    {
        writer.WriteStartObject("graph");
        writer.WriteString("name", graph.Name);
        writer.WriteString("producer", graph.Producer);
        Integer("ir_version", graph.IrVersion);
        Integer("model_version", graph.ModelVersion);
        writer.WriteStartObject("opsets");
        foreach ((string domain, long version) in graph.OperatorSets.DistinctBy(static set => set.Key))
        {
            writer.WriteNumber(domain, version);
        }
        writer.WriteEndObject();
        Json.Objects(writer, "inputs", graph.Inputs, WriteValue);
        Json.Objects(writer, "outputs", graph.Outputs, WriteValue);
        writer.WriteNumber("node_count", graph.Nodes);
        writer.WriteNumber("inner_node_count", graph.InnerNodes);
        writer.WriteStartObject("operators");
        foreach ((string name, int count) in graph.Operators)
        {
            writer.WriteNumber(name, count);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();

        void Integer(string name, long? value)
        {
            if (value is { } number)
            {
                writer.WriteNumber(name, number);
            }
            else
            {
                writer.WriteNull(name);
            }
        }
    }

    private static void WriteValue(Utf8JsonWriter line, GraphValue value)
    {
        line.WriteString("name", value.Name);
        line.WriteString("type", value.Type);
        if (value.Dimensions is null)
        {
            line.WriteNull("shape");
            return;
        }
        line.WriteStartArray("shape");
        foreach (string dimension in value.Dimensions)
        {
            if (long.TryParse(dimension, out long size))
            {
                line.WriteNumberValue(size);
            }
            else
            {
                line.WriteStringValue(dimension);
            }
        }
        line.WriteEndArray();
    }

    private static void WriteStatistics(Utf8JsonWriter writer, TensorStatistics statistics)
    {
        writer.WriteStartObject("stats");
        writer.WriteNumber("count", statistics.Count);
        Json.Real(writer, "min", statistics.Min);
        Json.Real(writer, "max", statistics.Max);
        Json.Real(writer, "mean", statistics.Mean);
        Json.Real(writer, "std", statistics.StandardDeviation);
        writer.WriteNumber("zeros", statistics.Zeros);
        writer.WriteNumber("nans", statistics.NaNs);
        writer.WriteNumber("infinities", statistics.Infinities);
        writer.WriteEndObject();
    }
}
