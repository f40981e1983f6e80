using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Passes;
using Weights.Passes.Diff;

namespace Weights.Cli.Commands;

/// <summary><c>weights diff</c>: what is different between two files.</summary>
internal static class Diff
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("diff", "Compares the tensors of two weight files of any format: what changed and by how much, what was renamed, cast, transposed or split. Exits with 1 where they differ.")
        {
            Examples =
            [
                ("weights diff base.safetensors tuned.safetensors", "what training changed"),
                ("weights diff model.pt model-bf16.safetensors --rtol 0.01", "a gate: exit code 0 only if every number is near"),
                ("weights diff old.pt new.pt --map '^model\\.=' --only-changed", "tensors of old.pt under the names that new.pt has"),
                ("weights diff base.safetensors merged.safetensors --rank", "whether what was merged has a low rank"),
                ("weights diff base.safetensors tuned.safetensors -o tuned.wpatch", "a patch, with which 'weights patch' makes tuned of base"),
                ("weights diff main.safetensors pr.safetensors --markdown", "for a comment on a pull request"),
                ("weights diff base.safetensors tuned.safetensors --html >diff.html", "a page to look at"),
            ],
        };
        DiffArguments arguments = new();
        arguments.AddTo(verb);
        verb.SetAction(result => Run(session, arguments.Read(result)));
        return verb;
    }

    private static int Run(Session session, DiffRequest request)
    {
        using Checkpoint fileA = Source.Open(request.A, request.Reading, session);
        using Checkpoint fileB = Source.Open(request.B, request.Reading, session);
        if (request.Patch is { } patch)
        {
            return PatchMaking.Run(fileA, fileB, patch, request, session);
        }
        Checkpoint renamed = Renamed(fileA, request, session);
        CheckSelection(renamed, fileB, request, session);
        DiffReport report = new(Compare(renamed.Select(request.Filter, request.Exclude, []), fileB.Select(request.Filter, request.Exclude, []), request, session), request);
        switch (request.Output)
        {
            case DiffOutput.Json:
                DiffJson.Write(report, session.Results);
                break;
            case DiffOutput.Markdown:
                DiffMarkdown.Write(report, session.Results);
                break;
            case DiffOutput.JUnit:
                DiffJUnit.Write(report, session.Results);
                break;
            case DiffOutput.Html:
                DiffHtml.Write(report, session.Results);
                break;
            default:
                DiffText.Write(report, session.Results);
                break;
        }
        return report.Diff.IsSame ? ExitCode.Done : ExitCode.No;
    }

    private static Checkpoint Renamed(Checkpoint checkpoint, DiffRequest request, Session session)
    {
        Ledger ledger = [];
        try
        {
            Checkpoint renamed = checkpoint.Rename(request.Map, ledger);
            if (request.Map.Count > 0 && ledger.Count == 0)
            {
                session.Warn($"--map changes no name of {request.A}");
            }
            return renamed;
        }
        catch (WeightFileException error)
        {
            throw error.In(request.A);
        }
    }

    // One file may lack what a filter asks for: that is a difference. Both, and it was never meant.
    private static void CheckSelection(Checkpoint a, Checkpoint b, DiffRequest request, Session session)
    {
        bool MatchesNone(Glob glob) => !a.Tensors.Concat(b.Tensors).Any(tensor => glob.IsMatch(tensor.Name));
        if (request.Filter.FirstOrDefault(MatchesNone) is { } vain)
        {
            throw new UsageException($"{request.A}, {request.B}: no tensor of either matches --filter '{vain}'; 'weights inspect' lists their names");
        }
        if (request.Exclude.FirstOrDefault(MatchesNone) is { } needless)
        {
            session.Warn($"{request.A}, {request.B}: no tensor of either matches --exclude '{needless}'");
        }
    }

    private static CheckpointDiff Compare(Checkpoint a, Checkpoint b, DiffRequest request, Session session)
    {
        using ProgressLine progress = new(session.Messages, "comparing", a.TensorBytes + b.TensorBytes);
        return CheckpointDiff.Compare(a, b, new DiffOptions
        {
            Tolerance = request.Tolerance,
            HasRanks = request.HasRanks,
            HasHistograms = request.Output == DiffOutput.Html,
            Read = progress.Add,
            Cancellation = session.Interruption.Token,
        });
    }
}
