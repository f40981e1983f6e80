using System.CommandLine;
using Weights.Passes;

namespace Weights.Cli.CommandLine;

/// <summary>Options that several verbs have; each verb has its own instances.</summary>
internal static class CommonOptions
{
    /// <summary>The weight file to read.</summary>
    public static Argument<string> Input(string name) => new(name)
    {
        Description = "a weight file, the index of a sharded one, or the folder of one",
    };

    /// <summary>For programs.</summary>
    public static Option<bool> Json() => new("--json") { Description = "print JSON instead of text" };

    /// <summary>What is there already.</summary>
    public static Option<bool> Force(string description = "replace files that are there already") => new("--force", "-f") { Description = description };

    /// <summary>Nothing but a report.</summary>
    public static Option<bool> DryRun(string description) => new("--dry-run", "-n") { Description = description };

    /// <summary>Nothing but errors.</summary>
    public static Option<bool> Quiet() => new("--quiet", "-q") { Description = "print nothing but errors, and what --json or --dry-run print" };

    /// <summary>Several files.</summary>
    public static Option<long?> MaxShardSize(string and = "") => new("--max-shard-size")
    {
        HelpName = "SIZE",
        Description = $"write several files of at most so many bytes of tensors, such as 5GB{and}",
        CustomParser = Parsing.Size,
    };

    /// <summary>Which tensors.</summary>
    public static Option<IReadOnlyList<Glob>> Filter() => Globs("--filter", "only tensors whose name matches, such as 'encoder.*'; may be repeated");

    /// <summary>Which tensors not.</summary>
    public static Option<IReadOnlyList<Glob>> Exclude() => Globs("--exclude", "no tensors whose name matches; may be repeated");

    /// <summary>Which part of a nested file.</summary>
    public static Option<string?> Root() => new("--root")
    {
        HelpName = "PATH",
        Description = "the part of a nested file to take, such as 'ema' or 'model.encoder'; '.' for everything in it",
    };

    /// <summary>Constants of a graph, too.</summary>
    public static Option<bool> AllTensors() => new("--all-tensors")
    {
        Description = "take constants of a graph's nodes and of inner graphs, too, not only its weights",
    };

    /// <summary>Checksums of files beside the file.</summary>
    public static Option<bool> Verify() => new("--verify")
    {
        Description = "compare the checksums that the file gives for the files beside it; reads all of them",
    };

    /// <summary>Quantised tensors as numbers.</summary>
    public static Option<bool> Dequantize() => new("--dequantize")
    {
        Description = "take quantised tensors (qint8 and the like) as the floats that they stand for, not as integers, scale and zero point",
    };

    /// <summary>An option that may be given several times.</summary>
    public static Option<IReadOnlyList<T>> Repeatable<T>(string name, string helpName, string description, Func<string, T> parse) => new(name)
    {
        HelpName = helpName,
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = static _ => [],
        CustomParser = Parsing.Each(name, parse),
    };

    private static Option<IReadOnlyList<Glob>> Globs(string name, string description) => Repeatable(name, "GLOB", description, Glob.Parse);
}
