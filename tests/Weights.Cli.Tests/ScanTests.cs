using System.Text.Json;

namespace Weights.Cli.Tests;

public sealed class ScanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, "clean/plain.pkl")]
    [InlineData(0, "../safetensors/valid/tied.safetensors")]
    [InlineData(0, "../pytorch/valid/checkpoint-plain.pt")]
    [InlineData(1, "executes/reduce.pkl")]
    [InlineData(1, "unknown/class.pkl")]
    [InlineData(3, "broken/cut.pkl")]
    [InlineData(3, "broken/text.pt")]
    [InlineData(3, "broken/not-opened.7z")]
    [InlineData(4, "missing.pkl")]
    [InlineData(1, "clean/plain.pkl", "broken/cut.pkl", "unknown/class.pkl")]
    [InlineData(3, "clean/plain.pkl", "broken/cut.pkl")]
    [InlineData(4, "clean/plain.pkl", "missing.pkl", "broken/cut.pkl")]
    [InlineData(0, "unknown/class.pkl", "--allow", "project.*")]
    [InlineData(1, "unknown/class.pkl", "--allow", "projects.*")]
    [InlineData(1, "executes/reduce.pkl", "--allow", "*")]
    [InlineData(1, "executes/reduce.pkl", "--allow", "os.*")]
    [InlineData(0, "executes/reduce.pkl", "--allow", "os.system")]
    [InlineData(0, "clean")]
    [InlineData(1, "executes")]
    [InlineData(2, "clean/plain.pkl", "--json", "--sarif")]
    public void The_exit_code_says_what_was_found(int exitCode, params string[] arguments) =>
        Assert.Equal(exitCode, Tool.Run(Fixtures.Path("scan"), ["scan", .. arguments]).ExitCode);

    [Fact]
    public void A_folder_is_read_with_all_below_it_and_an_empty_one_is_a_mistake()
    {
        Directory.CreateDirectory(_folder.File("models/deeper"));
        Assert.Equal(2, Tool.Run(_folder.Path, "scan", "models").ExitCode);
        File.WriteAllText(_folder.File("models/notes.txt"), "comment\n");
        Assert.Equal(2, Tool.Run(_folder.Path, "scan", "models").ExitCode);
        // By its content: what it is called does not matter.
        File.Copy(Fixtures.Path("scan/executes/reduce.pkl"), _folder.File("models/deeper/notes.txt"));
        Outcome outcome = Tool.Run(_folder.Path, "scan", "models", "--json");
        Assert.Equal(1, outcome.ExitCode);
        using JsonDocument report = JsonDocument.Parse(outcome.Output);
        Assert.EndsWith("notes.txt", Assert.Single(report.RootElement.GetProperty("files").EnumerateArray()).GetProperty("path").GetString());
    }

    [Fact]
    public void Sarif_has_what_code_scanning_asks_for()
    {
        Outcome outcome = Tool.Run(Fixtures.Path("scan"), "scan", "executes/torch-zip.pt", "executes/reduce.pkl", "unknown/class.pkl", "broken/cut.pkl", "clean/plain.pkl", "--sarif");
        Assert.Equal(1, outcome.ExitCode);
        using JsonDocument sarif = JsonDocument.Parse(outcome.Output);
        Assert.Equal("2.1.0", sarif.RootElement.GetProperty("version").GetString());
        JsonElement run = Assert.Single(sarif.RootElement.GetProperty("runs").EnumerateArray());
        JsonElement[] rules = [.. run.GetProperty("tool").GetProperty("driver").GetProperty("rules").EnumerateArray()];
        JsonElement[] results = [.. run.GetProperty("results").EnumerateArray()];
        Assert.Equal(["executes-code", "executes-code", "unknown-name", "unreadable"], results.Select(static result => result.GetProperty("ruleId").GetString()));
        foreach (JsonElement result in results)
        {
            Assert.Equal(result.GetProperty("ruleId").GetString(), rules[result.GetProperty("ruleIndex").GetInt32()].GetProperty("id").GetString());
            Assert.NotEmpty(result.GetProperty("message").GetProperty("text").GetString()!);
            JsonElement place = Assert.Single(result.GetProperty("locations").EnumerateArray()).GetProperty("physicalLocation");
            Assert.Matches("^(executes|unknown|broken)/", place.GetProperty("artifactLocation").GetProperty("uri").GetString());
            Assert.True(place.GetProperty("region").GetProperty("startLine").GetInt32() >= 1);
        }
        Assert.Equal(2, results[1].GetProperty("locations")[0].GetProperty("physicalLocation").GetProperty("region").GetProperty("byteOffset").GetInt32());
    }

    [Fact]
    public void Nothing_in_a_file_can_move_a_cursor()
    {
        File.WriteAllText(_folder.File("in.pkl"), "cos\nsys\u001B[2Jtem\u202E\n(S'\u001B[31m'\ntR.");
        foreach (string format in (string[])["--all", "--json", "--sarif"])
        {
            Outcome outcome = Tool.Run(_folder.Path, "scan", "in.pkl", format);
            Assert.Equal(1, outcome.ExitCode);
            Assert.DoesNotContain(outcome.Output, static letter => (char.IsControl(letter) && letter != '\n') || letter == '\u202E');
        }
    }
}
