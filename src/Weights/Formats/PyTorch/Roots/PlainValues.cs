using System.Globalization;
using Weights.Formats.PyTorch.Pickle;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Tree;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>
/// Values without tensors as metadata. What JSON has a word for is that; bytes are <c>{"$class": "bytes", "$hex": …}</c>, and an object
/// of any class is its name, the arguments it was made with and its state.
/// </summary>
internal sealed class PlainValues(PickleTree tree)
{
    /// <summary>The entry that names an object's class; no attribute of Python can be called this.</summary>
    public const string ClassKey = "$class";

    // Vocabularies have some hundred thousand entries. Beyond this it is a data set and no metadata.
    private const int MaxValues = 1 << 20;

    // In characters, of all texts together; 128 MB in memory.
    private const int MaxText = 1 << 26;

    // Longer bytes are files or arrays in disguise.
    private const int MaxBytes = 4096;

    private readonly List<PickleNode> _around = [];
    private readonly List<LeftOut> _leftOut = [];
    private int _values;
    private long _text;
    private string? _failure;

    /// <summary>The value, or null when it cannot be had whole; <see cref="TakeLeftOut"/> then says why.</summary>
    /// <param name="node">Resolved.</param>
    /// <param name="path">Where it is, for messages.</param>
    public MetadataValue? Convert(PickleNode node, string path)
    {
        _failure = null;
        int leftOut = _leftOut.Count;
        MetadataValue? value = Value(node, path);
        if (_failure is not null)
        {
            _leftOut.RemoveRange(leftOut, _leftOut.Count - leftOut);
            _leftOut.Add(new LeftOut(path.Length == 0 ? "." : path, _failure));
            _around.Clear();
            return null;
        }
        return value;
    }

    /// <summary>What could not be converted since the last time.</summary>
    public IReadOnlyList<LeftOut> TakeLeftOut()
    {
        LeftOut[] taken = [.. _leftOut];
        _leftOut.Clear();
        return taken;
    }

    /// <summary>Name of an object's class.</summary>
    public static string ClassName(PickleCall call) => TorchRecipes.NameOf(call.Callable) ?? "?";

    // Null after a failure, and for a value that alone is left out.
    private MetadataValue? Value(PickleNode node, string path)
    {
        if (_failure is not null)
        {
            return null;
        }
        if (++_values > MaxValues)
        {
            return Fail($"plain values: the file unfolds to more than {MaxValues:N0} of them, which is data and no metadata");
        }
        return node switch
        {
            PickleNone => MetadataValue.Null.Value,
            PickleBool truth => new MetadataValue.Bool(truth.Value),
            PickleInteger integer => new MetadataValue.Integer(integer.Value),
            PickleBigInteger big => Text(PickleNumbers.ToText(big.Value)),
            PickleFloat real => new MetadataValue.Real(real.Value),
            PickleText text => text.Length > MaxText ? Omit(path, $"a text of {text.Length:N0} bytes") : Text(text.Text),
            PickleBytes bytes => Bytes(bytes, path),
            PickleGlobal global => Global(global),
            _ => Container(node, path),
        };
    }

    private MetadataValue? Container(PickleNode node, string path)
    {
        if (_around.Contains(node))
        {
            return Fail("contains itself, which metadata cannot");
        }
        if (_around.Count >= MetadataValue.MaxDepth)
        {
            return Fail($"plain values nested deeper than {MetadataValue.MaxDepth} containers");
        }
        _around.Add(node);
        MetadataValue? value = node switch
        {
            PickleDict dict => Dict(dict, path),
            PickleList list => List(list.Items, path),
            PickleTuple tuple => List(tuple.Items, path),
            PickleSet set => List(set.Items, path),
            PickleCall call => WellKnownValues.Convert(tree, call) ?? Object(call, path),
            _ => Omit(path, node.Kind),
        };
        if (_failure is null)
        {
            _around.RemoveAt(_around.Count - 1);
        }
        return value;
    }

    private MetadataValue.Map Dict(PickleDict dict, string path)
    {
        Dictionary<string, MetadataValue> seen = new(dict.Items.Count, StringComparer.Ordinal);
        List<KeyValuePair<string, MetadataValue>> entries = new(dict.Items.Count);
        foreach (TreeChild child in tree.Entries(dict))
        {
            string key = child.Key;
            _text += key.Length;
            if (Value(child.Node, Within(path, key)) is not { } value)
            {
                continue;
            }
            if (seen.TryAdd(key, value))
            {
                entries.Add(new(key, value));
            }
            else
            {
                Omit(Within(path, key), "a value whose key, as text, is the same as another's");
            }
        }
        return new MetadataValue.Map(entries);
    }

    private MetadataValue.List List(IReadOnlyList<PickleNode> items, string path)
    {
        List<MetadataValue> values = new(Math.Min(items.Count, MaxValues));
        for (int index = 0; index < items.Count && _failure is null; index++)
        {
            // What is left out must not move what follows to another index.
            values.Add(Value(tree.Resolve(items[index]), Within(path, index.ToString(CultureInfo.InvariantCulture))) ?? MetadataValue.Null.Value);
        }
        return new MetadataValue.List(values);
    }

    private MetadataValue.Map Object(PickleCall call, string path)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [new(ClassKey, Text(ClassName(call)))];
        Part("$args", call.Arguments is PickleTuple { Items.Length: 0 } ? null : call.Arguments);
        Part("$kwargs", call.KeywordArguments);
        Part("$state", call.State);
        Part("$entries", call.Entries.Count > 0 ? call.ToDict() : null);
        Part("$items", call.Items.Count > 0 ? new PickleList([.. call.Items]) : null);
        return new MetadataValue.Map(entries);

        void Part(string name, PickleNode? part)
        {
            if (part is not null && Value(tree.Resolve(part), path) is { } value)
            {
                entries.Add(new(name, value));
            }
        }
    }

    private MetadataValue? Bytes(PickleBytes bytes, string path)
    {
        if (bytes.Value.Length > MaxBytes)
        {
            return Omit(path, $"{bytes.Value.Length:N0} bytes that are no tensor");
        }
        byte[] copy = new byte[bytes.Value.Length];
        bytes.Value.Read(0, copy);
        return new MetadataValue.Map([new(ClassKey, Text(bytes.IsByteArray ? "bytearray" : "bytes")), new("$hex", Text(System.Convert.ToHexStringLower(copy)))]);
    }

    private MetadataValue Global(PickleGlobal global) => WellKnownValues.IsTorchConstant(global.FullName)
        ? Text(global.FullName)
        : new MetadataValue.Map([new("$global", Text(global.FullName))]);

    private MetadataValue.Text Text(string text)
    {
        _text += text.Length;
        if (_text > MaxText)
        {
            Fail($"plain values: the file's texts have more than {MaxText:N0} characters, which is data and no metadata");
        }
        return new MetadataValue.Text(text);
    }

    private static string Within(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private MetadataValue? Omit(string path, string what)
    {
        _leftOut.Add(new LeftOut(path, $"{what}, which metadata cannot hold"));
        return null;
    }

    private MetadataValue? Fail(string reason)
    {
        _failure ??= reason;
        return null;
    }
}
