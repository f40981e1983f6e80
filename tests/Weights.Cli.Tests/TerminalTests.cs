using System.Text.RegularExpressions;

namespace Weights.Cli.Tests;

/// <summary>What people see: the command under a pseudo-terminal, which util-linux's <c>script</c> provides.</summary>
public sealed partial class TerminalTests
{
    private const string Inspect = "weights inspect torch-state-dict.safetensors";

    [Theory]
    [InlineData(200, Inspect)]
    [InlineData(80, Inspect)]
    [InlineData(60, Inspect)]
    [InlineData(40, Inspect)]
    [InlineData(25, Inspect)]
    [InlineData(80, Inspect + " --stats")]
    [InlineData(40, "weights inspect --stats torch-state-dict.safetensors")]
    [InlineData(40, "weights inspect names.safetensors")]
    [InlineData(40, "weights inspect metadata.safetensors")]
    [InlineData(80, "weights convert --help")]
    [InlineData(40, "weights --help")]
    [InlineData(40, "weights formats")]
    public void No_line_is_wider_than_the_terminal(int columns, string command)
    {
        string[] lines = EscapeSequences().Replace(OnTerminal(columns, command), "").Split('\n');

        Assert.True(lines.Length > 5);
        // Commands and paths, which are there to be copied, stay whole.
        Assert.All(lines, line => Assert.True(line.StartsWith("  weights ", StringComparison.Ordinal) || command.EndsWith(line, StringComparison.Ordinal) || line.EnumerateRunes().Count() <= columns, $"wider than {columns} columns: {line}"));
    }

    [Fact]
    public void A_narrow_terminal_gets_the_name_on_a_line_of_its_own()
    {
        string wide = OnTerminal(100, $"NO_COLOR=1 {Inspect}");
        string narrow = OnTerminal(30, $"NO_COLOR=1 {Inspect}");

        Assert.Matches(@"^conv\.weight +F32 +\[", Line(wide, "conv.weight"));
        Assert.Equal("conv.weight", Line(narrow, "conv.weight"));
    }

    [Fact]
    public void A_name_that_does_not_fit_loses_its_middle_and_columns_stay_aligned()
    {
        using TemporaryFolder folder = new();
        string name = string.Concat(Enumerable.Repeat("encoder.", 20)) + "weight";
        SparseFile.WithOneTensor(folder.File("in.safetensors"), 4, name);

        string[] lines = OnTerminal(80, "NO_COLOR=1 weights inspect in.safetensors", folder.Path).Split('\n');

        string row = lines.Single(static line => line.StartsWith("encoder.", StringComparison.Ordinal));
        string heading = lines.Single(static line => line.StartsWith("tensor ", StringComparison.Ordinal));
        Assert.Matches(@"^encoder\..*….*\.weight  U8", row);
        Assert.Equal(80, row.Length);
        Assert.Equal(heading.Length, row.Length);
        Assert.Equal(heading.IndexOf("dtype", StringComparison.Ordinal), row.IndexOf("U8", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("NO_COLOR=1 ", false)]
    [InlineData("TERM=dumb ", false)]
    [InlineData("NO_COLOR= ", true)]
    public void Colours_follow_the_environment(string environment, bool expected) =>
        Assert.Equal(expected, OnTerminal(80, environment + Inspect).Contains('\e'));

    [Theory]
    [InlineData("always", true)]
    [InlineData("never", false)]
    [InlineData("auto", false)]
    public void Colours_follow_the_option_where_there_is_no_terminal(string mode, bool expected) =>
        Assert.Equal(expected, Tool.Shell(Fixtures.Path("safetensors/valid"), $"{Inspect} --color {mode}").Output.Contains('\e'));

    [Fact]
    public void Colours_are_all_that_a_terminal_is_sent()
    {
        string output = OnTerminal(80, Inspect);

        Assert.Contains('\e', output);
        Assert.DoesNotContain('\e', Colors().Replace(output, ""));
    }

    [Fact]
    public void Progress_is_drawn_on_a_terminal_and_erased_before_the_summary()
    {
        using TemporaryFolder folder = new();
        SparseFile.WithOneTensor(folder.File("in.safetensors"), 3_000_000_000);

        string output = OnTerminal(80, "NO_COLOR=1 weights convert in.safetensors out.safetensors", folder.Path);

        Assert.Matches(@"\rwriting  ━*─*  +\d+%  .* of 3\.00 GB  .*/s  \d+ s left", output);
        Assert.Matches(@"\r *\rout\.safetensors: 1 tensor, 3\.00 GB in .*/s\n$", output);
    }

    [Fact]
    public void No_progress_is_drawn_where_nobody_looks()
    {
        using TemporaryFolder folder = new();
        SparseFile.WithOneTensor(folder.File("in.safetensors"), 3_000_000_000);

        Outcome outcome = Tool.Run(folder.Path, "convert", "in.safetensors", "out.safetensors");

        Assert.Equal("", outcome.Output);
        Assert.Matches(@"^out\.safetensors: 1 tensor, 3\.00 GB in .*/s\n$", outcome.Error);
    }

    private static string Line(string output, string start) => output.Split('\n').First(line => line.StartsWith(start, StringComparison.Ordinal));

    private static string OnTerminal(int columns, string command, string? folder = null)
    {
        // A function is not handed on to the shell that `script` starts: the command's own words are.
        string words = command.Replace("weights ", $"{Tool.Quoted(Tool.Command)} ");
        Outcome outcome = Tool.Finish(Tool.StartProcess(folder ?? Fixtures.Path("safetensors/valid"), "script", ["--quiet", "--return", "--command", $"stty cols {columns} rows 24; {words}", "/dev/null"]));
        Assert.True(outcome.ExitCode == 0, outcome.Output);
        return outcome.Output.Replace("\r\n", "\n");
    }

    [GeneratedRegex(@"\e\[[0-9;?]*[A-Za-z]|\e=")]
    private static partial Regex EscapeSequences();

    [GeneratedRegex(@"\e\[(0|1|2|31|33|36)m")]
    private static partial Regex Colors();
}
