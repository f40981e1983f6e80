using System.Buffers.Binary;
using System.Globalization;
using Weights.Formats.PyTorch.Recipes;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>
/// What <c>torch.save</c> wrote in torch 0.1.1: a tar archive with the members <c>sys_info | pickle | tensors | storages</c>. Little-endian:
/// <code>
/// storages  pickle(count) | count × (pickle(key, device, class) | i64 elements | elements) | pickle([(key, whole's key, offset, elements), …])
/// tensors   pickle(count) | count × (pickle(key, storage's key, class) | i32 rank | 4 bytes | i64 sizes[rank] | i64 strides[rank] | i64 offset)
/// pickle    the value; its persistent ids are keys of tensors and storages
/// </code>
/// <see href="https://github.com/pytorch/pytorch/blob/main/torch/serialization.py"/> (legacy_load)
/// </summary>
internal sealed class TarFile : StorageSource
{
    // A key, another and the name of a class take a hundred bytes; who looks at more for each reads a file again and again.
    private const int LongestRecord = 1024;

    // As many tensors as one pickle may describe.
    private const int MostRecords = PickleLimits.Objects / 8;

    private readonly Dictionary<string, TorchStorage> _storages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ByteSource> _contents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TorchTensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<PickleCall> _calls = [];

    private TarFile(TarDirectory directory)
    {
        ReadStorages(Member(directory, "storages"));
        ReadTensors(Member(directory, "tensors"));
        TarEntry pickle = Member(directory, "pickle");
        PickleMachine machine = new(pickle.Contents, pickle.Name);
        Value = machine.Run();
        _calls.AddRange(machine.Calls);
    }

    /// <summary>The value that was saved.</summary>
    public PickleNode Value { get; }

    /// <summary>Every call in the archive's pickles.</summary>
    public IReadOnlyList<PickleCall> Calls => _calls;

    public override bool IsBigEndian => false;

    public override int Count => _contents.Count;

    /// <summary>Whether the file is such an archive: of one that is cut off, whether it begins as one.</summary>
    public static bool Sniff(Input input)
    {
        if (!TarDirectory.Begins(input.Head))
        {
            return false;
        }
        TarDirectory directory = TarDirectory.Read(input.Bytes, out WeightFileException? damage);
        bool[] has = [directory.Find("pickle") is not null, directory.Find("storages") is not null, directory.Find("tensors") is not null];
        return damage is null ? has.All(static there => there) : directory.Entries.Count > 0 && directory.Entries[0].Name is "sys_info" or "pickle" or "storages" or "tensors";
    }

    /// <summary>Reads the pickles and finds the storages.</summary>
    public static TarFile Open(Input input) => new(TarDirectory.Read(input.Bytes));

    public override ByteSource Open(string key, long bytes) =>
        _contents.TryGetValue(key, out ByteSource? contents) && bytes <= contents.Length
            ? contents.Slice(0, bytes)
            : throw new WeightFileException(Fault.Corrupt, $"is in the storage {WeightFileException.Quote(key)}, which the file does not list or which is shorter; get a fresh copy");

    // A key, or (class, file of its source, source) for a class that is kept with its source.
    public override PickleNode Resolve(PicklePersistentId id)
    {
        if (id.Id is PickleTuple { Items: [var type, ..] })
        {
            return type;
        }
        string key = Key(id.Id);
        return _tensors.TryGetValue(key, out TorchTensor? tensor) ? tensor
            : _storages.TryGetValue(key, out TorchStorage? storage) ? TorchTensor.Of(TorchView.Of(storage))
            : TorchTensor.Corrupt($"is the tensor or storage {WeightFileException.Quote(key)}, which the file does not list; get a fresh copy");
    }

    private static TarEntry Member(TarDirectory directory, string name) => directory.Find(name)
        ?? throw new WeightFileException(Fault.Corrupt, $"the tar archive has members of a PyTorch file, but none called {name}; get a fresh copy");

    // Memory addresses, as integers or as text.
    private static string Key(PickleNode node) => node switch
    {
        PickleInteger integer => integer.Value.ToString(CultureInfo.InvariantCulture),
        PickleText { Length: < LongestRecord } text => text.Text,
        _ => "?",
    };

    private void ReadStorages(TarEntry member)
    {
        long at = 0;
        int count = ReadCount(member, ref at);
        for (int index = 0; index < count; index++)
        {
            long start = at;
            if (Next(member, ref at, LongestRecord) is not PickleTuple { Items: [var key, _, var type] } || TorchRecipes.NameOf(type) is not { } className)
            {
                throw Refused(member, start, "a storage is not described by its key, device and class");
            }
            TorchElement element = TorchElement.OfStorageClass(className)
                ?? throw new WeightFileException(Fault.Unsupported, $"has a storage of the class {WeightFileException.Quote(className)}, which is not known", offset: member.Offset + start);
            long elements = ReadInt64(member, ref at);
            if (elements < 0 || (Int128)elements * element.Bytes > member.Contents.Length - at)
            {
                throw Refused(member, at, $"a storage has {elements:N0} elements of {element.Bytes} bytes where {member.Contents.Length - at:N0} bytes are left");
            }
            string name = Key(key);
            long bytes = elements * element.Bytes;
            _contents[name] = member.Contents.Slice(at, bytes);
            _storages[name] = new TorchStorage((this, name), element, elements, IsBigEndian, () => Open(name, bytes));
            at += bytes;
        }
        ReadViews(member, at);
    }

    private void ReadViews(TarEntry member, long at)
    {
        long start = at;
        if (Next(member, ref at, member.Contents.Length) is not PickleList views)
        {
            throw Refused(member, start, "the parts of storages are no list");
        }
        foreach (PickleNode view in views.Items)
        {
            if (view is not PickleTuple { Items: [var key, var wholeKey, PickleInteger offset, PickleInteger count] }
                || !_storages.TryGetValue(Key(wholeKey), out TorchStorage? whole)
                || offset.Value < 0 || count.Value < 0 || (Int128)offset.Value + count.Value > whole.Count)
            {
                throw Refused(member, start, "a part of a storage is not inside one");
            }
            int size = whole.Element.Bytes;
            (long first, long bytes) = (offset.Value * size, count.Value * size);
            _storages[Key(key)] = whole with { Count = count.Value, Start = whole.Start + first, Open = () => whole.Open().Slice(first, bytes) };
        }
    }

    private void ReadTensors(TarEntry member)
    {
        long at = 0;
        int count = ReadCount(member, ref at);
        for (int index = 0; index < count; index++)
        {
            long start = at;
            if (Next(member, ref at, LongestRecord) is not PickleTuple { Items: [var key, var storageKey, _] })
            {
                throw Refused(member, start, "a tensor is not described by its key, storage and class");
            }
            // The rank was once written as 64 bits and is read as 32.
            const int mostDimensions = 256;
            int rank = unchecked((int)ReadInt64(member, ref at));
            if (rank is < 0 or > mostDimensions)
            {
                throw Refused(member, start, $"a tensor has {rank:N0} dimensions, and at most {mostDimensions} can be");
            }
            long[] shape = ReadIntegers(member, ref at, rank);
            long[] strides = ReadIntegers(member, ref at, rank);
            long offset = ReadInt64(member, ref at);
            _tensors[Key(key)] = _storages.TryGetValue(Key(storageKey), out TorchStorage? storage)
                ? TorchTensor.Of(new TorchView(storage, storage.Element, offset, shape, strides))
                : TorchTensor.Corrupt($"is in the storage {WeightFileException.Quote(Key(storageKey))}, which the file does not list; get a fresh copy");
        }
    }

    private int ReadCount(TarEntry member, ref long at) => Next(member, ref at, LongestRecord) switch
    {
        PickleInteger { Value: >= 0 and <= MostRecords } count => (int)count.Value,
        PickleInteger { Value: > MostRecords } count => throw new WeightFileException(Fault.Unsupported, $"says it has {count.Value:N0} {member.Name}, more than the {MostRecords:N0} that are read", offset: member.Offset),
        _ => throw Refused(member, 0, "its count is no number"),
    };

    private PickleNode Next(TarEntry member, ref long at, long longest)
    {
        ByteSource bytes = member.Contents;
        PickleMachine machine = new(bytes.Slice(0, at + Math.Min(longest, bytes.Length - at)), member.Name, at);
        PickleNode node = machine.Run();
        _calls.AddRange(machine.Calls);
        at = machine.End;
        return node;
    }

    private static long[] ReadIntegers(TarEntry member, ref long at, int count)
    {
        long[] values = new long[count];
        for (int index = 0; index < count; index++)
        {
            values[index] = ReadInt64(member, ref at);
        }
        return values;
    }

    private static long ReadInt64(TarEntry member, ref long at)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        if (member.Contents.Length - at < bytes.Length)
        {
            throw Refused(member, at, "it ends within a number");
        }
        member.Contents.Read(at, bytes);
        at += bytes.Length;
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    private static WeightFileException Refused(TarEntry member, long at, string reason) =>
        new(Fault.Corrupt, $"the tar archive's member {member.Name} is damaged: {reason}; get a fresh copy", offset: member.Offset + at);
}
