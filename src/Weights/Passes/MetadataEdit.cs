using System.Globalization;
using System.Text.Json;

namespace Weights.Passes;

/// <summary>A change of metadata: a key gets a value, or goes.</summary>
public sealed class MetadataEdit
{
    private readonly string? _text;

    private MetadataEdit(string key, string? text) => (Key, _text) = (key, text);

    /// <summary>The key, as the file has it.</summary>
    public string Key { get; }

    /// <summary>Reads <c>KEY=VALUE</c>; the first <c>=</c> parts them.</summary>
    /// <exception cref="FormatException">It is of another form.</exception>
    public static MetadataEdit Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int separator = text.IndexOf('=');
        return separator > 0
            ? new MetadataEdit(text[..separator], text[(separator + 1)..])
            : throw new FormatException($"'{text}' is not of the form KEY=VALUE, for example general.name=Tiny");
    }

    /// <summary>That a key goes.</summary>
    /// <exception cref="FormatException">It is empty.</exception>
    public static MetadataEdit Removal(string key) =>
        key is { Length: > 0 } ? new MetadataEdit(key, null) : throw new FormatException("a key must not be empty");

    /// <summary>Whether the key goes.</summary>
    public bool IsRemoval => _text is null;

    /// <summary>The new value: of the kind that the key has now, where it has one, else what the text looks like (JSON or plain text).</summary>
    /// <exception cref="FormatException">The text is no value of that kind.</exception>
    internal MetadataValue Value(MetadataValue? now)
    {
        string text = _text!;
        return now switch
        {
            null or MetadataValue.Null => Guess(text),
            MetadataValue.Text => new MetadataValue.Text(text),
            MetadataValue.Integer => Integer(text) ?? throw NotA("a whole number"),
            MetadataValue.Real => Real(text) ?? throw NotA("a number"),
            MetadataValue.Bool => Bool(text) ?? throw NotA("true or false"),
            _ => FromJson(text) is { } value && value.GetType() == now.GetType() ? value : throw NotA(now is MetadataValue.List ? "a list, such as [1, 2]" : "an object in JSON"),
        };
    }

    private FormatException NotA(string kind) => new($"the value of '{Key}' is {kind} in this file, which '{_text}' is not");

    private static MetadataValue Guess(string text) =>
        (MetadataValue?)Integer(text) ?? (MetadataValue?)Real(text) ?? Bool(text) ?? (text is ['[' or '{' or '"', ..] ? FromJson(text) : null) ?? new MetadataValue.Text(text);

    private static MetadataValue.Integer? Integer(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? new MetadataValue.Integer(number) : null;

    private static MetadataValue.Real? Real(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? new MetadataValue.Real(number) : null;

    private static MetadataValue.Bool? Bool(string text) => text is "true" or "false" ? new MetadataValue.Bool(text == "true") : null;

    private static MetadataValue? FromJson(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MetadataValue.MaxDepth });
            return Of(document.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static MetadataValue Of(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => new MetadataValue.Text(element.GetString()!),
        JsonValueKind.Number when element.TryGetInt64(out long integer) && !element.GetRawText().Contains('.', StringComparison.Ordinal) => new MetadataValue.Integer(integer),
        JsonValueKind.Number => new MetadataValue.Real(element.GetDouble()),
        JsonValueKind.True or JsonValueKind.False => new MetadataValue.Bool(element.GetBoolean()),
        JsonValueKind.Array => new MetadataValue.List([.. element.EnumerateArray().Select(Of)]),
        JsonValueKind.Object => new MetadataValue.Map(element.EnumerateObject().Select(static member => new KeyValuePair<string, MetadataValue>(member.Name, Of(member.Value)))),
        _ => MetadataValue.Null.Value,
    };
}

/// <summary>Changes what a checkpoint says besides its tensors.</summary>
public static class MetadataEditing
{
    /// <summary>The same tensors with metadata changed in order; a key that is new comes last.</summary>
    /// <exception cref="FormatException">A value is not of the kind that its key has, or a key that is to go is not there.</exception>
    public static Checkpoint Edit(this Checkpoint checkpoint, IReadOnlyList<MetadataEdit> edits)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(edits);
        if (edits.Count == 0)
        {
            return checkpoint;
        }
        OrderedDictionary<string, MetadataValue> metadata = new(checkpoint.Metadata, StringComparer.Ordinal);
        foreach (MetadataEdit edit in edits)
        {
            if (!edit.IsRemoval)
            {
                metadata[edit.Key] = edit.Value(metadata.GetValueOrDefault(edit.Key));
            }
            else if (!metadata.Remove(edit.Key))
            {
                throw new FormatException($"there is no metadata '{edit.Key}' to remove; 'weights inspect' lists it");
            }
        }
        return checkpoint.With(new MetadataValue.Map(metadata));
    }
}
