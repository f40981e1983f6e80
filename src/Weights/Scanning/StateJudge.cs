using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>
/// Judges what the state of an instance does beyond giving it attributes: some are called by Python with what the stream does next to the instance.
/// </summary>
/// <param name="findings">Are told.</param>
internal sealed class StateJudge(Findings findings)
{
    private const string Reason = "is given an attribute that Python calls with what the stream does next";

    // Attributes by which an instance hands what the stream does next to it to a function of the stream's choosing.
    private static readonly HashSet<string> s_hijacking = new(StringComparer.Ordinal)
    {
        "__setstate__", "__class__", "__reduce__", "__reduce_ex__", "__getattribute__", "__getattr__", "__setattr__", "__call__", "__del__", "__init__", "__new__", "__dict__",
    };

    // The same where items are added to it or set in it.
    private static readonly HashSet<string> s_filling = new(StringComparer.Ordinal) { "append", "extend", "add", "update", "__setitem__" };

    // Of states that are told: a stream may hand one of them to a million objects.
    private const int MostRemembered = 256;

    private readonly Dictionary<PickleDict, (string? Hijacking, string? Filling)> _told = new(ReferenceEqualityComparer.Instance);
    private (string Callee, string Attribute, ScanFinding Finding)? _last;

    /// <summary>Whether an entry of a state would be told.</summary>
    public static bool IsTelling(PickleNode key, PickleNode value) =>
        key is PickleText { Length: < 32 } name && value is PickleObject && (s_hijacking.Contains(name.Text) || s_filling.Contains(name.Text));

    /// <summary>Judges all states of a call.</summary>
    public void Judge(PickleCall call, string stream)
    {
        if (call.State is null)
        {
            return;
        }
        JudgePath(call, stream);
        IReadOnlyList<PickleNode> earlier = call.EarlierStates;
        for (int index = 0; index < earlier.Count; index++)
        {
            Judge(call, earlier[index], stream);
        }
        Judge(call, call.State, stream);
    }

    /// <summary>Judges a state that came late.</summary>
    public void JudgeLate(PickleCall call, PickleNode state, string stream)
    {
        if (call.State is null)
        {
            JudgePath(call, stream);
        }
        Judge(call, state, stream);
    }

    /// <summary>Judges the states of a call to which items are added late.</summary>
    public void JudgeLateItems(PickleCall call, string stream)
    {
        foreach (PickleNode state in call.State is { } last ? call.EarlierStates.Append(last) : [])
        {
            Judge(call, state, stream, isFilledOnly: true);
        }
    }

    /// <summary>Tells of an entry that comes to a state late.</summary>
    public void AddLateEntry(string name, string stream, long offset) =>
        findings.Add($"an object with {name}", Verdict.Executes, Reason, false, stream, offset, null);

    /// <summary>Forgets the states of a stream.</summary>
    public void Forget() => _told.Clear();

    private void JudgePath(PickleCall call, string stream)
    {
        if (AttributePath.Of(call) is { } path)
        {
            findings.Add(path.FullName, Verdict.Executes, "is changed by the stream, which no writer of pickles does", false, stream, call.Offset, call);
        }
    }

    private void Judge(PickleCall call, PickleNode state, string stream, bool isFilledOnly = false)
    {
        if (state is PickleTuple { Items: [var first, var second] })
        {
            JudgeAttributes(call, first, stream, isFilledOnly);
            JudgeAttributes(call, second, stream, isFilledOnly);
        }
        else
        {
            JudgeAttributes(call, state, stream, isFilledOnly);
        }
    }

    private void JudgeAttributes(PickleCall call, PickleNode state, string stream, bool isFilledOnly)
    {
        if (state is not PickleDict dict)
        {
            return;
        }
        // Keys that come to it from now on are told when they come.
        dict.Notes |= PickleNotes.IsJudged;
        (string? hijacking, string? filling) = AttributesOf(dict);
        string? told = isFilledOnly && hijacking is not null ? null : hijacking ?? (call.HasItems ? filling : null);
        if (told is null)
        {
            return;
        }
        string callee = StreamJudge.Name(call);
        if (_last is { } last && ReferenceEquals(last.Callee, callee) && last.Attribute == told)
        {
            findings.Again(last.Finding, stream, call.Offset, call);
            return;
        }
        _last = (callee, told, findings.Add($"{callee} with {told}", Verdict.Executes, Reason, false, stream, call.Offset, call));
    }

    private (string? Hijacking, string? Filling) AttributesOf(PickleDict dict)
    {
        (string? Hijacking, string? Filling) found = default;
        bool isKnown = (dict.Notes & PickleNotes.AttributesKnown) != 0;
        if (isKnown && ((dict.Notes & PickleNotes.HasTellingAttributes) == 0 || _told.TryGetValue(dict, out found)))
        {
            return found;
        }
        foreach ((PickleNode key, PickleNode value) in dict.Items)
        {
            if (key is PickleText name && IsTelling(key, value))
            {
                found.Hijacking = s_hijacking.Contains(name.Text) ? name.Text : found.Hijacking;
                found.Filling = s_filling.Contains(name.Text) ? name.Text : found.Filling;
            }
        }
        dict.Notes |= PickleNotes.AttributesKnown;
        if (found != default)
        {
            dict.Notes |= PickleNotes.HasTellingAttributes;
            if (_told.Count >= MostRemembered)
            {
                _told.Clear();
            }
            _told[dict] = found;
        }
        return found;
    }
}
