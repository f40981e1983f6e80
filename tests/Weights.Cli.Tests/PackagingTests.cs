using System.Xml.Linq;

namespace Weights.Cli.Tests;

/// <summary>
/// The tool as its users get it: packed, installed from a folder of packages, and used. The portable package is made here;
/// <c>WEIGHTS_PACKAGES</c> names a folder of packages that are there already (those compiled ahead of time, in CI).
/// </summary>
public sealed class PackagingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_packed_tool_can_be_installed_and_converts_a_file()
    {
        string packages = Environment.GetEnvironmentVariable("WEIGHTS_PACKAGES") is { Length: > 0 } made ? made : Pack();
        string version = XDocument.Load(Path.Combine(Fixtures.Repository, "src/Directory.Build.props")).Descendants("Version").Single().Value;
        // Nothing that this machine has installed or cached may stand in for what was packed.
        Dictionary<string, string> isolated = new()
        {
            ["HOME"] = _folder.Path,
            ["DOTNET_CLI_HOME"] = _folder.Path,
            ["NUGET_PACKAGES"] = _folder.File("cache"),
            ["NUGET_HTTP_CACHE_PATH"] = _folder.File("http"),
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        };
        Outcome installed = Run("dotnet", ["tool", "install", "Weights.Cli", "--version", version, "--tool-path", _folder.File("tools"), "--source", packages], isolated);
        Assert.True(installed.ExitCode == 0, installed.Output + installed.Error);
        string tool = _folder.File("tools/weights");

        Outcome shown = Run(tool, ["--version"], isolated);
        Assert.Equal((0, $"{version}\n"), (shown.ExitCode, shown.Output));
        SparseFile.WithManyTensors(_folder.File("in.safetensors"), 3);
        Outcome converted = Run(tool, ["convert", "in.safetensors", "out.safetensors", "--rename", "^layers\\.=blocks."], isolated);
        Assert.True(converted.ExitCode == 0, converted.Error);
        Assert.Contains("blocks.2.weight", Run(tool, ["inspect", "out.safetensors"], isolated).Output);
    }

    private string Pack()
    {
        string packages = _folder.File("packages");
        Outcome packed = Run(Path.Combine(Fixtures.Repository, "tools/pack"), ["--portable", "--output", packages], null);
        Assert.True(packed.ExitCode == 0, packed.Output + packed.Error);
        return packages;
    }

    private Outcome Run(string program, string[] arguments, Dictionary<string, string>? environment) => Tool.Finish(Tool.StartProcess(_folder.Path, program, arguments, environment));
}
