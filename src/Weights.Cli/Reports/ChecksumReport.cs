using System.Security.Cryptography;
using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Passes.Checksums;

namespace Weights.Cli.Reports;

/// <summary>A file that was read, with a digest of all of it.</summary>
/// <param name="Path">As the user named it, or beside what was named.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Digest">The digest.</param>
internal sealed record DigestedFile(string Path, long Bytes, byte[] Digest);

/// <summary>What <c>weights checksum</c> prints.</summary>
internal static class ChecksumReport
{
    /// <summary>The id and a line for each tensor, for people.</summary>
    public static void WriteText(Checkpoint checkpoint, Checksum checksum, bool isPart, Channel channel)
    {
        Fields fields = new(channel);
        channel.Writer.WriteLine(channel.Paint(Style.Bold, Printable.Escape(checkpoint.Origin.Path)));
        fields.Write("id", checksum.Id);
        fields.Write("tensors", $"{Quantity.Of(checksum.Tensors.Count, "tensor")}, {Quantity.Bytes(checkpoint.TensorBytes)}{(isPart ? "; the id is of these only" : "")}");
        if (checksum.Tensors.Count > 0)
        {
            channel.Writer.WriteLine();
            List<Column<TensorDigest>> columns =
            [
                new("dtype", static tensor => tensor.Tensor.DType.Name) { Style = Style.Cyan },
                new("shape", static tensor => tensor.Tensor.Shape.ToString()),
                new(checksum.Algorithm.Name(), static tensor => System.Convert.ToHexStringLower(tensor.Digest)),
            ];
            new Table<TensorDigest>("tensor", static tensor => Printable.Escape(tensor.Tensor.Name), columns).Write(checksum.Tensors, channel);
        }
    }

    /// <summary>The same for programs.</summary>
    public static void WriteJson(IReadOnlyList<(Checkpoint Checkpoint, Checksum Checksum)> all, Channel channel) => Json.Write(channel, "weights/checksum/1", writer =>
        Json.Objects(writer, "files", all, static (line, one) =>
        {
            line.WriteString("path", one.Checkpoint.Origin.Path);
            line.WriteString("format", one.Checkpoint.Origin.Format);
            line.WriteString("id", one.Checksum.Id);
            line.WriteString("algorithm", one.Checksum.Algorithm.Name());
            line.WriteStartArray("tensors");
            foreach (ManifestTensor tensor in Manifest.Of(one.Checksum, []).Tensors)
            {
                line.WriteStartObject();
                WriteTensor(line, tensor);
                line.WriteEndObject();
            }
            line.WriteEndArray();
        }));

    /// <summary>A manifest, to be kept.</summary>
    public static byte[] ManifestJson(Manifest manifest)
    {
        using MemoryStream stream = new();
        Json.Write(stream, Manifest.Schema, writer =>
        {
            writer.WriteString("id", manifest.Id);
            writer.WriteString("algorithm", manifest.Algorithm.Name());
            Json.Objects(writer, "tensors", manifest.Tensors, WriteTensor);
            Json.Objects(writer, "files", manifest.Files, static (line, file) =>
            {
                line.WriteString("name", file.Name);
                line.WriteNumber("bytes", file.Bytes);
                line.WriteString("sha256", file.Sha256);
            });
        });
        return stream.ToArray();
    }

    /// <summary>Lines that <c>sha256sum --check</c> accepts.</summary>
    public static void WriteSha256Sum(IEnumerable<DigestedFile> files, Channel channel)
    {
        foreach (DigestedFile file in files)
        {
            // As coreutils do: names with such characters are marked by a backslash at the start of the line.
            bool isEscaped = file.Path.AsSpan().ContainsAny('\\', '\n', '\r');
            string path = isEscaped ? file.Path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal) : file.Path;
            channel.Writer.Write($"{(isEscaped ? "\\" : "")}{System.Convert.ToHexStringLower(file.Digest)}  {path}\n");
        }
    }

    /// <summary>What Weights &amp; Biases stores in the manifest of an artifact.</summary>
    public static void WriteWandb(IEnumerable<DigestedFile> files, Channel channel) => Json.Write(channel, null, writer =>
    {
        writer.WriteNumber("version", 1);
        writer.WriteString("storagePolicy", "wandb-storage-policy-v1");
        writer.WriteStartObject("storagePolicyConfig");
        writer.WriteEndObject();
        writer.WriteStartObject("contents");
        foreach (DigestedFile file in files.OrderBy(static file => file.Path, StringComparer.Ordinal))
        {
            writer.WriteStartObject(file.Path);
            writer.WriteString("digest", System.Convert.ToBase64String(file.Digest));
            writer.WriteNumber("size", file.Bytes);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    });

    /// <summary>The algorithm by which files are digested for a list of that kind.</summary>
    public static HashAlgorithmName AlgorithmOf(ChecksumFormat format) => format == ChecksumFormat.Wandb ? HashAlgorithmName.MD5 : HashAlgorithmName.SHA256;

    private static void WriteTensor(Utf8JsonWriter writer, ManifestTensor tensor)
    {
        writer.WriteString("name", tensor.Name);
        writer.WriteString("dtype", tensor.DType);
        writer.WriteStartArray("shape");
        foreach (long size in tensor.Shape)
        {
            writer.WriteNumberValue(size);
        }
        writer.WriteEndArray();
        writer.WriteNumber("bytes", tensor.Bytes);
        writer.WriteString("digest", tensor.Digest);
    }
}

/// <summary>What kind of list is printed.</summary>
internal enum ChecksumFormat
{
    /// <summary>Ids and tensors.</summary>
    Tensors,

    /// <summary>As <c>sha256sum</c> prints it.</summary>
    Sha256Sum,

    /// <summary>As Weights &amp; Biases stores it.</summary>
    Wandb,
}
