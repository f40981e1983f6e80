using System.Numerics;

namespace Weights.Pickle;

/// <summary>
/// A value that a pickle describes. It is inert: names of classes and functions are text, calls are records of what would have
/// been called. The graph may share nodes and contain itself; who walks it limits depth and visits.
/// </summary>
internal abstract class PickleNode
{
    private protected PickleNode()
    {
    }

    /// <summary>What it is, for messages: "a list".</summary>
    public abstract string Kind { get; }

    /// <summary>
    /// What those who walk the graph have found out about a container, kept here because a dictionary of millions of nodes costs more
    /// than the walk. Never set on the shared scalars.
    /// </summary>
    public PickleNotes Notes { get; set; }
}

/// <summary>Facts about a container.</summary>
[Flags]
internal enum PickleNotes : ushort
{
    None = 0,

    /// <summary>No two keys of the dict are equal.</summary>
    IsDistinct = 1,

    /// <summary>Whether tensors are below it has been looked at, or is being looked at.</summary>
    TensorsKnown = 2,

    /// <summary>Tensors are below it.</summary>
    HoldsTensors = 4,

    /// <summary>As <see cref="TensorsKnown"/>, for tensors that are reached through keys alone.</summary>
    NamedTensorsKnown = 8,

    /// <summary>As <see cref="HoldsTensors"/>, for tensors that are reached through keys alone.</summary>
    HoldsNamedTensors = 16,

    /// <summary>It is an object, but no module.</summary>
    IsNoModule = 32,

    /// <summary>It is a call that a judge has judged, or the state of one.</summary>
    IsJudged = 64,

    /// <summary>It is bytes, or what makes them, that a judge has looked into as a file of their own.</summary>
    IsLoaded = 128,

    /// <summary>Whether attributes of the dict change what Python does with its object has been looked at.</summary>
    AttributesKnown = 256,

    /// <summary>Some do.</summary>
    HasTellingAttributes = 512,
}

/// <summary>None.</summary>
internal sealed class PickleNone : PickleNode
{
    private PickleNone()
    {
    }

    public static PickleNone Value { get; } = new();

    public override string Kind => "None";
}

/// <summary>True or False.</summary>
internal sealed class PickleBool : PickleNode
{
    private PickleBool(bool value) => Value = value;

    public static PickleBool True { get; } = new(true);

    public static PickleBool False { get; } = new(false);

    public bool Value { get; }

    public override string Kind => "a bool";
}

/// <summary>An integer that fits 64 bits.</summary>
internal sealed class PickleInteger : PickleNode
{
    // Sizes, strides and counts: most integers of a checkpoint are among these, so they are shared.
    private static readonly PickleInteger[] s_small = [.. Enumerable.Range(-1, 1026).Select(static value => new PickleInteger(value))];

    private PickleInteger(long value) => Value = value;

    public long Value { get; }

    public override string Kind => "an integer";

    public static PickleInteger Of(long value) => value is >= -1 and < 1025 ? s_small[value + 1] : new PickleInteger(value);
}

/// <summary>An integer beyond 64 bits.</summary>
internal sealed class PickleBigInteger(BigInteger value) : PickleNode
{
    public BigInteger Value { get; } = value;

    public override string Kind => "an integer beyond 64 bits";
}

/// <summary>A floating-point number.</summary>
internal sealed class PickleFloat(double value) : PickleNode
{
    public double Value { get; } = value;

    public override string Kind => "a float";
}

/// <summary>Bytes.</summary>
internal sealed class PickleBytes(ByteSource value, bool isByteArray = false) : PickleNode
{
    public ByteSource Value { get; } = value;

    /// <summary>Whether it is a bytearray.</summary>
    public bool IsByteArray { get; } = isByteArray;

    public override string Kind => IsByteArray ? "a bytearray" : "bytes";
}

/// <summary>Items that do not change.</summary>
internal sealed class PickleTuple(PickleNode[] items) : PickleNode
{
    public static PickleTuple Empty { get; } = new([]);

    public PickleNode[] Items { get; } = items;

    public override string Kind => "a tuple";
}

/// <summary>Items in order.</summary>
internal sealed class PickleList(List<PickleNode>? items = null) : PickleNode
{
    private List<PickleNode>? _items = items;

    public IReadOnlyList<PickleNode> Items => _items ?? (IReadOnlyList<PickleNode>)[];

    public int Count => _items?.Count ?? 0;

    public override string Kind => "a list";

    public void Add(PickleNode item) => (_items ??= []).Add(item);

    public void Add(ReadOnlySpan<PickleNode> items) => (_items ??= []).AddRange(items);
}

/// <summary>A set or frozenset, its items as they came: duplicates are not looked for.</summary>
internal sealed class PickleSet(List<PickleNode>? items = null, bool isFrozen = false) : PickleNode
{
    private List<PickleNode>? _items = items;

    public IReadOnlyList<PickleNode> Items => _items ?? (IReadOnlyList<PickleNode>)[];

    public int Count => _items?.Count ?? 0;

    public bool IsFrozen { get; } = isFrozen;

    public override string Kind => IsFrozen ? "a frozenset" : "a set";

    public void Add(ReadOnlySpan<PickleNode> items) => (_items ??= []).AddRange(items);
}

/// <summary>Keys and values as they came: of two with one key, Python keeps the first's place and the second's value.</summary>
internal sealed class PickleDict(List<KeyValuePair<PickleNode, PickleNode>>? items = null) : PickleNode
{
    private List<KeyValuePair<PickleNode, PickleNode>>? _items = items;

    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Items => _items ?? (IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>)[];

    public override string Kind => "a dict";

    public int Count => _items?.Count ?? 0;

    public void Add(PickleNode key, PickleNode value) => (_items ??= []).Add(new(key, value));

    /// <summary>Adds an entry instead of the one with the same key among those from <paramref name="start"/> on, if there is one.</summary>
    public void Replace(PickleText key, PickleNode value, int start)
    {
        int same = _items!.FindIndex(start, item => item.Key is PickleText text && text.Is(key.Text));
        if (same >= 0)
        {
            _items.RemoveAt(same);
        }
        _items.Add(new(key, value));
    }

    /// <summary>The value of a key that is text, or null.</summary>
    public PickleNode? Find(string key)
    {
        PickleNode? found = null;
        foreach ((PickleNode name, PickleNode value) in Items)
        {
            found = name is PickleText text && text.Is(key) ? value : found;
        }
        return found;
    }
}

/// <summary>
/// Something whose class is not built in: what the pickle does to it is written down instead of done.
/// </summary>
/// <param name="offset">Byte of the stream at which the opcode that made it stands.</param>
internal abstract class PickleObject(long offset) : PickleNode
{
    private Deeds? _deeds; // Most objects have none, and there may be millions of objects.

    public long Offset { get; } = offset;

    /// <summary>The value that it stands for, once somebody has decided.</summary>
    public PickleNode? Resolved { get; set; }

    /// <summary>What BUILD handed to it last: the state of an instance, usually its __dict__.</summary>
    public PickleNode? State { get; private set; }

    /// <summary>What BUILD handed to it before that.</summary>
    public IReadOnlyList<PickleNode> EarlierStates => _deeds?.EarlierStates ?? (IReadOnlyList<PickleNode>)[];

    /// <summary>What was appended or added to it, if anything: it acts as a list or a set.</summary>
    public PickleList? Items => _deeds?.Items;

    /// <summary>What was set in it by key, if anything: it acts as a dict.</summary>
    public PickleDict? Entries => _deeds?.Entries;

    /// <summary>Whether anything was added to it or set in it.</summary>
    public bool HasItems => _deeds is { Items: not null } or { Entries: not null };

    /// <summary>Takes over what the pickle did to <paramref name="other"/>.</summary>
    public void TakeOver(PickleObject other) => (State, _deeds) = (other.State, other._deeds);

    public void Build(PickleNode state)
    {
        if (State is not null)
        {
            ((_deeds ??= new Deeds()).EarlierStates ??= []).Add(State);
        }
        State = state;
    }

    public void Add(ReadOnlySpan<PickleNode> items) => ((_deeds ??= new Deeds()).Items ??= new PickleList()).Add(items);

    public void Add(PickleNode key, PickleNode value) => ((_deeds ??= new Deeds()).Entries ??= new PickleDict()).Add(key, value);

    private sealed class Deeds
    {
        public List<PickleNode>? EarlierStates { get; set; }

        public PickleList? Items { get; set; }

        public PickleDict? Entries { get; set; }
    }
}

/// <summary>A class, a function or anything else that Python would import.</summary>
internal sealed class PickleGlobal(string module, string name, long offset) : PickleObject(offset)
{
    public string Module { get; } = module;

    public string Name { get; } = name;

    /// <summary>Module and name, with a dot between.</summary>
    public string FullName => field ??= $"{Module}.{Name}";

    /// <summary>Whether the stream computes the names instead of stating them, which only somebody with something to hide does.</summary>
    public bool IsComputed { get; init; }

    /// <summary>The first of the names that it stands for in a stream that has too many to keep each; null for one that is itself.</summary>
    public PickleGlobal? StandsFor { get; init; }

    /// <summary>Whether it became a part of something or an argument, where a judge asked for it.</summary>
    public bool IsHandedOn { get; set; }

    /// <summary>Whether a judge has met a call of it.</summary>
    public bool IsCalled { get; set; }

    /// <summary>How often the stream names it again, where each time is no node of its own.</summary>
    public int Repeats { get; set; }

    /// <summary>The class of that number in a registry (<c>copyreg.add_extension</c>) that the stream does not hold.</summary>
    public static PickleGlobal Extension(long number, long offset) => new("copyreg.extension", $"{number}", offset);

    public override string Kind => $"the name {WeightFileException.Quote(FullName)}";
}

/// <summary>What Python would have called. Nothing calls it here.</summary>
internal sealed class PickleCall(PickleNode callable, PickleNode arguments, long offset) : PickleObject(offset)
{
    /// <summary>Usually a <see cref="PickleGlobal"/>; the result of another call where the stream builds its functions first.</summary>
    public PickleNode Callable { get; } = callable;

    /// <summary>Usually a <see cref="PickleTuple"/>.</summary>
    public PickleNode Arguments { get; } = arguments;

    /// <summary>Arguments by name, or null.</summary>
    public PickleNode? KeywordArguments { get; init; }

    /// <summary>Name of what is called, if it is stated.</summary>
    public string? Name => (Callable as PickleGlobal)?.FullName;

    public override string Kind => Name is { } name ? $"an object of {WeightFileException.Quote(name)}" : "an object of a computed class";
}

/// <summary>A value that is kept outside of the pickle, by what identifies it.</summary>
internal sealed class PicklePersistentId(PickleNode id, long offset) : PickleObject(offset)
{
    public PickleNode Id { get; } = id;

    public override string Kind => "a persistent id";
}
