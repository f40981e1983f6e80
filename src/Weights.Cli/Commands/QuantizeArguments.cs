using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using Weights.Cli.CommandLine;
using Weights.Formats;
using Weights.Passes;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights quantize</c>.</summary>
internal sealed class QuantizeArguments
{
    private const string Absmax = "absmax";
    private const string Mse = "mse";

    private readonly Argument<string> _input = CommonOptions.Input("IN");
    private readonly Argument<string> _output = new("OUT") { Description = "the file to write; its extension says the format, unless --to does" };

    private readonly Option<string> _scheme = new("--scheme", "-s")
    {
        HelpName = "SCHEME",
        Description = "what matrices become: one of llama.cpp's mixtures, such as q4_k_m; an element type, such as bf16; or numbers with scales beside them: int4, int8, fp8, nvfp4, mxfp4, mxfp8, nf4, fp4",
        CustomParser = Scheme,
        Required = true,
        CompletionSources = { static _ => Schemes.Select(static scheme => new CompletionItem(scheme)) },
    };

    private readonly Option<PackedLayout?> _layout = new("--layout")
    {
        HelpName = "LAYOUT",
        Description = $"whose tensors numbers and scales become: {string.Join(", ", PackedLayout.All)}; what is usual for the scheme unless given",
        CustomParser = Layout,
        CompletionSources = { static _ => PackedLayout.All.Select(static layout => new CompletionItem(layout.Name)) },
    };

    private readonly Option<ScaleScope?> _scalePer = new("--scale-per")
    {
        HelpName = "SCOPE",
        Description = "which numbers share a scale: tensor, channel, a number of columns, such as 128, or of rows and columns, such as 128x128, for fp8; what is usual for the scheme unless given",
        CustomParser = Scope,
    };

    private readonly Option<bool> _asymmetric = new("--asymmetric") { Description = "give integers zero points, so that their range is from the least number to the greatest" };
    private readonly Option<string?> _search = new("--search")
    {
        HelpName = "HOW",
        Description = "how the scales of integers are found: absmax, so that no number is cut off, or mse, so that the squares of the errors are least",
        CustomParser = Search,
        CompletionSources = { Absmax, Mse },
    };

    private readonly Option<bool> _pure = new("--pure") { Description = "the scheme's main type for every matrix, where a mixture would give some more bits" };
    private readonly Option<Format?> _to = FormatOption.Create("--to", "format to write; 'weights formats' lists them and their element types");
    private readonly Option<IReadOnlyList<Glob>> _include = CommonOptions.Repeatable("--include", "GLOB", "quantise only tensors whose name or layer matches, and those whatever they are; may be repeated", Glob.Parse);
    private readonly Option<IReadOnlyList<Glob>> _exclude = CommonOptions.Repeatable("--exclude", "GLOB", "keep tensors whose name or layer matches as they are; may be repeated", Glob.Parse);
    private readonly Option<IReadOnlyList<string>> _tensors = CommonOptions.Repeatable("--tensor", "GLOB=TYPE", "the type or scheme of tensors whose name or layer matches, such as 'lm_head=q6_k'; may be repeated, the first that matches counts", static text => text);

    private readonly Option<string?> _importances = new("--imatrix")
    {
        HelpName = "FILE",
        Description = "how much each column matters, as llama-imatrix measured it, of either kind; schemes of few bits need it",
    };

    private readonly Option<double?> _leastSqnr = new("--min-sqnr")
    {
        HelpName = "DB",
        Description = "if a quantised tensor has a smaller ratio of signal to noise, in decibels: write nothing, exit with 1",
        CustomParser = static result => Number(result, "--min-sqnr", "decibels, such as 20"),
    };

    private readonly Option<double?> _mostError = new("--max-error")
    {
        HelpName = "X",
        Description = "if a number changes by more: write nothing, exit with 1",
        CustomParser = static result => Number(result, "--max-error", "the largest difference allowed, such as 0.01"),
    };

    private readonly Option<string?> _root = CommonOptions.Root();

    private readonly Option<long?> _shard = CommonOptions.MaxShardSize();

    private readonly Option<bool> _force = CommonOptions.Force();
    private readonly Option<bool> _dryRun = CommonOptions.DryRun("say which tensors would get which type; write nothing");
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _quiet = CommonOptions.Quiet();

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_input);
        verb.Arguments.Add(_output);
        foreach (Option option in (ReadOnlySpan<Option>)[_scheme, _pure, _layout, _scalePer, _asymmetric, _search, _to, _include, _exclude, _tensors, _importances, _leastSqnr, _mostError, _root, _shard, _force, _dryRun, _json, _quiet])
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="UsageException">It names no format that could be written as it says, or a gate for nothing.</exception>
    public QuantizeRequest Read(ParseResult result)
    {
        Format target = FormatOption.Target(result.GetValue(_to), result.GetRequiredValue(_output));
        FormatOption.RequireShards(target, result.GetValue(_shard));
        if (result.GetValue(_dryRun) && (result.GetValue(_leastSqnr) ?? result.GetValue(_mostError)) is not null)
        {
            throw new UsageException("errors are measured while a file is written, so --min-sqnr and --max-error mean nothing with --dry-run; leave it out");
        }
        (QuantizationOptions? types, PackingOptions? packing) = Numbers(result, target);
        return new QuantizeRequest
        {
            Input = result.GetRequiredValue(_input),
            Output = result.GetRequiredValue(_output),
            Target = target,
            Types = types,
            Packing = packing,
            Importances = result.GetValue(_importances),
            LeastSqnr = result.GetValue(_leastSqnr),
            MostError = result.GetValue(_mostError),
            Reading = new ReadOptions { Root = result.GetValue(_root), Dequantize = true },
            Options = new WriteOptions { MaxShardBytes = result.GetValue(_shard) },
            MayReplace = result.GetValue(_force),
            IsDryRun = result.GetValue(_dryRun),
            IsJson = result.GetValue(_json),
            IsQuiet = result.GetValue(_quiet),
        };
    }

    private static IEnumerable<string> Schemes => [.. QuantizationScheme.All.Select(static scheme => scheme.Name), .. PackedScheme.All.Select(static scheme => scheme.Name).Where(static name => !QuantizationScheme.TryParse(name, out _))];

    // One name may stand for a type of the target, or for numbers with scales beside them, where it has no such type or a layout is given.
    private (QuantizationOptions? Types, PackingOptions? Packing) Numbers(ParseResult result, Format target)
    {
        string name = result.GetRequiredValue(_scheme);
        bool isType = QuantizationScheme.TryParse(name, out QuantizationScheme scheme);
        bool isPacked = PackedScheme.TryParse(name, out PackedScheme packed);
        PackedLayout? layout = result.GetValue(_layout);
        if (layout is null && (!isPacked || (isType && target.Writes.Contains(scheme.DType))))
        {
            RequireNone(result, name, [_scalePer, _asymmetric, _search], "they are for numbers with scales beside them");
            return (new QuantizationOptions
            {
                Scheme = result.GetValue(_pure) ? scheme.Pure() : scheme,
                Include = result.GetRequiredValue(_include),
                Exclude = result.GetRequiredValue(_exclude),
                Overrides = Overrides(result, TypeOverride.Parse),
            }, null);
        }
        RequireNone(result, name, [_pure, _importances], "they are for types of ggml");
        if (!isPacked)
        {
            throw new UsageException($"{layout} does not hold {name}, but {string.Join(", ", layout!.Schemes)}");
        }
        if (target.Writes.Any(static dtype => dtype.Kind == DTypeKind.Quantized))
        {
            throw new UsageException($"{target.Name} files have types with scales in their blocks, so {name}{(layout is null ? "" : $" of {layout}")} means nothing in them; take one of those types, such as q4_0, or another format");
        }
        PackingOptions options = new()
        {
            Scheme = packed,
            Layout = LayoutFor(packed, layout, target),
            Scope = result.GetValue(_scalePer),
            IsAsymmetric = result.GetValue(_asymmetric),
            Search = result.GetValue(_search) == Mse ? ScaleSearching.Mse : ScaleSearching.Absmax,
            Include = result.GetRequiredValue(_include),
            Exclude = result.GetRequiredValue(_exclude),
            Overrides = Overrides(result, SchemeOverride.Parse),
        };
        return options.Problem is { } problem ? throw new UsageException(problem) : (null, options);
    }

    // What a graph says how to unpack is for formats that have graphs, and what a library knows by names for the others.
    private static PackedLayout LayoutFor(PackedScheme scheme, PackedLayout? layout, Format target)
    {
        IEnumerable<PackedLayout> fitting = PackedLayout.All.Where(known => known.IsOfGraph == target.KeepsQuantizedValues);
        string names = string.Join(" or ", fitting);
        return layout is null
            ? fitting.FirstOrDefault(known => known.Schemes.Contains(scheme)) ?? throw new UsageException($"{target.Name} files hold weights in the layouts {names}, of which none has {scheme}; take another scheme, or another format")
            : layout.IsOfGraph == target.KeepsQuantizedValues
            ? layout
            : throw new UsageException($"{target.Name} files {(layout.IsOfGraph ? "have no nodes that make a weight of its parts" : "have nodes that make a weight of its parts, and no library looks for names in them")}; take --layout {names}, or another format");
    }

    private static void RequireNone(ParseResult result, string scheme, ReadOnlySpan<Option> options, string why)
    {
        foreach (Option option in options)
        {
            if (result.GetResult(option) is { Implicit: false })
            {
                throw new UsageException($"{option.Name} means nothing for {scheme}: {string.Join(", ", [.. options.ToArray().Select(static other => other.Name)])} {why}");
            }
        }
    }

    private IReadOnlyList<T> Overrides<T>(ParseResult result, Func<string, T> parse)
    {
        try
        {
            return [.. result.GetRequiredValue(_tensors).Select(parse)];
        }
        catch (FormatException error)
        {
            throw new UsageException($"--tensor: {error.Message}");
        }
    }

    private static string? Scheme(ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        if (QuantizationScheme.TryParse(name, out _) || PackedScheme.TryParse(name, out _))
        {
            return name.ToLowerInvariant();
        }
        result.AddError($"there is no scheme '{name}'; --scheme takes {string.Join(", ", Schemes)}");
        return null;
    }

    private static PackedLayout? Layout(ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        if (PackedLayout.TryParse(name, out PackedLayout layout))
        {
            return layout;
        }
        result.AddError($"there is no layout '{name}'; --layout takes {string.Join(", ", PackedLayout.All)}");
        return null;
    }

    private static ScaleScope? Scope(ArgumentResult result)
    {
        try
        {
            return ScaleScope.Parse(result.Tokens[0].Value);
        }
        catch (FormatException error)
        {
            result.AddError($"--scale-per: {error.Message}");
            return null;
        }
    }

    private static string? Search(ArgumentResult result)
    {
        string how = result.Tokens[0].Value;
        if (how is Absmax or Mse)
        {
            return how;
        }
        result.AddError($"--search {how} is neither {Absmax} nor {Mse}");
        return null;
    }

    // A gate that is no number would let everything pass.
    private static double? Number(ArgumentResult result, string option, string what)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number) && number >= 0 && double.IsFinite(number))
        {
            return number;
        }
        result.AddError($"{option} {text} is no number from 0 up; it is {what}");
        return null;
    }
}

/// <summary>What a command line of <c>weights quantize</c> asks for.</summary>
internal sealed record QuantizeRequest
{
    /// <summary>Path of the file to read.</summary>
    public required string Input { get; init; }

    /// <summary>Path of the file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Its format.</summary>
    public required Format Target { get; init; }

    /// <summary>Which types matrices get; null where numbers and scales become tensors of their own.</summary>
    public required QuantizationOptions? Types { get; init; }

    /// <summary>Which numbers and scales; null where types hold both.</summary>
    public required PackingOptions? Packing { get; init; }

    /// <summary>Path of the importance matrix; null for none.</summary>
    public required string? Importances { get; init; }

    /// <summary>Least ratio of signal to noise, in decibels; null for any.</summary>
    public required double? LeastSqnr { get; init; }

    /// <summary>Largest change of a number; null for any.</summary>
    public required double? MostError { get; init; }

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
