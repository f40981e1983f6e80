using System.Text.RegularExpressions;
using Weights.IO;

namespace Weights.Formats.Gguf;

/// <summary>
/// A model in several files, <c>NAME-00001-of-00003.gguf</c> and so on. The first has the metadata; each says in <c>split.no</c> (from 0),
/// <c>split.count</c> and <c>split.tensors.count</c> (of all) which it is.
/// </summary>
internal static partial class SplitFiles
{
    /// <summary>Which of the files it is, from 0.</summary>
    public const string NumberKey = "split.no";

    /// <summary>How many files there are.</summary>
    public const string CountKey = "split.count";

    /// <summary>How many tensors there are in all of them.</summary>
    public const string TensorsKey = "split.tensors.count";

    /// <summary>Reads a file, and with the first of several all of them.</summary>
    /// <exception cref="WeightFileException">One is missing or refused.</exception>
    public static Checkpoint Read(Input input, string format)
    {
        (FileHead head, List<Tensor> tensors) = FileHead.Read(input.Bytes);
        long count = Number(head, CountKey);
        long number = Number(head, NumberKey);
        string variant = $"version {head.Version}, {(head.IsBigEndian ? "big" : "little")}-endian";
        long bytes = input.Bytes.Length;
        List<LeftOut> leftOut = head.BytesAfter == 0 ? [] : [new LeftOut("end of the file", $"{head.BytesAfter:N0} bytes after the last tensor, which belong to none")];
        if (count > 1 && number == 0)
        {
            variant += $", {count} files";
            bytes += AddOthers(input, count, Number(head, TensorsKey), tensors);
        }
        else if (count > 1)
        {
            leftOut.Add(new LeftOut("other files", $"this is file {number + 1} of {count}; open the first to get the tensors of all"));
        }
        MetadataValue.Map metadata = new(head.Metadata.Where(static entry => entry.Key is not (NumberKey or CountKey or TensorsKey)));
        (tensors, List<Alias> aliases, metadata) = Ties.Restore(tensors, metadata);
        return new Checkpoint(tensors, new Origin(input.Path, format, variant, bytes), input)
        {
            Metadata = metadata,
            Aliases = aliases,
            LeftOut = leftOut,
            Original = new OriginalTypes(head.Types, head.IsPadded),
        };
    }

    /// <summary>The file of a folder that stands for the whole: the only one, or the first of several that are one model.</summary>
    public static IReadOnlyList<FolderFile> FindInFolder(Folder folder, string extension)
    {
        string[] files = [.. folder.Names.Where(name => name.EndsWith(extension, StringComparison.OrdinalIgnoreCase) && !(Name().Match(name) is { Success: true } part && int.Parse(part.Groups["number"].ValueSpan) > 1))];
        return files is [var only] ? [new FolderFile(folder, only)] : [];
    }

    private static long AddOthers(Input input, long count, long expected, List<Tensor> tensors)
    {
        Match name = Name().Match(input.FileName);
        if (!name.Success || name.Groups["number"].Value != "00001" || long.Parse(name.Groups["count"].ValueSpan) != count)
        {
            throw new WeightFileException(Fault.Corrupt, $"is the first of {count} files, by which name it must end in -00001-of-{count:D5}.gguf for the others to be found; give all of them their names back");
        }
        HashSet<string> names = [.. tensors.Select(static tensor => tensor.Name)];
        long bytes = 0;
        for (long number = 1; number < count; number++)
        {
            Input other = input.OpenSibling($"{name.Groups["stem"].Value}-{number + 1:D5}-of-{count:D5}{name.Groups["extension"].Value}");
            bytes += other.Bytes.Length;
            try
            {
                (FileHead head, List<Tensor> more) = FileHead.Read(other.Bytes);
                if (Number(head, NumberKey) != number || Number(head, CountKey) != count)
                {
                    throw new WeightFileException(Fault.Corrupt, $"says that it is file {Number(head, NumberKey) + 1} of {Number(head, CountKey)}, not {number + 1} of {count}; get all files of the same model");
                }
                foreach (Tensor tensor in more)
                {
                    tensors.Add(names.Add(tensor.Name) ? tensor : throw new WeightFileException(Fault.Corrupt, "is in a file before it, too; get all files of the same model", tensor: tensor.Name));
                }
            }
            catch (WeightFileException error)
            {
                throw error.In(other.Path);
            }
        }
        return tensors.Count == expected
            ? bytes
            : throw new WeightFileException(Fault.Corrupt, $"says that the {count} files have {expected:N0} tensors, but they have {tensors.Count:N0}; get all files of the same model");
    }

    private static long Number(FileHead head, string key) => (head.Metadata[key] as MetadataValue.Integer)?.Value ?? 0;

    [GeneratedRegex(@"^(?<stem>.+)-(?<number>\d{5})-of-(?<count>\d{5})(?<extension>\.gguf)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
