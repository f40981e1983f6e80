using System.Runtime.CompilerServices;

namespace Weights.Tests;

/// <summary>The files in <c>fixtures/</c>, found from where the tests' sources are.</summary>
internal static class Fixtures
{
    private static readonly string s_root = System.IO.Path.GetFullPath(System.IO.Path.Combine(SourceFolder(), "..", "..", "fixtures"));

    /// <summary>Path of a fixture, with folders separated by <c>/</c>.</summary>
    public static string Path(string name) => System.IO.Path.Combine(s_root, name);

    /// <summary>Root of the repository.</summary>
    public static string Repository => System.IO.Path.GetDirectoryName(s_root)!;

    /// <summary>
    /// Every weight file under <c>fixtures/*/KIND/</c>, as paths below <c>fixtures/</c>; listings, indexes' shards, models' external data and texts are not among them.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is none: a test that walks a folder must not pass over an empty one.</exception>
    public static TheoryData<string> All(string kind) => [.. Names(kind)];

    /// <summary>As <see cref="All"/>, as plain strings.</summary>
    public static IReadOnlyList<string> Names(string kind) => Find(kind, static folder => Directory.EnumerateFiles(folder).Where(IsWeightFile));

    /// <summary>Every folder that is one checkpoint; its files are not among <see cref="Names"/>.</summary>
    public static IReadOnlyList<string> Folders(string kind) => Find(kind, static folder => Directory.EnumerateDirectories(folder).Where(IsCheckpoint));

    private static IReadOnlyList<string> Find(string kind, Func<string, IEnumerable<string>> within)
    {
        List<string> found = [];
        Stack<string> open = new(Directory.EnumerateDirectories(s_root).Select(format => System.IO.Path.Combine(format, kind)).Where(Directory.Exists));
        while (open.TryPop(out string? folder))
        {
            found.AddRange(within(folder));
            foreach (string inner in Directory.EnumerateDirectories(folder).Where(static inner => !IsCheckpoint(inner)))
            {
                open.Push(inner);
            }
        }
        return found.Count == 0
            ? throw new InvalidOperationException($"there are no fixtures of kind '{kind}' under {s_root}")
            : [.. found.Select(static path => System.IO.Path.GetRelativePath(s_root, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];
    }

    // Folders that only sort fixtures have names of one word.
    private static bool IsCheckpoint(string folder) => System.IO.Path.GetFileName(folder).Contains('-');

    private static bool IsWeightFile(string path)
    {
        string extension = System.IO.Path.GetExtension(path);
        return extension is not (".md" or ".py" or ".tsv" or ".shard" or ".data") && (extension != ".json" || path.EndsWith(".index.json", StringComparison.Ordinal));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => System.IO.Path.GetDirectoryName(path)!;
}
