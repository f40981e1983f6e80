using Weights.Pickle;
using Weights.Scanning.Names;

namespace Weights.Scanning;

/// <summary>What is known of the names of a file: each is looked up once, in whichever of its pickles it comes first.</summary>
/// <param name="findings">Are told.</param>
internal sealed class KnownNames(Findings findings)
{
    // Distinct names that are looked up once; thousands of classes are in no honest file.
    private const int MostKnown = 1 << 14;

    private readonly PickleNames<Known> _known = new();
    private readonly Known _restThatExecutes = new(new(Verdict.Executes, Findings.RestReason), isRest: true);
    private readonly Known _restUnknown = new(new(Verdict.Unknown, Findings.RestReason), isRest: true);
    private PickleGlobal? _last;
    private Known? _lastKnown;

    /// <summary>Whether the pickles are those of a TorchScript archive, whose own classes they name.</summary>
    public bool AreOfTorchScript
    {
        get;
        set
        {
            if (field != value)
            {
                _known.Clear();
                (field, _last) = (value, null);
            }
        }
    }

    /// <summary>What a name is, by itself.</summary>
    public NameVerdict VerdictOf(PickleGlobal global) => KnownOf(global).Verdict;

    /// <summary>What a name is that is no node yet and comes once.</summary>
    public NameVerdict VerdictOf(string module, string name, bool isComputed) => NameJudge.Judge(module, name, isComputed, AreOfTorchScript);

    /// <summary>Tells of a name, as often as its node stands for it.</summary>
    public void AddAll(PickleGlobal global, NameVerdict verdict, string stream)
    {
        Add(global, verdict, stream, global.Offset, null);
        KnownOf(global).Finding!.Count += global.Repeats;
    }

    /// <summary>Tells of a name.</summary>
    public void Add(PickleGlobal global, NameVerdict verdict, string stream, long offset, PickleCall? call)
    {
        Known known = KnownOf(global);
        if (known.Finding is { } finding && finding.Verdict == verdict.Verdict && ReferenceEquals(finding.Reason, verdict.Reason))
        {
            findings.Again(finding, stream, offset, call);
            return;
        }
        known.Finding = findings.Add(known.IsRest ? Findings.Rest : global.FullName, verdict.Verdict, verdict.Reason, NameJudge.TakesWildcards(global.Name), stream, offset, call);
    }

    private Known KnownOf(PickleGlobal global)
    {
        if (!ReferenceEquals(global, _last))
        {
            (_last, _lastKnown) = (global, Find(global));
        }
        return _lastKnown!;
    }

    private Known Find(PickleGlobal global)
    {
        if (global.StandsFor is { } first)
        {
            return VerdictOf(first.Module, first.Name, first.IsComputed).Verdict == Verdict.Executes ? _restThatExecutes : _restUnknown;
        }
        // Of a computed name, the text says nothing.
        if (!global.IsComputed && _known.Find(new(global.Module, global.Name)) is { } found)
        {
            return found;
        }
        NameVerdict verdict = NameJudge.Judge(global.Module, global.Name, global.IsComputed, AreOfTorchScript);
        // A file of a million names would only fill it; all that follow are told as one.
        bool isListed = global.IsComputed || _known.Count < MostKnown;
        if (!isListed && verdict is { Verdict: >= Verdict.Unknown, DependsOnCall: false })
        {
            return verdict.Verdict == Verdict.Executes ? _restThatExecutes : _restUnknown;
        }
        Known known = new(verdict);
        if (isListed && !global.IsComputed)
        {
            _known.Add(new(global.Module, global.Name), known);
        }
        return known;
    }

    /// <summary>What is known of a name.</summary>
    private sealed class Known(NameVerdict verdict, bool isRest = false)
    {
        /// <summary>What it is.</summary>
        public NameVerdict Verdict { get; } = verdict;

        /// <summary>Whether it stands for all names beyond those that are listed.</summary>
        public bool IsRest { get; } = isRest;

        /// <summary>How it is called to account, the last time it was met.</summary>
        public ScanFinding? Finding { get; set; }
    }
}
