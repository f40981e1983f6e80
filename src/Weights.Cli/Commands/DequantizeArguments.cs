using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Weights.Cli.CommandLine;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights dequantize</c>.</summary>
internal sealed class DequantizeArguments
{
    private static readonly (string Name, DType DType)[] s_types = [("F32", DType.F32), ("F16", DType.F16), ("BF16", DType.BF16)];

    private readonly Argument<string> _input = CommonOptions.Input("IN");
    private readonly Argument<string> _output = new("OUT") { Description = "the file to write; its extension says the format, unless --to does" };

    private readonly Option<DType?> _dtype = new("--dtype")
    {
        HelpName = "TYPE",
        Description = "element type of the weights: F32, F16 or BF16; by default what the library that packed them returns",
        CustomParser = Type,
        CompletionSources = { static _ => s_types.Select(static type => new CompletionItem(type.Name)) },
    };

    private readonly Option<string?> _config = new("--config")
    {
        HelpName = "FILE",
        Description = "the configuration of the model, where it is not the config.json or quantize_config.json beside IN",
    };

    private readonly Option<Format?> _to = FormatOption.Create("--to", "format to write; 'weights formats' lists them and their element types");
    private readonly Option<IReadOnlyList<Glob>> _include = CommonOptions.Repeatable("--include", "GLOB", "only weights whose name matches, as it will be; may be repeated", Glob.Parse);
    private readonly Option<IReadOnlyList<Glob>> _exclude = CommonOptions.Repeatable("--exclude", "GLOB", "keep weights whose name matches packed as they are; may be repeated", Glob.Parse);

    private readonly Option<string?> _root = CommonOptions.Root();

    private readonly Option<long?> _shard = CommonOptions.MaxShardSize();

    private readonly Option<bool> _force = CommonOptions.Force();
    private readonly Option<bool> _dryRun = CommonOptions.DryRun("say which weights are packed how; write nothing");
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _quiet = CommonOptions.Quiet();

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_input);
        verb.Arguments.Add(_output);
        foreach (Option option in (ReadOnlySpan<Option>)[_dtype, _config, _to, _include, _exclude, _root, _shard, _force, _dryRun, _json, _quiet])
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="UsageException">It names no format that could be written as it says.</exception>
    public DequantizeRequest Read(ParseResult result)
    {
        Format target = FormatOption.Target(result.GetValue(_to), result.GetRequiredValue(_output));
        FormatOption.RequireShards(target, result.GetValue(_shard));
        return new DequantizeRequest
        {
            Input = result.GetRequiredValue(_input),
            Output = result.GetRequiredValue(_output),
            Target = target,
            DType = result.GetValue(_dtype),
            Config = result.GetValue(_config),
            Include = result.GetRequiredValue(_include),
            Exclude = result.GetRequiredValue(_exclude),
            Reading = new ReadOptions { Root = result.GetValue(_root) },
            Options = new WriteOptions { MaxShardBytes = result.GetValue(_shard) },
            MayReplace = result.GetValue(_force),
            IsDryRun = result.GetValue(_dryRun),
            IsJson = result.GetValue(_json),
            IsQuiet = result.GetValue(_quiet),
        };
    }

    private static DType? Type(ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        foreach ((string known, DType dtype) in s_types)
        {
            if (known.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return dtype;
            }
        }
        result.AddError($"--dtype {name} is none of {string.Join(", ", s_types.Select(static type => type.Name))}; 'weights convert --cast' writes other types");
        return null;
    }
}

/// <summary>What a command line of <c>weights dequantize</c> asks for.</summary>
internal sealed record DequantizeRequest
{
    /// <summary>Path of the file to read.</summary>
    public required string Input { get; init; }

    /// <summary>Path of the file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Its format.</summary>
    public required Format Target { get; init; }

    /// <summary>Element type of the weights; null for that of each dialect.</summary>
    public required DType? DType { get; init; }

    /// <summary>Path of the configuration; null for what is beside the input.</summary>
    public required string? Config { get; init; }

    /// <summary>Weights to unpack; all, where there is none.</summary>
    public required IReadOnlyList<Glob> Include { get; init; }

    /// <summary>Weights that stay packed.</summary>
    public required IReadOnlyList<Glob> Exclude { get; init; }

    /// <summary>Which part of a nested file.</summary>
    public required ReadOptions Reading { get; init; }

    /// <summary>How to write.</summary>
    public required WriteOptions Options { get; init; }

    /// <summary>Whether files that are there may be replaced.</summary>
    public required bool MayReplace { get; init; }

    /// <summary>Whether nothing is to be written.</summary>
    public required bool IsDryRun { get; init; }

    /// <summary>Whether the report is for a program.</summary>
    public required bool IsJson { get; init; }

    /// <summary>Whether nothing but errors and reports is to be said.</summary>
    public required bool IsQuiet { get; init; }
}
