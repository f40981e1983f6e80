using System.Text;
using Weights.IO;
using Weights.Pickle;
using Weights.Scanning.Containers;

namespace Weights.Scanning;

/// <summary>What is expected of a part of a file.</summary>
internal enum PartRole
{
    /// <summary>Anything: a pickle if it reads as one.</summary>
    Any,

    /// <summary>A pickle, whatever it begins like.</summary>
    Pickle,

    /// <summary>Numbers of a tensor, which now and then read like the start of a pickle.</summary>
    Raw,

    /// <summary>The whole file: a pickle without any name in it counts, too.</summary>
    File,
}

/// <summary>The scan of one file: finds the pickles in it, through archives and compression, and has each judged.</summary>
internal sealed class FileScan
{
    private const int HeadBytes = 4096;
    private const int MostListed = 1000;

    private readonly List<ScannedPickle> _streams = [];
    private readonly List<ScanFault> _faults = [];
    private readonly List<string> _notes = [];
    private readonly string _path;
    private readonly ByteSource _file;
    private readonly InflatedParts _inflated = new();
    private readonly Stack<PickleStreams> _idle = [];
    private readonly byte[] _head = new byte[HeadBytes];
    private byte[]? _buffer;
    private long _streamCount;
    private long _faultCount;

    /// <param name="path">The file, as the user named it.</param>
    /// <param name="file">Its bytes.</param>
    /// <param name="options">What is trusted.</param>
    public FileScan(string path, ByteSource file, ScanOptions options)
    {
        (_path, _file, Budget) = (path, new WindowedBytes(file), new ScanBudget(file.Length));
        Signs = new PickleSigns(Budget);
        Findings = new Findings(options);
        Names = new KnownNames(Findings);
    }

    /// <summary>Names found so far.</summary>
    public Findings Findings { get; }

    /// <summary>What is known of them.</summary>
    public KnownNames Names { get; }

    /// <summary>Tells pickles from other bytes.</summary>
    public PickleSigns Signs { get; }

    /// <summary>What is left to spend.</summary>
    public ScanBudget Budget { get; }

    /// <summary>Short texts of its pickles.</summary>
    public PickleTexts Texts { get; } = new();

    /// <summary>Scans the file.</summary>
    public ScanReport Run()
    {
        bool isNamedPickle = IsPickleName(_path);
        string? kind;
        try
        {
            kind = Scan(_file, "", isNamedPickle ? PartRole.Pickle : PartRole.File, 0);
        }
        catch (WeightFileException error)
        {
            Fault("", error.Offset, error.Reason);
            kind = "file";
        }
        return new ScanReport
        {
            Path = _path,
            Bytes = _file.Length,
            Kind = kind,
            Findings = Findings.All,
            Streams = _streams,
            StreamCount = _streamCount,
            Faults = _faults,
            FaultCount = _faultCount,
            Notes = _notes,
        };
    }

    /// <summary>Reads the pickles of a part; to be disposed.</summary>
    public PickleStreams Streams(ByteSource bytes, string name, int depth) => (_idle.TryPop(out PickleStreams? idle) ? idle : new PickleStreams(this)).Of(bytes, name, depth);

    /// <summary>Takes back what read a part.</summary>
    public void Return(PickleStreams streams) => _idle.Push(streams);

    /// <summary>Counts a pickle.</summary>
    public void AddStream(string name, long offset, long length)
    {
        _streamCount++;
        if (_streams.Count < MostListed)
        {
            _streams.Add(new ScannedPickle(name, offset, length));
        }
    }

    /// <summary>Something could not be read.</summary>
    public void Fault(string name, long? offset, string reason)
    {
        _faultCount++;
        if (_faults.Count < MostListed)
        {
            _faults.Add(new ScanFault(name, offset, reason));
        }
    }

    /// <summary>Scans bytes that a call in a pickle would load as a file.</summary>
    public void ScanNested(ByteSource bytes, string name, int depth)
    {
        if (!Budget.TakeRead(bytes.Length + ScanBudget.NestedBytes))
        {
            Fault(name, null, "the file's parts overlap or repeat so much that the rest was not read");
        }
        else if (Scan(bytes, name, PartRole.File, depth + 1) is null)
        {
            Fault(name, null, "is loaded as a file, but is none that is known");
        }
    }

    // What the part is, or null when it is nothing that could hold a pickle.
    private string? Scan(ByteSource bytes, string name, PartRole role, int depth)
    {
        if (bytes.Length == 0)
        {
            return null;
        }
        if (depth > ScanBudget.Deepest)
        {
            Fault(name, null, $"files are nested more than {ScanBudget.Deepest} deep; what is inside was not read");
            return "nested file";
        }
        Span<byte> head = _head.AsSpan(0, (int)Math.Min(HeadBytes, bytes.Length));
        bytes.Read(0, head);
        Signature signature = role == PartRole.Raw ? Signature.None : Signatures.Of(head);
        if (signature != Signature.None && ScanContainer(signature, bytes, name, depth))
        {
            return Signatures.Name(signature);
        }
        bool isArchive = role != PartRole.Raw && depth == 0 && ZipDirectory.Ends(bytes);
        bool isPickle = role switch
        {
            PartRole.Pickle => true,
            PartRole.Raw => Signs.Begin(bytes, 0, isWhole: false),
            _ => Signs.HasSignature(bytes, 0) || Signs.Begin(bytes, 0, isWhole: role == PartRole.File),
        };
        if (isPickle)
        {
            using PickleStreams streams = Streams(bytes, name, depth);
            streams.Scan(isFollowed: isArchive);
        }
        if (isArchive)
        {
            ScanZip(bytes, name, depth, isPickle);
        }
        return isPickle && isArchive ? "pickle and zip archive at once" : isPickle ? "pickle" : isArchive ? Signatures.Name(Signature.Zip) : null;
    }

    // False where it turns out to be something else.
    private bool ScanContainer(Signature signature, ByteSource bytes, string name, int depth)
    {
        switch (signature)
        {
            case Signature.Zip:
                ScanZip(bytes, name, depth, hasPickleBefore: false);
                return true;
            case Signature.Tar:
                TarMembers.Walk(bytes, (member, _, contents) => ScanTarMember(contents, Join(name, member), member, depth), (at, reason) => Fault(name, at, reason));
                return true;
            case Signature.Gzip or Signature.Zlib:
                ScanCompressed(signature, bytes, name, depth);
                return true;
            case Signature.Npy:
                ScanNpy(bytes, name, depth);
                return true;
            case Signature.None:
                return false;
            default:
                Fault(name, 0, $"is a {Signatures.Name(signature)}, which is not opened here: extract it and scan what is in it");
                return true;
        }
    }

    private void ScanZip(ByteSource bytes, string name, int depth, bool hasPickleBefore)
    {
        // One that is not the file itself may be inflated, and have more entries than the file has room for.
        if (depth > 0 && Budget.WorkLeft == 0)
        {
            Fault(name, null, "the file's parts are more work, for what the file weighs, than is granted; what is in this archive was not read");
            return;
        }
        Budget.TakeSigns(depth > 0 ? Math.Min(bytes.Length, ScanBudget.LargestInflated) : 0);
        List<ZipPart> parts = [];
        new ZipParts(bytes, parts.Add, (at, reason) => Fault(name, at, reason)).Walk();
        bool outer = Names.AreOfTorchScript;
        bool isTorchScript = parts.Exists(static part => part.Name.Contains("/code/", StringComparison.Ordinal) || part.Name.EndsWith("/constants.pkl", StringComparison.Ordinal));
        Names.AreOfTorchScript = isTorchScript;
        bool isTorch = parts.Exists(static part => part.Name.EndsWith("/data.pkl", StringComparison.Ordinal) || part.Name == "data.pkl");
        int sources = 0;
        foreach (ZipPart part in parts)
        {
            if (hasPickleBefore && part.LocalName.Length == 0 && part.Offset == 0)
            {
                continue; // It has been read already.
            }
            Budget.TakeEntry();
            string partName = Join(name, part.Name);
            bool isSource = isTorchScript && part.Name.EndsWith(".py", StringComparison.Ordinal) && part.Name.Contains("/code/", StringComparison.Ordinal);
            PartRole role = IsPickleName(part.Name) || IsPickleName(part.LocalName) ? PartRole.Pickle : isTorch && IsStorageName(part.Name) && IsStorageName(part.LocalName) ? PartRole.Raw : PartRole.Any;
            ByteSource contents = Contents(part, partName, role);
            using IDisposable? inflated = contents as IDisposable;
            if (isSource)
            {
                sources++;
                if (Budget.WorkLeft == 0)
                {
                    Fault(partName, null, "the file's parts are more work, for what the file weighs, than is granted; this source was not read");
                }
                else
                {
                    Budget.TakeSource(contents.Length);
                    ScanSource(contents, partName);
                }
            }
            Scan(contents, partName, role, depth + 1);
        }
        if (isTorchScript)
        {
            Note($"{(name.Length == 0 ? "the archive" : name)} holds TorchScript ({sources:N0} source files): a program in a language of its own, which torch.jit.load compiles and which runs when the model does");
        }
        Names.AreOfTorchScript = outer;
    }

    // The bytes that a part holds, inflated if need be: then whoever asked disposes them.
    private ByteSource Contents(ZipPart part, string name, PartRole role)
    {
        const int stored = 0, deflated = 8;
        if (part.Method == stored)
        {
            if (part.Size >= 0 && part.Size != part.Bytes.Length)
            {
                Fault(name, null, $"is stored in {part.Bytes.Length:N0} bytes but said to have {part.Size:N0}");
            }
            CheckSum(part, part.Bytes, name, role);
            return part.Bytes;
        }
        if (part.Method != deflated)
        {
            Fault(name, null, $"is compressed with method {part.Method}, which is not read: extract it and scan that");
            return part.Bytes;
        }
        // Of tensors the beginning tells enough.
        int limit = role == PartRole.Raw ? HeadBytes : ScanBudget.LargestInflated;
        (InflatedParts.Part inflated, bool isWhole) = Inflated(new SourceStream(part.Bytes), Signature.None, name, limit, isTold: role != PartRole.Raw);
        if (isWhole && part.Size >= 0 && part.Size != inflated.Length)
        {
            Fault(name, null, $"inflates to {inflated.Length:N0} bytes but is said to have {part.Size:N0}");
        }
        if (isWhole)
        {
            CheckSum(part, inflated, name, role);
        }
        return inflated;
    }

    // Of everything but the tensors, which may be gigabytes and are not executed.
    private void CheckSum(ZipPart part, ByteSource contents, string name, PartRole role)
    {
        if (part.Crc32 == 0 || role == PartRole.Raw || contents.Length > ScanBudget.LargestInflated)
        {
            return;
        }
        if (!Budget.TakeRead(contents.Length))
        {
            Fault(name, null, "the file's parts overlap or repeat so much that their checksums were not compared");
            return;
        }
        uint crc32 = 0;
        contents.ReadChunks(_buffer ??= new byte[1 << 16], (at, chunk) => crc32 = at == 0 ? Crc32Value.Of(chunk) : Crc32Value.Concatenate(crc32, Crc32Value.Of(chunk), chunk.Length));
        if (crc32 != part.Crc32)
        {
            Fault(name, null, $"has the CRC-32 {crc32:x8}, but {part.Crc32:x8} was recorded: it was changed after the archive was made, and some readers do not look");
        }
    }

    private (InflatedParts.Part Bytes, bool IsWhole) Inflated(Stream compressed, Signature signature, string name, int limit, bool isTold = true)
    {
        const string tooMuch = "the file inflates to more than is read into memory; extract it and scan that";
        InflatedParts.Part all = _inflated.Create();
        if (!Budget.CanInflate)
        {
            Fault(name, null, tooMuch);
            return (all, false);
        }
        try
        {
            using Stream inflating = Decompression.Open(compressed, signature);
            for (int count; all.Length < limit && (count = all.ReadFrom(inflating, limit - all.Length)) > 0;)
            {
                if (!Budget.TakeInflated(count))
                {
                    Fault(name, null, tooMuch);
                    return (all, false);
                }
            }
            bool isWhole = all.Length < limit || inflating.ReadByte() < 0;
            if (!isWhole && isTold)
            {
                Fault(name, null, $"inflates to more than the {limit:N0} bytes that are read into memory; extract it and scan that");
            }
            return (all, isWhole);
        }
        catch (InvalidDataException)
        {
            Fault(name, all.Length, $"does not inflate further than {all.Length:N0} bytes: it is damaged");
            return (all, false);
        }
    }

    private void ScanCompressed(Signature signature, ByteSource bytes, string name, int depth)
    {
        using InflatedParts.Part inflated = Inflated(new SourceStream(bytes), signature, name, ScanBudget.LargestInflated).Bytes;
        string inner = Join(name, "inflated");
        if (Scan(inflated, inner, PartRole.File, depth + 1) is null)
        {
            Fault(inner, null, "is neither a pickle nor an archive");
        }
    }

    // An array of objects is a pickle after the header, as numpy.load(allow_pickle=True) reads it.
    private void ScanNpy(ByteSource bytes, string name, int depth)
    {
        if (NpyHeader.Read(bytes) is not { } header)
        {
            Fault(name, 0, "begins as a NumPy array but has no header; it is damaged");
            return;
        }
        if (header.HasObjects && header.DataOffset < bytes.Length)
        {
            // Offsets stay those of the file.
            using PickleStreams streams = Streams(bytes, name, depth);
            streams.Scan(isFollowed: false, header.DataOffset);
        }
    }

    private void ScanTarMember(ByteSource contents, string name, string member, int depth)
    {
        Budget.TakeEntry();
        // torch.save of 2016: pickles and storages take turns.
        if (member.TrimStart('.', '/') is "storages" or "tensors" && contents.Length > 0)
        {
            LegacyTar.Scan(this, contents, name, depth, isStorages: member.EndsWith("storages", StringComparison.Ordinal));
            return;
        }
        Scan(contents, name, IsPickleName(member) || member.TrimStart('.', '/') is "pickle" or "sys_info" ? PartRole.Pickle : PartRole.Any, depth + 1);
    }

    private void ScanSource(ByteSource contents, string name)
    {
        byte[] text = new byte[(int)Math.Min(contents.Length, ScanBudget.LargestInflated)];
        contents.Read(0, text);
        foreach ((string call, long at) in TorchScriptSource.Calls(Encoding.Latin1.GetString(text)))
        {
            Findings.Add(call, Verdict.Unknown, "is called by the TorchScript program when the model runs", false, name, at, null);
        }
    }

    private void Note(string note)
    {
        if (_notes.Count < MostListed)
        {
            _notes.Add(note);
        }
    }

    // A name may have 65,535 characters, and stand in the report a hundred thousand times.
    private static string Join(string archive, string entry)
    {
        const int longest = 512, end = 128;
        string name = archive.Length == 0 ? entry : $"{archive}!{entry}";
        return name.Length <= longest ? name : $"{name.AsSpan(0, longest - end)}…{name.AsSpan(name.Length - end)}";
    }

    private static bool IsPickleName(string name) => name.EndsWith(".pkl", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".pickle", StringComparison.OrdinalIgnoreCase);

    // ROOT/data/N: what torch.save calls its storages.
    private static bool IsStorageName(string name)
    {
        int slash = name.LastIndexOf('/');
        return slash > 0 && name.AsSpan(0, slash) is var folder && (folder.EndsWith("/data", StringComparison.Ordinal) || folder.EndsWith("/constants", StringComparison.Ordinal) || folder is "data")
            && !name.AsSpan(slash + 1).ContainsAnyExceptInRange('0', '9');
    }
}
