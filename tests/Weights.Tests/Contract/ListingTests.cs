using System.Security.Cryptography;
using System.Text.Json;
using Weights.Formats;

namespace Weights.Tests.Contract;

/// <summary>Every valid fixture holds what the reference library saw in it: <c>NAME.json</c>, or <c>NAME.ROOT.json</c> for other roots, <c>NAME.all.json</c> with what else a graph holds.</summary>
public class ListingTests
{
    public static TheoryData<string, string> Listings()
    {
        TheoryData<string, string> data = [];
        foreach (string name in Fixtures.Names("valid").Concat(Fixtures.Folders("valid")))
        {
            string path = Fixtures.Path(name);
            foreach (string listing in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".*json").Order(StringComparer.Ordinal))
            {
                data.Add(name, Path.GetFileName(listing));
            }
        }
        Assert.True(data.Count > 50, $"only {data.Count} listings");
        return data;
    }

    [Theory]
    [MemberData(nameof(Listings))]
    public void Tensors_aliases_and_metadata_are_those_of_the_reference(string name, string listing)
    {
        string path = Fixtures.Path(name);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(path)!, listing)));
        JsonElement expected = document.RootElement;
        using Checkpoint checkpoint = Format.Open(path, new ReadOptions
        {
            Root = expected.GetProperty("root").GetString(),
            AllTensors = expected.TryGetProperty("allTensors", out JsonElement all) && all.GetBoolean(),
            Dequantize = expected.TryGetProperty("dequantize", out JsonElement dequantize) && dequantize.GetBoolean(),
        });
        Assert.Equal(expected.GetProperty("tensors").EnumerateArray().Select(Line), checkpoint.Tensors.Select(Line));
        Assert.Equal(
            expected.GetProperty("aliases").EnumerateObject().Select(static alias => $"{alias.Name} = {alias.Value}").Order(StringComparer.Ordinal),
            checkpoint.Aliases.Where(static alias => alias.Kind == AliasKind.Same).Select(static alias => $"{alias.Name} = {alias.Of}").Order(StringComparer.Ordinal));
        foreach (JsonElement left in expected.GetProperty("leftOut").EnumerateArray())
        {
            Assert.Contains(checkpoint.LeftOut, entry => entry.Path == left.GetString());
        }
        AssertMetadata(expected.GetProperty("metadata"), checkpoint.Metadata, name);
    }

    private static string Line(JsonElement tensor) =>
        $"{tensor.GetProperty("name")} {tensor.GetProperty("dtype")} [{string.Join(", ", tensor.GetProperty("shape").EnumerateArray())}] {tensor.GetProperty("sha256")}";

    private static string Line(Tensor tensor)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        tensor.Bytes.ReadChunks(new byte[1 << 16], (_, chunk) => hash.AppendData(chunk));
        return $"{tensor.Name} {tensor.DType.Name} {tensor.Shape} {Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static void AssertMetadata(JsonElement expected, MetadataValue? actual, string where)
    {
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object when !expected.EnumerateObject().Any(static member => member.Name.StartsWith('$')):
                MetadataValue.Map map = Assert.IsType<MetadataValue.Map>(actual ?? MetadataValue.Map.Empty);
                // Objects say more than the listing does, which leaves to the reader how their state is read.
                IEnumerable<string> names = map.Where(entry => map["$class"] is null && !IsObject(entry.Value) || expected.TryGetProperty(entry.Key, out _)).Select(static entry => entry.Key);
                Assert.True(expected.EnumerateObject().Select(static member => member.Name).SequenceEqual(names), $"{where}: {expected} but {map}");
                foreach (JsonProperty member in expected.EnumerateObject())
                {
                    AssertMetadata(member.Value, map[member.Name], $"{where}.{member.Name}");
                }
                break;
            case JsonValueKind.Object:
                Assert.NotNull(actual); // A class that JSON has no word for: kept in some form.
                break;
            case JsonValueKind.Array:
                IReadOnlyList<MetadataValue> items = Assert.IsType<MetadataValue.List>(actual).Items;
                Assert.Equal(expected.GetArrayLength(), items.Count);
                for (int index = 0; index < items.Count; index++)
                {
                    AssertMetadata(expected[index], items[index], $"{where}[{index}]");
                }
                break;
            default:
                Assert.NotNull(actual);
                Assert.Equal(expected.ToString(), actual is MetadataValue.Real real && expected.ValueKind == JsonValueKind.Number ? Digits(real.Value, expected) : actual.ToText() is var text && actual is MetadataValue.Bool or MetadataValue.Null ? Capitalised(text) : actual.ToText().Trim('"'));
                break;
        }
    }

    private static bool IsObject(MetadataValue value) => value is MetadataValue.Map map && map["$class"] is not null;

    private static string Digits(double value, JsonElement expected) => value == expected.GetDouble() ? expected.ToString() : value.ToString("R");

    // JsonElement prints true as "True" and null as nothing.
    private static string Capitalised(string json) => json switch { "true" => "True", "false" => "False", _ => "" };
}
