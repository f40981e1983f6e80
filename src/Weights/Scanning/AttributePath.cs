using Weights.Pickle;
using Weights.Scanning.Names;

namespace Weights.Scanning;

/// <summary>
/// <c>getattr(getattr(Class, "Inner"), "method")</c>: how Python writes classes within classes, members of enumerations and alternative constructors.
/// </summary>
/// <param name="Root">The class at the bottom.</param>
/// <param name="Attributes">The names of its attributes, with dots between.</param>
internal readonly record struct AttributePath(PickleGlobal Root, string Attributes)
{
    private const int Deepest = 4;

    // How torch's functions name the module that they are in.
    private const string TorchItself = "torch._utils.torch";

    // Attributes of harmless classes that read and write files, or load what is in them.
    private static readonly HashSet<string> s_touching = new(StringComparer.Ordinal)
    {
        "tofile", "fromfile", "dump", "dumps", "load", "loads", "save", "open", "from_file", "_new_with_file", "_write_file", "_set_from_file", "_new_shared_filename",
        "_share_filename_cpu_", "_new_using_filename_cpu", "_new_using_fd_cpu", "write_text", "write_bytes", "read_text", "read_bytes", "unlink", "rename", "replace", "rmdir", "mkdir",
        "touch", "chmod", "symlink_to", "hardlink_to", "link_to", "register", "apply", "register_hook", "map_", "map2_", "format_map", "format",
    };

    /// <summary>All names, with dots between.</summary>
    public string FullName => $"{Root.FullName}.{Attributes}";

    /// <summary>What Python would make of it if the class stood in the attributes' module.</summary>
    public NameVerdict Whole => Root.FullName == TorchItself ? NameJudge.Judge("torch", Attributes) : NameJudge.Judge(Root.Module, $"{Root.Name}.{Attributes}");

    /// <summary>The path that one or more getattr with literal names take; null where there is none.</summary>
    public static AttributePath? Of(PickleNode node) => Of(node, 0);

    /// <summary>What taking it comes to.</summary>
    /// <param name="root">What its class is.</param>
    /// <param name="whole">What <see cref="Whole"/> is.</param>
    public NameVerdict Judge(NameVerdict root, NameVerdict whole)
    {
        if (Root.FullName == TorchItself)
        {
            return whole with { DependsOnCall = false, Verdict = whole.DependsOnCall ? Verdict.Executes : whole.Verdict, Reason = whole.Reason ?? $"takes torch.{Attributes}" };
        }
        if (root.Verdict == Verdict.Executes || whole.Verdict != Verdict.Unknown)
        {
            return root.Verdict == Verdict.Executes ? root : whole;
        }
        return root.DependsOnCall || (root.Verdict < Verdict.Unknown && Attributes.Split('.').Any(s_touching.Contains))
            ? new(Verdict.Executes, $"reaches {FullName}")
            // Of an unknown class, its name has been told already: an attribute is no worse.
            : new(Verdict.Data);
    }

    private static AttributePath? Of(PickleNode node, int depth)
    {
        if (depth >= Deepest
            || node is not PickleCall { Callable: PickleGlobal { IsComputed: false, FullName: "builtins.getattr" or "__builtin__.getattr" }, Arguments: PickleTuple { Items: [var of, PickleText { Length: < 100 } name] } })
        {
            return null;
        }
        string text = name.Text;
        return of is PickleGlobal { IsComputed: false } global ? new(global, text)
            : Of(of, depth + 1) is { } inner ? new(inner.Root, $"{inner.Attributes}.{text}")
            : null;
    }
}
