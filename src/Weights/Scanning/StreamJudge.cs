using Weights.Pickle;
using Weights.Scanning.Names;

namespace Weights.Scanning;

/// <summary>
/// Judges one pickle: every name in it by itself, every call by what is called with what, and what is done to objects besides.
/// </summary>
/// <param name="findings">Are told.</param>
/// <param name="stream">What the pickle is called in them.</param>
/// <param name="isTorchScript">Whether the archive around it is one of TorchScript, whose own classes the pickle names.</param>
/// <param name="scanNested">Scans bytes that a call would load as a file of their own; the second argument is where they stand.</param>
internal sealed class StreamJudge(Findings findings, string stream, bool isTorchScript, Action<ByteSource, long> scanNested)
{
    private const int DeepestAttribute = 4;

    // Distinct names of one pickle that are looked up once; thousands of classes are in no honest one.
    private const int MostKnown = 1 << 14;

    // How torch's functions name the module that they are in.
    private const string TorchItself = "torch._utils.torch";

    private static readonly HashSet<string> s_plainCodecs = new(StringComparer.OrdinalIgnoreCase)
    {
        "latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1", "ascii", "us-ascii", "utf-8", "utf8", "utf_8", "utf-16", "utf-32", "raw_unicode_escape",
    };

    // Attributes of harmless classes that read and write files, or load what is in them.
    private static readonly HashSet<string> s_touching = new(StringComparer.Ordinal)
    {
        "tofile", "fromfile", "dump", "dumps", "load", "loads", "save", "open", "from_file", "_new_with_file", "_write_file", "_set_from_file", "_new_shared_filename",
        "_share_filename_cpu_", "_new_using_filename_cpu", "_new_using_fd_cpu", "write_text", "write_bytes", "read_text", "read_bytes", "unlink", "rename", "replace", "rmdir", "mkdir",
        "touch", "chmod", "symlink_to", "hardlink_to", "link_to", "register", "apply", "register_hook", "map_", "map2_", "format_map", "format",
    };

    // Attributes by which an instance hands what the stream does next to it to a function of the stream's choosing.
    private static readonly HashSet<string> s_hijacking = new(StringComparer.Ordinal)
    {
        "__setstate__", "__class__", "__reduce__", "__reduce_ex__", "__getattribute__", "__getattr__", "__setattr__", "__call__", "__del__", "__init__", "__new__", "__dict__",
    };

    private static readonly HashSet<string> s_filling = new(StringComparer.Ordinal) { "append", "extend", "add", "update", "__setitem__" };

    private readonly HashSet<PickleNode> _nested = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PickleDict, (string? Hijacking, string? Filling)> _attributes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(string Module, string Name), Known> _known = [];
    private readonly Known _restThatExecutes = new(new(Verdict.Executes, Findings.RestReason));
    private readonly Known _restUnknown = new(new(Verdict.Unknown, Findings.RestReason));
    private readonly PickleGlobal _executing = new(Findings.Rest, Findings.Rest, 0);
    private readonly PickleGlobal _unknown = new(Findings.Rest, Findings.Rest, 0);
    private PickleGlobal? _last;
    private Known? _lastKnown;
    private PickleGlobal? _pathRoot;
    private string? _pathAttributes;
    private NameVerdict _pathVerdict;
    private PickleGlobal? _calledRoot;
    private string? _calledAttributes;
    private ScanFinding? _calledAttribute;
    private ScanFinding? _calledResult;
    private string? _calledResultOf;

    /// <summary>Judges everything that the machine has read.</summary>
    public void Judge(PickleMachine machine)
    {
        foreach (PickleCall call in machine.Calls)
        {
            JudgeCall(call);
            JudgeDeeds(call);
        }
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
            NameVerdict verdict = VerdictOf(global);
            Add(global, verdict.DependsOnCall ? new(Verdict.Unknown, "stands after a break of the stream, so that its arguments cannot be seen") : verdict, global.Offset, null);
            KnownOf(global).Finding!.Count += global.Repeats;
        }
    }

    /// <summary>
    /// What stands for a name in a stream that has too many: all that are unknown are one, and all that execute code. Null for the harmless, of which there
    /// are not so many, and for those that their arguments decide about.
    /// </summary>
    public PickleGlobal? StandIn(string module, string name) => NameJudge.Judge(new PickleGlobal(module, name, 0), isTorchScript) switch
    {
        { DependsOnCall: false, Verdict: Verdict.Executes } => _executing,
        { DependsOnCall: false, Verdict: Verdict.Unknown } => _unknown,
        _ => null,
    };

    private void JudgeGlobal(PickleGlobal global)
    {
        NameVerdict verdict = VerdictOf(global);
        if (global.State is not null || global.Entries is not null || global.Items is not null)
        {
            findings.Add(global.FullName, Verdict.Executes, "is changed by the stream, which no writer of pickles does", false, stream, global.Offset, null);
        }
        if (verdict.DependsOnCall && global.IsHandedOn)
        {
            Verdict worst = ConditionalNames.ConditionOf(global.FullName) is Condition.TypeOf or Condition.Encoding ? Verdict.Unknown : Verdict.Executes;
            findings.Add(global.FullName, worst, "is handed on instead of being called, so that its arguments cannot be seen", false, stream, global.Offset, null);
        }
        else if (!global.IsCalled)
        {
            Add(global, verdict with { DependsOnCall = false }, global.Offset, null);
            KnownOf(global).Finding!.Count += global.Repeats;
        }
    }

    private void JudgeCall(PickleCall call)
    {
        switch (Callable(call.Callable))
        {
            case PickleGlobal global:
                NameVerdict verdict = VerdictOf(global);
                verdict = verdict.DependsOnCall ? JudgeArguments(call, global, verdict.Verdict) : verdict;
                Add(global, verdict, global.IsCalled ? call.Offset : global.Offset, call);
                global.IsCalled = true;
                break;
            case PickleCall made when AttributePath(made, 0) is { } path:
                JudgeCalledAttribute(call, path);
                break;
            case PickleCall made:
                JudgeCalledResult(call, Name(made));
                break;
            case PicklePersistentId:
                findings.Add("a persistent id", Verdict.Executes, "is called: what it does cannot be seen", false, stream, call.Offset, call);
                break;
            case { } other:
                findings.Add(other.Kind, Verdict.Unknown, "is called, where Python would stop", false, stream, call.Offset, call);
                break;
        }
    }

    private void JudgeCalledResult(PickleCall call, string maker)
    {
        // A stream may hold millions of these, one after the other.
        if (_calledResult is not null && ReferenceEquals(_calledResultOf, maker))
        {
            findings.Again(_calledResult, stream, call.Offset, call);
            return;
        }
        _calledResult = findings.Add($"the result of {maker}", Verdict.Executes, "is called: what it does cannot be seen", false, stream, call.Offset, call);
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
    private void JudgeCalledAttribute(PickleCall call, (PickleGlobal Root, string Attributes) path)
    {
        if (_calledAttribute is not null && ReferenceEquals(path.Root, _calledRoot) && path.Attributes == _calledAttributes)
        {
            findings.Again(_calledAttribute, stream, call.Offset, call);
            return;
        }
        NameVerdict root = VerdictOf(path.Root);
        NameVerdict whole = Whole(path);
        if (whole.Verdict >= Verdict.Unknown && root.Verdict < Verdict.Unknown)
        {
            whole = new(Verdict.Executes, "is a method that the stream calls: what it does is not known");
        }
        whole = whole.DependsOnCall ? new(Verdict.Executes, "is called in a way that its arguments are not looked at") : whole;
        (_calledRoot, _calledAttributes) = (path.Root, path.Attributes);
        _calledAttribute = findings.Add($"{path.Root.FullName}.{path.Attributes}", whole.Verdict, whole.Reason, true, stream, call.Offset, call);
    }

    private NameVerdict JudgeArguments(PickleCall call, PickleGlobal callee, Verdict harmless)
    {
        PickleNode[] arguments = (call.Arguments as PickleTuple)?.Items ?? [];
        return ConditionalNames.ConditionOf(callee.FullName) switch
        {
            Condition.Attribute => JudgeAttribute(call),
            Condition.Partial => JudgePartial(call, arguments),
            Condition.NestedFile => ScanNested(call, arguments),
            Condition.Encoding => arguments is [PickleText or PickleBytes, PickleText codec, ..] && s_plainCodecs.Any(codec.Is)
                ? new(harmless)
                : new(Verdict.Unknown, "encodes by a codec other than those of plain text; its name is a module that is imported"),
            Condition.TypeOf => arguments is [PickleNone or PickleBool or PickleGlobal { FullName: "builtins.Ellipsis" or "builtins.NotImplemented" }]
                ? new(harmless)
                : new(arguments.Length == 3 ? Verdict.Executes : Verdict.Unknown, "makes a class, or takes that of something unknown"),
            Condition.NamedClass or Condition.NamedFunction => arguments is [PickleGlobal { IsComputed: false } first, ..] && !VerdictOf(first).DependsOnCall
                ? new(harmless)
                : new(Verdict.Executes, "is not told by name what to make or call"),
            Condition.RandomState => arguments.All(static argument => argument is PickleText or PickleBytes or PickleGlobal { IsComputed: false } || IsNumpyBitGenerator(argument))
                ? new(harmless)
                : new(Verdict.Executes, "calls its arguments"),
            _ => new(Verdict.Unknown),
        };
    }

    private static bool IsNumpyBitGenerator(PickleNode node) => node is PickleCall { Callable: PickleGlobal maker } && maker.FullName is "numpy.random._pickle.__bit_generator_ctor";

    private NameVerdict JudgeAttribute(PickleCall call)
    {
        if (AttributePath(call, 0) is { } path)
        {
            return JudgePath(path);
        }
        // A method of an instance: as much as its class.
        if (call is { Arguments: PickleTuple { Items: [PickleCall { Callable: PickleGlobal { IsComputed: false } type }, PickleText { Length: < 100 } name] } } && !VerdictOf(type).DependsOnCall)
        {
            return JudgePath((type, name.Text));
        }
        return new(Verdict.Executes, "takes an attribute of something that is no class, or by a name that is not stated");
    }

    private NameVerdict JudgePath((PickleGlobal Root, string Attributes) path)
    {
        // A stream may take one attribute a million times.
        if (!ReferenceEquals(path.Root, _pathRoot) || path.Attributes != _pathAttributes)
        {
            (_pathRoot, _pathAttributes, _pathVerdict) = (path.Root, path.Attributes, JudgeNewPath(path));
        }
        return _pathVerdict;
    }

    private NameVerdict JudgeNewPath((PickleGlobal Root, string Attributes) path)
    {
        NameVerdict root = VerdictOf(path.Root);
        NameVerdict whole = Whole(path);
        if (path.Root.FullName == TorchItself)
        {
            return whole with { DependsOnCall = false, Verdict = whole.DependsOnCall ? Verdict.Executes : whole.Verdict, Reason = whole.Reason ?? $"takes torch.{path.Attributes}" };
        }
        if (root.Verdict == Verdict.Executes || whole.Verdict != Verdict.Unknown)
        {
            return root.Verdict == Verdict.Executes ? root : whole;
        }
        string[] attributes = path.Attributes.Split('.');
        return root.DependsOnCall || attributes.Any(s_touching.Contains) && root.Verdict < Verdict.Unknown
            ? new(Verdict.Executes, $"reaches {path.Root.FullName}.{path.Attributes}")
            // Of an unknown class, its name has been told already: an attribute is no worse.
            : new(Verdict.Data);
    }

    private static NameVerdict Whole((PickleGlobal Root, string Attributes) path) => path.Root.FullName == TorchItself
        ? NameJudge.Judge("torch", path.Attributes)
        : NameJudge.Judge(path.Root.Module, $"{path.Root.Name}.{path.Attributes}");

    /// <summary>The class at the bottom of one or more getattr with literal names, and those names; null where there is none.</summary>
    private static (PickleGlobal Root, string Attributes)? AttributePath(PickleNode node, int depth)
    {
        if (depth >= DeepestAttribute
            || node is not PickleCall { Callable: PickleGlobal { IsComputed: false, FullName: "builtins.getattr" or "__builtin__.getattr" }, Arguments: PickleTuple { Items: [var of, PickleText { Length: < 100 } name] } })
        {
            return null;
        }
        string text = name.Text;
        return of is PickleGlobal { IsComputed: false } global ? (global, text)
            : AttributePath(of, depth + 1) is { } inner ? (inner.Root, $"{inner.Attributes}.{text}")
            : null;
    }

    private NameVerdict JudgePartial(PickleCall call, PickleNode[] arguments)
    {
        NameVerdict worst = JudgeKept(arguments.Length > 0 ? arguments[0] : null);
        // Its state, which Python hands to it after making it, names the function again.
        foreach (PickleNode state in call.EarlierStates)
        {
            worst = Worse(worst, JudgeKept((state as PickleTuple)?.Items.FirstOrDefault()));
        }
        return call.State is null or PickleNone ? worst : Worse(worst, JudgeKept((call.State as PickleTuple)?.Items.FirstOrDefault()));
    }

    private static NameVerdict Worse(NameVerdict left, NameVerdict right) => right.Verdict > left.Verdict ? right : left;

    private NameVerdict JudgeKept(PickleNode? function)
    {
        const string kept = "keeps a function to be called that is no better";
        NameVerdict verdict = function switch
        {
            PickleGlobal { IsComputed: false } global when !VerdictOf(global).DependsOnCall => VerdictOf(global),
            PickleCall made when AttributePath(made, 0) is { } path => JudgePath(path),
            _ => new(Verdict.Executes, "keeps a function that is not told by name"),
        };
        return verdict.Verdict < Verdict.Unknown ? verdict : verdict with { Reason = verdict.Reason ?? kept };
    }

    private NameVerdict ScanNested(PickleCall call, PickleNode[] arguments)
    {
        if (arguments.Length == 1 && _nested.Contains(arguments[0]))
        {
            return new(Verdict.Tensors);
        }
        ByteSource? bytes = arguments switch
        {
            [PickleBytes value] => value.Value,
            [PickleText { IsByteString: true } text] => text.ToLatin1(),
            // Bytes as protocols before 3 have them.
            [PickleCall { Callable: PickleGlobal { IsComputed: false, FullName: "_codecs.encode" }, Arguments: PickleTuple { Items: [PickleText { Length: <= PickleLimits.TextLine } text, ..] } }] => text.ToLatin1(),
            _ => null,
        };
        if (bytes is null)
        {
            return new(Verdict.Executes, "loads bytes that the stream computes");
        }
        _nested.Add(arguments[0]);
        scanNested(bytes, call.Offset);
        return new(Verdict.Tensors);
    }

    // What a state does to an instance, beyond giving it attributes.
    private void JudgeDeeds(PickleCall call)
    {
        if (call.State is null)
        {
            return;
        }
        if (AttributePath(call, 0) is { } path)
        {
            findings.Add($"{path.Root.FullName}.{path.Attributes}", Verdict.Executes, "is changed by the stream, which no writer of pickles does", false, stream, call.Offset, call);
        }
        IReadOnlyList<PickleNode> earlier = call.EarlierStates;
        for (int index = 0; index < earlier.Count; index++)
        {
            JudgeState(call, earlier[index]);
        }
        JudgeState(call, call.State);
    }

    private void JudgeState(PickleCall call, PickleNode state)
    {
        if (state is PickleTuple { Items: [var first, var second] })
        {
            JudgeAttributes(call, first);
            JudgeAttributes(call, second);
        }
        else
        {
            JudgeAttributes(call, state);
        }
    }

    private void JudgeAttributes(PickleCall call, PickleNode state)
    {
        (string? hijacking, string? filling) = state is PickleDict dict ? AttributesOf(dict) : default;
        if ((hijacking ?? (call.Items is not null || call.Entries is not null ? filling : null)) is { } name)
        {
            findings.Add($"{Name(call)} with {name}", Verdict.Executes, "is given an attribute that Python calls with what the stream does next", false, stream, call.Offset, call);
        }
    }

    // Once for each dict: a stream may hand one to a million objects.
    private (string? Hijacking, string? Filling) AttributesOf(PickleDict dict)
    {
        if (_attributes.TryGetValue(dict, out (string? Hijacking, string? Filling) found))
        {
            return found;
        }
        foreach ((PickleNode key, PickleNode value) in dict.Items)
        {
            if (key is PickleText { Length: < 32 } name && value is PickleObject)
            {
                found.Hijacking = s_hijacking.Contains(name.Text) ? name.Text : found.Hijacking;
                found.Filling = s_filling.Contains(name.Text) ? name.Text : found.Filling;
            }
        }
        return _attributes[dict] = found;
    }

    private void Add(PickleGlobal global, NameVerdict verdict, long offset, PickleCall? call)
    {
        Known known = KnownOf(global);
        if (known.Finding is { } finding && finding.Verdict == verdict.Verdict && ReferenceEquals(finding.Reason, verdict.Reason))
        {
            findings.Again(finding, stream, offset, call);
            return;
        }
        bool isRest = known == _restThatExecutes || known == _restUnknown;
        known.Finding = findings.Add(isRest ? Findings.Rest : global.FullName, verdict.Verdict, verdict.Reason, NameJudge.TakesWildcards(global.Name), stream, offset, call);
    }

    private NameVerdict VerdictOf(PickleGlobal global) => KnownOf(global).Verdict;

    private Known KnownOf(PickleGlobal global)
    {
        if (ReferenceEquals(global, _last))
        {
            return _lastKnown!;
        }
        // Of a computed name, the text says nothing.
        Known? known = ReferenceEquals(global, _executing) ? _restThatExecutes
            : ReferenceEquals(global, _unknown) ? _restUnknown
            : global.IsComputed ? new Known(NameJudge.Judge(global, isTorchScript)) : _known.GetValueOrDefault((global.Module, global.Name));
        if (known is null)
        {
            known = new Known(NameJudge.Judge(global, isTorchScript));
            // A file of a million names would only fill it; all that follow are told as one.
            if (_known.Count < MostKnown)
            {
                _known.Add((global.Module, global.Name), known);
            }
            else if (known.Verdict is { Verdict: >= Verdict.Unknown, DependsOnCall: false })
            {
                known = known.Verdict.Verdict == Verdict.Executes ? _restThatExecutes : _restUnknown;
            }
        }
        (_last, _lastKnown) = (global, known);
        return known;
    }

    private static string Name(PickleNode? node) => node switch
    {
        PickleGlobal global => global.FullName,
        PickleCall { Callable: PickleGlobal callee } => callee.FullName,
        null => "nothing",
        _ => node.Kind,
    };

    /// <summary>What is known of a name.</summary>
    private sealed class Known(NameVerdict verdict)
    {
        /// <summary>What it is.</summary>
        public NameVerdict Verdict { get; } = verdict;

        /// <summary>How it is called to account, the last time it was met.</summary>
        public ScanFinding? Finding { get; set; }
    }
}
