namespace Weights.Cli;

/// <summary>The command line was understood but cannot be meant: exit code 2 and the sentence.</summary>
internal sealed class UsageException(string message) : Exception(message);
