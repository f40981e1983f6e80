using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.IO;

namespace Weights.Cli.Commands;

/// <summary>The output of a verb: written with progress on a terminal, whole or not at all.</summary>
internal static class Target
{
    /// <summary>Writes files.</summary>
    /// <param name="session">Shows progress, and is interrupted.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="mayReplace">Whether files that are there already may be replaced.</param>
    /// <param name="layouts">What is written.</param>
    /// <param name="beforeCommit">Looks at what was written before it gets its name; whatever it throws, nothing has changed.</param>
    /// <exception cref="TargetExistsException">One is there and may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="WeightFileException">The bytes of a tensor could not be read.</exception>
    public static void Write(Session session, string path, bool mayReplace, IReadOnlyList<FileLayout> layouts, Action<Output>? beforeCommit = null)
    {
        using ProgressLine progress = new(session.Messages, "writing", layouts.Sum(static file => file.Length), isShown: !session.IsQuiet);
        Output output = new(path, mayReplace)
        {
            Cancellation = session.Interruption.Token,
            Copied = bytes => progress.Add(bytes),
        };
        output.Check(layouts);
        session.Interruption.LetClearUp(() =>
        {
            using (output)
            {
                output.Write(layouts);
                beforeCommit?.Invoke(output);
                output.Commit();
            }
        });
    }

    /// <summary>Finds out whether files may be written, and touches none.</summary>
    /// <exception cref="TargetExistsException">One is there and may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Check(string path, bool mayReplace, IReadOnlyList<FileLayout> layouts)
    {
        using Output output = new(path, mayReplace);
        output.Check(layouts);
    }
}
