using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>A file of one rank, and how its values are taken from it.</summary>
internal sealed class RankFile
{
    private RankFile(string name, TorchFile file)
    {
        (Name, File) = (name, file);
        Root = file.Root as PickleDict ?? throw Corrupt($"holds {file.Root.Kind}, where a dict of states should be");
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What it is.</summary>
    public TorchFile File { get; }

    /// <summary>What was saved.</summary>
    public PickleDict Root { get; }

    /// <summary>Opens a file beside another, or that one.</summary>
    public static RankFile Open(Input input, string name)
    {
        Input file = name == input.FileName ? input : input.OpenSibling(name);
        try
        {
            return new RankFile(name, TorchFile.Open(file));
        }
        catch (WeightFileException error)
        {
            throw error.In(file.Path);
        }
    }

    /// <summary>What a dict has under a key; null where it has nothing or None.</summary>
    public PickleNode? Find(PickleDict dict, string key) => dict.Find(key) is { } node && File.Tree.Resolve(node) is var value and not PickleNone ? value : null;

    /// <summary>What a dict must have under a key.</summary>
    public PickleNode Get(PickleDict dict, string key) => Find(dict, key) ?? throw Corrupt($"has no {key}, which every such file has");

    /// <summary>The entries of a dict by their names; those whose key is no text do not count.</summary>
    public IEnumerable<KeyValuePair<string, PickleNode>> Named(PickleNode? node) => node is not PickleDict dict
        ? []
        : File.Tree.Distinct(dict).Where(static entry => entry.Key is PickleText).Select(entry => KeyValuePair.Create(((PickleText)entry.Key).Text, File.Tree.Resolve(entry.Value)));

    /// <summary>The items of a list, tuple or set, resolved; null when it is none.</summary>
    public IReadOnlyList<PickleNode>? Items(PickleNode? node) => node switch
    {
        PickleList list => [.. list.Items.Select(File.Tree.Resolve)],
        PickleTuple tuple => [.. tuple.Items.Select(File.Tree.Resolve)],
        PickleSet set => [.. set.Items.Select(File.Tree.Resolve)],
        _ => null,
    };

    /// <summary>The number that a node is; of an enumeration, that of its member.</summary>
    public long? Integer(PickleNode? node) => node switch
    {
        PickleInteger integer => integer.Value,
        PickleCall { Arguments: PickleTuple { Items: [PickleInteger member] } } => member.Value,
        _ => null,
    };

    /// <summary>The shape that a node is.</summary>
    public Shape ShapeOf(string tensor, PickleNode node)
    {
        IReadOnlyList<long?>? dimensions = Items(node)?.Select(Integer).ToArray();
        return dimensions is not null && Shape.TryCreate([.. dimensions.Select(static size => size ?? -1)], out Shape shape)
            ? shape
            : throw Corrupt("has a shape in its list of shapes that is none", tensor);
    }

    /// <summary>An error that names the file.</summary>
    public WeightFileException Corrupt(string reason, string? tensor = null) =>
        new(Fault.Corrupt, $"{reason}; it is no file of a DeepSpeed checkpoint that is known, or damaged", File.Input.Path, tensor);
}
