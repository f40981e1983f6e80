using System.CommandLine;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Scanning;

namespace Weights.Cli.Commands;

/// <summary><c>weights scan</c>: what files would have run if Python had loaded them.</summary>
internal static class Scan
{
    // What they hold belongs to version control, and is compressed besides.
    private const string VersionControl = ".git";

    // Beside those of weight files; a file of a folder that is called otherwise is only told about if a pickle is in it.
    private static readonly string[] s_extensions = [".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".mar", ".model", ".dat", ".data", ".pk"];

    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Argument<string[]> input = new("FILE")
        {
            Description = "one or more files, or folders: all weight files and pickles in and below them",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<IReadOnlyList<string>> allow = CommonOptions.Repeatable(
            "--allow",
            "NAME",
            "accept unknown names that match, such as 'ultralytics.*'; what executes code must be given exactly; may be repeated",
            static name => Glob.Parse(name).ToString());
        Option<bool> all = new("--all") { Description = "list harmless names, too" };
        Option<bool> json = CommonOptions.Json();
        Option<bool> sarif = new("--sarif") { Description = "print SARIF 2.1.0, which code scanning services read" };
        Verb verb = new("scan", "Says what a file would have run if Python had loaded it: every name in its pickles, with a verdict.")
        {
            Examples =
            [
                ("weights scan model.pt", "exits with 0 only if every name rebuilds tensors or is harmless data"),
                ("weights scan yolo.pt --allow 'ultralytics.*'", "trusts the classes of one package"),
                ("weights scan downloads", "everything in a folder"),
                ("weights scan model.pt --json | jq -r '.files[].findings[] | select(.verdict == \"executes\") | .name'", "names for a script"),
                ("weights scan models --sarif >scan.sarif", "for code scanning"),
            ],
        };
        verb.Arguments.Add(input);
        foreach (Option option in (ReadOnlySpan<Option>)[allow, all, json, sarif])
        {
            verb.Options.Add(option);
        }
        verb.SetAction(result =>
        {
            if (result.GetValue(json) && result.GetValue(sarif))
            {
                throw new UsageException("--json and --sarif are two formats; give one of them");
            }
            ScanOptions options = Options(result.GetRequiredValue(allow));
            bool hasFailed = false;
            IEnumerable<ScanReport> reports = Reports(result.GetRequiredValue(input), options, session, () => hasFailed = true);
            ScanResult worst = ScanResult.Clean;
            IEnumerable<ScanReport> Watched()
            {
                foreach (ScanReport report in reports)
                {
                    worst = report.Result > worst ? report.Result : worst;
                    yield return report;
                }
            }
            // All of it before the first word: when the command fails, nothing is printed.
            if (result.GetValue(json))
            {
                ScanJson.Write([.. Watched()], session.Results);
            }
            else if (result.GetValue(sarif))
            {
                ScanSarif.Write([.. Watched()], session.Results);
            }
            else
            {
                ScanText.Write(Watched(), result.GetValue(all), session.Results);
            }
            return worst >= ScanResult.Unknown ? ExitCode.No : hasFailed ? ExitCode.InputOutput : worst == ScanResult.Unreadable ? ExitCode.Refused : ExitCode.Done;
        });
        return verb;
    }

    private static ScanOptions Options(IReadOnlyList<string> allowed)
    {
        Glob[] globs = [.. allowed.Select(Glob.Parse)];
        return new ScanOptions
        {
            Allows = name => Array.Exists(globs, glob => glob.IsMatch(name)),
            // One with wildcards is no name that a file could have.
            AllowsExactly = allowed,
        };
    }

    private static IEnumerable<ScanReport> Reports(IReadOnlyList<string> inputs, ScanOptions options, Session session, Action failed)
    {
        foreach (string path in inputs)
        {
            if (!Directory.Exists(path))
            {
                if (Report(path, options, session, failed, isAsked: true) is { } report)
                {
                    yield return report;
                }
                continue;
            }
            int count = 0;
            foreach (string file in FilesBelow(path))
            {
                if (Report(file, options, session, failed, isAsked: false) is { } report)
                {
                    count++;
                    yield return report;
                }
            }
            if (count == 0)
            {
                throw new UsageException($"{path}: no weight file and no pickle is in this folder or below it");
            }
        }
    }

    private static IEnumerable<string> FilesBelow(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            yield return file;
        }
        foreach (string inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            // A link may lead back to where it came from.
            if (Path.GetFileName(inner) != VersionControl && !File.GetAttributes(inner).HasFlag(FileAttributes.ReparsePoint))
            {
                foreach (string file in FilesBelow(inner))
                {
                    yield return file;
                }
            }
        }
    }

    // Null where the file could not be read, or is none that anybody asked about.
    private static ScanReport? Report(string path, ScanOptions options, Session session, Action failed, bool isAsked)
    {
        session.Interruption.Token.ThrowIfCancellationRequested();
        try
        {
            using FileInput input = new(path);
            ScanReport report = Scanning.Scan.Of(input, options);
            if (report.Kind is not null)
            {
                return report;
            }
            string? format = FormatOf(input);
            bool isExpected = isAsked || format is not null || Format.ByExtension(path) is not null || s_extensions.Contains(Path.GetExtension(path).ToLowerInvariant());
            return isExpected ? Scanning.Scan.WithoutPickles(input, format) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            session.Error(error.Message);
            failed();
            return null;
        }
    }

    // The name of the format of a file without pickles; null where there is none.
    private static string? FormatOf(Input input)
    {
        try
        {
            return Format.Detect(input).Name;
        }
        catch (WeightFileException)
        {
            return null;
        }
    }
}
