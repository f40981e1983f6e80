using System.CommandLine;
using System.Text;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes.Checksums;

namespace Weights.Cli.Commands;

/// <summary><c>weights verify</c>: whether weights are what somebody wrote down.</summary>
internal static class Verify
{
    // Those of 100,000 tensors have some 20 MB.
    private const int LargestManifest = 512 << 20;

    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Argument<string> input = new("FILE") { Description = "a weight file of any format, the index of a sharded one, or a folder" };
        Argument<string?> manifest = new("MANIFEST")
        {
            Description = "what to compare with: a manifest of 'weights checksum -o', a list of sha256sum, or the manifest.json of an artifact of Weights & Biases; without it, the checksums that FILE has for the files beside it",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> root = CommonOptions.Root();
        Option<bool> dequantize = CommonOptions.Dequantize();
        Option<bool> allTensors = CommonOptions.AllTensors();
        Option<bool> json = CommonOptions.Json();
        Verb verb = new("verify", "Compares weights with a manifest, tensor by tensor in any format, or with a list of files.")
        {
            Examples =
            [
                ("weights verify model.safetensors model.json", "against the manifest of, say, the .pt that it was made of"),
                ("weights verify model.safetensors SHA256SUMS", "against what sha256sum printed"),
                ("weights verify artifact manifest.json", "a folder against the manifest of an artifact"),
                ("weights verify model.onnx", "the files beside a model against the checksums in it"),
            ],
        };
        verb.Arguments.Add(input);
        verb.Arguments.Add(manifest);
        foreach (Option option in (ReadOnlySpan<Option>)[root, dequantize, allTensors, json])
        {
            verb.Options.Add(option);
        }
        verb.SetAction(result =>
        {
            string path = result.GetRequiredValue(input);
            ReadOptions reading = new() { Root = result.GetValue(root), Dequantize = result.GetValue(dequantize), AllTensors = result.GetValue(allTensors) };
            VerifyReport report = result.GetValue(manifest) is { } list ? Against(path, list, reading, session) : Itself(path, reading, session);
            if (result.GetValue(json))
            {
                report.WriteJson(session.Results);
            }
            else
            {
                report.WriteText(session.Results);
            }
            return report.Verification.IsGood ? ExitCode.Done : ExitCode.No;
        });
        return verb;
    }

    // The reader compares them, and refuses a file that it would otherwise read.
    private static VerifyReport Itself(string path, ReadOptions reading, Session session)
    {
        using Checkpoint readable = Source.Open(path, reading, session);
        try
        {
            using Checkpoint checkpoint = Format.Open(path, reading with { Verify = true });
            return checkpoint.VerifiedFiles > 0
                ? new VerifyReport(path, null, "file", new Verification(checkpoint.VerifiedFiles, []))
                : throw new UsageException($"{path}: has no checksums of files beside it; give a manifest to compare it with");
        }
        catch (WeightFileException error) when (error.Fault == Fault.Corrupt)
        {
            return new VerifyReport(path, null, "file", new Verification(1, [new Difference(Path.GetFileName(path), Mismatch.Changed, null, error.Reason)]));
        }
    }

    private static VerifyReport Against(string path, string list, ReadOptions reading, Session session)
    {
        byte[] text = Read(list);
        try
        {
            ReadOnlySpan<byte> start = text.AsSpan().TrimStart(" \t\r\n"u8);
            if (start is not [(byte)'{', ..])
            {
                return Files(path, list, FileList.ParseSha256Sum(Encoding.UTF8.GetString(text)), session);
            }
            if (start.IndexOf("\"contents\""u8) >= 0 && start.IndexOf("weights/manifest/"u8) < 0)
            {
                return Files(path, list, FileList.ParseWandb(text), session);
            }
            Manifest manifest = Manifest.Parse(text);
            if (manifest.Tensors.Count == 0)
            {
                throw new WeightFileException(Fault.Corrupt, "names no tensor, so that there is nothing to compare; write it again with 'weights checksum -o'");
            }
            using Checkpoint checkpoint = Source.Open(path, reading, session);
            return new VerifyReport(path, list, "tensor", Verification.Of(manifest, ChecksumCommand.Of(checkpoint, manifest.Algorithm, session)));
        }
        catch (WeightFileException error) when (error.File is null)
        {
            throw error.In(list);
        }
    }

    private static VerifyReport Files(string path, string list, FileList files, Session session)
    {
        if (files.Files.Count == 0)
        {
            throw new WeightFileException(Fault.Corrupt, "names no file, so that there is nothing to compare");
        }
        bool isFolder = Directory.Exists(path);
        string folder = isFolder ? path : Path.GetDirectoryName(path) ?? "";
        List<Difference> differences = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<string> own = isFolder ? [] : [.. FilesOf(path)];
        int compared = 0;
        foreach (ListedFile file in files.Files)
        {
            // Of one checkpoint, only what the list says about its files counts; the rest may be elsewhere.
            string name = isFolder ? file.Name : file.Name.Split('/')[^1];
            if (!isFolder && !own.Contains(name))
            {
                continue;
            }
            string[] parts = [.. name.Split('/').Where(static part => part != ".")];
            if (parts is [] || !parts.All(Input.IsPlainFileName))
            {
                throw new WeightFileException(Fault.Unsafe, $"names the file {WeightFileException.Quote(name)}, which is not a path below the folder; files are only read from there");
            }
            string target = Path.Combine([folder, .. parts]);
            if (!File.Exists(target))
            {
                differences.Add(new Difference(file.Name, Mismatch.Missing, null, null));
                continue;
            }
            (long bytes, byte[] digest) = FileDigests.Of(target, files.Algorithm, null, session.Interruption.Token);
            compared++;
            seen.Add(string.Join('/', parts));
            if (file.Bytes is { } expected && expected != bytes)
            {
                differences.Add(new Difference(file.Name, Mismatch.Resized, $"{expected:N0} bytes", $"{bytes:N0} bytes"));
            }
            else if (!digest.AsSpan().SequenceEqual(file.Digest))
            {
                differences.Add(new Difference(file.Name, Mismatch.Changed, System.Convert.ToHexStringLower(file.Digest), System.Convert.ToHexStringLower(digest)));
            }
        }
        // An artifact's manifest has all of its files; what sha256sum printed may be about some.
        IEnumerable<string> all = !isFolder ? own : files.IsComplete ? FilesBelow(path, list) : [];
        differences.AddRange(all.Where(name => !seen.Contains(name) && !differences.Any(difference => difference.Name == name)).Order(StringComparer.Ordinal).Select(static name => new Difference(name, Mismatch.Extra, null, null)));
        return new VerifyReport(path, list, "file", new Verification(compared, differences));
    }

    // Shards and other files beside it belong to it.
    private static IEnumerable<string> FilesOf(string path)
    {
        try
        {
            using Checkpoint checkpoint = Format.Open(path);
            return [.. checkpoint.Files.Select(static file => Path.GetFileName(file))];
        }
        catch (WeightFileException)
        {
            return [Path.GetFileName(path)];
        }
    }

    private static IEnumerable<string> FilesBelow(string folder, string list) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetFullPath(file) != Path.GetFullPath(list))
        .Select(file => Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/'));

    private static byte[] Read(string path)
    {
        using FileBytes file = new(path);
        if (file.Length > LargestManifest)
        {
            throw new WeightFileException(Fault.Unsupported, $"has {file.Length:N0} bytes, which is more than any list of tensors or files", path);
        }
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        return bytes;
    }
}
