using System.Text.Json;
using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary><c>weights convert</c> for programs.</summary>
internal static class ConvertJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(Conversion conversion, Channel channel) => Json.Write(channel, "weights/convert/1", writer =>
    {
        WriteOrigin(writer, "input", conversion.Checkpoint.Origin);
        WriteOutput(writer, conversion);
        writer.WriteNumber("tensor_count", conversion.Checkpoint.Tensors.Count);
        writer.WriteNumber("tensor_bytes", conversion.Checkpoint.TensorBytes);
        writer.WriteNumber("parameter_count", conversion.Checkpoint.ParameterCount);
        WriteEnd(writer, conversion);
    });

    /// <summary>A file that was read.</summary>
    public static void WriteOrigin(Utf8JsonWriter writer, string name, Origin origin)
    {
        writer.WriteStartObject(name);
        writer.WriteString("path", origin.Path);
        writer.WriteString("format", origin.Format);
        writer.WriteString("variant", origin.Variant);
        writer.WriteNumber("file_bytes", origin.FileBytes);
        writer.WriteEndObject();
    }

    /// <summary>What was written.</summary>
    public static void WriteOutput(Utf8JsonWriter writer, Conversion conversion)
    {
        writer.WriteStartObject("output");
        writer.WriteString("path", conversion.Output);
        writer.WriteString("format", conversion.Format);
        writer.WriteBoolean("written", conversion.Time is not null);
        writer.WriteNumber("bytes", conversion.Bytes);
        Json.Objects(writer, "files", conversion.Files, (line, file) =>
        {
            line.WriteString("path", conversion.PathOf(file));
            line.WriteNumber("bytes", file.Length);
        });
        writer.WriteEndObject();
    }

    /// <summary>How long it took, and the ledger.</summary>
    public static void WriteEnd(Utf8JsonWriter writer, Conversion conversion)
    {
        Json.Real(writer, "seconds", conversion.Time is { } time ? Math.Round(time.TotalSeconds, 3) : null);
        Json.Objects(writer, "ledger", conversion.Ledger, (line, entry) =>
        {
            line.WriteString("kind", Name(entry.Kind));
            line.WriteString("subject", entry.Subject);
            line.WriteString("reason", entry.Reason);
        });
    }

    /// <summary>What the schema calls a kind of entry.</summary>
    public static string Name(LedgerKind kind) => kind switch
    {
        LedgerKind.LeftOut => "left_out",
        LedgerKind.Cast => "cast",
        LedgerKind.Renamed => "renamed",
        LedgerKind.Deduplicated => "deduplicated",
        LedgerKind.Untied => "untied",
        LedgerKind.Restated => "restated",
        LedgerKind.Kept => "kept",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
