using System.Buffers.Binary;
using System.Numerics;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>
/// What <c>torch.save</c> wrote before 1.6: five pickles one after the other (a magic number, the version 1001, facts about the machine,
/// the value, the keys of its storages), then for each key <c>i64 count | elements</c>, little-endian on any machine: what the facts say of
/// its byte order is not looked at, by torch neither.
/// <see href="https://github.com/pytorch/pytorch/blob/main/torch/serialization.py"/>
/// </summary>
internal sealed class LegacyFile : StorageSource
{
    private const int Protocol = 1001;

    private static readonly BigInteger s_magic = BigInteger.Parse("119547037146038801333356"); // 0x1950A86A20F9469CFC6C

    private readonly ByteSource _file;
    private readonly Dictionary<string, (long Start, long Bytes)> _storages = new(StringComparer.Ordinal);

    private LegacyFile(Input input)
    {
        _file = input.Bytes;
        PickleMachine magic = Next("magic number", 0);
        magic.Run();
        PickleMachine protocol = Next("protocol version", magic.End);
        if (protocol.Run() is not PickleInteger version)
        {
            throw new WeightFileException(Fault.Corrupt, "the version of the older PyTorch format is no number; the file is damaged", offset: magic.End);
        }
        if (version.Value != Protocol)
        {
            throw new WeightFileException(Fault.Unsupported, $"has version {version.Value} of the older PyTorch format; {Protocol} is read", offset: magic.End);
        }
        PickleMachine system = Next("system information", protocol.End);
        system.Run();
        PickleMachine value = Next("value", system.End);
        Value = value.Run();
        Calls = value.Calls;
        PickleMachine keys = Next("storage keys", value.End);
        long end = FindStorages(keys.Run(), keys.End, value.PersistentIds);
        LeftOut = end < _file.Length ? [Rest(end)] : [];
    }

    /// <summary>The value that was saved.</summary>
    public PickleNode Value { get; }

    /// <summary>Every call in its pickle.</summary>
    public IReadOnlyList<PickleCall> Calls { get; }

    /// <summary>What follows the last storage.</summary>
    public IReadOnlyList<LeftOut> LeftOut { get; }

    public override bool IsBigEndian => false;

    public override int Count => _storages.Count;

    /// <summary>Whether a file begins with the magic number, in any protocol.</summary>
    public static bool Sniff(ReadOnlySpan<byte> head)
    {
        // PROTO, or protocol 0's decimal integer.
        if (head.IsEmpty || head[0] is not (0x80 or (byte)'L'))
        {
            return false;
        }
        const int longest = 64;
        try
        {
            return new PickleMachine(new MemoryBytes(head[..Math.Min(longest, head.Length)].ToArray()), "magic number").Run() is PickleBigInteger number && number.Value == s_magic;
        }
        catch (WeightFileException)
        {
            return false;
        }
    }

    /// <summary>Reads the pickles and finds the storages.</summary>
    public static LegacyFile Open(Input input) => new(input);

    public override ByteSource Open(string key, long bytes)
    {
        if (!_storages.TryGetValue(key, out (long Start, long Bytes) storage))
        {
            throw new WeightFileException(Fault.Corrupt, $"is in the storage {WeightFileException.Quote(key)}, which the file does not list; get a fresh copy");
        }
        return bytes <= storage.Bytes
            ? _file.Slice(storage.Start, bytes)
            : throw new WeightFileException(Fault.Corrupt, $"needs {bytes:N0} bytes of the storage {WeightFileException.Quote(key)}, which has {storage.Bytes:N0}", offset: storage.Start);
    }

    private PickleMachine Next(string name, long start) => new(_file, name, start);

    // Whoever saves to an open file several times gets one value after another; torch.load, too, reads the first.
    private LeftOut Rest(long end)
    {
        byte[] head = new byte[Math.Min(64, _file.Length - end)];
        _file.Read(end, head);
        return new LeftOut($"file[{end}:]", Sniff(head)
            ? $"another value that was saved behind the first, which alone is read; 'tail -c +{end + 1}' of the file is a file of the other"
            : $"{_file.Length - end:N0} bytes after the last storage, of which the file says nothing");
    }

    /// <summary>Finds the storages, and where the last one ends.</summary>
    private long FindStorages(PickleNode keys, long at, IReadOnlyList<PicklePersistentId> ids)
    {
        Dictionary<string, (int Bytes, long Count)> elementsOf = new(StringComparer.Ordinal);
        foreach (PicklePersistentId id in ids)
        {
            if (StorageId.TryRead(id, out StorageId? storage, out _) && storage.Element is { } element)
            {
                // Of two types, the first counts for torch; of two counts, the larger is what its storage grows to.
                elementsOf[storage.Key] = elementsOf.TryGetValue(storage.Key, out (int Bytes, long Count) known) ? (known.Bytes, Math.Max(known.Count, storage.Count)) : (element.Bytes, storage.Count);
            }
        }
        if (keys is not PickleList list)
        {
            throw new WeightFileException(Fault.Corrupt, "the keys of its storages are no list; the file is damaged", offset: at);
        }
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (PickleNode node in list.Items)
        {
            if (node is not PickleText key || !elementsOf.TryGetValue(key.Text, out (int Bytes, long Count) of))
            {
                throw new WeightFileException(Fault.Corrupt, "it lists a storage that no tensor is in, so that its length cannot be told; the file is damaged", offset: at);
            }
            Check(at, sizeof(long), key.Text);
            _file.Read(at, count);
            long elements = BinaryPrimitives.ReadInt64LittleEndian(count);
            at += sizeof(long);
            Check(at, elements < 0 ? -1 : (Int128)elements * of.Bytes, key.Text);
            if (elements > of.Count)
            {
                throw new WeightFileException(Fault.Corrupt, $"the storage {WeightFileException.Quote(key.Text)} has {elements:N0} elements, but its tensors are said to be in one of {of.Count:N0}; the file is damaged", offset: at);
            }
            _storages[key.Text] = (at, elements * of.Bytes);
            at += elements * of.Bytes;
        }
        return at;
    }

    private void Check(long at, Int128 bytes, string key)
    {
        if (bytes < 0)
        {
            throw new WeightFileException(Fault.Corrupt, $"the storage {WeightFileException.Quote(key)} has a negative length; the file is damaged", offset: at);
        }
        if (bytes > _file.Length - at)
        {
            throw new WeightFileException(Fault.Corrupt, $"is truncated or damaged: the storage {WeightFileException.Quote(key)} needs {bytes:N0} bytes where {_file.Length - at:N0} are left, {bytes - (_file.Length - at):N0} are missing; get a fresh copy", offset: at);
        }
    }
}
