using System.Diagnostics;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary><c>weights graft</c>: other weights into a file that keeps everything else.</summary>
internal static class Graft
{
    // A map of a million tensors has less.
    private const long LargestMap = 256 << 20;

    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("graft", "Puts the weights of one file into another, which keeps everything else it has, such as a graph. Tensors are matched by name, by a map, or by the values they had.")
        {
            Examples =
            [
                ("weights graft exported.safetensors tuned.pt -o out.safetensors", "tensors of the same names"),
                ("weights graft exported.safetensors tuned.pt --from trained.pt -o out.safetensors", "what the export renamed, transposed or cast is found by its values in trained.pt"),
                ("weights graft exported.safetensors tuned.pt --map names.txt -o out.safetensors", "pairs of names from a file"),
                ("weights graft exported.safetensors tuned.pt --from trained.pt -o out.safetensors --dry-run", "what would go where, and how"),
            ],
        };
        GraftArguments arguments = new();
        arguments.AddTo(verb);
        verb.SetAction(result =>
        {
            GraftRequest request = arguments.Read(result);
            session.IsQuiet = request.IsQuiet;
            return Run(session, request);
        });
        return verb;
    }

    private static int Run(Session session, GraftRequest request)
    {
        Stopwatch time = Stopwatch.StartNew();
        using Checkpoint model = Source.Open(request.Model, request.ReadingModel, session);
        Format format = FormatOf(model, request.Output);
        using Checkpoint weights = Source.Open(request.Weights, request.Reading, session);
        using Checkpoint? old = request.Old is { } path ? Source.Open(path, new ReadOptions(), session) : null;
        Ledger ledger = [];
        Source.TellLosses(model, format, ledger);
        GraftResult result = Grafted(model, weights, old, request, ledger, session);
        IReadOnlyList<FileLayout> layouts = format.Layout(result.Checkpoint, Path.GetFileName(request.Output), new WriteOptions(), ledger);
        GraftReport report = new(result, model, weights, old, new Conversion(result.Checkpoint, request.Output, format.Name, layouts, ledger));
        // A cast that was asked for is no loss: the model could not take the tensor otherwise.
        int losses = ledger.Count(static entry => entry.Kind != LedgerKind.Cast);
        bool isRefused = request.IsStrict && losses > 0;
        if (isRefused || request.IsDryRun)
        {
            Target.Check(request.Output, request.MayReplace, layouts);
        }
        else
        {
            Write(session, request, layouts, report);
            report = report with { Written = report.Written with { Time = time.Elapsed } };
        }
        Report(session, request, report);
        if (isRefused)
        {
            throw new WeightFileException(Fault.Unsupported, $"not every tensor would find its place, or something would be lost ({Quantity.Of(losses, "warning")}), and --strict forbids that; nothing was written", request.Model);
        }
        return ExitCode.Done;
    }

    private static Format FormatOf(Checkpoint model, string output)
    {
        Format format = Format.ByName(model.Origin.Format)!;
        if (format.Writes.Count == 0)
        {
            throw new UsageException($"{model.Origin.Path}: {format.Name} files are read, but not written; convert it to another format first");
        }
        return Format.ByExtension(output) is { } other && other != format
            ? throw new UsageException($"{output}: its extension says {other.Name}, but it is written as what MODEL is, {format.Name}; give it an extension of that ({string.Join(", ", format.Extensions)}), and convert it afterwards")
            : format;
    }

    private static GraftResult Grafted(Checkpoint model, Checkpoint weights, Checkpoint? old, GraftRequest request, Ledger ledger, Session session)
    {
        Checkpoint selected = Source.Select(model, request.Filter, request.Exclude, [], session);
        int before = ledger.Count;
        Checkpoint cast;
        try
        {
            cast = weights.Cast(request.Casts, ledger);
        }
        catch (WeightFileException error)
        {
            throw error.In(request.Weights);
        }
        if (request.Casts.Count > 0 && ledger.Count == before)
        {
            session.Warn("--cast changes no tensor");
        }
        using ProgressLine progress = new(session.Messages, "comparing", old is null ? 0 : selected.TensorBytes + old.TensorBytes, isShown: old is not null && !session.IsQuiet);
        GraftOptions options = new()
        {
            Map = request.Map is { } path ? ReadMap(path) : null,
            Old = old,
            IsReplaced = name => selected.Find(name) is not null,
            Read = progress.Add,
            Cancellation = session.Interruption.Token,
        };
        try
        {
            return model.Graft(cast, options, ledger);
        }
        catch (WeightFileException error)
        {
            throw error.In(request.Model);
        }
    }

    private static GraftMap ReadMap(string path)
    {
        using FileInput file = new(path);
        if (file.Bytes.Length > LargestMap)
        {
            throw new WeightFileException(Fault.Unsupported, $"is larger than {Quantity.Bytes(LargestMap)} and so no list of names", path);
        }
        byte[] text = new byte[file.Bytes.Length];
        file.Bytes.Read(0, text);
        return GraftMap.Parse(text, path);
    }

    // The copying knows tensors, not files: those that were replaced come from the weights.
    private static void Write(Session session, GraftRequest request, IReadOnlyList<FileLayout> layouts, GraftReport report)
    {
        try
        {
            Target.Write(session, request.Output, request.MayReplace, layouts);
        }
        catch (WeightFileException error) when (error.File is null)
        {
            bool isNew = report.Result.Replaced.Any(grafted => grafted.Tensor.Name == error.Tensor);
            throw error.In((isNew ? report.Weights : report.Model).Origin.Path);
        }
    }

    private static void Report(Session session, GraftRequest request, GraftReport report)
    {
        ConvertText.WriteLedger(report.Written.Ledger, session);
        if (request.IsJson)
        {
            GraftJson.Write(report, session.Results);
        }
        else if (request.IsDryRun)
        {
            GraftText.WritePlan(report, session.Results);
        }
        else if (report.Written.Time is not null)
        {
            GraftText.WriteNotes(report, session);
        }
        if (report.Written.Time is not null)
        {
            session.Tell(GraftText.Summary(report));
        }
    }
}
