using System.Globalization;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

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
    private const int MaxValues = 1 << 19;

    // Strides, means and deviations: a model has a handful.
    private const int MaxTensors = 4096;

    // What a container costs beside its parts, in values: a table of names takes its time.
    private const int ContainerCost = 7;

    // In characters, of all texts together; 128 MB in memory.
    private const int MaxText = 1 << 26;

    // Longer bytes are files or arrays in disguise.
    private const int MaxBytes = 4096;

    private readonly List<PickleNode> _around = [];
    private readonly List<(string? Key, int Index)> _path = []; // Below the value being converted; text only when it is wanted.
    private readonly List<LeftOut> _leftOut = [];
    private string _start = "";
    private int _values;
    private int _tensors;
    private long _text;
    private string? _failure;

    /// <summary>The value, or null when it cannot be had whole; <see cref="TakeLeftOut"/> then says why.</summary>
    /// <param name="node">Resolved.</param>
    /// <param name="path">Where it is, for messages.</param>
    public MetadataValue? Convert(PickleNode node, string path)
    {
        (_start, _failure) = (path, null);
        int leftOut = _leftOut.Count;
        MetadataValue? value = Value(node);
        if (_failure is null)
        {
            return value;
        }
        _around.Clear();
        _path.Clear();
        _leftOut.RemoveRange(leftOut, _leftOut.Count - leftOut);
        Omit(_failure);
        return null;
    }

    /// <summary>What could not be converted since the last time.</summary>
    public IReadOnlyList<LeftOut> TakeLeftOut()
    {
        LeftOut[] taken = [.. _leftOut];
        _leftOut.Clear();
        return taken;
    }

    /// <summary>Whether a node is a tensor so small that it says something of a model and is none of its weights.</summary>
    public static bool IsSmall(PickleNode node) => node is TorchTensor tensor && SmallTensors.Fits(tensor);

    /// <summary>Name of an object's class.</summary>
    public static string ClassName(PickleCall call) => TorchRecipes.NameOf(call.Callable) ?? "?";

    // Null after a failure, and for a value that alone is left out.
    private MetadataValue? Value(PickleNode node)
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
            PickleText text => text.Length > MaxText ? Omit($"a text of {text.Length:N0} bytes, which metadata cannot hold") : Text(text.Text),
            PickleBytes bytes => Bytes(bytes),
            PickleGlobal global => Global(global),
            TorchTensor tensor => SmallTensor(tensor) ?? Omit($"a tensor of {tensor.Bytes:N0} bytes, which metadata cannot hold"),
            _ => Container(node),
        };
    }

    // Each is read when the file is opened, so a file of nothing else must not make that slow.
    private MetadataValue? SmallTensor(TorchTensor tensor) => IsSmall(tensor) && _tensors++ < MaxTensors ? SmallTensors.Convert(tensor) : null;

    private MetadataValue? Container(PickleNode node)
    {
        if (_around.Contains(node))
        {
            return Fail("contains itself, which metadata cannot");
        }
        if (_around.Count >= MetadataValue.MaxDepth)
        {
            return Fail($"plain values nested deeper than {MetadataValue.MaxDepth} containers");
        }
        _values += ContainerCost;
        _around.Add(node);
        MetadataValue? value = node switch
        {
            PickleDict dict => Dict(dict),
            PickleList list => List(list.Items),
            PickleTuple tuple => List(tuple.Items),
            PickleSet set => List(set.Items),
            PickleCall call => WellKnownValues.Convert(tree, call) ?? Object(call),
            _ => Omit($"{node.Kind}, which metadata cannot hold"),
        };
        if (_failure is null)
        {
            _around.RemoveAt(_around.Count - 1);
        }
        return value;
    }

    private MetadataValue.Map Dict(PickleDict dict)
    {
        if (dict.Items.Count == 0)
        {
            return MetadataValue.Map.Empty;
        }
        HashSet<string> seen = new(StringComparer.Ordinal);
        List<KeyValuePair<string, MetadataValue>> entries = [];
        foreach (TreeChild child in tree.Children(dict))
        {
            string key = child.Key;
            _text += key.Length;
            _path.Add((key, 0));
            if (Value(child.Node) is { } value)
            {
                if (seen.Add(key))
                {
                    entries.Add(new(key, value));
                }
                else
                {
                    Omit("a value whose key, as text, is the same as another's");
                }
            }
            if (_failure is not null)
            {
                break;
            }
            _path.RemoveAt(_path.Count - 1);
        }
        return new MetadataValue.Map(entries);
    }

    private MetadataValue.List List(IReadOnlyList<PickleNode> items)
    {
        List<MetadataValue> values = new(Math.Min(items.Count, MaxValues));
        for (int index = 0; index < items.Count && _failure is null; index++)
        {
            // What is left out must not move what follows to another index.
            _path.Add((null, index));
            values.Add(Value(tree.Resolve(items[index])) ?? MetadataValue.Null.Value);
            if (_failure is null)
            {
                _path.RemoveAt(_path.Count - 1);
            }
        }
        return new MetadataValue.List(values);
    }

    private MetadataValue.Map Object(PickleCall call)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [new(ClassKey, Text(ClassName(call)))];
        if (tree.TryModule(call, out TorchModule? module))
        {
            // The dicts that every module has are its machinery; what is its own tells what it does.
            Part("$state", new PickleDict([.. module.Others.Concat(module.Modules).Select(static part => KeyValuePair.Create(part.KeyNode!, part.Node))]));
            return new MetadataValue.Map(entries);
        }
        Part("$args", call.Arguments is PickleTuple { Items.Length: 0 } ? null : call.Arguments);
        Part("$kwargs", call.KeywordArguments);
        Part("$state", call.State);
        Part("$entries", call.Entries);
        Part("$items", call.Items);
        return new MetadataValue.Map(entries);

        void Part(string name, PickleNode? part)
        {
            if (part is not null && Value(tree.Resolve(part)) is { } value)
            {
                entries.Add(new(name, value));
            }
        }
    }

    private MetadataValue? Bytes(PickleBytes bytes)
    {
        if (bytes.Value.Length > MaxBytes)
        {
            return Omit($"{bytes.Value.Length:N0} bytes that are no tensor, which metadata cannot hold");
        }
        _values += ContainerCost;
        byte[] copy = new byte[bytes.Value.Length];
        bytes.Value.Read(0, copy);
        return new MetadataValue.Map([new(ClassKey, Text(bytes.IsByteArray ? "bytearray" : "bytes")), new("$hex", Text(System.Convert.ToHexStringLower(copy)))]);
    }

    private MetadataValue Global(PickleGlobal global)
    {
        if (WellKnownValues.IsTorchConstant(global.FullName))
        {
            return Text(global.FullName);
        }
        _values += ContainerCost;
        return new MetadataValue.Map([new("$global", Text(global.FullName))]);
    }

    private MetadataValue.Text Text(string text)
    {
        _text += text.Length;
        if (_text > MaxText)
        {
            Fail($"plain values: the file's texts have more than {MaxText:N0} characters, which is data and no metadata");
        }
        return new MetadataValue.Text(text);
    }

    private MetadataValue? Omit(string reason)
    {
        IEnumerable<string> keys = _path.Select(static step => step.Key ?? step.Index.ToString(CultureInfo.InvariantCulture));
        string path = string.Join('.', _start.Length == 0 ? keys : keys.Prepend(_start));
        _leftOut.Add(new LeftOut(path.Length == 0 ? "." : path, reason));
        return null;
    }

    private MetadataValue? Fail(string reason)
    {
        _failure ??= reason;
        return null;
    }
}
