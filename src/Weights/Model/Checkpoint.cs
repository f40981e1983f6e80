namespace Weights;

/// <summary>How two names come to share storage.</summary>
public enum AliasKind
{
    /// <summary>Both are the same tensor: dtype, shape and bytes.</summary>
    Same,

    /// <summary>Their bytes overlap, but dtype, shape, strides or extent differ (a slice, a transposed tie).</summary>
    Overlapping,
}

/// <summary>A name that shares storage with an earlier one.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Of">The first tensor, in order, that it shares storage with.</param>
/// <param name="Kind">Whether it is the same tensor or only overlaps it.</param>
public sealed record Alias(string Name, string Of, AliasKind Kind);

/// <summary>What a reader found and did not make a tensor or metadata of.</summary>
/// <param name="Path">Where it is in the file, for example <c>optimizer</c>.</param>
/// <param name="Reason">Why, and how to get it if one can.</param>
public sealed record LeftOut(string Path, string Reason)
{
    /// <summary>The tensors of which it made none, where there are such.</summary>
    public IReadOnlyList<Tensor> Tensors { get; init; } = [];

    /// <summary>Whether it belongs to <see cref="Checkpoint.Graph"/>, so that it is lost only where that is.</summary>
    public bool IsPartOfGraph { get; init; }
}

/// <summary>A module (layer, block or whole network) whose class the file names.</summary>
/// <param name="Path">Where it is: its tensors' names begin with this and a dot. Empty for the network itself.</param>
/// <param name="ClassName">Its class, with the Python module that it is in: <c>torch.nn.modules.conv.Conv2d</c>.</param>
/// <param name="Buffers">Names of those of its own tensors that are no parameters, such as the statistics of a normalisation.</param>
public sealed record Module(string Path, string ClassName, IReadOnlyList<string> Buffers);

/// <summary>What a checkpoint was read from.</summary>
/// <param name="Path">As the user named it.</param>
/// <param name="Format">Name of the format.</param>
/// <param name="Variant">Which of the format's layouts, for example <c>zip, little-endian</c>.</param>
/// <param name="FileBytes">Bytes of all its files.</param>
/// <param name="Framework">The tag by which the Hub's files name the framework the tensors come from (<c>pt</c>), if the format implies one.</param>
public sealed record Origin(string Path, string Format, string Variant, long FileBytes, string? Framework = null);

/// <summary>
/// An ordered set of tensors with unique names, and what belongs to them. Its tensors read from open files; disposing
/// it closes them, as disposing any checkpoint derived from it does.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly Dictionary<string, Tensor> _byName;
    private readonly IDisposable? _files;
    private IReadOnlyDictionary<string, string>? _originalNames; // From a name to the one that the file has, where they differ.

    /// <summary>A checkpoint of the given tensors.</summary>
    /// <exception cref="ArgumentException">Two tensors have one name, or an alias names a tensor that is not there.</exception>
    public Checkpoint(IEnumerable<Tensor> tensors, Origin origin, IDisposable? files = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Tensors = [.. tensors];
        Origin = origin;
        _files = files;
        _byName = new Dictionary<string, Tensor>(Tensors.Count, StringComparer.Ordinal);
        foreach (Tensor tensor in Tensors)
        {
            if (!_byName.TryAdd(tensor.Name, tensor))
            {
                throw new ArgumentException($"two tensors are named {WeightFileException.Quote(tensor.Name)}", nameof(tensors));
            }
        }
    }

    /// <summary>Tensors in the file's order.</summary>
    public IReadOnlyList<Tensor> Tensors { get; }

    /// <summary>Everything the file says that is not a tensor.</summary>
    public MetadataValue.Map Metadata { get; init; } = MetadataValue.Map.Empty;

    /// <summary>Names that share storage with an earlier name, in order.</summary>
    public IReadOnlyList<Alias> Aliases
    {
        get;
        init
        {
            foreach (Alias alias in value)
            {
                if (!_byName.ContainsKey(alias.Name) || !_byName.ContainsKey(alias.Of))
                {
                    throw new ArgumentException($"the alias {alias} names a tensor that is not there", nameof(value));
                }
            }
            field = value;
        }
    } = [];

    /// <summary>
    /// Values that the file computes from tensors here: weights in smaller numbers, in the file's order. They keep their names when tensors are renamed, and go when one of their
    /// tensors goes, or when a tensor takes their name.
    /// </summary>
    public IReadOnlyList<QuantizedValue> QuantizedValues { get; init; } = [];

    /// <summary>The modules of the network, each before those within it; none where the file holds tensors alone.</summary>
    public IReadOnlyList<Module> Modules { get; init; } = [];

    /// <summary>What the reader left out.</summary>
    public IReadOnlyList<LeftOut> LeftOut { get; init; } = [];

    /// <summary>The computation that the file describes beside its tensors, if it does.</summary>
    public GraphSummary? Graph { get; init; }

    /// <summary>What a writer of the same format needs to keep what is not held here, such as <see cref="Graph"/>.</summary>
    internal object? Original { get; init; }

    /// <summary>The name that a tensor has in the file that <see cref="Original"/> is of.</summary>
    internal string OriginalName(string name) => _originalNames?.GetValueOrDefault(name) ?? name;

    /// <summary>Where it comes from.</summary>
    public Origin Origin { get; }

    /// <summary>How many files beside the one that was opened have the checksum that is given for them; 0 unless that was asked.</summary>
    public int VerifiedFiles { get; init; }

    /// <summary>Paths of the files that it was read from, the one that was opened first; none where it was not read from files.</summary>
    public IReadOnlyList<string> Files { get; private init; } = [];

    /// <summary>Bytes of all tensors.</summary>
    public long TensorBytes => Tensors.Sum(static tensor => tensor.Bytes.Length);

    /// <summary>Elements of all tensors, those of aliases of the same tensor counted once; of quantised values their own, and not those of the tensors that they are made of.</summary>
    public long ParameterCount
    {
        get
        {
            IReadOnlyDictionary<string, string> sameAs = SameAs();
            HashSet<string> parts = [.. QuantizedValues.SelectMany(static value => value.Parts)];
            return Tensors.Where(tensor => !sameAs.ContainsKey(tensor.Name) && !parts.Contains(tensor.Name)).Sum(static tensor => tensor.Shape.ElementCount)
                + QuantizedValues.Sum(static value => value.Shape.ElementCount);
        }
    }

    /// <summary>From each name that is the same tensor as an earlier one to the first of its group, in the order of the aliases.</summary>
    public IReadOnlyDictionary<string, string> SameAs()
    {
        OrderedDictionary<string, string> firsts = new(StringComparer.Ordinal);
        foreach (Alias alias in Aliases.Where(static alias => alias.Kind == AliasKind.Same))
        {
            firsts[alias.Name] = firsts.GetValueOrDefault(alias.Of, alias.Of);
        }
        return firsts;
    }

    /// <summary>The tensor of that name, or null.</summary>
    public Tensor? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>
    /// The same files seen through other tensors: aliases survive where their tensors do, under the names that
    /// <paramref name="newName"/> gives them.
    /// </summary>
    /// <param name="tensors">The tensors of the new checkpoint.</param>
    /// <param name="newName">From an old name to the new one, or null where the tensor is gone; the same name when omitted.</param>
    public Checkpoint With(IEnumerable<Tensor> tensors, Func<string, string?>? newName = null)
    {
        List<Tensor> list = [.. tensors];
        HashSet<string> names = [.. list.Select(static tensor => tensor.Name)];
        string? NewName(string name) => newName is null ? names.Contains(name) ? name : null : newName(name) is { } renamed && names.Contains(renamed) ? renamed : null;
        return new Checkpoint(list, Origin, _files)
        {
            Metadata = Metadata,
            Files = Files,
            Graph = Graph,
            Original = Original,
            _originalNames = newName is null ? _originalNames : OriginalNames(newName),
            Modules = newName is null ? Modules : [], // Their paths are those of the old names.
            LeftOut = LeftOut,
            Aliases = SurvivingAliases(NewName),
            QuantizedValues = [.. QuantizedValues.Where(value => !names.Contains(value.Name)).Select(value => value.WithParts(NewName)).OfType<QuantizedValue>()],
        };
    }

    /// <summary>The same tensors, said to be from these files.</summary>
    public Checkpoint From(IReadOnlyList<string> files) =>
        new(Tensors, Origin, _files) { Metadata = Metadata, Modules = Modules, LeftOut = LeftOut, Aliases = Aliases, Files = files, VerifiedFiles = VerifiedFiles, QuantizedValues = QuantizedValues, Graph = Graph, Original = Original, _originalNames = _originalNames };

    /// <summary>The same tensors with other metadata.</summary>
    public Checkpoint With(MetadataValue.Map metadata) =>
        new(Tensors, Origin, _files) { Metadata = metadata, Modules = Modules, LeftOut = LeftOut, Aliases = Aliases, Files = Files, QuantizedValues = QuantizedValues, Graph = Graph, Original = Original, _originalNames = _originalNames };

    /// <summary>The same tensors, of which other values are computed.</summary>
    public Checkpoint WithQuantizedValues(IReadOnlyList<QuantizedValue> quantizedValues) =>
        new(Tensors, Origin, _files) { Metadata = Metadata, Modules = Modules, LeftOut = LeftOut, Aliases = Aliases, Files = Files, QuantizedValues = quantizedValues, Graph = Graph, Original = Original, _originalNames = _originalNames };

    /// <summary>The same tensors, of which others share storage.</summary>
    public Checkpoint WithAliases(IReadOnlyList<Alias> aliases) =>
        new(Tensors, Origin, _files) { Metadata = Metadata, Modules = Modules, LeftOut = LeftOut, Aliases = aliases, Files = Files, QuantizedValues = QuantizedValues, Graph = Graph, Original = Original, _originalNames = _originalNames };

    /// <inheritdoc/>
    public void Dispose() => _files?.Dispose();

    private Dictionary<string, string>? OriginalNames(Func<string, string?> newName)
    {
        if (Original is null)
        {
            return null;
        }
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (Tensor tensor in Tensors)
        {
            if (newName(tensor.Name) is { } name)
            {
                names[name] = OriginalName(tensor.Name);
            }
        }
        foreach (QuantizedValue value in QuantizedValues)
        {
            names.TryAdd(value.Name, OriginalName(value.Name));
        }
        return names;
    }

    // When the first of a group goes, the next survivor takes its place, so that the others stay tied to each other.
    private List<Alias> SurvivingAliases(Func<string, string?> newName)
    {
        List<Alias> surviving = [];
        Dictionary<string, (string First, AliasKind Kind)> heirs = new(StringComparer.Ordinal);
        foreach (Alias alias in Aliases)
        {
            if (newName(alias.Name) is not { } name)
            {
                continue;
            }
            if (newName(alias.Of) is { } of)
            {
                surviving.Add(new Alias(name, of, alias.Kind));
            }
            else if (heirs.TryAdd(alias.Of, (name, alias.Kind)) is false)
            {
                (string first, AliasKind firstKind) = heirs[alias.Of];
                AliasKind kind = alias.Kind == AliasKind.Same && firstKind == AliasKind.Same ? AliasKind.Same : AliasKind.Overlapping;
                surviving.Add(new Alias(name, first, kind));
            }
        }
        return surviving;
    }
}
