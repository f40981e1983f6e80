using System.Text;
using System.Text.RegularExpressions;

namespace Weights.Cli.Tests;

/// <summary>
/// The transcripts in <c>fixtures/cli</c>: each command is run and must print what stands there. Its README says how they are written.
/// </summary>
public sealed partial class TranscriptTests
{
    private static readonly string s_folder = Fixtures.Path("cli");
    private static readonly bool s_update = Environment.GetEnvironmentVariable("WEIGHTS_UPDATE_TRANSCRIPTS") == "1";

    public static TheoryData<string> Transcripts()
    {
        string[] names = [.. Directory.EnumerateFiles(s_folder, "*.md").Select(static path => Path.GetFileName(path)).Where(static name => name != "README.md").Order(StringComparer.Ordinal)];
        Assert.NotEmpty(names);
        return [.. names];
    }

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void Every_command_prints_what_its_transcript_says(string name)
    {
        string path = Path.Combine(s_folder, name);
        string expected = File.ReadAllText(path);
        using TemporaryFolder folder = new();
        CopyFiles(expected, folder.Path);
        int commands = 0;
        string actual = ConsoleBlocks().Replace(expected, block =>
        {
            StringBuilder replayed = new();
            foreach (string line in block.Groups["body"].Value.Split('\n').Where(static line => line.StartsWith("$ ", StringComparison.Ordinal)))
            {
                commands++;
                replayed.Append(line).Append('\n').Append(Replay(folder.Path, line[2..]));
            }
            return $"```console\n{replayed}```";
        });
        Assert.True(commands > 0, $"{name} runs no command");
        if (s_update)
        {
            File.WriteAllText(path, actual);
        }
        else
        {
            Assert.Equal(expected, actual);
        }
    }

    // Output and messages in the order they were printed, as on a terminal.
    private static string Replay(string folder, string line)
    {
        Outcome outcome = Tool.Shell(folder, $"exec 2>&1\n{line}");
        Assert.Empty(outcome.Error);
        StringBuilder text = new(Normalized(outcome.Output));
        if (text.Length > 0 && text[^1] != '\n')
        {
            text.Append('\n');
        }
        return outcome.ExitCode == 0 ? text.ToString() : text.Append($"[exit {outcome.ExitCode}]\n").ToString();
    }

    private static string Normalized(string output) => Seconds().Replace(Timing().Replace(output, "in <time>, <rate>"), "\"seconds\": <seconds>");

    private static void CopyFiles(string transcript, string folder)
    {
        foreach (Match block in FileBlocks().Matches(transcript))
        {
            foreach (string line in block.Groups["body"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] parts = line.Split(" <- ");
                Assert.Equal(2, parts.Length);
                string target = Path.Combine(folder, parts[0]);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                CopyAll(Fixtures.Path(parts[1]), target);
            }
        }
    }

    // A checkpoint may be a folder.
    private static void CopyAll(string source, string target)
    {
        if (!Directory.Exists(source))
        {
            File.Copy(source, target);
            return;
        }
        Directory.CreateDirectory(target);
        foreach (string path in Directory.EnumerateFileSystemEntries(source))
        {
            CopyAll(path, Path.Combine(target, Path.GetFileName(path)));
        }
    }

    [GeneratedRegex(@"^```console\n(?<body>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ConsoleBlocks();

    [GeneratedRegex(@"^```files\n(?<body>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex FileBlocks();

    [GeneratedRegex(@"in \d[\d.:]* (s|min), \d[\d.]* [kMGT]?B/s")]
    private static partial Regex Timing();

    [GeneratedRegex(@"""seconds"": \d[\d.E-]*")]
    private static partial Regex Seconds();
}
