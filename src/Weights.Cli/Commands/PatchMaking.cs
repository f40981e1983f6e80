using System.Diagnostics;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.IO;
using Weights.Passes.Checksums;
using Weights.Passes.Patch;

namespace Weights.Cli.Commands;

/// <summary><c>weights diff A B -o PATCH</c>: writes a patch that makes one file of another.</summary>
internal static class PatchMaking
{
    /// <summary>Makes it. It gets its name only when it has been read again, and makes what it should.</summary>
    public static int Run(Checkpoint a, Checkpoint b, string path, DiffRequest request, Session session)
    {
        Stopwatch time = Stopwatch.StartNew();
        Ledger ledger = [];
        Source.TellLosses(b, keepsGraph: false, "a patch", ledger);
        Output output = new(path, request.MayReplace) { Cancellation = session.Interruption.Token };
        Checksum from = ChecksumCommand.Of(a, DigestAlgorithm.Sha256, session);
        Checksum to = ChecksumCommand.Of(b, DigestAlgorithm.Sha256, session);
        PatchReport? report = null;
        session.Interruption.LetClearUp(() => report = Write(output, from, b, to, session));
        Conversion written = new(b, path, "patch", [new FileLayout { Name = output.FileName, Length = report!.PatchBytes, Segments = [] }], ledger) { Time = time.Elapsed };
        report = report with { Base = a.Origin, Target = b.Origin, Written = written };
        ConvertText.WriteLedger(ledger, session);
        if (request.Output == DiffOutput.Json)
        {
            PatchJson.Write(report, session.Results);
        }
        session.Tell(PatchText.MakingSummary(report));
        return ExitCode.Done;
    }

    private static PatchReport Write(Output output, Checksum from, Checkpoint target, Checksum to, Session session)
    {
        using (output)
        {
            using (ProgressLine progress = new(session.Messages, "compressing", target.TensorBytes))
            {
                Try(target, () => output.Write(stream => PatchWriter.Write(from, target, to, stream, progress.Add, session.Interruption.Token)));
            }
            using PatchFile patch = PatchFile.Read(output.OpenWritten());
            using (ProgressLine progress = new(session.Messages, "checking", patch.Tensors.Where(static tensor => tensor.PatchBytes > 0).Sum(static tensor => tensor.Bytes)))
            {
                patch.CheckFrames(from, progress.Add, session.Interruption.Token);
            }
            PatchReport report = PatchReport.Of(patch);
            output.Commit();
            return report;
        }
    }

    // The writer knows tensors, not files.
    private static void Try(Checkpoint target, Action write)
    {
        try
        {
            write();
        }
        catch (WeightFileException error) when (error.File is null)
        {
            throw error.In(target.Origin.Path);
        }
    }
}
