using System.Text;
using System.Xml.Linq;

namespace Weights.Cli.Tests;

public sealed class DiffTests : IDisposable
{
    private static readonly string s_base = Fixtures.Path("cli/diff/base.safetensors");
    private static readonly string s_next = Fixtures.Path("cli/diff/next.safetensors");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void JUnit_is_XML_that_fails_where_the_exit_code_does()
    {
        Outcome outcome = Tool.Run(_folder.Path, "diff", s_base, s_next, "--junit");

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        XElement suite = XDocument.Parse(outcome.Output).Root!.Element("testsuite")!;
        XElement[] cases = [.. suite.Elements("testcase")];
        XElement[] failed = [.. cases.Where(static one => one.Element("failure") is not null)];
        Assert.Equal((string?)suite.Attribute("tests"), $"{cases.Length}");
        Assert.Equal((string?)suite.Attribute("failures"), $"{failed.Length}");
        Assert.Equal(
            ["attention.qkv.weight", @"bias\u001B[31m", "embed.weight", "head.weight", "layers.10.up.weight", "layers.11.up.weight", "norm.scale", "steps"],
            failed.Select(static one => (string)one.Attribute("name")!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void JUnit_fails_where_nothing_was_compared()
    {
        SparseFile.WithOneTensor(_folder.File("a.safetensors"), 4, "a");

        Outcome outcome = Tool.Run(_folder.Path, "diff", "a.safetensors", s_base, "--junit", "--filter", "a");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal("2", (string?)XDocument.Parse(outcome.Output).Root!.Element("testsuite")!.Attribute("failures"));
    }

    [Theory]
    [InlineData("--markdown")]
    [InlineData("--junit")]
    [InlineData("--json")]
    [InlineData("--color=always")]
    public void Names_are_text_in_every_report(string option)
    {
        const string name = """<b>|`x`\n# ]]>\u001B[2J\uFFFE"""; // As JSON has it.
        SparseFile.WithOneTensor(_folder.File("a.safetensors"), 4, name);
        SparseFile.WithOneTensor(_folder.File("b.safetensors"), 8, name);

        Outcome outcome = Tool.Run(_folder.Path, "diff", "a.safetensors", "b.safetensors", option);

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        Assert.DoesNotContain("\u001B[2J", outcome.Output);
        Assert.DoesNotContain("\n# ", outcome.Output);
        switch (option)
        {
            case "--markdown":
                Assert.DoesNotContain("<b>", outcome.Output);
                break;
            case "--junit":
                Assert.Contains(XDocument.Parse(outcome.Output).Descendants("testcase"), static one => ((string)one.Attribute("name")!).StartsWith(@"<b>|`x`\n# ]]>\u001B[2J", StringComparison.Ordinal));
                break;
        }
    }

    [Fact]
    public void A_comment_stays_within_what_a_comment_may_have()
    {
        SparseFile.WithManyTensors(_folder.File("a.safetensors"), 3000);

        Outcome outcome = Tool.Run(_folder.Path, "diff", "a.safetensors", s_base, "--markdown");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("more tensors; `--json` lists all", outcome.Output);
        Assert.InRange(Encoding.UTF8.GetByteCount(outcome.Output), 1000, 65_536);
    }
}
