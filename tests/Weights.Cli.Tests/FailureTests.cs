namespace Weights.Cli.Tests;

/// <summary>Targets that cannot be written: nothing is lost, nothing is left behind, and the exit code says whose fault it is.</summary>
public sealed class FailureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FailureTests() => SparseFile.WithManyTensors(_folder.File("in.safetensors"), 10);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_existing_target_is_replaced_only_by_force()
    {
        File.WriteAllText(_folder.File("out.safetensors"), "what was there before");

        Outcome refused = Tool.Run(_folder.Path, "convert", "in.safetensors", "out.safetensors");

        Assert.Equal((2, "weights: out.safetensors: exists already; --force replaces it\n"), (refused.ExitCode, refused.Error));
        Assert.Equal("what was there before", File.ReadAllText(_folder.File("out.safetensors")));
        Assert.Equal(0, Tool.Run(_folder.Path, "convert", "in.safetensors", "out.safetensors", "--force").ExitCode);
        Assert.Equal(0, Tool.Run(_folder.Path, "inspect", "out.safetensors").ExitCode);
        Assert.Equal(["in.safetensors", "out.safetensors"], _folder.Names());
    }

    [Theory]
    [InlineData("--to", "nothing")]
    [InlineData("--filter", "nothing")]
    [InlineData("--strict", "--exclude", "layers.1.*")]
    [InlineData("--rename", ".*=same")]
    [InlineData("--max-shard-size", "much")]
    public void A_refused_conversion_leaves_an_existing_target_as_it_is(params string[] options)
    {
        File.WriteAllText(_folder.File("out.safetensors"), "what was there before");

        Outcome outcome = Tool.Run(_folder.Path, ["convert", "in.safetensors", "out.safetensors", "--force", .. options]);

        Assert.InRange(outcome.ExitCode, 2, 3);
        Assert.Equal("what was there before", File.ReadAllText(_folder.File("out.safetensors")));
        Assert.Equal(["in.safetensors", "out.safetensors"], _folder.Names());
    }

    [Fact]
    public void A_file_may_replace_itself()
    {
        Outcome outcome = Tool.Run(_folder.Path, "convert", "in.safetensors", "in.safetensors", "--force", "--filter", "layers.3.*");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("layers.3.weight", Tool.Run(_folder.Path, "inspect", "in.safetensors").Output);
        Assert.Equal(["in.safetensors"], _folder.Names());
    }

    [Fact]
    public void A_folder_that_may_not_be_written_to_is_named()
    {
        // Not even the administrator may make a file there.
        Outcome outcome = Tool.Run(_folder.Path, "convert", "in.safetensors", "/sys/kernel/out.safetensors");

        Assert.Equal(4, outcome.ExitCode);
        Assert.StartsWith("weights: /sys/kernel/out.safetensors: ", outcome.Error);
        Assert.Single(outcome.Error.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("in.safetensors", "nowhere/out.safetensors", "its folder does not exist")]
    [InlineData("in.safetensors", "/dev/full", "is a pipe or a device", "--to", "safetensors")]
    [InlineData("in.safetensors", ".", "is a folder", "--to", "safetensors")]
    [InlineData("missing.safetensors", "out.safetensors", "no such file")]
    public void What_cannot_be_read_or_written_is_said_in_one_line(string input, string output, string reason, params string[] options)
    {
        Outcome outcome = Tool.Run(_folder.Path, ["convert", input, output, .. options]);

        Assert.Equal((4, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains(reason, outcome.Error);
        Assert.Single(outcome.Error.TrimEnd('\n').Split('\n'));
        Assert.Equal(["in.safetensors"], _folder.Names());
    }

    [Fact]
    public void A_full_disk_is_named_and_nothing_is_left_on_it()
    {
        SparseFile.WithOneTensor(_folder.File("big.safetensors"), 8_000_000);
        Directory.CreateDirectory(_folder.File("disk"));
        // A disk of our own, where the system lets us have one; some containers do not.
        const string mount = "mount -t tmpfs -o size=4m none disk";
        if (Unshared(mount).ExitCode != 0)
        {
            return;
        }

        Outcome outcome = Unshared($"{mount} && echo before >disk/out.safetensors && {{ {Tool.Quoted(Tool.Command)} convert big.safetensors disk/out.safetensors --force; echo \"exit $?\"; ls -A disk; cat disk/out.safetensors; }}");

        Assert.Equal("exit 4\nout.safetensors\nbefore\n", outcome.Output);
        Assert.Equal("weights: disk/out.safetensors: the disk is full: the file needs 8,000,088 bytes; free some space or write elsewhere\n", outcome.Error);
    }

    private Outcome Unshared(string line) => Tool.Finish(Tool.StartProcess(_folder.Path, "unshare", ["--mount", "--user", "--map-root-user", "/bin/sh", "-c", line]));
}
