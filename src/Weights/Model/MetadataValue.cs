using System.Collections;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weights;

/// <summary>A value that a file holds beside its tensors: one closed union of text, integer, real, bool, null, list and map.</summary>
public abstract record MetadataValue
{
    private static readonly JsonWriterOptions s_jsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth + 8 };

    /// <summary>Deepest nesting of lists and maps that a reader may produce; config files stay below ten.</summary>
    public const int MaxDepth = 64;

    private MetadataValue()
    {
    }

    /// <summary>Text.</summary>
    public sealed record Text(string Value) : MetadataValue;

    /// <summary>A whole number of 64 bits.</summary>
    public sealed record Integer(long Value) : MetadataValue;

    /// <summary>A floating-point number.</summary>
    public sealed record Real(double Value) : MetadataValue;

    /// <summary>True or false.</summary>
    public sealed record Bool(bool Value) : MetadataValue;

    /// <summary>Said to be nothing (Python's None, JSON's null).</summary>
    public sealed record Null : MetadataValue
    {
        private Null()
        {
        }

        /// <summary>The one value.</summary>
        public static Null Value { get; } = new();
    }

    /// <summary>Values in order.</summary>
    public sealed record List(IReadOnlyList<MetadataValue> Items) : MetadataValue
    {
        /// <inheritdoc/>
        public bool Equals(List? other) => other is not null && Items.SequenceEqual(other.Items);

        /// <inheritdoc/>
        public override int GetHashCode() => Items.Count;
    }

    /// <summary>Named values in order; names are unique.</summary>
    public sealed record Map : MetadataValue, IReadOnlyCollection<KeyValuePair<string, MetadataValue>>
    {
        private readonly OrderedDictionary<string, MetadataValue> _entries = new(StringComparer.Ordinal);

        /// <summary>A map of the given entries; of two with one name, the later value counts at the earlier place.</summary>
        public Map(IEnumerable<KeyValuePair<string, MetadataValue>> entries)
        {
            ArgumentNullException.ThrowIfNull(entries);
            foreach ((string name, MetadataValue value) in entries)
            {
                _entries[name] = value;
            }
        }

        /// <summary>No entries.</summary>
        public static Map Empty { get; } = new([]);

        /// <inheritdoc/>
        public int Count => _entries.Count;

        /// <summary>The value of that name, or null.</summary>
        public MetadataValue? this[string name] => _entries.GetValueOrDefault(name);

        /// <inheritdoc/>
        public IEnumerator<KeyValuePair<string, MetadataValue>> GetEnumerator() => _entries.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        /// <summary>Same names and values; order does not matter.</summary>
        public bool Equals(Map? other) => other is not null && Count == other.Count && _entries.All(entry => entry.Value.Equals(other[entry.Key]));

        /// <inheritdoc/>
        public override int GetHashCode() => Count;

        /// <inheritdoc/>
        public override string ToString() => ToJson();
    }

    /// <summary>The value as JSON; numbers that JSON lacks become the strings "NaN", "Infinity" and "-Infinity".</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        WriteTo(writer, isItem: false);
    }

    private void WriteTo(Utf8JsonWriter writer, bool isItem)
    {
        switch (this)
        {
            case Text text:
                writer.WriteStringValue(text.Value);
                break;
            case Integer integer:
                writer.WriteNumberValue(integer.Value);
                break;
            case Real real when double.IsFinite(real.Value):
                // The writer puts a raw item right behind the comma; blanks at its start are the value's own.
                string indent = isItem && writer.Options.Indented ? writer.Options.NewLine + new string(writer.Options.IndentCharacter, writer.Options.IndentSize * writer.CurrentDepth) : "";
                writer.WriteRawValue(indent + RealDigits(real.Value));
                break;
            case Real real:
                writer.WriteStringValue(real.Value.ToString());
                break;
            case Bool truth:
                writer.WriteBooleanValue(truth.Value);
                break;
            case Null:
                writer.WriteNullValue();
                break;
            case List list:
                writer.WriteStartArray();
                foreach (MetadataValue item in list.Items)
                {
                    item.WriteTo(writer, isItem: true);
                }
                writer.WriteEndArray();
                break;
            case Map map:
                writer.WriteStartObject();
                foreach ((string name, MetadataValue value) in map)
                {
                    writer.WritePropertyName(name);
                    value.WriteTo(writer, isItem: false);
                }
                writer.WriteEndObject();
                break;
        }
    }

    // "1.0" stays a real number when it is read again; .NET alone would print "1".
    private static string RealDigits(double value)
    {
        string digits = value.ToString("R");
        return digits.AsSpan().IndexOfAny('.', 'E') < 0 ? digits + ".0" : digits;
    }

    /// <summary>The value as compact JSON.</summary>
    public string ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, s_jsonOptions))
        {
            WriteTo(writer);
        }
        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    /// <summary>The value for people and for files that hold only text: text as it is, the rest as JSON.</summary>
    public string ToText() => this is Text text ? text.Value : ToJson();
}
