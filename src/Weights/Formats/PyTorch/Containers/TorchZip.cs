using System.Globalization;
using System.Text;
using Weights.IO;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>
/// The archive of <c>torch.save</c>: entries <c>ROOT/data.pkl | ROOT/byteorder | ROOT/data/KEY … | ROOT/version</c> in any order, stored or
/// deflated. The root is the name the file had when it was saved, so any name will do.
/// <see href="https://github.com/pytorch/pytorch/blob/main/caffe2/serialize/inline_container.h"/>
/// </summary>
internal sealed class TorchZip : StorageSource
{
    // Newest version of the archive that torch writes; state dicts are at 3.
    private const int LastVersion = 10;

    // A pickle of this size describes a million tensors. Larger stored ones are read where they lie, their checksum not looked at.
    private const int CheckedPickle = 1 << 26;

    private const string PickleSuffix = "/data.pkl";

    private readonly Input _input;
    private readonly ZipDirectory _directory;
    private readonly string _root;
    private readonly Dictionary<string, ByteSource> _open = new(StringComparer.Ordinal);

    private TorchZip(Input input, ZipDirectory directory, ZipEntry pickle)
    {
        (_input, _directory) = (input, directory);
        PickleName = pickle.Name;
        _root = pickle.Name[..^PickleSuffix.Length];
        CheckVersion();
        IsBigEndian = ReadByteOrder() == "big";
        // An archive that is packed again is deflated at most a thousandfold, so what is inflated is bounded even where the file is small.
        bool isLarge = pickle.Size > CheckedPickle && pickle.Size == pickle.CompressedSize;
        Pickle = isLarge ? pickle.Open(input) : new MemoryBytes(pickle.ReadAll(input, CheckedPickle));
    }

    /// <summary>The pickle of the value that was saved.</summary>
    public ByteSource Pickle { get; }

    /// <summary>Name of the pickle's entry.</summary>
    public string PickleName { get; }

    /// <summary>Whether it is TorchScript: a program with its weights.</summary>
    public bool IsScript => _directory.Find($"{_root}/constants.pkl") is not null || _directory.Entries.Any(entry => entry.Name.StartsWith($"{_root}/code/", StringComparison.Ordinal));

    public override bool IsBigEndian { get; }

    public override int Count => _directory.Entries.Count(entry => entry.Name.StartsWith($"{_root}/data/", StringComparison.Ordinal));

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
            return FindPickle(directory) is not null || directory.Entries.Any(static entry => IsMark(entry.Name));
        }
        catch (WeightFileException)
        {
            return IsMark(first);
        }
    }

    // Entries that only torch writes, so that an archive with them and without a pickle is a damaged one.
    private static bool IsMark(string name) => name.EndsWith("/byteorder", StringComparison.Ordinal) || name.EndsWith("/.format_version", StringComparison.Ordinal)
        || name.EndsWith("/.data/serialization_id", StringComparison.Ordinal);

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
        return FindPickle(directory) is { } pickle
            ? new TorchZip(input, directory, pickle)
            : throw new WeightFileException(Fault.Corrupt, $"the archive has entries of a PyTorch file, but none named *{PickleSuffix}, which would say what its tensors are; get a fresh copy");
    }

    public override ByteSource Open(string key, long bytes)
    {
        if (!Input.IsPlainFileName(key))
        {
            throw new WeightFileException(Fault.Corrupt, $"is in a storage with the key {WeightFileException.Quote(key)}, which can be no name of an entry");
        }
        if (!_open.TryGetValue(key, out ByteSource? contents))
        {
            ZipEntry entry = _directory.Find($"{_root}/data/{key}")
                ?? throw new WeightFileException(Fault.Corrupt, $"is in the archive's entry {WeightFileException.Quote($"{_root}/data/{key}")}, which is not there (it would have {bytes:N0} bytes); the archive is incomplete, get a fresh copy");
            _open.Add(key, contents = entry.Open(_input));
        }
        return bytes <= contents.Length
            ? contents.Slice(0, bytes)
            : throw new WeightFileException(Fault.Corrupt, $"needs {bytes:N0} bytes of the archive's entry {WeightFileException.Quote($"{_root}/data/{key}")}, which has {contents.Length:N0}");
    }

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

    private void CheckVersion()
    {
        if ((Text(".data/version") ?? Text("version")) is not { } text)
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
        return _directory.Find($"{_root}/{name}") is { } entry ? Encoding.Latin1.GetString(entry.ReadAll(_input, longest)).Trim() : null;
    }
}
