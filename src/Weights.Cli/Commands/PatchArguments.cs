using System.CommandLine;
using Weights.Cli.CommandLine;
using Weights.Formats;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights patch</c>.</summary>
internal sealed class PatchArguments
{
    private readonly Argument<string> _base = new("BASE") { Description = "the weights that the patch is for: a file of any format, the index of a sharded one, or the folder of one" };
    private readonly Argument<string> _patch = new("PATCH") { Description = "what 'weights diff A B -o PATCH' wrote" };

    private readonly Option<string> _output = new("--output", "-o")
    {
        HelpName = "OUT",
        Description = "the file to write; its extension says the format, unless --to does",
        Required = true,
    };

    private readonly Option<Format?> _to = FormatOption.Create("--to", "format to write; 'weights formats' lists them");
    private readonly Option<string?> _root = CommonOptions.Root();
    private readonly Option<bool> _dequantize = CommonOptions.Dequantize();
    private readonly Option<bool> _allTensors = CommonOptions.AllTensors();
    private readonly Option<bool> _strict = new("--strict") { Description = "if anything would be left out or kept in another form: write nothing, exit with 3" };
    private readonly Option<bool> _force = CommonOptions.Force();
    private readonly Option<bool> _dryRun = CommonOptions.DryRun("say whether BASE is what the patch is for, and what it has; write nothing");
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _quiet = CommonOptions.Quiet();

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_base);
        verb.Arguments.Add(_patch);
        foreach (Option option in (ReadOnlySpan<Option>)[_output, _to, _root, _dequantize, _allTensors, _strict, _force, _dryRun, _json, _quiet])
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="UsageException">It names no format that could be written.</exception>
    public PatchRequest Read(ParseResult result) => new()
    {
        Base = result.GetRequiredValue(_base),
        Patch = result.GetRequiredValue(_patch),
        Output = result.GetRequiredValue(_output),
        Target = FormatOption.Target(result.GetValue(_to), result.GetRequiredValue(_output)),
        Reading = new ReadOptions { Root = result.GetValue(_root), Dequantize = result.GetValue(_dequantize), AllTensors = result.GetValue(_allTensors) },
        IsStrict = result.GetValue(_strict),
        MayReplace = result.GetValue(_force),
        IsDryRun = result.GetValue(_dryRun),
        IsJson = result.GetValue(_json),
        IsQuiet = result.GetValue(_quiet),
    };
}

/// <summary>What a command line of <c>weights patch</c> asks for.</summary>
internal sealed record PatchRequest
{
    /// <summary>Path of what the patch is for.</summary>
    public required string Base { get; init; }

    /// <summary>Path of the patch.</summary>
    public required string Patch { get; init; }

    /// <summary>Path of the file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Its format.</summary>
    public required Format Target { get; init; }

    /// <summary>Which part of the base, and in which form.</summary>
    public required ReadOptions Reading { get; init; }

    /// <summary>Whether anything that changes is an error.</summary>
    public required bool IsStrict { get; init; }

    /// <summary>Whether files that are there may be replaced.</summary>
    public required bool MayReplace { get; init; }

    /// <summary>Whether nothing is to be written.</summary>
    public required bool IsDryRun { get; init; }

    /// <summary>Whether the report is for a program.</summary>
    public required bool IsJson { get; init; }

    /// <summary>Whether nothing but errors and reports is to be said.</summary>
    public required bool IsQuiet { get; init; }
}
