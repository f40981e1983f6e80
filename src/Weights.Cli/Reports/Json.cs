using System.Buffers;
using System.Text;
using System.Text.Json;
using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary>Reports for programs: one JSON object and a line feed. README.md beside this file describes each.</summary>
internal static class Json
{
    // Indented, so that it can be read and compared line by line.
    private static readonly JsonWriterOptions s_options = new() { Indented = true, NewLine = "\n", Encoder = PrintableJson.Instance };

    /// <summary>Prints an object with the given members, after one that says which schema it follows; none where it is not one of ours.</summary>
    public static void Write(Channel channel, string? schema, Action<Utf8JsonWriter> members)
    {
        channel.Writer.Flush();
        Write(channel.Stream, schema, members);
    }

    /// <summary>The same, anywhere.</summary>
    public static void Write(Stream stream, string? schema, Action<Utf8JsonWriter> members)
    {
        using BufferedStream buffer = new(stream, 1 << 16);
        using (Utf8JsonWriter writer = new(buffer, s_options))
        {
            writer.WriteStartObject();
            if (schema is not null)
            {
                writer.WriteString("schema", schema);
            }
            members(writer);
            writer.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
    }

    /// <summary>A member that holds an array of objects, each on a line of its own.</summary>
    public static void Objects<T>(Utf8JsonWriter writer, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> members)
    {
        ArrayBufferWriter<byte> line = new();
        using Utf8JsonWriter lineWriter = new(line, s_options with { Indented = false });
        writer.WriteStartArray(name);
        foreach (T item in items)
        {
            // The writer puts a raw value right behind the comma; blanks at its start are the value's own.
            line.ResetWrittenCount();
            line.Write("\n"u8);
            line.Write(Encoding.UTF8.GetBytes(new string(' ', 2 * writer.CurrentDepth)));
            lineWriter.Reset(line);
            lineWriter.WriteStartObject();
            members(lineWriter, item);
            lineWriter.WriteEndObject();
            lineWriter.Flush();
            writer.WriteRawValue(line.WrittenSpan, skipInputValidation: true);
            // The writer holds everything until it is told; 100,000 tensors are 20 MB.
            if (writer.BytesPending > 1 << 16)
            {
                writer.Flush();
            }
        }
        writer.WriteEndArray();
    }

    /// <summary>A member that holds an array of names.</summary>
    public static void Names(Utf8JsonWriter writer, string name, IEnumerable<string> names)
    {
        writer.WriteStartArray(name);
        foreach (string item in names)
        {
            writer.WriteStringValue(item);
        }
        writer.WriteEndArray();
    }

    /// <summary>A member that holds a number: null stands for none, a string for one that JSON cannot write.</summary>
    public static void Real(Utf8JsonWriter writer, string name, double? value)
    {
        if (value is null)
        {
            writer.WriteNull(name);
        }
        else if (double.IsFinite(value.Value))
        {
            writer.WriteNumber(name, value.Value);
        }
        else
        {
            writer.WriteString(name, value.Value.ToString());
        }
    }
}
