namespace Weights.Cli;

/// <summary>What the process says to whoever started it. A run ended by signal n exits with 128 + n.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The answer is no: something was looked for and found, or is not as it should be.</summary>
    public const int No = 1;

    /// <summary>The command line makes no sense, or asks for something that would do nothing or overwrite something.</summary>
    public const int Usage = 2;

    /// <summary>
    /// The file was refused, or <c>--strict</c> found that something would be lost. Also an error inside the tool: to a script
    /// it means the same, that this file could not be used.
    /// </summary>
    public const int Refused = 3;

    /// <summary>A file could not be read or written: missing, no permission, disk full.</summary>
    public const int InputOutput = 4;
}
