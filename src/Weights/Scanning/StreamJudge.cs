using Weights.Pickle;
using Weights.Scanning.Names;

namespace Weights.Scanning;

/// <summary>
/// Judges pickles, one after the other: every name by itself, every call by what is called with what, and what is done to objects besides.
/// </summary>
/// <param name="findings">Are told.</param>
/// <param name="names">What is known of names.</param>
/// <param name="loads">Told of bytes that a call would load as a file of their own, or of why they cannot be read, and where the call stands.</param>
/// <param name="charges">Told of work that judging took, in what <see cref="PickleMachine.Work"/> counts.</param>
internal sealed class StreamJudge(Findings findings, KnownNames names, Action<ByteSource?, string?, long> loads, Action<long> charges) : PickleJudge
{
    private readonly ArgumentJudge _arguments = new(names, loads, charges);
    private readonly StateJudge _states = new(findings);
    private PickleGlobal? _executing;
    private PickleGlobal? _unknown;
    private PickleGlobal? _calledRoot;
    private string? _calledAttributes;
    private ScanFinding? _calledAttribute;
    private ScanFinding? _calledResult;
    private string? _calledResultOf;
    private string _stream = "";

    /// <summary>Begins with another pickle.</summary>
    /// <param name="stream">What it is called in findings.</param>
    public void Begin(string stream)
    {
        _stream = stream;
        (_executing, _unknown, _calledRoot) = (null, null, null);
        _states.Forget();
    }

    /// <summary>Judges what is left when the machine has read the pickle, or as much of it as could be read.</summary>
    public void End(PickleMachine machine)
    {
        machine.JudgeCalls();
        foreach (PickleGlobal global in machine.Globals)
        {
            JudgeGlobal(global);
        }
    }

    /// <summary>Judges names that were found without knowing what is done with them.</summary>
    public void Judge(PickleSweep sweep)
    {
        foreach (PickleGlobal global in sweep.Globals)
        {
            NameVerdict verdict = names.VerdictOf(global);
            names.AddAll(global, verdict.DependsOnCall ? new(Verdict.Unknown, "stands after a break of the stream, so that its arguments cannot be seen") : verdict, _stream);
        }
    }

    // All that are unknown are one, and all that execute code; not the harmless, of which there are not so many, and those that their arguments decide about.
    public override PickleGlobal? StandIn(string module, string name, bool isComputed) => names.VerdictOf(module, name, isComputed) switch
    {
        { DependsOnCall: false, Verdict: Verdict.Executes } => _executing ??= StandInFor(module, name, isComputed),
        { DependsOnCall: false, Verdict: Verdict.Unknown } => _unknown ??= StandInFor(module, name, isComputed),
        _ => null,
    };

    private static PickleGlobal StandInFor(string module, string name, bool isComputed) =>
        new(Findings.Rest, Findings.Rest, 0) { StandsFor = new PickleGlobal(module, name, 0) { IsComputed = isComputed } };

    public override void Judge(ReadOnlySpan<PickleCall> calls)
    {
        foreach (PickleCall call in calls)
        {
            call.Notes |= PickleNotes.IsJudged;
            JudgeCall(call);
            _states.Judge(call, _stream);
        }
    }

    public override void JudgeLateState(PickleCall call, PickleNode state)
    {
        _states.JudgeLate(call, state, _stream);
        if (call.Callable is PickleGlobal global && names.VerdictOf(global).DependsOnCall && ConditionalNames.ConditionOf(global.FullName) == Condition.Partial
            && _arguments.JudgePartialState(state) is { Verdict: >= Verdict.Unknown } worse)
        {
            names.Add(global, worse, _stream, call.Offset, call);
        }
    }

    public override void JudgeLateItems(PickleCall call) => _states.JudgeLateItems(call, _stream);

    public override void JudgeLateEntry(string name, long offset) => _states.AddLateEntry(name, _stream, offset);

    public override bool IsTelling(PickleNode key, PickleNode value) => StateJudge.IsTelling(key, value);

    /// <summary>What something that a stream makes is called.</summary>
    public static string Name(PickleNode node) => node switch
    {
        PickleGlobal global => global.FullName,
        PickleCall { Callable: PickleGlobal callee } => callee.FullName,
        _ => node.Kind,
    };

    private void JudgeGlobal(PickleGlobal global)
    {
        if (global is { IsCalled: true, IsHandedOn: false, State: null, HasItems: false })
        {
            return; // It has been told with its calls.
        }
        NameVerdict verdict = names.VerdictOf(global);
        if (global.State is not null || global.HasItems)
        {
            findings.Add(global.FullName, Verdict.Executes, "is changed by the stream, which no writer of pickles does", false, _stream, global.Offset, null);
        }
        if (verdict.DependsOnCall && global.IsHandedOn)
        {
            Verdict worst = ConditionalNames.ConditionOf(global.FullName) is Condition.TypeOf or Condition.Encoding ? Verdict.Unknown : Verdict.Executes;
            findings.Add(global.FullName, worst, "is handed on instead of being called, so that its arguments cannot be seen", false, _stream, global.Offset, null);
        }
        else if (!global.IsCalled)
        {
            names.AddAll(global, verdict with { DependsOnCall = false }, _stream);
        }
    }

    private void JudgeCall(PickleCall call)
    {
        switch (Callable(call.Callable))
        {
            case PickleGlobal global:
                NameVerdict verdict = names.VerdictOf(global);
                verdict = verdict.DependsOnCall ? _arguments.Judge(call, global, verdict.Verdict) : verdict;
                names.Add(global, verdict, _stream, global.IsCalled ? call.Offset : global.Offset, call);
                global.IsCalled = true;
                break;
            case PickleCall made when AttributePath.Of(made) is { } path:
                JudgeCalledAttribute(call, path);
                break;
            case PickleCall made:
                JudgeCalledResult(call, Name(made));
                break;
            case PicklePersistentId:
                findings.Add("a persistent id", Verdict.Executes, "is called: what it does cannot be seen", false, _stream, call.Offset, call);
                break;
            case { } other:
                findings.Add(other.Kind, Verdict.Unknown, "is called, where Python would stop", false, _stream, call.Offset, call);
                break;
        }
    }

    private void JudgeCalledResult(PickleCall call, string maker)
    {
        // A stream may hold millions of these, one after the other.
        if (_calledResult is not null && ReferenceEquals(_calledResultOf, maker))
        {
            findings.Again(_calledResult, _stream, call.Offset, call);
            return;
        }
        _calledResult = findings.Add($"the result of {maker}", Verdict.Executes, "is called: what it does cannot be seen", false, _stream, call.Offset, call);
        _calledResultOf = maker;
    }

    // Old files keep the source of a class beside it, and name both as a value outside.
    private static PickleNode Callable(PickleNode callable) => callable switch
    {
        PicklePersistentId { Id: PickleTuple { Items: [PickleText tag, PickleGlobal global, ..] } } when tag.Is("module") => global,
        PicklePersistentId { Id: PickleTuple { Items: [PickleGlobal global, ..] } } => global, // in the tar archives of the first versions
        _ => callable,
    };

    // Python writes classes within classes, and alternative constructors, as getattr, and then calls those.
    private void JudgeCalledAttribute(PickleCall call, AttributePath path)
    {
        if (_calledAttribute is not null && ReferenceEquals(path.Root, _calledRoot) && path.Attributes == _calledAttributes)
        {
            findings.Again(_calledAttribute, _stream, call.Offset, call);
            return;
        }
        NameVerdict whole = _arguments.WholeOf(path);
        if (whole.Verdict >= Verdict.Unknown && names.VerdictOf(path.Root).Verdict < Verdict.Unknown)
        {
            whole = new(Verdict.Executes, "is a method that the stream calls: what it does is not known");
        }
        whole = whole.DependsOnCall ? new(Verdict.Executes, "is called in a way that its arguments are not looked at") : whole;
        (_calledRoot, _calledAttributes) = (path.Root, path.Attributes);
        _calledAttribute = findings.Add(path.FullName, whole.Verdict, whole.Reason, true, _stream, call.Offset, call);
    }
}
