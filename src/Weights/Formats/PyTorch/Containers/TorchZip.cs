using System.Globalization;
using System.Text;
using Weights.IO;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>
/// The archive of <c>torch.save</c>: entries <c>ROOT/data.pkl | ROOT/byteorder | ROOT/data/KEY … | ROOT/version</c> in any order, stored or
/// deflated. The root is the name the file had when it was saved, so any name will do.
/// <see href="https://github.com/pytorch/pytorch/blob/main/caffe2/serialize/inline_container.h"/>
/// </summary>
internal sealed class TorchZip
{
    // Newest version of the archive that torch writes; state dicts are at 3.
    private const int LastVersion = 10;

    // A pickle of this size describes a million tensors. Larger stored ones are read where they lie, their checksum not looked at.
    private const int CheckedPickle = 1 << 26;

    private const string PickleSuffix = "/data.pkl";

    private readonly Input _input;
    private readonly ZipDirectory _directory;
    private readonly string _root;
    private readonly bool _isBigEndian;

    private TorchZip(Input input, ZipDirectory directory, ZipEntry pickle)
    {
        (_input, _directory) = (input, directory);
        PickleName = pickle.Name;
        _root = pickle.Name[..^PickleSuffix.Length];
        CheckVersion();
        _isBigEndian = ReadByteOrder() == "big";
        Pickle = Contents(pickle);
    }

    /// <summary>The pickle of the value that was saved.</summary>
    public ByteSource Pickle { get; }

    /// <summary>Name of the pickle's entry.</summary>
    public string PickleName { get; }

    /// <summary>Whether it is TorchScript: a program with its weights.</summary>
    public bool IsScript => Find("constants.pkl") is not null || Under("code").Any();

    /// <summary>In what order the bytes of each number come.</summary>
    public string ByteOrder => _isBigEndian ? "big-endian" : "little-endian";

    /// <summary>Whether a file that begins like this is such an archive; asked of the whole file only if its first entry does not tell.</summary>
    public static bool Sniff(Input input)
    {
        if (!ZipDirectory.Begins(input.Head))
        {
            return false;
        }
        string first = FirstName(input.Head);
        if (first.EndsWith(PickleSuffix, StringComparison.Ordinal))
        {
            return true;
        }
        try
        {
            ZipDirectory directory = ZipDirectory.Read(input.Bytes);
            return FindPickle(directory) is not null || FindModel(directory) is not null || directory.Entries.Any(static entry => IsMark(entry.Name));
        }
        catch (WeightFileException)
        {
            return IsMark(first);
        }
    }

    // Entries that only torch writes, so that an archive with them and without a pickle is a damaged one.
    private static bool IsMark(string name) => name.EndsWith("/byteorder", StringComparison.Ordinal) || name.EndsWith("/.format_version", StringComparison.Ordinal)
        || name.EndsWith("/.data/serialization_id", StringComparison.Ordinal);

    /// <summary>Version of the archive's layout, if it says one.</summary>
    public string? Version => Text(".data/version") ?? Text("version");

    /// <summary>Opens the archive.</summary>
    /// <exception cref="WeightFileException">It is damaged, truncated or of a version to come.</exception>
    public static TorchZip Open(Input input)
    {
        ZipDirectory directory;
        try
        {
            directory = ZipDirectory.Read(input.Bytes);
        }
        catch (WeightFileException error) when (TruncatedZip.Explain(input, error) is { } explained)
        {
            throw explained;
        }
        if (FindModel(directory) is not null)
        {
            throw new WeightFileException(Fault.Unsupported, "is TorchScript as torch 1.0 to 1.3 wrote it (model.json instead of data.pkl), which is not read; load it with torch.jit.load, and save the module again or its state_dict()");
        }
        return FindPickle(directory) is { } pickle
            ? new TorchZip(input, directory, pickle)
            : throw new WeightFileException(Fault.Corrupt, $"the archive has entries of a PyTorch file, but none named *{PickleSuffix}, which would say what its tensors are; get a fresh copy");
    }

    /// <summary>The storages in a folder: those of the pickle are in <c>data</c>.</summary>
    public StorageSource Storages(string folder) => new ZipStorages(_input, _directory, $"{_root}/{folder}", _isBigEndian);

    /// <summary>The entry of that name, or null.</summary>
    /// <param name="name">Without the archive's root.</param>
    public ZipEntry? Find(string name) => _directory.Find($"{_root}/{name}");

    /// <summary>Entries in a folder and those within it.</summary>
    /// <param name="folder">Without the archive's root.</param>
    public IEnumerable<ZipEntry> Under(string folder) => _directory.Entries.Where(entry => entry.Name.StartsWith($"{_root}/{folder}/", StringComparison.Ordinal));

    /// <summary>A pickle among the entries.</summary>
    public ByteSource Contents(ZipEntry pickle)
    {
        // An archive that is packed again is deflated at most a thousandfold, so what is inflated is bounded even where the file is small.
        bool isLarge = pickle.Size > CheckedPickle && pickle.Size == pickle.CompressedSize;
        return isLarge ? pickle.Open(_input) : new MemoryBytes(pickle.ReadAll(_input, CheckedPickle));
    }

    /// <summary>The contents of an entry, or null if it has more than <paramref name="limit"/> bytes.</summary>
    public byte[]? ReadAll(ZipEntry entry, int limit) => entry.Size <= limit ? entry.ReadAll(_input, limit) : null;

    /// <summary>Name of the entry whose header begins the file; empty when there is none.</summary>
    public static string FirstName(ReadOnlySpan<byte> head)
    {
        const int headerBytes = 30, nameLengthOffset = 26;
        if (head.Length < headerBytes)
        {
            return "";
        }
        int length = head[nameLengthOffset] | (head[nameLengthOffset + 1] << 8);
        return Encoding.UTF8.GetString(head.Slice(headerBytes, Math.Min(length, head.Length - headerBytes)));
    }

    // Torch itself takes the folder of the first entry; a packer may have put another first.
    private static ZipEntry? FindPickle(ZipDirectory directory)
    {
        string first = directory.Entries.Count > 0 ? directory.Entries[0].Name : "";
        string folder = first[..Math.Max(first.IndexOf('/', StringComparison.Ordinal), 0)];
        return directory.Find(folder + PickleSuffix)
            ?? directory.Entries.Where(static entry => entry.Name.EndsWith(PickleSuffix, StringComparison.Ordinal)).MinBy(static entry => entry.Name.Length);
    }

    // The first versions of TorchScript described modules and tensors in JSON, beside tensors/ and code/.
    private static ZipEntry? FindModel(ZipDirectory directory)
    {
        const string suffix = "/model.json";
        return FindPickle(directory) is null && directory.Entries.FirstOrDefault(static entry => entry.Name.EndsWith(suffix, StringComparison.Ordinal)) is { } model
            && directory.Find($"{model.Name[..^suffix.Length]}/version") is not null
            && directory.Entries.Any(entry => entry.Name.StartsWith($"{model.Name[..^suffix.Length]}/code/", StringComparison.Ordinal))
            ? model : null;
    }

    private void CheckVersion()
    {
        if (Version is not { } text)
        {
            return;
        }
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int version) || version < 1)
        {
            throw new WeightFileException(Fault.Corrupt, $"the archive's version is {WeightFileException.Quote(text)}, which is no number");
        }
        if (version > LastVersion)
        {
            throw new WeightFileException(Fault.Unsupported, $"the archive has version {version}; versions up to {LastVersion} are read");
        }
    }

    // Files from before torch 2.1 do not say; nobody has met one that was not little-endian.
    private string ReadByteOrder() => Text("byteorder") switch
    {
        null or "little" => "little",
        "big" => "big",
        { } other => throw new WeightFileException(Fault.Corrupt, $"the archive's byteorder is {WeightFileException.Quote(other)}, where little or big should be"),
    };

    private string? Text(string name)
    {
        const int longest = 64;
        return Find(name) is { } entry ? Encoding.Latin1.GetString(entry.ReadAll(_input, longest)).Trim() : null;
    }
}
