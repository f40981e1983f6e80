using System.Text.RegularExpressions;

namespace Weights.Tests;

/// <summary>
/// Dependencies go one way: Cli → Scanning, Passes, Formats → Pickle → IO, DTypes → Model; formats do not know each other, and the CLI knows none.
/// </summary>
public partial class ArchitectureTests
{
    private static readonly string s_source = Path.Combine(Fixtures.Repository, "src");

    [Theory]
    [InlineData("Weights/Model", "Weights/DTypes", "Weights/IO", "Weights/Pickle", "Weights/Formats", "Weights/Passes", "Weights/Scanning")]
    [InlineData("Weights/IO", "Weights/DTypes", "Weights/Pickle", "Weights/Formats", "Weights/Passes", "Weights/Scanning")]
    [InlineData("Weights/DTypes", "Weights/IO", "Weights/Pickle", "Weights/Formats", "Weights/Passes", "Weights/Scanning")]
    [InlineData("Weights/Pickle", "Weights/DTypes", "Weights/Formats", "Weights/Passes", "Weights/Scanning")]
    [InlineData("Weights/Formats", "Weights/Passes", "Weights/Scanning")]
    [InlineData("Weights/Passes", "Weights/Formats", "Weights/Scanning")]
    [InlineData("Weights/Scanning", "Weights/DTypes", "Weights/Formats", "Weights/Passes")]
    public void A_layer_does_not_mention_those_above_it(string layer, params string[] above)
    {
        // By namespace: each layer has its own, and names such as Format or FileBytes are also those of properties.
        HashSet<string> forbidden = [.. above.Select(static folder => Path.GetFileName(folder))];
        AssertMentionsNone(Sources(layer), forbidden);
    }

    [Fact]
    public void Formats_do_not_mention_each_other_and_the_tool_mentions_none()
    {
        string[] folders = [.. Directory.EnumerateDirectories(Path.Combine(s_source, "Weights", "Formats")).Select(static path => Path.GetFileName(path))];
        Assert.True(folders.Length >= 2, "there should be at least two formats");
        foreach (string folder in folders)
        {
            HashSet<string> others = [.. folders.Where(other => other != folder).SelectMany(static other => DeclaredTypes($"Weights/Formats/{other}").Append($"Formats.{other}").Append($"Format.{other}"))];
            AssertMentionsNone(Sources($"Weights/Formats/{folder}"), others);
        }
        HashSet<string> all = [.. folders.SelectMany(static folder => DeclaredTypes($"Weights/Formats/{folder}").Append($"Formats.{folder}").Append($"Format.{folder}"))];
        AssertMentionsNone(Sources("Weights.Cli"), all);
    }

    private static void AssertMentionsNone(IReadOnlyList<string> files, HashSet<string> forbidden)
    {
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            string code = Comments().Replace(File.ReadAllText(file), "");
            foreach (Match word in Words().Matches(code).Where(static word => !word.Value.StartsWith("System.", StringComparison.Ordinal)))
            {
                Assert.False(forbidden.Contains(word.Value), $"{Path.GetRelativePath(s_source, file)} mentions {word.Value}");
                int dot = word.Value.LastIndexOf('.');
                Assert.False(dot >= 0 && word.Value.Split('.').Any(forbidden.Contains), $"{Path.GetRelativePath(s_source, file)} mentions {word.Value}");
            }
        }
    }

    // Types at the top level of their file; nested ones are reached through them.
    private static List<string> DeclaredTypes(string folder)
    {
        List<string> types = [];
        foreach (string file in Sources(folder))
        {
            foreach (Match match in Declarations().Matches(File.ReadAllText(file)))
            {
                if (match.Groups["name"].Value is { } name && name is not ("DType" or "Format"))
                {
                    types.Add(name);
                }
            }
        }
        return types;
    }

    private static List<string> Sources(string folder) =>
        [.. Directory.EnumerateFiles(Path.Combine(s_source, folder), "*.cs", SearchOption.AllDirectories).Where(static path => !path.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !path.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))];

    [GeneratedRegex(@"^(public|internal)( \w+)* (class|struct|record|enum|interface|delegate \w+)( struct| class)? (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Declarations();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/|""(\\.|[^""\\])*""", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")]
    private static partial Regex Words();
}
