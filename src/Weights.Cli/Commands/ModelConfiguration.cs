using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weights.IO;

namespace Weights.Cli.Commands;

/// <summary>The <c>config.json</c> that libraries read beside a checkpoint, to which weights that are packed add how.</summary>
internal static class ModelConfiguration
{
    /// <summary>The member that says how weights are packed.</summary>
    public const string Key = "quantization_config";

    private const string FileName = "config.json";
    private const int MaxBytes = 16 << 20; // Those of the Hub have some kilobytes.
    private static readonly JsonWriterOptions s_options = new() { Indented = true, NewLine = "\n" };

    /// <summary>The configuration beside the input, with that member, for the folder of the output; null where there is none, or it may not be written.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is no JSON object.</exception>
    public static FileLayout? Layout(string input, string output, bool mayReplace, JsonObject quantization, Ledger ledger)
    {
        string source = Path.Combine(Directory.Exists(input) ? input : Path.GetDirectoryName(input) ?? "", FileName);
        string target = Path.Combine(Path.GetDirectoryName(output) ?? "", FileName);
        bool isOwn = Path.GetFullPath(source) == Path.GetFullPath(target);
        if (!File.Exists(source) || isOwn || (File.Exists(target) && !mayReplace))
        {
            string why = !File.Exists(source) ? $"there is no {FileName} beside the input" : isOwn ? $"{target} is that of the input" : $"{target} is there already";
            ledger.Add(LedgerKind.LeftOut, Key, $"says how weights are packed, and belongs in the model's {FileName}: {why}, so put in what --json prints as {Key}");
            return null;
        }
        JsonObject configuration = Read(source);
        configuration[Key] = quantization.DeepClone();
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, s_options))
        {
            configuration.WriteTo(writer);
        }
        stream.Write("\n"u8);
        return new FileLayout { Name = FileName, Length = stream.Length, Segments = [new Segment(0, new MemoryBytes(stream.ToArray()))] };
    }

    private static JsonObject Read(string path)
    {
        if (new FileInfo(path).Length > MaxBytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"has more than {MaxBytes:N0} bytes, which no configuration has", path);
        }
        try
        {
            return JsonNode.Parse(File.ReadAllText(path, Encoding.UTF8)) as JsonObject ?? throw new WeightFileException(Fault.Corrupt, "is not a JSON object", path);
        }
        catch (JsonException error)
        {
            throw new WeightFileException(Fault.Corrupt, $"is not valid JSON (line {error.LineNumber + 1})", path, inner: error);
        }
    }
}
