namespace Weights.Cli.Tests;

public sealed class StreamTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // Its listing is some 200 kB: a pipe holds 64, so writing it cannot end before the reader has gone.
    public StreamTests() => SparseFile.WithManyTensors(_folder.File("many.safetensors"), 4000);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("weights inspect many.safetensors")]
    [InlineData("weights inspect many.safetensors --json")]
    public void A_reader_that_goes_away_is_no_error(string command)
    {
        Outcome outcome = Tool.Shell(_folder.Path, $"{{ {command}; echo \"exit $?\" >&2; }} | head -n 1");

        Assert.Equal("exit 0\n", outcome.Error);
        Assert.Single(outcome.Output.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("weights inspect many.safetensors")]
    [InlineData("weights inspect many.safetensors --json")]
    [InlineData("weights formats")]
    [InlineData("weights --help")]
    [InlineData("weights convert many.safetensors out.safetensors --json --quiet")]
    public void A_full_disk_behind_standard_output_is_an_error(string command)
    {
        Outcome outcome = Tool.Shell(_folder.Path, $"{command} >/dev/full");

        Assert.Equal((4, "weights: standard output could not be written: No space left on device\n"), (outcome.ExitCode, outcome.Error));
    }

    [Fact]
    public void Nobody_needs_to_listen_to_standard_error()
    {
        Assert.Equal(0, Tool.Shell(_folder.Path, "weights convert many.safetensors out.safetensors 2>/dev/full").ExitCode);
        Assert.Equal(2, Tool.Shell(_folder.Path, "weights convert many.safetensors out.safetensors 2>/dev/full").ExitCode);
    }

    [Fact]
    public void Output_is_appended_where_it_is_redirected_twice()
    {
        Tool.Shell(_folder.Path, "{ weights formats; weights formats; } >listing");

        string listing = File.ReadAllText(_folder.File("listing"));
        Assert.NotEmpty(listing);
        Assert.Equal(listing[..(listing.Length / 2)], listing[(listing.Length / 2)..]);
    }

    [Fact]
    public void Names_are_whole_and_without_escape_sequences_where_nobody_counts_columns()
    {
        Outcome outcome = Tool.Run(Fixtures.Path("safetensors/valid"), "inspect", "names.safetensors");

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        Assert.DoesNotContain('\e', outcome.Output);
        Assert.DoesNotContain('…', outcome.Output);
    }
}
