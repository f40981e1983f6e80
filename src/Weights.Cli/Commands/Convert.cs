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
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("convert", "Converts a weight file to another format. It is streamed: neither file is ever in memory.")
        {
            Examples =
            [
                ("weights convert model.pt model.safetensors", "from one format to another"),
                ("weights convert checkpoint.pt ema.safetensors --root ema --rename '^module\\.='", "the moving average only, without a prefix"),
                ("weights convert model.safetensors sharded/model.safetensors --max-shard-size 5GB", "shards and an index"),
                ("weights convert model.gguf renamed.gguf --set general.name=Tiny", "other metadata"),
                ("weights convert exported.safetensors model.pt --names-from trained.pt", "under the names that the same tensors have in another checkpoint"),
                ("weights convert model.pt model.safetensors --dry-run --strict", "exits with 3 if anything would be lost"),
            ],
        };
        ConvertOptions options = new();
        options.AddTo(verb);
        verb.SetAction(options.Read, static request => request.Input, request => Run(session, request));
        return verb;
    }

    private static int Run(Session session, ConvertRequest request)
    {
        session.IsQuiet = request.IsQuiet;
        Stopwatch time = Stopwatch.StartNew();
        using Checkpoint source = Source.Open(request.Input, request.Reading, session);
        Ledger ledger = [];
        Source.TellLosses(source, request.Target, ledger);
        using Checkpoint? names = request.NamesFrom is { } path ? Source.Open(path, new ReadOptions(), session) : null;
        Checkpoint checkpoint = Edited(source, names, request, ledger, session);
        Source.TellPartsAlone(checkpoint, request.Target, ledger);
        IReadOnlyList<FileLayout> layouts = request.Target.Layout(checkpoint, Path.GetFileName(request.Output), request.Options, ledger);
        Conversion conversion = new(checkpoint, request.Output, request.Target.Name, layouts, ledger);
        bool isRefused = request.IsStrict && ledger.Count > 0;
        if (isRefused || request.IsDryRun)
        {
            Target.Check(request.Output, request.MayReplace, layouts);
        }
        else
        {
            Target.Write(session, request.Output, request.MayReplace, layouts);
            conversion = conversion with { Time = time.Elapsed };
        }
        Report(session, request, conversion);
        if (isRefused)
        {
            string warnings = Quantity.Of(ledger.Count, "warning");
            throw new WeightFileException(Fault.Unsupported, $"not everything in it would be carried over as it is ({warnings}), and --strict forbids that; nothing was written", request.Input);
        }
        return ExitCode.Done;
    }

    private static Checkpoint Edited(Checkpoint source, Checkpoint? names, ConvertRequest request, Ledger ledger, Session session)
    {
        Checkpoint selected = Source.Select(source, request.Filter, request.Exclude, ledger, session);
        Checkpoint named = names is null ? selected : Named(selected, names, request, ledger, session);
        int before = ledger.Count;
        Checkpoint renamed = named.Rename(request.Renames, ledger);
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
        try
        {
            return cast.Edit(request.Edits);
        }
        catch (FormatException error)
        {
            throw new UsageException($"{request.Input}: {error.Message}");
        }
    }

    // Its own format keeps what belongs to the tensors, such as a graph, which needs them as they are.
    private static Checkpoint Named(Checkpoint checkpoint, Checkpoint names, ConvertRequest request, Ledger ledger, Session session)
    {
        using ProgressLine progress = new(session.Messages, "comparing", checkpoint.TensorBytes + names.TensorBytes, isShown: !session.IsQuiet);
        return checkpoint.NameAs(names, asThere: !request.Target.KeepsGraph(checkpoint), ledger, progress.Add, session.Interruption.Token);
    }

    private static void Report(Session session, ConvertRequest request, Conversion conversion)
    {
        ConvertText.WriteLedger(conversion.Ledger, session);
        if (request.IsJson)
        {
            ConvertJson.Write(conversion, session.Results);
        }
        else if (request.IsDryRun)
        {
            ConvertText.WritePlan(conversion, session.Results);
        }
        if (conversion.Time is not null)
        {
            session.Tell(ConvertText.Summary(conversion));
        }
    }
}
