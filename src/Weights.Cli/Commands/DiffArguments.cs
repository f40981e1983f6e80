using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Weights.Cli.CommandLine;
using Weights.Formats;
using Weights.Passes;
using Weights.Passes.Diff;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights diff</c>.</summary>
internal sealed class DiffArguments
{
    private readonly Argument<string> _a = new("A") { Description = "the weight file to compare with, of any format, the index of a sharded one, or the folder of one" };
    private readonly Argument<string> _b = new("B") { Description = "the weight file to be compared, of any format" };

    private readonly Option<double?> _atol = new("--atol")
    {
        HelpName = "X",
        Description = "each number may differ by X (and what --rtol allows); element types may differ then, too",
        CustomParser = static result => Number(result, "--atol", double.MaxValue),
    };

    private readonly Option<double?> _rtol = new("--rtol")
    {
        HelpName = "X",
        Description = "each number may differ by X times its size in A (and what --atol allows)",
        CustomParser = static result => Number(result, "--rtol", double.MaxValue),
    };

    private readonly Option<double?> _cosine = new("--cosine-min")
    {
        HelpName = "X",
        Description = "tensors may differ as long as the cosine of the angle between them is X or more, such as 0.999",
        CustomParser = static result => Number(result, "--cosine-min", 1),
    };

    private readonly Option<IReadOnlyList<RenameRule>> _map = CommonOptions.Repeatable(
        "--map",
        "REGEX=REPLACEMENT",
        "rename tensors of A before they are compared, such as '^model\\.='; may be repeated",
        RenameRule.Parse);

    private readonly Option<IReadOnlyList<Glob>> _filter = CommonOptions.Filter();
    private readonly Option<IReadOnlyList<Glob>> _exclude = CommonOptions.Exclude();
    private readonly Option<string?> _root = CommonOptions.Root();
    private readonly Option<bool> _dequantize = CommonOptions.Dequantize();
    private readonly Option<bool> _allTensors = CommonOptions.AllTensors();
    private readonly Option<bool> _onlyChanged = new("--only-changed") { Description = "leave identical tensors and modules out of the report" };
    private readonly Option<bool> _rank = new("--rank") { Description = "find the numerical rank of each matrix's difference: a merged adapter has a low one" };
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _markdown = new("--markdown") { Description = "print Markdown, for a comment on a pull request" };
    private readonly Option<bool> _junit = new("--junit") { Description = "print JUnit XML, a test case for each tensor" };

    private readonly Option<bool> _html = new("--html") { Description = "print a page for a browser: a heat map of layers, a table of tensors to sort and filter, histograms" };
    private readonly Option<string?> _output = new("--output", "-o") { HelpName = "PATCH", Description = "compare nothing, but write a patch that makes B of A, for 'weights patch'" };
    private readonly Option<bool> _force = CommonOptions.Force("replace a patch that is there already");

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_a);
        verb.Arguments.Add(_b);
        foreach (Option option in (ReadOnlySpan<Option>)[_atol, _rtol, _cosine, _map, _filter, _exclude, _root, _dequantize, _allTensors, _onlyChanged, _rank, _json, _markdown, _junit, _html, _output, _force])
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="UsageException">It asks for two kinds of report.</exception>
    public DiffRequest Read(ParseResult result)
    {
        (bool IsAsked, DiffOutput Output, string Option)[] outputs =
        [
            .. new[]
            {
                (result.GetValue(_json), DiffOutput.Json, "--json"),
                (result.GetValue(_markdown), DiffOutput.Markdown, "--markdown"),
                (result.GetValue(_junit), DiffOutput.JUnit, "--junit"),
                (result.GetValue(_html), DiffOutput.Html, "--html"),
            }.Where(static output => output.Item1),
        ];
        CheckPatch(result);
        return outputs.Length > 1
            ? throw new UsageException($"{string.Join(" and ", outputs.Select(static output => output.Option))} are {outputs.Length} kinds of report; give one of them")
            : new DiffRequest
            {
                A = result.GetRequiredValue(_a),
                B = result.GetRequiredValue(_b),
                Tolerance = new Tolerance(result.GetValue(_atol) ?? 0, result.GetValue(_rtol) ?? 0, result.GetValue(_cosine)),
                Map = result.GetRequiredValue(_map),
                Filter = result.GetRequiredValue(_filter),
                Exclude = result.GetRequiredValue(_exclude),
                Reading = new ReadOptions { Root = result.GetValue(_root), Dequantize = result.GetValue(_dequantize), AllTensors = result.GetValue(_allTensors) },
                OnlyChanged = result.GetValue(_onlyChanged),
                HasRanks = result.GetValue(_rank),
                Patch = result.GetValue(_output),
                MayReplace = result.GetValue(_force),
                Output = outputs is [{ Output: var output }] ? output : DiffOutput.Text,
            };
    }

    // A patch has all tensors, under their own names, bit for bit.
    private void CheckPatch(ParseResult result)
    {
        if (result.GetValue(_output) is not { } path)
        {
            return;
        }
        Option? vain = Array.Find((Option[])[_atol, _rtol, _cosine, _map, _filter, _exclude, _onlyChanged, _rank, _markdown, _junit, _html], option => result.GetResult(option) is { Implicit: false });
        if (vain is not null)
        {
            throw new UsageException($"--output writes a patch that makes exactly B of A, so {vain.Name} means nothing for it; leave it out");
        }
        if (Format.ByExtension(path) is { } format)
        {
            throw new UsageException($"{path}: its extension says {format.Name}, but what --output writes is a patch; call it NAME.wpatch");
        }
    }

    // A tolerance that is no number, or allows everything, would let every difference pass.
    private static double? Number(ArgumentResult result, string option, double most)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number) && number >= 0 && number <= most)
        {
            return number;
        }
        result.AddError(most == 1 ? $"{option} {text} is no cosine; it is a number from 0 to 1, such as 0.999" : $"{option} {text} is no tolerance; it is a number from 0 up, such as 1e-5");
        return null;
    }
}

/// <summary>Kinds of reports.</summary>
internal enum DiffOutput
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>For programs.</summary>
    Json,

    /// <summary>For a comment on a pull request.</summary>
    Markdown,

    /// <summary>For continuous integration.</summary>
    JUnit,

    /// <summary>For a browser.</summary>
    Html,
}

/// <summary>What a command line of <c>weights diff</c> asks for.</summary>
internal sealed record DiffRequest
{
    /// <summary>Path of the first file.</summary>
    public required string A { get; init; }

    /// <summary>Path of the second file.</summary>
    public required string B { get; init; }

    /// <summary>What still counts as the same.</summary>
    public required Tolerance Tolerance { get; init; }

    /// <summary>Other names for the tensors of the first.</summary>
    public required IReadOnlyList<RenameRule> Map { get; init; }

    /// <summary>Names to compare, all when there is none.</summary>
    public required IReadOnlyList<Glob> Filter { get; init; }

    /// <summary>Names not to compare.</summary>
    public required IReadOnlyList<Glob> Exclude { get; init; }

    /// <summary>Which parts of the files.</summary>
    public required ReadOptions Reading { get; init; }

    /// <summary>Whether what is identical is left out of the report.</summary>
    public required bool OnlyChanged { get; init; }

    /// <summary>Whether ranks are found out.</summary>
    public required bool HasRanks { get; init; }

    /// <summary>The kind of report.</summary>
    public required DiffOutput Output { get; init; }

    /// <summary>Path of the patch to write instead of comparing; null for none.</summary>
    public required string? Patch { get; init; }

    /// <summary>Whether it may replace one that is there.</summary>
    public required bool MayReplace { get; init; }
}
