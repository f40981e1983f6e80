using System.Text.Json;

namespace Weights.Passes.Checksums;

/// <summary>A tensor as a manifest has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DType">Name of its element type.</param>
/// <param name="Shape">Its dimensions, outermost first.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Digest">Their digest, in hexadecimal digits.</param>
public sealed record ManifestTensor(string Name, string DType, IReadOnlyList<long> Shape, long Bytes, string Digest);

/// <summary>A file as a manifest has it.</summary>
/// <param name="Name">Its name, without folders.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its SHA-256, in hexadecimal digits.</param>
public sealed record ManifestFile(string Name, long Bytes, string Sha256);

/// <summary>What a checkpoint was when somebody wrote it down: its id, its tensors, and the files that it was in.</summary>
/// <param name="Id">The id of all tensors; see <see cref="Checksum"/>.</param>
/// <param name="Algorithm">How the tensors were digested.</param>
/// <param name="Tensors">The tensors.</param>
/// <param name="Files">The files.</param>
public sealed record Manifest(string Id, DigestAlgorithm Algorithm, IReadOnlyList<ManifestTensor> Tensors, IReadOnlyList<ManifestFile> Files)
{
    /// <summary>Name and version of the schema, its first member.</summary>
    public const string Schema = "weights/manifest/1";

    /// <summary>The manifest of a checkpoint.</summary>
    public static Manifest Of(Checksum checksum, IReadOnlyList<ManifestFile> files)
    {
        ArgumentNullException.ThrowIfNull(checksum);
        return new Manifest(checksum.Id, checksum.Algorithm, Listed(checksum.Tensors), files);
    }

    internal static IReadOnlyList<ManifestTensor> Listed(IReadOnlyList<TensorDigest> tensors) =>
        [.. tensors.Select(static one => new ManifestTensor(one.Tensor.Name, one.Tensor.DType.Name, [.. one.Tensor.Shape.Dimensions], one.Tensor.Bytes.Length, Convert.ToHexStringLower(one.Digest)))];

    /// <summary>Reads the JSON of a manifest.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is none, or contradicts itself.</exception>
    public static Manifest Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Corrupt("is damaged: it is no JSON of the members that a manifest has", error);
        }
    }

    private static Manifest Parse(JsonElement root)
    {
        string schema = Text(root, "schema");
        if (schema != Schema)
        {
            throw new WeightFileException(Fault.Unsupported, $"follows the schema {WeightFileException.Quote(schema)}, not {Schema}; it may be newer than this program");
        }
        string name = Text(root, "algorithm");
        DigestAlgorithm algorithm = name == DigestAlgorithm.Sha256.Name() ? DigestAlgorithm.Sha256
            : name == DigestAlgorithm.Xxh3.Name() ? DigestAlgorithm.Xxh3
            : throw new WeightFileException(Fault.Unsupported, $"has digests of {WeightFileException.Quote(name)}, which is neither sha256 nor xxh3");
        List<ManifestTensor> tensors = [.. root.GetProperty("tensors").EnumerateArray().Select(tensor => new ManifestTensor(
            Text(tensor, "name"),
            Text(tensor, "dtype"),
            [.. tensor.GetProperty("shape").EnumerateArray().Select(static size => size.GetInt64())],
            tensor.GetProperty("bytes").GetInt64(),
            Digits(tensor, "digest", algorithm.Length())))];
        HashSet<string> names = new(StringComparer.Ordinal);
        if (tensors.Find(tensor => !names.Add(tensor.Name)) is { } twice)
        {
            throw Corrupt($"names the tensor {WeightFileException.Quote(twice.Name)} twice");
        }
        List<ManifestFile> files = [.. root.GetProperty("files").EnumerateArray().Select(static file => new ManifestFile(Text(file, "name"), file.GetProperty("bytes").GetInt64(), Digits(file, "sha256", 32)))];
        string id = Text(root, "id");
        return id == Checksum.IdOf(algorithm, tensors)
            ? new Manifest(id, algorithm, tensors, files)
            : throw Corrupt("has an id that is not that of the tensors in it: it has been changed or cut short");
    }

    private static string Text(JsonElement element, string member) => element.GetProperty(member).GetString() ?? throw Corrupt($"has null for {member}");

    private static string Digits(JsonElement element, string member, int bytes)
    {
        string digits = Text(element, member);
        return digits.Length == 2 * bytes && digits.All(char.IsAsciiHexDigit) ? digits.ToLowerInvariant() : throw Corrupt($"has the {member} {WeightFileException.Quote(digits)}, which is not {2 * bytes} hexadecimal digits");
    }

    private static WeightFileException Corrupt(string problem, Exception? inner = null) => new(Fault.Corrupt, $"{problem}; write it again with 'weights checksum -o'", inner: inner);
}
