using System.CommandLine;
using System.Diagnostics;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes.Checksums;
using Weights.Passes.Patch;

namespace Weights.Cli.Commands;

/// <summary><c>weights patch</c>: makes one file of another and a patch.</summary>
internal static class PatchCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("patch", "Makes weights of others and a patch, which 'weights diff A B -o PATCH' wrote. BASE may be of any format that holds the same tensors as A; what is made has the content of B, bit for bit.")
        {
            Examples =
            [
                ("weights diff base.safetensors tuned.safetensors -o tuned.wpatch", "writes the patch"),
                ("weights patch base.safetensors tuned.wpatch -o tuned.safetensors", "makes tuned.safetensors again"),
                ("weights patch base.pt tuned.wpatch -o tuned.onnx", "the same tensors, of another format and as another one"),
                ("weights patch base.safetensors tuned.wpatch -o tuned.safetensors --dry-run", "whether it is the right base, and what the patch has"),
            ],
        };
        PatchArguments arguments = new();
        arguments.AddTo(verb);
        verb.SetAction(arguments.Read, static request => request.Base, request => Run(session, request));
        return verb;
    }

    private static int Run(Session session, PatchRequest request)
    {
        session.IsQuiet = request.IsQuiet;
        Stopwatch time = Stopwatch.StartNew();
        using PatchFile patch = PatchFile.Open(request.Patch);
        using Checkpoint from = Source.Open(request.Base, request.Reading, session);
        new Output(request.Output, request.MayReplace).Dispose(); // Before anything is read in vain.
        Checkpoint made = patch.Apply(ChecksumCommand.Of(from, DigestAlgorithm.Sha256, session));
        Ledger ledger = [];
        IReadOnlyList<FileLayout> layouts = request.Target.Layout(made, Path.GetFileName(request.Output), new WriteOptions(), ledger);
        Conversion written = new(made, request.Output, request.Target.Name, layouts, ledger);
        bool isRefused = request.IsStrict && ledger.Count > 0;
        if (isRefused || request.IsDryRun)
        {
            Target.Check(request.Output, request.MayReplace, layouts);
        }
        else
        {
            Target.Write(session, request.Output, request.MayReplace, layouts, output => CheckWritten(output, patch, request, session));
            written = written with { Time = time.Elapsed };
        }
        Report(session, request, PatchReport.Of(patch) with { Base = from.Origin, Written = written });
        return isRefused
            ? throw new WeightFileException(Fault.Unsupported, $"not everything in it would be carried over as it is ({Quantity.Of(ledger.Count, "warning")}), and --strict forbids that; nothing was written", request.Patch)
            : ExitCode.Done;
    }

    // What was written is read again as its format's files are, before it gets its name: a digest taken on the way would say nothing of what is in the
    // file, and chunks are written out of order by several threads.
    private static void CheckWritten(Output output, PatchFile patch, PatchRequest request, Session session)
    {
        using Checkpoint written = request.Target.Read(output.OpenWritten(), new ReadOptions());
        patch.Check(Checksum.Of(written, DigestAlgorithm.Sha256, null, session.Interruption.Token));
    }

    private static void Report(Session session, PatchRequest request, PatchReport report)
    {
        ConvertText.WriteLedger(report.Written.Ledger, session);
        if (request.IsJson)
        {
            PatchJson.Write(report, session.Results);
        }
        else if (request.IsDryRun)
        {
            PatchText.WritePlan(report, session.Results);
        }
        if (report.Written.Time is not null)
        {
            session.Tell(PatchText.Summary(report));
        }
    }
}
