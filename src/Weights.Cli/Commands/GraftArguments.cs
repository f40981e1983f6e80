using System.CommandLine;
using Weights.Cli.CommandLine;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights graft</c>.</summary>
internal sealed class GraftArguments
{
    private readonly Argument<string> _model = new("MODEL") { Description = "the file that gets new values and keeps everything else, such as a graph" };
    private readonly Argument<string> _weights = new("WEIGHTS") { Description = "the new values: a weight file of any format, the index of a sharded one, or the folder of one" };

    private readonly Option<string> _output = new("--output", "-o")
    {
        HelpName = "OUT",
        Description = "the file to write, in the format of MODEL",
        Required = true,
    };

    private readonly Option<string?> _map = new("--map")
    {
        HelpName = "FILE",
        Description = "which tensor goes where: a line 'model-name = weights-name' for each, with 'transposed' at its end where rows and columns are to be exchanged; or a JSON object",
    };

    private readonly Option<string?> _from = new("--from")
    {
        HelpName = "OLD",
        Description = "the weights that MODEL has now, named as those of WEIGHTS are: where names differ, tensors are found by their values",
    };

    private readonly Option<IReadOnlyList<Glob>> _filter = CommonOptions.Filter();
    private readonly Option<IReadOnlyList<Glob>> _exclude = CommonOptions.Exclude();

    private readonly Option<IReadOnlyList<CastRule>> _cast = CommonOptions.Repeatable(
        "--cast",
        "FROM=TO",
        "change an element type of WEIGHTS first, such as F16=F32; may be repeated",
        CastRule.Parse);

    private readonly Option<string?> _root = CommonOptions.Root();
    private readonly Option<bool> _allTensors = CommonOptions.AllTensors();
    private readonly Option<bool> _strict = new("--strict") { Description = "if a tensor of either file would be left without a match, or anything else be lost: write nothing, exit with 3" };
    private readonly Option<bool> _force = CommonOptions.Force();
    private readonly Option<bool> _dryRun = CommonOptions.DryRun("say what would go where; write nothing");
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _quiet = CommonOptions.Quiet();

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_model);
        verb.Arguments.Add(_weights);
        _filter.Description = "only tensors of MODEL whose name matches get new values; may be repeated";
        _exclude.Description = "no tensors of MODEL whose name matches; may be repeated";
        _allTensors.Description = "constants of MODEL's nodes and of its inner graphs get new values, too, not only its weights";
        _root.Description = "the part of WEIGHTS to take, where it is a nested file, such as 'ema'; '.' for everything in it";
        foreach (Option option in (ReadOnlySpan<Option>)[_output, _from, _map, _filter, _exclude, _cast, _root, _allTensors, _strict, _force, _dryRun, _json, _quiet])
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    public GraftRequest Read(ParseResult result) => new()
    {
        Model = result.GetRequiredValue(_model),
        Weights = result.GetRequiredValue(_weights),
        Output = result.GetRequiredValue(_output),
        Map = result.GetValue(_map),
        Old = result.GetValue(_from),
        Filter = result.GetRequiredValue(_filter),
        Exclude = result.GetRequiredValue(_exclude),
        Casts = result.GetRequiredValue(_cast),
        Reading = new ReadOptions { Root = result.GetValue(_root) },
        ReadingModel = new ReadOptions { AllTensors = result.GetValue(_allTensors) },
        IsStrict = result.GetValue(_strict),
        MayReplace = result.GetValue(_force),
        IsDryRun = result.GetValue(_dryRun),
        IsJson = result.GetValue(_json),
        IsQuiet = result.GetValue(_quiet),
    };
}

/// <summary>What a command line of <c>weights graft</c> asks for.</summary>
internal sealed record GraftRequest
{
    /// <summary>Path of the file that gets new values.</summary>
    public required string Model { get; init; }

    /// <summary>Path of the new values.</summary>
    public required string Weights { get; init; }

    /// <summary>Path of the file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Path of the map; null for none.</summary>
    public required string? Map { get; init; }

    /// <summary>Path of the weights that the model has now; null where they are not given.</summary>
    public required string? Old { get; init; }

    /// <summary>Names in the model that get new values, all when there is none.</summary>
    public required IReadOnlyList<Glob> Filter { get; init; }

    /// <summary>Names in the model that get none.</summary>
    public required IReadOnlyList<Glob> Exclude { get; init; }

    /// <summary>Changes of element types of the new values.</summary>
    public required IReadOnlyList<CastRule> Casts { get; init; }

    /// <summary>Which part of the new values' file.</summary>
    public required ReadOptions Reading { get; init; }

    /// <summary>Which tensors of the file that gets new values.</summary>
    public required ReadOptions ReadingModel { get; init; }

    /// <summary>Whether a tensor without a match is an error.</summary>
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
