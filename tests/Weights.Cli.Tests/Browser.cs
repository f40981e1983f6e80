namespace Weights.Cli.Tests;

/// <summary>A browser without a window, where there is one: <c>tools/browser</c> installs it, and CI insists on it.</summary>
internal static class Browser
{
    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome"];

    /// <summary>Its path; null where there is none and nobody insists.</summary>
    /// <exception cref="InvalidOperationException">There is none, and <c>WEIGHTS_REQUIRE_BROWSER</c> is set.</exception>
    public static string? Path { get; } = Find();

    /// <summary>What has become of the page once its scripts have run, and what they wrote to the console.</summary>
    public static (string Document, string Console) Open(TemporaryFolder folder, string page)
    {
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run", $"--user-data-dir={folder.File("profile")}",
            "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", new Uri(folder.File(page)).AbsoluteUri,
        ];
        Outcome outcome = Tool.Finish(Tool.StartProcess(folder.Path, Path!, arguments));
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return (outcome.Output, string.Join('\n', outcome.Error.Split('\n').Where(static line => line.Contains("CONSOLE", StringComparison.Ordinal))));
    }

    /// <summary>How often something is in a text.</summary>
    public static int Count(string text, string part) => text.Split(part).Length - 1;

    private static string? Find()
    {
        IEnumerable<string> folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator);
        string? found = s_names.SelectMany(name => folders.Select(folder => System.IO.Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        return found ?? (Environment.GetEnvironmentVariable("WEIGHTS_REQUIRE_BROWSER") is { Length: > 0 } ? throw new InvalidOperationException("there is no browser; tools/browser installs one") : null);
    }
}
