using System.CommandLine;

namespace Weights.Cli.CommandLine;

/// <summary>A command of the tool, with examples for its help.</summary>
internal sealed class Verb(string name, string description) : Command(name, description)
{
    /// <summary>Commands to copy, each with a few words about what it does.</summary>
    public required IReadOnlyList<(string Command, string Does)> Examples { get; init; }
}
