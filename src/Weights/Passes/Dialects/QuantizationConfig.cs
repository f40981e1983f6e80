using System.Text.Json;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// What the configuration beside a checkpoint says about how it is quantised: <c>quantization_config</c> of <c>config.json</c>, or the whole of
/// <c>quantize_config.json</c>, which GPTQ and AWQ wrote before that. What shapes say is not taken from here.
/// </summary>
public sealed class QuantizationConfig
{
    /// <summary>Largest file that is read: those of the Hub have some kilobytes, or hundreds where they name every module.</summary>
    public const int MaxFileBytes = 16 << 20;

    private const string Key = "quantization_config";
    private static readonly string[] s_names = ["config.json", "quantize_config.json"];
    private static readonly string[] s_bits = ["num_bits", "bits", "w_bit"];

    private QuantizationConfig()
    {
    }

    /// <summary>No configuration.</summary>
    public static QuantizationConfig None { get; } = new();

    /// <summary>The file; null where there is none that says anything.</summary>
    public string? Path { get; private init; }

    /// <summary>The library or method, as <c>quant_method</c> names it.</summary>
    public string? Method { get; private init; }

    /// <summary>GPTQ's <c>checkpoint_format</c>, AWQ's <c>version</c>, compressed-tensors' <c>format</c>.</summary>
    public string? Layout { get; private init; }

    /// <summary>Columns of a group; null where that is not said, or said to be all of them.</summary>
    public long? GroupSize { get; private init; }

    /// <summary>Rows and columns of a block; null where that is not said.</summary>
    public (long Rows, long Columns)? Block { get; private init; }

    /// <summary>Bits of a weight, all that the configuration names.</summary>
    public IReadOnlyList<int> Bits { get; private init; } = [];

    /// <summary>What the files beside a checkpoint say: in its folder, or in the folder that it is.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: one is no JSON, or too long.</exception>
    public static QuantizationConfig Beside(string checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        string folder = Directory.Exists(checkpoint) ? checkpoint : System.IO.Path.GetDirectoryName(checkpoint) ?? "";
        foreach (string path in s_names.Select(name => System.IO.Path.Combine(folder, name)).Where(File.Exists))
        {
            if (Read(path) is { Path: not null } config)
            {
                return config;
            }
        }
        return None;
    }

    /// <summary>What one file says; nothing where it is about other things.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is no JSON object, or too long.</exception>
    public static QuantizationConfig Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using FileBytes file = new(path);
        if (file.Length > MaxFileBytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {file.Length:N0} bytes; a configuration has fewer than {MaxFileBytes:N0}", path);
        }
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        ReadOnlyMemory<byte> text = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Of(document.RootElement, path) : throw new WeightFileException(Fault.Corrupt, "is not a JSON object", path);
        }
        catch (JsonException error)
        {
            throw new WeightFileException(Fault.Corrupt, $"is not valid JSON (line {error.LineNumber + 1})", path, inner: error);
        }
    }

    private static QuantizationConfig Of(JsonElement root, string path)
    {
        JsonElement? config = Member(root, Key) ?? (Member(root, "text_config") is { } inner ? Member(inner, Key) : null);
        JsonElement said = config ?? root;
        if (config is null && Integer(said, "bits") is null && Integer(said, "w_bit") is null)
        {
            return None;
        }
        JsonElement[] groups = Member(said, "config_groups") is { } all ? [.. all.EnumerateObject().Where(static group => group.Value.ValueKind == JsonValueKind.Object).Select(static group => Member(group.Value, "weights")).OfType<JsonElement>()] : [];
        long?[] sizes = [.. groups.Select(static group => Integer(group, "group_size")).Distinct()];
        (long, long)?[] blocks = [.. groups.Select(static group => Pair(group, "block_structure")).Distinct()];
        return new QuantizationConfig
        {
            Path = path,
            Method = Text(said, "quant_method"),
            Layout = Text(said, "checkpoint_format") ?? (Text(said, "version") is { } version && !version.Any(char.IsAsciiDigit) ? version : null) ?? Text(said, "format"),
            GroupSize = Integer(said, "group_size") ?? Integer(said, "q_group_size") ?? (sizes.Length == 1 ? sizes[0] : null),
            Block = Pair(said, "weight_block_size") ?? (blocks.Length == 1 ? blocks[0] : null),
            Bits = [.. groups.Append(said).SelectMany(static place => s_bits.Select(name => Integer(place, name))).OfType<long>().Where(static bits => bits <= 64).Select(static bits => (int)bits).Distinct()],
        };
    }

    private static JsonElement? Member(JsonElement place, string name) =>
        place.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static string? Text(JsonElement place, string name) =>
        place.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // Sizes and counts; −1, which stands for all, is none.
    private static long? Integer(JsonElement place, string name) =>
        place.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number > 0 ? number : null;

    private static (long, long)? Pair(JsonElement place, string name)
    {
        if (!place.TryGetProperty(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2)
        {
            return null;
        }
        return value[0].ValueKind == JsonValueKind.Number && value[1].ValueKind == JsonValueKind.Number && value[0].TryGetInt64(out long rows) && value[1].TryGetInt64(out long columns) && rows > 0 && columns > 0
            ? (rows, columns)
            : null;
    }
}
