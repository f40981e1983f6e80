using System.Text.Json;

namespace Weights.Cli.Tests;

public sealed class JsonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Names_survive_whole_and_nothing_in_them_can_move_a_cursor()
    {
        Outcome outcome = Tool.Run(Fixtures.Path("safetensors/valid"), "inspect", "names.safetensors", "--json");

        using JsonDocument report = JsonDocument.Parse(outcome.Output);
        using JsonDocument listing = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("safetensors/valid/names.safetensors.json")));
        Assert.Equal(Names(listing).Order(StringComparer.Ordinal), Names(report).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(outcome.Output, static character => char.IsControl(character) && character != '\n');
        Assert.Contains("权重", outcome.Output);
    }

    [Fact]
    public void Invisible_characters_are_escaped()
    {
        const string name = "a\u202Eb\u009Bc\u00ADd\U000E0001e";
        SparseFile.WithOneTensor(_folder.File("in.safetensors"), 4, name);

        Outcome outcome = Tool.Run(_folder.Path, "inspect", "in.safetensors", "--json");

        using JsonDocument report = JsonDocument.Parse(outcome.Output);
        Assert.Equal(name, Names(report).Single());
        Assert.Contains("""a\u202Eb\u009Bc\u00ADd\uDB40\uDC01e""", outcome.Output);
    }

    [Fact]
    public void A_network_says_what_it_is_and_what_its_modules_are()
    {
        Outcome outcome = Tool.Run(Fixtures.Path("pytorch/valid/module"), "inspect", "module-in-yolo-checkpoint.pt", "--tree", "--depth", "1", "--json");

        using JsonDocument report = JsonDocument.Parse(outcome.Output);
        JsonElement model = report.RootElement.GetProperty("model");
        Assert.Equal("detect", model.GetProperty("task").GetString());
        Assert.Equal(["cat", "dog"], model.GetProperty("class_names").EnumerateArray().Select(static name => name.GetString()));
        Assert.Equal([8, 16, 32], model.GetProperty("strides").EnumerateArray().Select(static stride => stride.GetDouble()));
        Assert.Equal("tiny.yaml", model.GetProperty("architecture").GetProperty("yaml_file").GetString());
        Assert.Equal(["", "model", "embed", "head"], report.RootElement.GetProperty("modules").EnumerateArray().Select(static module => module.GetProperty("path").GetString()));
    }

    [Fact]
    public void Tensors_come_in_the_order_of_the_file_unless_another_is_asked_for()
    {
        SparseFile.WithManyTensors(_folder.File("in.safetensors"), 12);

        Assert.Equal("layers.2.weight", Sorted()[2]);
        Assert.Equal("layers.10.weight", Sorted()[10]);
        Assert.Equal(Sorted(), Sorted("--sort", "name"));
        string[] Sorted(params string[] options)
        {
            using JsonDocument report = JsonDocument.Parse(Tool.Run(_folder.Path, ["inspect", "in.safetensors", "--json", .. options]).Output);
            return Names(report);
        }
    }

    [Fact]
    public void Every_documented_member_is_there_and_no_other()
    {
        string documentation = File.ReadAllText(Path.Combine(Fixtures.Repository, "src/Weights.Cli/Reports/README.md"));
        string file = Fixtures.Path("safetensors/valid/tied.safetensors");
        foreach ((string schema, string[] arguments) in ((string, string[])[])
        [
            ("weights/inspect/1", ["inspect", file, "--stats", "--json"]),
            ("weights/convert/1", ["convert", file, "out.safetensors", "--json"]),
            ("weights/graft/1", ["graft", Fixtures.Path("cli/graft/exported.safetensors"), Fixtures.Path("cli/graft/tuned.safetensors"), "--from", Fixtures.Path("cli/graft/trained.safetensors"), "-o", "grafted.safetensors", "--json"]),
            ("weights/diff/1", ["diff", Fixtures.Path("cli/graft/trained.safetensors"), Fixtures.Path("cli/diff/next.safetensors"), "--rank", "--json"]),
            ("weights/patch/1", ["diff", Fixtures.Path("cli/diff/base.safetensors"), Fixtures.Path("cli/diff/next.safetensors"), "-o", "next.wpatch", "--json"]),
            ("weights/patch/1", ["patch", Fixtures.Path("cli/diff/base.safetensors"), "next.wpatch", "-o", "next.pt", "--json"]),
            ("weights/formats/1", ["formats", "--json"]),
            ("weights/checksum/1", ["checksum", file, "--json"]),
            ("weights/verify/1", ["verify", Fixtures.Path("cli/graft/tuned.safetensors"), Manifest(Fixtures.Path("cli/graft/trained.safetensors")), "--json"]),
            ("weights/dequantize/1", ["dequantize", Fixtures.Path("dialects/bnb-nf4"), "plain.safetensors", "--json"]),
            ("weights/scan/1", ["scan", Fixtures.Path("scan/broken/payload-before-break.pkl"), Fixtures.Path("scan/clean/two-pickles.pkl"), "--json"]),
        ])
        {
            string section = documentation.Split("## ").Single(part => part.StartsWith($"`{schema}`", StringComparison.Ordinal));
            using JsonDocument report = JsonDocument.Parse(Tool.Run(_folder.Path, arguments).Output);
            Assert.Equal(schema, report.RootElement.GetProperty("schema").GetString());
            HashSet<string> members = [.. Members(report.RootElement)];
            Assert.True(members.Count > 5);
            Assert.All(members, member => Assert.True(member is "schema" || section.Contains(member, StringComparison.Ordinal), $"{schema} has {member}, which is not documented"));
            foreach (string documented in section.Split('\n').Where(static line => line.StartsWith("| `", StringComparison.Ordinal)).SelectMany(static line => line.Split('|')[1].Split(',')))
            {
                Assert.Contains(documented.Trim(' ', '`'), members);
            }
        }
    }

    [Fact]
    public void A_manifest_has_the_documented_members()
    {
        string documentation = File.ReadAllText(Path.Combine(Fixtures.Repository, "src/Weights.Cli/Reports/README.md"));
        string section = documentation.Split("## ").Single(static part => part.StartsWith("`weights/manifest/1`", StringComparison.Ordinal));
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(_folder.File(Manifest(Fixtures.Path("safetensors/valid/sharded")))));
        Assert.Equal(["schema", "id", "algorithm", "tensors", "files"], manifest.RootElement.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(4, manifest.RootElement.GetProperty("files").GetArrayLength());
        Assert.All(Members(manifest.RootElement), member => Assert.Contains($"{member}", section, StringComparison.Ordinal));
    }

    private string Manifest(string path)
    {
        Outcome outcome = Tool.Run(_folder.Path, "checksum", path, "-o", "manifest.json", "--force");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return "manifest.json";
    }

    private static string[] Names(JsonDocument document) => [.. document.RootElement.GetProperty("tensors").EnumerateArray().Select(static tensor => tensor.GetProperty("name").GetString()!)];

    // Names of members at any depth, but for the file's own metadata.
    private static IEnumerable<string> Members(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(static member => member.Name == "metadata" ? [member.Name] : Members(member.Value).Prepend(member.Name)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Members),
        _ => [],
    };
}
