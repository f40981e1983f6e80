using System.Text;
using System.Text.Json;

namespace Weights.Passes;

/// <summary>
/// Which tensor of one file goes where in another, as somebody wrote it down: lines <c>model-name = weights-name</c>, or with a tab instead
/// of the sign, where <c>#</c> begins a comment and <c>transposed</c> at the end exchanges rows and columns; or a JSON object from
/// model names to weights names, or to <c>{"from": name, "transpose": true}</c>.
/// </summary>
public sealed class GraftMap
{
    private const string Transposed = " transposed";
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    private GraftMap(string file) => File = file;

    /// <summary>One line.</summary>
    /// <param name="Line">Its number, from 1.</param>
    /// <param name="Model">Name in the model.</param>
    /// <param name="Weights">Name of what goes there.</param>
    /// <param name="IsTransposed">Whether rows and columns are exchanged.</param>
    public sealed record Entry(int Line, string Model, string Weights, bool IsTransposed);

    /// <summary>Where it was read, for messages.</summary>
    public string File { get; }

    /// <summary>All lines that say something.</summary>
    public IReadOnlyCollection<Entry> Entries => _entries.Values;

    /// <summary>What goes to a tensor of the model, or null.</summary>
    public Entry? For(string model) => _entries.GetValueOrDefault(model);

    /// <summary>Reads a map; what begins with a brace is JSON.</summary>
    /// <param name="text">The map, UTF-8.</param>
    /// <param name="file">Where it was read, for messages.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: a line is not of the form, or names a tensor of the model again.</exception>
    public static GraftMap Parse(ReadOnlySpan<byte> text, string file)
    {
        GraftMap map = new(file);
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        text = text.StartsWith(mark) ? text[mark.Length..] : text;
        if (text.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
        {
            map.ReadJson(text);
        }
        else
        {
            map.ReadLines(Encoding.UTF8.GetString(text));
        }
        return map;
    }

    /// <summary>A refusal that names the line.</summary>
    internal WeightFileException Refuse(int line, string reason) => new(Fault.Corrupt, $"line {line}: {reason}", File);

    private void ReadLines(string text)
    {
        int number = 0;
        foreach (string line in text.Split('\n').Select(static line => line.Trim()))
        {
            number++;
            if (line.Length > 0 && line[0] != '#')
            {
                (string model, string weights) = Pair(line, number);
                bool isTransposed = weights.EndsWith(Transposed, StringComparison.Ordinal);
                Add(new Entry(number, model, isTransposed ? weights[..^Transposed.Length].TrimEnd() : weights, isTransposed));
            }
        }
    }

    // Names may contain the sign themselves: a tab, or else the only sign between blanks, or else the only sign parts them.
    private (string Model, string Weights) Pair(string line, int number)
    {
        foreach (string separator in (string[])["\t", " = ", "="])
        {
            string[] parts = line.Split(separator);
            if (parts.Length == 2 && parts[0].Trim() is { Length: > 0 } model && parts[1].Trim() is { Length: > 0 } weights)
            {
                return (model, weights);
            }
            if (parts.Length > 1)
            {
                break;
            }
        }
        throw Refuse(number, $"{WeightFileException.Quote(line)} is not of the form 'model-name = weights-name'; a tab, or a map in JSON, parts names with that sign in them");
    }

    private void ReadJson(ReadOnlySpan<byte> text)
    {
        Utf8JsonReader reader = new(text);
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                int line = 1 + text[..(int)reader.TokenStartIndex].Count((byte)'\n');
                string model = reader.GetString()!;
                reader.Read();
                (string weights, bool isTransposed) = Value(ref reader, line);
                Add(new Entry(line, model, weights, isTransposed));
            }
            reader.Read();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            int line = 1 + text[..(int)Math.Min(reader.BytesConsumed, text.Length)].Count((byte)'\n');
            throw new WeightFileException(Fault.Corrupt, $"line {line}: is not JSON: {error.Message.Split(" LineNumber", 2)[0].TrimEnd('.')}", File, inner: error);
        }
    }

    private (string Weights, bool IsTransposed) Value(ref Utf8JsonReader reader, int line)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return (reader.GetString()!, false);
        }
        (string? from, bool isTransposed, bool isKnown) = (null, false, reader.TokenType == JsonTokenType.StartObject);
        while (isKnown && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key, reader.TokenType)
            {
                case ("from", JsonTokenType.String):
                    from = reader.GetString();
                    break;
                case ("transpose", JsonTokenType.True or JsonTokenType.False):
                    isTransposed = reader.GetBoolean();
                    break;
                default:
                    isKnown = false;
                    break;
            }
        }
        return isKnown && from is not null
            ? (from, isTransposed)
            : throw Refuse(line, "its value is neither a name nor {\"from\": name, \"transpose\": true}");
    }

    private void Add(Entry entry)
    {
        if (!_entries.TryAdd(entry.Model, entry))
        {
            throw Refuse(entry.Line, $"{WeightFileException.Quote(entry.Model)} is mapped on line {_entries[entry.Model].Line} already; keep one of the two");
        }
    }
}
