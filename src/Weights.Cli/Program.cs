using System.CommandLine;
using Weights;
using Weights.Cli;
using Weights.Cli.CommandLine;
using Weights.Cli.Terminal;
using Weights.IO;

if (OperatingSystem.IsWindows())
{
    Console.OutputEncoding = System.Text.Encoding.UTF8;
}
if (OperatingSystem.IsLinux())
{
    Posix.AllowOpenFiles();
}
using Session session = new();
int exitCode;
try
{
    exitCode = Run(args, session);
    session.Results.Writer.Flush();
}
catch (OperationCanceledException) when (session.Interruption.Token.IsCancellationRequested)
{
    session.Error("interrupted; nothing was changed");
    exitCode = session.Interruption.ExitCode;
}
catch (UsageException error)
{
    session.Error(error.Message);
    exitCode = ExitCode.Usage;
}
catch (TargetExistsException error)
{
    session.Error($"{error.Message}; --force replaces it");
    exitCode = ExitCode.Usage;
}
catch (WeightFileException error)
{
    session.Error(error.Message);
    exitCode = ExitCode.Refused;
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException)
{
    session.Error(error.Message);
    exitCode = ExitCode.InputOutput;
}
catch (Exception error) when (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("WEIGHTS_DEBUG")))
{
    session.Error($"internal error: {error.GetType().Name}: {error.Message}; please report it, with what WEIGHTS_DEBUG=1 shows");
    exitCode = ExitCode.Refused;
}
return exitCode;

static int Run(string[] args, Session session)
{
    session.UseColors(ColorMode.Auto);
    RootCommand root = Tree.Create(session);
    // A file may be called @name, and single letters are not strung together.
    ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
    if (args.Length == 0)
    {
        Help.Write(root, session.Messages);
        session.Messages.Writer.Flush();
        return ExitCode.Usage;
    }
    if (ParseErrors.Sentence(result) is { } problem)
    {
        throw new UsageException(problem);
    }
    session.UseColors(result.GetValue(Tree.Color));
    return result.Invoke(new InvocationConfiguration
    {
        Output = session.Results.Writer,
        Error = session.Messages.Writer,
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null,
    });
}
