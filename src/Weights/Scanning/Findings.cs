using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>
/// Names found so far, each once, with how often and where. A file that names a million things costs what its first thousands do: the
/// rest are counted under one name for each verdict.
/// </summary>
internal sealed class Findings(ScanOptions options)
{
    /// <summary>Stands for all names beyond those that are listed. No wildcard accepts it: what is meant by it cannot be seen.</summary>
    public const string Rest = "…";

    /// <summary>Why it does.</summary>
    public const string RestReason = "further names, of which there are too many to list";

    private const int MostNames = 10_000;
    private const int MostPlaces = 100;
    private const int MostPlacesInAll = 50_000;

    // Names and calls of honest files are short: as many as there may be have a few hundred characters each. A report is no longer for long ones.
    private const int MostNameCharacters = 2 << 20;
    private const int MostPlaceCharacters = 4 << 20;

    private readonly Dictionary<Key, ScanFinding> _findings = [];
    private readonly ScanFinding?[] _rest = new ScanFinding?[Enum.GetValues<Verdict>().Length];
    private readonly HashSet<string> _allowedExactly = [.. options.AllowsExactly];
    private int _places;
    private long _nameCharacters;
    private long _placeCharacters;

    /// <summary>Everything, the most dangerous first, then in the order of the file.</summary>
    public IReadOnlyList<ScanFinding> All => [.. _findings.Values.OrderBy(static finding => finding.IsAllowed).ThenByDescending(static finding => finding.Verdict)];

    /// <summary>Counts a name; the text of the call is made only where it is kept.</summary>
    /// <param name="name">Module and name.</param>
    /// <param name="verdict">What it is.</param>
    /// <param name="reason">Why, where the name does not say.</param>
    /// <param name="takesWildcards">Whether a wildcard may accept it.</param>
    /// <param name="stream">Where: which pickle.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="call">The call, if it is called.</param>
    /// <returns>The finding, for <see cref="Again"/>.</returns>
    public ScanFinding Add(string name, Verdict verdict, string? reason, bool takesWildcards, string stream, long offset, PickleCall? call)
    {
        ScanFinding finding = Get(name, verdict, reason, takesWildcards);
        Again(finding, stream, offset, call);
        return finding;
    }

    /// <summary>Counts a name that is known already.</summary>
    public void Again(ScanFinding finding, string stream, long offset, PickleCall? call)
    {
        finding.Count++;
        // Of what is harmless one place tells enough.
        int most = finding.Verdict >= Verdict.Unknown ? MostPlaces : 1;
        if (finding.PlaceList.Count < most && _places < MostPlacesInAll && _placeCharacters < MostPlaceCharacters)
        {
            _places++;
            string? text = call is null ? null : Literals.Of(call);
            _placeCharacters += stream.Length + (text?.Length ?? 0);
            finding.PlaceList.Add(new ScanPlace(stream, offset, text));
        }
    }

    private ScanFinding Get(string name, Verdict verdict, string? reason, bool takesWildcards)
    {
        if (_findings.TryGetValue(new(name, verdict, reason), out ScanFinding? finding))
        {
            return finding;
        }
        if (_findings.Count >= MostNames || _nameCharacters >= MostNameCharacters)
        {
            return GetRest(verdict);
        }
        bool isAllowed = name != Rest && (_allowedExactly.Contains(name) || (verdict == Verdict.Unknown && takesWildcards && options.Allows(name)));
        _nameCharacters += name.Length;
        finding = new ScanFinding(name, verdict, reason) { IsAllowed = isAllowed };
        _findings.Add(new(name, verdict, reason), finding);
        return finding;
    }

    private ScanFinding GetRest(Verdict verdict)
    {
        ref ScanFinding? rest = ref _rest[(int)verdict];
        if (rest is null && !_findings.TryGetValue(new(Rest, verdict, RestReason), out rest))
        {
            rest = new ScanFinding(Rest, verdict, RestReason);
            _findings.Add(new(Rest, verdict, RestReason), rest);
        }
        return rest;
    }

    // Names have few verdicts and reasons: to hash those, too, would tell no more apart.
    private readonly record struct Key(string Name, Verdict Verdict, string? Reason)
    {
        public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
    }
}
