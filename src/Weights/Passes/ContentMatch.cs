namespace Weights.Passes;

/// <summary>Which tensor of another checkpoint has the content of a tensor.</summary>
public sealed class ContentMatch
{
    // A module whose tensors are found in more than these is none of the other checkpoint's.
    private const int MostModules = 4;

    private readonly ContentCandidates? _candidates;

    private ContentMatch(Tensor tensor, ContentCandidates? candidates, Tensor? of, bool isSlight) => (Tensor, _candidates, Of, IsSlight) = (tensor, candidates, of, isSlight);

    /// <summary>The tensor.</summary>
    public Tensor Tensor { get; }

    /// <summary>The one that it is; null where none has its content, and where several have and nothing tells which.</summary>
    public Tensor? Of { get; }

    /// <summary>How <see cref="Tensor"/> comes from <see cref="Of"/>.</summary>
    public ContentRelation? Relation => Of is null ? null : _candidates!.RelationTo(Tensor, Of);

    /// <summary>All that have its content.</summary>
    public IReadOnlyList<Tensor> Candidates => _candidates?.Tensors ?? [];

    /// <summary>Whether it is a single whole number, whose content says nothing about what it is.</summary>
    public bool IsSlight { get; }

    /// <summary>Its candidates; the same object for tensors with the same ones.</summary>
    internal ContentCandidates? Group => _candidates;

    /// <summary>This match with a decision where there was none.</summary>
    internal ContentMatch Decide(Tensor of) => new(Tensor, _candidates, of, IsSlight);

    /// <summary>
    /// Finds each tensor by its content. Where several have it, it is the one of the same name, or else the only one in the module in which
    /// another tensor of the same module was found. A single whole number, which every network has many of, needs the same even if only one has it.
    /// </summary>
    /// <param name="tensors">What to find, tensors of <paramref name="of"/>.</param>
    /// <param name="of">Whose tensors they are.</param>
    /// <param name="within">Where to find them.</param>
    /// <param name="read">Is told, from any thread, how many bytes more have been read.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>A match for each, in their order.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    /// <exception cref="WeightFileException">The stored bytes of a tensor are broken.</exception>
    public static IReadOnlyList<ContentMatch> Find(IReadOnlyList<Tensor> tensors, Checkpoint of, Checkpoint within, Action<long>? read, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(of);
        ArgumentNullException.ThrowIfNull(within);
        Dictionary<Tensor, ContentCandidates> found = new ContentSearch(of, within, read, cancellation).Find(tensors);
        return Choose([.. tensors.Select(tensor => First(tensor, found.GetValueOrDefault(tensor)))]);
    }

    private static ContentMatch First(Tensor tensor, ContentCandidates? candidates)
    {
        bool isSlight = candidates is not null && IsOneWholeNumber(tensor);
        Tensor? of = candidates?.Named(tensor.Name) ?? (candidates is { Tensors: [Tensor only] } && !isSlight ? only : null);
        return new ContentMatch(tensor, candidates, of, isSlight);
    }

    // Those found for certain say in which modules the others of their own module are to be looked for.
    private static ContentMatch[] Choose(ContentMatch[] matches)
    {
        Dictionary<string, HashSet<string>> modules = new(StringComparer.Ordinal);
        foreach (ContentMatch match in matches)
        {
            if (match.Of is { } of && ContentCandidates.Parent(match.Tensor.Name) is { } parent && ContentCandidates.Parent(of.Name) is { } module)
            {
                if (!modules.TryGetValue(parent, out HashSet<string>? known))
                {
                    modules.Add(parent, known = new HashSet<string>(StringComparer.Ordinal));
                }
                known.Add(module);
            }
        }
        return [.. matches.Select(match => match is { Of: null, _candidates: { } candidates }
            && ContentCandidates.Parent(match.Tensor.Name) is { } parent
            && modules.TryGetValue(parent, out HashSet<string>? known)
            && InOneOf(candidates, known, match.Tensor) is { } chosen ? match.Decide(chosen) : match)];
    }

    private static Tensor? InOneOf(ContentCandidates candidates, HashSet<string> modules, Tensor tensor)
    {
        if (modules.Count > MostModules)
        {
            return null;
        }
        string last = tensor.Name[(tensor.Name.LastIndexOf('.') + 1)..];
        return modules.Sum(module => candidates.In(module).Count) == 1
            ? modules.Select(candidates.In).First(static near => near.Count == 1)[0]
            : modules.Select(module => candidates.Named($"{module}.{last}")).OfType<Tensor>().ToArray() is [Tensor alike] ? alike : null;
    }

    private static bool IsOneWholeNumber(Tensor tensor)
    {
        if (tensor.Shape.ElementCount > 1 || tensor.DType.BlockLength > 1)
        {
            return false;
        }
        byte[] element = new byte[tensor.DType.BlockBytes];
        tensor.Bytes.Read(0, element);
        double[] numbers = new double[tensor.DType.Components];
        tensor.DType.Decode(element, numbers);
        return numbers.All(static number => number == Math.Truncate(number) || !double.IsFinite(number));
    }
}
