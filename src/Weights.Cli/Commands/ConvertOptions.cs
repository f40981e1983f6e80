using System.CommandLine;
using System.CommandLine.Parsing;
using Weights.Cli.CommandLine;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary>Arguments and options of <c>weights convert</c>.</summary>
internal sealed class ConvertOptions
{
    private readonly Argument<string> _input = CommonOptions.Input("IN");
    private readonly Argument<string> _output = new("OUT") { Description = "the file to write; its extension says the format, unless --to does" };

    private readonly Option<Format?> _to = FormatOption.Create("--to", "format to write; 'weights formats' lists them");

    private readonly Option<IReadOnlyList<Glob>> _filter = CommonOptions.Filter();
    private readonly Option<IReadOnlyList<Glob>> _exclude = CommonOptions.Exclude();

    private readonly Option<string?> _namesFrom = new("--names-from")
    {
        HelpName = "CHECKPOINT",
        Description = "give tensors the names that this checkpoint has for their content; written in another format, shapes and axes are turned back to its too",
    };

    private readonly Option<IReadOnlyList<RenameRule>> _rename = CommonOptions.Repeatable(
        "--rename",
        "REGEX=NAME",
        "replace what matches in names, such as '^module\\.='; may be repeated, each sees what the one before made",
        RenameRule.Parse);

    private readonly Option<IReadOnlyList<CastRule>> _cast = CommonOptions.Repeatable(
        "--cast",
        "FROM=TO",
        "change an element type, such as F64=F32; may be repeated",
        CastRule.Parse);

    private readonly Option<IReadOnlyList<MetadataEdit>> _set = CommonOptions.Repeatable(
        "--set",
        "KEY=VALUE",
        "change or add metadata, such as general.name=Tiny; a key that is there keeps its kind of value; may be repeated",
        MetadataEdit.Parse);

    private readonly Option<IReadOnlyList<MetadataEdit>> _unset = CommonOptions.Repeatable("--unset", "KEY", "remove metadata; may be repeated", MetadataEdit.Removal);

    private readonly Option<string?> _root = CommonOptions.Root();
    private readonly Option<bool> _dequantize = CommonOptions.Dequantize();
    private readonly Option<bool> _allTensors = CommonOptions.AllTensors();
    private readonly Option<bool> _verify = CommonOptions.Verify();

    private readonly Option<AliasMode> _aliases = Parsing.ChoiceOption(
        "--aliases",
        "MODE",
        "names that are one tensor: keep all of them (the default), or drop all but one and say in the metadata what it stands for",
        ("keep", AliasMode.Keep),
        ("drop", AliasMode.Drop));

    private readonly Option<long?> _shard = CommonOptions.MaxShardSize(", and an index");

    private readonly Option<bool> _external = Flag("--external", null, "put the elements of large tensors in one file beside the model, for formats that know such files");
    private readonly Option<bool> _inline = Flag("--inline", null, "put all elements in the model itself");

    private readonly Option<Format?> _externalFormat = FormatOption.Create("--external-format", "with --external, make the file beside the model one of this format, such as safetensors");

    private readonly Option<bool> _noChecksum = Flag("--no-checksum", null, "leave out the checksum of the file beside the model, which takes longer to compute than the file to write");

    private readonly Option<bool> _strict = Flag("--strict", null, "if anything would be left out, cast, renamed or kept in another form: write nothing, exit with 3");
    private readonly Option<bool> _force = CommonOptions.Force();
    private readonly Option<bool> _dryRun = CommonOptions.DryRun("say what would be written and what would change on the way; write nothing");
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly Option<bool> _quiet = CommonOptions.Quiet();

    /// <summary>Gives the verb its arguments and options, in the order in which its help lists them.</summary>
    public void AddTo(Verb verb)
    {
        verb.Arguments.Add(_input);
        verb.Arguments.Add(_output);
        Option[] options = [_to, _filter, _exclude, _namesFrom, _rename, _cast, _set, _unset, _root, _dequantize, _allTensors, _verify, _aliases, _shard, _external, _inline, _externalFormat, _noChecksum, _strict, _force, _dryRun, _json, _quiet];
        foreach (Option option in options)
        {
            verb.Options.Add(option);
        }
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="UsageException">It names no format that could be written as it says.</exception>
    public ConvertRequest Read(ParseResult result)
    {
        ConvertRequest request = new()
        {
            Input = result.GetRequiredValue(_input),
            Output = result.GetRequiredValue(_output),
            Target = FormatOption.Target(result.GetValue(_to), result.GetRequiredValue(_output)),
            Filter = result.GetRequiredValue(_filter),
            Exclude = result.GetRequiredValue(_exclude),
            NamesFrom = result.GetValue(_namesFrom),
            Renames = result.GetRequiredValue(_rename),
            Casts = result.GetRequiredValue(_cast),
            Edits = [.. result.GetRequiredValue(_set), .. result.GetRequiredValue(_unset)],
            Reading = new ReadOptions { Root = result.GetValue(_root), Dequantize = result.GetValue(_dequantize), AllTensors = result.GetValue(_allTensors), Verify = result.GetValue(_verify) },
            Options = new WriteOptions
            {
                Aliases = result.GetValue(_aliases),
                MaxShardBytes = result.GetValue(_shard),
                Placement = Placement(result),
                ExternalFormat = result.GetValue(_externalFormat),
                WithoutChecksum = result.GetValue(_noChecksum),
            },
            IsStrict = result.GetValue(_strict),
            MayReplace = result.GetValue(_force),
            IsDryRun = result.GetValue(_dryRun),
            IsJson = result.GetValue(_json),
            IsQuiet = result.GetValue(_quiet),
        };
        Check(request.Target, request.Options);
        return request;
    }

    private static void Check(Format target, WriteOptions options)
    {
        FormatOption.RequireShards(target, options.MaxShardBytes);
        if (options.Placement != ElementPlacement.Automatic && !target.WritesExternal)
        {
            throw new UsageException($"{target.Name} files have no files with elements beside them, so --external and --inline mean nothing for them; leave them out");
        }
        if (options.ExternalFormat is { Writes.Count: 0 } or { WritesExternal: true })
        {
            throw new UsageException($"{options.ExternalFormat.Name} files cannot hold the elements of a model; --external-format takes {FormatOption.Names(FormatOption.Writable.Where(static format => !format.WritesExternal))}");
        }
    }

    private ElementPlacement Placement(ParseResult result)
    {
        bool isExternal = result.GetValue(_external) || result.GetValue(_externalFormat) is not null;
        return (isExternal, result.GetValue(_inline)) switch
        {
            (true, true) => throw new UsageException("--inline puts elements into the model, --external out of it; give one of them"),
            (true, false) => ElementPlacement.External,
            (false, true) => ElementPlacement.Inline,
            _ => ElementPlacement.Automatic,
        };
    }

    private static Option<bool> Flag(string name, string? letter, string description) => new(name, letter is null ? [] : [letter]) { Description = description };
}

/// <summary>What a command line of <c>weights convert</c> asks for.</summary>
internal sealed record ConvertRequest
{
    /// <summary>Path of the file to read.</summary>
    public required string Input { get; init; }

    /// <summary>Path of the file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Its format.</summary>
    public required Format Target { get; init; }

    /// <summary>Names to keep, all when there is none.</summary>
    public required IReadOnlyList<Glob> Filter { get; init; }

    /// <summary>Names to leave out.</summary>
    public required IReadOnlyList<Glob> Exclude { get; init; }

    /// <summary>Path of the checkpoint whose names are taken; null for none.</summary>
    public string? NamesFrom { get; init; }

    /// <summary>Changes of names, in order.</summary>
    public required IReadOnlyList<RenameRule> Renames { get; init; }

    /// <summary>Changes of element types.</summary>
    public required IReadOnlyList<CastRule> Casts { get; init; }

    /// <summary>Changes of metadata, in order.</summary>
    public required IReadOnlyList<MetadataEdit> Edits { get; init; }

    /// <summary>Which part of a nested file, and in which form.</summary>
    public required ReadOptions Reading { get; init; }

    /// <summary>How to write.</summary>
    public required WriteOptions Options { get; init; }

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
