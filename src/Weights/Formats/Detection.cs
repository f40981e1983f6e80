using Weights.IO;

namespace Weights.Formats;

public abstract partial class Format
{
    /// <summary>Opens a file of any format, or a folder that holds one checkpoint. Its content decides, not its extension.</summary>
    /// <returns>The checkpoint, which owns the open files.</returns>
    /// <exception cref="WeightFileException">It is refused; the exception names the file.</exception>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    public static Checkpoint Open(string path, ReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new ReadOptions();
        if (Directory.Exists(path))
        {
            FolderFile file = FileOfFolder(new Folder(path));
            options = options with { Folder = file.Folder };
            path = Path.Combine(file.Folder.Path, file.Name);
        }
        FileInput input = new(path);
        try
        {
            Format format = Detect(input);
            if (!format.HasRoots && options.Root is not (null or "."))
            {
                throw new WeightFileException(Fault.Unsupported, $"is a {format.Name} file, which has no parts to choose from; leave out the root {WeightFileException.Quote(options.Root)}");
            }
            Checkpoint checkpoint = format.Read(input, options);
            return checkpoint.From([.. input.Paths.Distinct(StringComparer.Ordinal)]);
        }
        catch (WeightFileException error)
        {
            input.Dispose();
            throw error.In(path);
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    /// <summary>The format whose content the file has.</summary>
    /// <exception cref="WeightFileException">It has none's; the exception says what it is instead.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    public static Format Detect(Input input)
    {
        ArgumentNullException.ThrowIfNull(input);
        List<Format> claims = [.. All.Where(format => format.Sniff(input))];
        // Content leaves no choice, but should two formats ever claim one file, its name may decide.
        Format? named = claims.Count > 1 ? ByExtension(input.Path) : null;
        return named is not null && claims.Contains(named) ? named
            : claims.Count > 0 ? claims[0]
            : throw Diagnosis.Of(input);
    }

    /// <summary>The format of that name, in any case; null when there is none.</summary>
    public static Format? ByName(string name) => All.FirstOrDefault(format => format.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The format whose extension the path ends in, the longest if several do; null when none does.</summary>
    public static Format? ByExtension(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        (Format? longest, int length) = (null, 0);
        foreach (Format format in All)
        {
            foreach (string extension in format.Extensions)
            {
                if (extension.Length > length && path.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
                {
                    (longest, length) = (format, extension.Length);
                }
            }
        }
        return longest;
    }

    private static FolderFile FileOfFolder(Folder folder)
    {
        FolderFile[] found = [.. All.SelectMany(format => format.FindInFolder(folder)).Distinct().OrderBy(Name, StringComparer.Ordinal)];
        if (found is [var only])
        {
            return only;
        }
        string[] candidates = [.. found.Select(Name)];
        string[] files = [.. folder.Names.Where(static name => ByExtension(name) is not null)];
        string[] indexes = [.. files.Where(static name => name.EndsWith(ShardIndex.Suffix, StringComparison.OrdinalIgnoreCase))];
        string[] wholes = candidates.Length > 0 ? candidates : indexes.Length > 1 ? indexes : [];
        throw new WeightFileException(
            Fault.Unsupported,
            files.Length switch
            {
                0 when wholes.Length == 0 => $"is a folder without a weight file in it; those end in {string.Join(", ", All.SelectMany(static format => format.Extensions).Distinct().Order(StringComparer.Ordinal))}",
                _ when wholes.Length > 0 => $"is a folder with several checkpoints: {Some(wholes)}; name the one to open",
                _ => $"is a folder with several weight files and no index that makes them one checkpoint: {Some(files)}; name the one to open, or get the index",
            },
            folder.Path);

        string Name(FolderFile file) => file.Folder == folder ? file.Name : $"{Path.GetFileName(file.Folder.Path)}/{file.Name}";
    }

    private static string Some(string[] names)
    {
        const int shown = 4;
        string first = string.Join(", ", names.Take(shown).Select(WeightFileException.Quote));
        return names.Length <= shown ? first : $"{first} and {names.Length - shown:N0} more";
    }
}
