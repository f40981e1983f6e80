namespace Weights.Pickle;

/// <summary>
/// Whoever judges a stream while it is read and has no use for its values. For him a class by its number in Python's extension registry is a
/// global that nobody knows, a buffer outside of the stream is empty, globals are told whether they were handed on, and what he has judged is not
/// kept: a stream may make a million calls and leave none of them anywhere.
/// </summary>
internal abstract class PickleJudge
{
    /// <summary>Where there are too many names to keep each: the one node that stands for a name and others like it; null where it has to be kept.</summary>
    public abstract PickleGlobal? StandIn(string module, string name, bool isComputed);

    /// <summary>Judges calls, in the order of the stream; they come in groups, so that most have got their states.</summary>
    public abstract void Judge(ReadOnlySpan<PickleCall> calls);

    /// <summary>A call that has been judged is given another state.</summary>
    public abstract void JudgeLateState(PickleCall call, PickleNode state);

    /// <summary>A call that has been judged has its first item or entry.</summary>
    public abstract void JudgeLateItems(PickleCall call);

    /// <summary>A dict that is the state of a call that has been judged has a telling entry more, at <paramref name="offset"/>.</summary>
    public abstract void JudgeLateEntry(string name, long offset);

    /// <summary>Whether an entry of a dict has to be kept, whatever the dict is for.</summary>
    public abstract bool IsTelling(PickleNode key, PickleNode value);
}
