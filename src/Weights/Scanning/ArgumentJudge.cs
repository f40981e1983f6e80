using Weights.Pickle;
using Weights.Scanning.Names;

namespace Weights.Scanning;

/// <summary>Judges calls of names that are harmless when they are called as Python's own writers call them: what with is what decides.</summary>
/// <param name="names">What is known of names.</param>
/// <param name="loads">Told of bytes that a call would load as a file of their own, or of why they cannot be read, and where the call stands.</param>
/// <param name="charges">Told of work that judging took.</param>
internal sealed class ArgumentJudge(KnownNames names, Action<ByteSource?, string?, long> loads, Action<long> charges)
{
    // An attribute is judged together with its class, as a name that was made for that.
    private const int AttributeWork = 12;

    private static readonly HashSet<string> s_plainCodecs = new(StringComparer.Ordinal)
    {
        "latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1", "ascii", "us-ascii", "utf-8", "utf8", "utf_8", "utf-16", "utf-32", "raw_unicode_escape",
    };

    private PickleGlobal? _pathRoot;
    private string? _pathAttributes;
    private NameVerdict _pathVerdict;
    private PickleGlobal? _wholeRoot;
    private string? _wholeAttributes;
    private NameVerdict _whole;

    /// <summary>Judges a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="callee">What it calls.</param>
    /// <param name="harmless">What it is where it is harmless.</param>
    public NameVerdict Judge(PickleCall call, PickleGlobal callee, Verdict harmless)
    {
        PickleNode[] arguments = (call.Arguments as PickleTuple)?.Items ?? [];
        return ConditionalNames.ConditionOf(callee.FullName) switch
        {
            Condition.Attribute => JudgeAttribute(call),
            Condition.Partial => JudgePartial(call, arguments),
            Condition.NestedFile => Load(call, arguments),
            Condition.Encoding => arguments is [PickleText or PickleBytes, PickleText codec, ..] && IsPlainCodec(codec)
                ? new(harmless)
                : new(Verdict.Unknown, "encodes by a codec other than those of plain text; its name is a module that is imported"),
            Condition.TypeOf => arguments is [PickleNone or PickleBool or PickleGlobal { FullName: "builtins.Ellipsis" or "builtins.NotImplemented" }]
                ? new(harmless)
                : new(arguments.Length == 3 ? Verdict.Executes : Verdict.Unknown, "makes a class, or takes that of something unknown"),
            Condition.NamedClass or Condition.NamedFunction => arguments is [PickleGlobal { IsComputed: false } first, ..] && !names.VerdictOf(first).DependsOnCall
                ? new(harmless)
                : new(Verdict.Executes, "is not told by name what to make or call"),
            Condition.RandomState => arguments.All(static argument => argument is PickleText or PickleBytes or PickleGlobal { IsComputed: false } || IsNumpyBitGenerator(argument))
                ? new(harmless)
                : new(Verdict.Executes, "calls its arguments"),
            _ => new(Verdict.Unknown),
        };
    }

    /// <summary>What Python would make of an attribute if its class stood in the attribute's module; a stream that takes one calls it next.</summary>
    public NameVerdict WholeOf(AttributePath path)
    {
        if (!ReferenceEquals(path.Root, _wholeRoot) || path.Attributes != _wholeAttributes)
        {
            (_wholeRoot, _wholeAttributes, _whole) = (path.Root, path.Attributes, path.Whole);
            charges(AttributeWork);
        }
        return _whole;
    }

    /// <summary>Judges a state that a partial is given: it names the function again.</summary>
    public NameVerdict JudgePartialState(PickleNode state) => state is PickleNone ? new(Verdict.Tensors) : JudgeKept((state as PickleTuple)?.Items.FirstOrDefault());

    private static bool IsPlainCodec(PickleText codec) => codec.Length < 32 && s_plainCodecs.Contains(codec.Text);

    private static bool IsNumpyBitGenerator(PickleNode node) => node is PickleCall { Callable: PickleGlobal maker } && maker.FullName is "numpy.random._pickle.__bit_generator_ctor";

    private NameVerdict JudgeAttribute(PickleCall call)
    {
        if (AttributePath.Of(call) is { } path)
        {
            return JudgePath(path);
        }
        // A method of an instance: as much as its class.
        if (call is { Arguments: PickleTuple { Items: [PickleCall { Callable: PickleGlobal { IsComputed: false } type }, PickleText { Length: < 100 } name] } } && !names.VerdictOf(type).DependsOnCall)
        {
            return JudgePath(new(type, name.Text));
        }
        return new(Verdict.Executes, "takes an attribute of something that is no class, or by a name that is not stated");
    }

    private NameVerdict JudgePath(AttributePath path)
    {
        // A stream may take one attribute a million times.
        if (!ReferenceEquals(path.Root, _pathRoot) || path.Attributes != _pathAttributes)
        {
            (_pathRoot, _pathAttributes, _pathVerdict) = (path.Root, path.Attributes, path.Judge(names.VerdictOf(path.Root), WholeOf(path)));
        }
        return _pathVerdict;
    }

    private NameVerdict JudgePartial(PickleCall call, PickleNode[] arguments)
    {
        NameVerdict worst = JudgeKept(arguments.Length > 0 ? arguments[0] : null);
        // Its state, which Python hands to it after making it, names the function again.
        foreach (PickleNode state in call.EarlierStates)
        {
            worst = Worse(worst, JudgeKept((state as PickleTuple)?.Items.FirstOrDefault()));
        }
        return call.State is null ? worst : Worse(worst, JudgePartialState(call.State));
    }

    private static NameVerdict Worse(NameVerdict left, NameVerdict right) => right.Verdict > left.Verdict ? right : left;

    private NameVerdict JudgeKept(PickleNode? function)
    {
        const string kept = "keeps a function to be called that is no better";
        NameVerdict verdict = function switch
        {
            PickleGlobal { IsComputed: false } global when names.VerdictOf(global) is { DependsOnCall: false } known => known,
            PickleCall made when AttributePath.Of(made) is { } path => JudgePath(path),
            _ => new(Verdict.Executes, "keeps a function that is not told by name"),
        };
        return verdict.Verdict < Verdict.Unknown ? verdict : verdict with { Reason = verdict.Reason ?? kept };
    }

    private NameVerdict Load(PickleCall call, PickleNode[] arguments)
    {
        if (arguments is [{ Notes: var notes }] && (notes & PickleNotes.IsLoaded) != 0)
        {
            return new(Verdict.Tensors);
        }
        ByteSource? bytes;
        try
        {
            bytes = arguments switch
            {
                [PickleBytes value] => value.Value,
                [PickleText { IsByteString: true } text] => text.ToLatin1(),
                // Bytes as protocols before 3 have them.
                [PickleCall { Callable: PickleGlobal { IsComputed: false, FullName: "_codecs.encode" }, Arguments: PickleTuple { Items: [PickleText { Length: <= PickleLimits.TextLine } text, ..] } }] => text.ToLatin1(),
                _ => null,
            };
        }
        catch (WeightFileException error)
        {
            loads(null, error.Reason, call.Offset);
            return new(Verdict.Tensors);
        }
        if (bytes is null)
        {
            return new(Verdict.Executes, "loads bytes that the stream computes");
        }
        arguments[0].Notes |= PickleNotes.IsLoaded;
        loads(bytes, null, call.Offset);
        return new(Verdict.Tensors);
    }
}
