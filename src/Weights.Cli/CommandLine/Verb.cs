using System.CommandLine;

namespace Weights.Cli.CommandLine;

/// <summary>A command of the tool, with examples for its help.</summary>
internal sealed class Verb(string name, string description) : Command(name, description)
{
    /// <summary>Commands to copy, each with a few words about what it does.</summary>
    public required IReadOnlyList<(string Command, string Does)> Examples { get; init; }

    /// <summary>What the verb does. Passes and the copying know tensors, not files: what they refuse is said to be of the file that the request is about.</summary>
    /// <param name="read">Reads the command line.</param>
    /// <param name="file">The file that a request is about.</param>
    /// <param name="run">Does it, and returns the exit code.</param>
    public void SetAction<TRequest>(Func<ParseResult, TRequest> read, Func<TRequest, string> file, Func<TRequest, int> run) => SetAction(result =>
    {
        TRequest request = read(result);
        try
        {
            return run(request);
        }
        catch (WeightFileException error) when (error.File is null)
        {
            throw error.In(file(request));
        }
    });
}
