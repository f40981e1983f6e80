using System.Diagnostics;

namespace Weights.Cli.Tests;

/// <summary>What a run of the command left behind.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error);

/// <summary>
/// The command as its users start it, as a process: the build beside these tests, or what <c>WEIGHTS_BINARY</c> names (the binary
/// compiled ahead of time, in CI).
/// </summary>
internal static class Tool
{
    // Far longer than any test needs, on a machine that does other things; a hang must end as a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>Program and first arguments that start it.</summary>
    public static IReadOnlyList<string> Command { get; } = Environment.GetEnvironmentVariable("WEIGHTS_BINARY") is { Length: > 0 } binary
        ? [binary]
        : [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Path.Combine(AppContext.BaseDirectory, "Weights.Cli.dll")];

    /// <summary>Runs it to its end.</summary>
    public static Outcome Run(string folder, params string[] arguments) => Finish(Start(folder, arguments));

    /// <summary>Runs a line of shell in which <c>weights</c> is the command; the exit code is that of the line.</summary>
    public static Outcome Shell(string folder, string line) => Finish(StartProcess(folder, "/bin/sh", ["-c", $"weights() {{ {Quoted(Command)} \"$@\"; }}\n{line}"]));

    /// <summary>Starts it and leaves it running.</summary>
    public static Process Start(string folder, params string[] arguments) => StartProcess(folder, Command[0], [.. Command.Skip(1), .. arguments]);

    /// <summary>Waits for a process that <see cref="Start"/> started.</summary>
    public static Outcome Finish(Process process)
    {
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(s_patience))
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"the command did not end in {s_patience.TotalMinutes} minutes");
            }
            return new Outcome(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
    }

    /// <summary>Words for a shell.</summary>
    public static string Quoted(IEnumerable<string> words) => string.Join(' ', words.Select(static word => $"'{word.Replace("'", "'\\''")}'"));

    /// <summary>Starts any program with this test's environment, but for what changes how the command prints.</summary>
    public static Process StartProcess(string folder, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (string variable in (string[])["NO_COLOR", "WEIGHTS_DEBUG", "COLUMNS"])
        {
            start.Environment.Remove(variable);
        }
        start.Environment["TERM"] = "xterm-256color";
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started");
    }
}
