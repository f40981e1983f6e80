using System.Diagnostics;

namespace Weights.Cli.Tests;

/// <summary>
/// A conversion of 6 GB of zeros is interrupted as soon as its temporary file appears: about two seconds before it would end,
/// and before it has written much.
/// </summary>
public sealed class InterruptionTests : IDisposable
{
    private const long Bytes = 6_000_000_000;
    private static readonly string[] s_files = ["big.safetensors", "out.safetensors"];
    private readonly TemporaryFolder _folder = new();

    public InterruptionTests()
    {
        SparseFile.WithOneTensor(_folder.File("big.safetensors"), Bytes);
        File.WriteAllText(_folder.File("out.safetensors"), "what was there before");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_signal_ends_a_conversion_without_a_trace(string signal, int exitCode)
    {
        Outcome outcome = Tool.Finish(Interrupted(signal));

        if (signal == "HUP" && IgnoresHangUps())
        {
            // Tests that run under nohup hand that on, and then a conversion must go on too.
            Assert.Equal(0, outcome.ExitCode);
            return;
        }
        Assert.Equal((exitCode, "", "weights: interrupted; nothing was changed\n"), (outcome.ExitCode, outcome.Output, outcome.Error));
        Assert.Equal(s_files, _folder.Names());
        Assert.Equal("what was there before", File.ReadAllText(_folder.File("out.safetensors")));
    }

    // Bit 0 of the mask of ignored signals is SIGHUP.
    private static bool IgnoresHangUps() =>
        File.ReadLines("/proc/self/status").First(static line => line.StartsWith("SigIgn:", StringComparison.Ordinal)).TrimEnd()[^1] is '1' or '3' or '5' or '7' or '9' or 'b' or 'd' or 'f';

    [Fact]
    public void What_a_killed_conversion_leaves_goes_with_the_next_one()
    {
        Assert.Equal(137, Tool.Finish(Interrupted("KILL")).ExitCode);
        Assert.Equal("what was there before", File.ReadAllText(_folder.File("out.safetensors")));
        Assert.Equal(3, _folder.Names().Length);
        SparseFile.WithOneTensor(_folder.File("small.safetensors"), 100);

        Outcome next = Tool.Run(_folder.Path, "convert", "small.safetensors", "out.safetensors", "--force");

        Assert.Equal(0, next.ExitCode);
        Assert.Equal([.. s_files, "small.safetensors"], _folder.Names());
    }

    [Fact]
    public void Two_conversions_do_not_write_one_file()
    {
        Process first = Interrupted("STOP");

        Outcome second = Tool.Run(_folder.Path, "convert", "big.safetensors", "out.safetensors", "--force");

        Assert.Equal((4, "weights: out.safetensors: another process is writing it at this moment; wait for it to end\n"), (second.ExitCode, second.Error));
        Send("TERM", first);
        Send("CONT", first);
        Assert.Equal(143, Tool.Finish(first).ExitCode);
        Assert.Equal(s_files, _folder.Names());
    }

    private Process Interrupted(string signal)
    {
        Process process = Tool.Start(_folder.Path, "convert", "big.safetensors", "out.safetensors", "--force");
        // A file is locked right after it is made, and gets its length right after that.
        while (!_folder.Names().Except(s_files).Any(name => new FileInfo(_folder.File(name)) is { Exists: true, Length: > 0 }) && !process.HasExited)
        {
            Thread.Sleep(1);
        }
        Send(signal, process);
        return process;
    }

    private static void Send(string signal, Process process) => Process.Start("kill", [$"-{signal}", $"{process.Id}"]).WaitForExit();
}
