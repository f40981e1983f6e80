using System.CommandLine;
using System.Diagnostics;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary><c>weights convert</c>: from one file to another.</summary>
internal static class Convert
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request
    {
        public required string Input { get; init; }

        public required string Output { get; init; }

        public required Format Target { get; init; }

        public required IReadOnlyList<Glob> Filter { get; init; }

        public required IReadOnlyList<Glob> Exclude { get; init; }

        public required IReadOnlyList<RenameRule> Renames { get; init; }

        public required IReadOnlyList<CastRule> Casts { get; init; }

        public required string? Root { get; init; }

        public required WriteOptions Options { get; init; }

        public required bool IsStrict { get; init; }

        public required bool MayReplace { get; init; }

        public required bool IsDryRun { get; init; }

        public required bool IsJson { get; init; }

        public required bool IsQuiet { get; init; }
    }

    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Argument<string> input = CommonOptions.Input("IN");
        Argument<string> output = new("OUT") { Description = "the file to write; its extension says the format, unless --to does" };
        Option<Format?> to = new("--to") { HelpName = "FORMAT", Description = "format to write; 'weights formats' lists them", CustomParser = Named };
        Option<IReadOnlyList<Glob>> filter = CommonOptions.Filter();
        Option<IReadOnlyList<Glob>> exclude = CommonOptions.Exclude();
        Option<IReadOnlyList<RenameRule>> rename = CommonOptions.Repeatable("--rename", "REGEX=NAME", "replace what matches in names, such as '^module\\.='; may be repeated, each sees what the one before made", RenameRule.Parse);
        Option<IReadOnlyList<CastRule>> cast = CommonOptions.Repeatable("--cast", "FROM=TO", "change an element type, such as F64=F32; may be repeated", CastRule.Parse);
        Option<string?> root = CommonOptions.Root();
        Option<AliasMode> aliases = new("--aliases")
        {
            HelpName = "MODE",
            Description = "names that are one tensor: keep all of them (the default), or drop all but one and say in the metadata what it stands for",
            CustomParser = Parsing.Choice<AliasMode>("--aliases", ("keep", AliasMode.Keep), ("drop", AliasMode.Drop)),
        };
        Option<long?> shard = new("--max-shard-size") { HelpName = "SIZE", Description = "write several files of at most so many bytes of tensors, such as 5GB, and an index", CustomParser = Parsing.Size };
        Option<bool> strict = new("--strict") { Description = "if anything would be left out, cast, renamed or kept in another form: write nothing, exit with 3" };
        Option<bool> force = new("--force", "-f") { Description = "replace files that are there already" };
        Option<bool> dryRun = new("--dry-run", "-n") { Description = "say what would be written and what would change on the way; write nothing" };
        Option<bool> json = CommonOptions.Json();
        Option<bool> quiet = new("--quiet", "-q") { Description = "print nothing but errors" };
        Verb verb = new("convert", "Converts a weight file to another format. It is streamed: neither file is ever in memory.")
        {
            Examples =
            [
                ("weights convert model.pt model.safetensors", "from one format to another"),
                ("weights convert checkpoint.pt ema.safetensors --root ema --rename '^module\\.='", "the moving average only, without a prefix"),
                ("weights convert model.safetensors sharded/model.safetensors --max-shard-size 5GB", "shards and an index"),
                ("weights convert model.pt model.safetensors --dry-run --strict", "exits with 3 if anything would be lost"),
            ],
        };
        verb.Arguments.Add(input);
        verb.Arguments.Add(output);
        foreach (Option option in (ReadOnlySpan<Option>)[to, filter, exclude, rename, cast, root, aliases, shard, strict, force, dryRun, json, quiet])
        {
            verb.Options.Add(option);
        }
        verb.SetAction(result => InFile(result.GetRequiredValue(input), () => Run(session, new Request
        {
            Input = result.GetRequiredValue(input),
            Output = result.GetRequiredValue(output),
            Target = result.GetValue(to) ?? ByExtension(result.GetRequiredValue(output)),
            Filter = result.GetRequiredValue(filter),
            Exclude = result.GetRequiredValue(exclude),
            Renames = result.GetRequiredValue(rename),
            Casts = result.GetRequiredValue(cast),
            Root = result.GetValue(root),
            Options = new WriteOptions { Aliases = result.GetValue(aliases), MaxShardBytes = result.GetValue(shard) },
            IsStrict = result.GetValue(strict),
            MayReplace = result.GetValue(force),
            IsDryRun = result.GetValue(dryRun),
            IsJson = result.GetValue(json),
            IsQuiet = result.GetValue(quiet),
        })));
        return verb;
    }

    // Passes and the copying know tensors, not files.
    private static int InFile(string input, Func<int> run)
    {
        try
        {
            return run();
        }
        catch (WeightFileException error) when (error.File is null)
        {
            throw error.In(input);
        }
    }

    private static int Run(Session session, Request request)
    {
        Stopwatch time = Stopwatch.StartNew();
        CheckTarget(request.Target, request.Options);
        using Checkpoint source = Source.Open(request.Input, request.Root, session, request.IsQuiet);
        Ledger ledger = [];
        foreach (LeftOut part in source.LeftOut)
        {
            ledger.Add(LedgerKind.LeftOut, part.Path, part.Reason);
        }
        Checkpoint checkpoint = Edited(source, request, ledger, session);
        IReadOnlyList<FileLayout> layouts = request.Target.Layout(checkpoint, Path.GetFileName(request.Output), request.Options, ledger);
        Conversion conversion = new(checkpoint, request.Output, request.Target.Name, layouts, ledger);
        bool isRefused = request.IsStrict && ledger.Count > 0;
        long total = conversion.Bytes;
        using (ProgressLine progress = new(session.Messages, "writing", total, !request.IsQuiet))
        {
            Output output = new(request.Output, request.MayReplace) { Cancellation = session.Interruption.Token, Copied = bytes => progress.Add(bytes) };
            output.Check(layouts);
            if (!isRefused && !request.IsDryRun)
            {
                session.Interruption.LetClearUp(() => Write(output, layouts));
                conversion = conversion with { Time = time.Elapsed };
            }
        }
        Report(session, request, conversion);
        return isRefused
            ? throw new WeightFileException(Fault.Unsupported, $"--strict, and {Quantity.Of(ledger.Count, "thing")} would not be carried over as it is; nothing was written", request.Input)
            : ExitCode.Done;
    }

    private static Checkpoint Edited(Checkpoint source, Request request, Ledger ledger, Session session)
    {
        Checkpoint selected = Source.Select(source, request.Filter, request.Exclude, ledger, session);
        int before = ledger.Count;
        Checkpoint renamed = selected.Rename(request.Renames, ledger);
        if (request.Renames.Count > 0 && ledger.Count == before)
        {
            session.Warn("--rename changes no name");
        }
        before = ledger.Count;
        Checkpoint cast = renamed.Cast(request.Casts, ledger);
        if (request.Casts.Count > 0 && ledger.Count == before)
        {
            session.Warn("--cast changes no tensor");
        }
        return cast;
    }

    private static void Write(Output output, IReadOnlyList<FileLayout> layouts)
    {
        using (output)
        {
            output.Write(layouts);
            output.Commit();
        }
    }

    private static void Report(Session session, Request request, Conversion conversion)
    {
        if (!request.IsQuiet)
        {
            ConvertText.WriteLedger(conversion.Ledger, session);
        }
        if (request.IsJson)
        {
            ConvertJson.Write(conversion, session.Results);
        }
        else if (request.IsDryRun)
        {
            ConvertText.WritePlan(conversion, session.Results);
        }
        if (!request.IsQuiet && conversion.Time is not null)
        {
            session.Tell(ConvertText.Summary(conversion));
        }
    }

    private static void CheckTarget(Format target, WriteOptions options)
    {
        if (target.Writes.Count == 0)
        {
            throw new UsageException($"{target.Name} files are read, but not written; --to takes {Writable()}");
        }
        if (options.MaxShardBytes is not null && !target.WritesShards)
        {
            throw new UsageException($"{target.Name} has no shards, so --max-shard-size means nothing for it; leave it out");
        }
    }

    private static Format? Named(System.CommandLine.Parsing.ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        Format? format = Format.ByName(name);
        if (format is null)
        {
            result.AddError($"there is no format '{name}'; --to takes {Writable()}");
        }
        return format;
    }

    private static Format ByExtension(string output)
    {
        if (Format.ByExtension(output) is { } format)
        {
            return format;
        }
        string extensions = string.Join(", ", Format.All.Where(static format => format.Writes.Count > 0).SelectMany(static format => format.Extensions));
        throw new UsageException($"{output}: its extension says no format; give --to ({Writable()}), or one of the extensions {extensions}");
    }

    private static string Writable() => string.Join(", ", Format.All.Where(static format => format.Writes.Count > 0).Select(static format => format.Name));
}
