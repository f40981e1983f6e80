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
            line.WriteString("name", tensor.Name);
            line.WriteString("dtype", tensor.DType.Name);
            line.WriteStartArray("shape");
            foreach (long dimension in tensor.Shape.Dimensions)
            {
                line.WriteNumberValue(dimension);
            }
            line.WriteEndArray();
            line.WriteNumber("bytes", tensor.Bytes.Length);
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
        writer.WritePropertyName("metadata");
        checkpoint.Metadata.WriteTo(writer);
        Json.Objects(writer, "aliases", checkpoint.Aliases, (line, alias) =>
        {
            line.WriteString("name", alias.Name);
            line.WriteString("of", alias.Of);
            line.WriteString("kind", alias.Kind == AliasKind.Same ? "same" : "overlapping");
        });
        Json.Objects(writer, "left_out", checkpoint.LeftOut, (line, part) =>
        {
            line.WriteString("path", part.Path);
            line.WriteString("reason", part.Reason);
        });
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
