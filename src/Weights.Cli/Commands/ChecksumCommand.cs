using System.CommandLine;
using System.Security.Cryptography;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Checksums;

namespace Weights.Cli.Commands;

/// <summary><c>weights checksum</c>: an identity for weights.</summary>
internal static class ChecksumCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Argument<string[]> input = new("FILE") { Description = "one or more weight files, indexes of sharded ones, or folders of one", Arity = ArgumentArity.OneOrMore };
        Option<string?> output = new("--output", "-o") { HelpName = "MANIFEST", Description = "also write a manifest: the id, every tensor with its digest, and the files with theirs" };
        Option<DigestAlgorithm> algorithm = Parsing.ChoiceOption(
            "--algorithm",
            "NAME",
            "how to digest tensors: sha256 (the default), or xxh3, which is several times as fast, finds damage, and proves nothing",
            ("sha256", DigestAlgorithm.Sha256),
            ("xxh3", DigestAlgorithm.Xxh3));
        Option<ChecksumFormat> format = Parsing.ChoiceOption(
            "--format",
            "KIND",
            "what to print: tensors (the default); sha256sum: a line for each file, which 'sha256sum -c' takes; wandb: what Weights & Biases stores in an artifact's manifest",
            ("tensors", ChecksumFormat.Tensors),
            ("sha256sum", ChecksumFormat.Sha256Sum),
            ("wandb", ChecksumFormat.Wandb));
        Option<IReadOnlyList<Glob>> filter = CommonOptions.Filter();
        Option<IReadOnlyList<Glob>> exclude = CommonOptions.Exclude();
        Option<string?> root = CommonOptions.Root();
        Option<bool> dequantize = CommonOptions.Dequantize();
        Option<bool> allTensors = CommonOptions.AllTensors();
        Option<bool> force = CommonOptions.Force("replace a manifest that is there already");
        Option<bool> json = CommonOptions.Json();
        Verb verb = new("checksum", "Computes an identity for weights: a digest of each tensor, and an id that is the same for the same tensors in any format, order or sharding.")
        {
            Examples =
            [
                ("weights checksum model.pt model.safetensors", "the same id if they hold the same tensors"),
                ("weights checksum model.pt -o model.json", "a manifest, for 'weights verify'"),
                ("weights checksum checkpoint.pt --root ema", "of a part of a file"),
                ("weights checksum model.safetensors --format sha256sum >SHA256SUMS", "of the files, for 'sha256sum -c'"),
                ("weights checksum model.pt --json | jq -r '.files[].id'", "the id for a script"),
            ],
        };
        verb.Arguments.Add(input);
        foreach (Option option in (ReadOnlySpan<Option>)[output, algorithm, format, filter, exclude, root, dequantize, allTensors, force, json])
        {
            verb.Options.Add(option);
        }
        verb.SetAction(result =>
        {
            string[] paths = result.GetRequiredValue(input);
            string? manifest = result.GetValue(output);
            ChecksumFormat kind = result.GetValue(format);
            bool isJson = result.GetValue(json);
            if (manifest is not null && paths.Length > 1)
            {
                throw new UsageException("--output writes the manifest of one FILE; run it once for each");
            }
            if (kind != ChecksumFormat.Tensors && (isJson || manifest is not null))
            {
                throw new UsageException("--format sha256sum and wandb print lists of files; --json and --output are about tensors");
            }
            ReadOptions reading = new() { Root = result.GetValue(root), Dequantize = result.GetValue(dequantize), AllTensors = result.GetValue(allTensors) };
            List<(Checkpoint Checkpoint, Checksum Checksum)> all = [];
            List<DigestedFile> files = [];
            bool isFirst = true;
            foreach (string path in paths)
            {
                using Checkpoint checkpoint = Source.Open(path, reading, session);
                if (kind != ChecksumFormat.Tensors)
                {
                    files.AddRange(Files(checkpoint, ChecksumReport.AlgorithmOf(kind), session));
                    continue;
                }
                Checkpoint selected = Source.Select(checkpoint, result.GetRequiredValue(filter), result.GetRequiredValue(exclude), [], session);
                // The files are read once more, and by another processor, as both are bound by digesting.
                Task<List<DigestedFile>>? digesting = manifest is null ? null : Task.Run(() => Files(checkpoint, HashAlgorithmName.SHA256, session));
                Checksum checksum = Of(selected, result.GetValue(algorithm), session);
                if (manifest is not null)
                {
                    Write(manifest, Manifest.Of(checksum, [.. digesting!.GetAwaiter().GetResult().Select(static file => new ManifestFile(Path.GetFileName(file.Path), file.Bytes, System.Convert.ToHexStringLower(file.Digest)))]), result.GetValue(force), session);
                }
                if (isJson)
                {
                    all.Add((selected, checksum));
                    continue;
                }
                session.Results.Writer.Write(isFirst ? "" : "\n");
                isFirst = false;
                ChecksumReport.WriteText(selected, checksum, selected.Tensors.Count < checkpoint.Tensors.Count, session.Results);
            }
            if (isJson)
            {
                ChecksumReport.WriteJson(all, session.Results);
            }
            else if (kind == ChecksumFormat.Sha256Sum)
            {
                ChecksumReport.WriteSha256Sum(files, session.Results);
            }
            else if (kind == ChecksumFormat.Wandb)
            {
                ChecksumReport.WriteWandb(files, session.Results);
            }
            return ExitCode.Done;
        });
        return verb;
    }

    /// <summary>The digests of a checkpoint, with progress on a terminal.</summary>
    public static Checksum Of(Checkpoint checkpoint, DigestAlgorithm algorithm, Session session)
    {
        using ProgressLine progress = new(session.Messages, "reading", checkpoint.TensorBytes);
        return Checksum.Of(checkpoint, algorithm, progress.Add, session.Interruption.Token);
    }

    private static List<DigestedFile> Files(Checkpoint checkpoint, HashAlgorithmName algorithm, Session session)
    {
        List<DigestedFile> files = [];
        foreach (string path in checkpoint.Files)
        {
            (long bytes, byte[] digest) = FileDigests.Of(path, algorithm, null, session.Interruption.Token);
            files.Add(new DigestedFile(path, bytes, digest));
        }
        return files;
    }

    private static void Write(string path, Manifest manifest, bool mayReplace, Session session)
    {
        byte[] json = ChecksumReport.ManifestJson(manifest);
        using Output output = new(path, mayReplace) { Cancellation = session.Interruption.Token };
        output.Write([new FileLayout { Name = output.FileName, Length = json.Length, Segments = [new Segment(0, new MemoryBytes(json))] }]);
        output.Commit();
        session.Tell($"{path}: {Quantity.Of(manifest.Tensors.Count, "tensor")}, id {manifest.Id}");
    }
}
