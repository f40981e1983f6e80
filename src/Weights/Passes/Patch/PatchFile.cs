using System.Buffers.Binary;
using System.Security.Cryptography;
using Weights.IO;
using Weights.Passes.Checksums;

namespace Weights.Passes.Patch;

/// <summary>
/// What it takes to make one checkpoint of another: tensors that both have by name, those that changed as the compressed difference, new ones compressed.
/// <code>
///  0   8  89 57 50 41 54 43 48 0A, "\x89WPATCH\n"
///  8   4  version, 1                                 all numbers are little-endian
/// 12   4  zero
/// 16   8  offset of the index
/// 24   8  length of the index, which ends with the file
/// 32  32  SHA-256 of the index
/// 64      frames, one behind the other, in the order of the tensors
///         index:
///   32      id of the base (see Checksum)      8  number of its tensors
///   32      id of the target                   1  1 if the target's framework follows, as text; else 0
///           metadata of the target, a value that is a map
///    8      number of tensors, each:
///             name, element type: text         4  rank        8  each dimension
///        32   SHA-256 of its bytes
///         1   method: 0 bytes of a tensor of the base, 1 the same XOR the frames, 2 the frames, 3 bytes of an earlier tensor
///         1   1 if a frame has the lowest bytes of all words first, then the next ones, and so on (BytePlanes); else 0
///             methods 0 and 1: name in the base, as text; method 3: index of the earlier tensor, 8 bytes
///             methods 1 and 2: for each mebibyte of the tensor, and what is left, a frame:
///         4     length in the file: a zstd frame (RFC 8878), or the bytes as they are if the length is theirs
///         8     XXH3 of 64 bits of what is in the file
///    8      number of names that share storage, each: name and the earlier name, as text; 1 byte: 0 if they are the same tensor, 1 if they overlap
/// text:  4 bytes of length, UTF-8
/// value: 1 byte: 0 null, 1 false, 2 true; 3 integer and 4 real, 8 bytes; 5 text; 6 list: 8 bytes count, values; 7 map: 8 bytes count, each text and value
/// </code>
/// A frame stands for a mebibyte, so that bytes of any tensor can be read at any place, from any thread, in bounded memory. Nothing in it depends
/// on clocks, file names or the number of processors.
/// </summary>
public sealed class PatchFile : IDisposable
{
    /// <summary>The usual extension.</summary>
    public const string Extension = ".wpatch";

    internal const int HeadBytes = 64;

    // 100,000 tensors of a terabyte together take 30 MB.
    private const long LargestIndex = 1 << 29;
    private const uint Version = 1;

    private readonly Input _input;
    private readonly PatchIndex _index;
    private readonly FrameBuffers _buffers = new();

    private PatchFile(Input input, PatchIndex index) => (_input, _index) = (input, index);

    /// <summary>Where it is.</summary>
    public string Path => _input.Path;

    /// <summary>Bytes of the file.</summary>
    public long FileBytes => _input.Bytes.Length;

    /// <summary>Id of the checkpoint that it is applied to.</summary>
    public string BaseId => _index.BaseId;

    /// <summary>Id of the checkpoint that it makes.</summary>
    public string TargetId => _index.TargetId;

    /// <summary>The tensors that it makes, in their order.</summary>
    public IReadOnlyList<PatchTensor> Tensors => _index.Tensors;

    /// <summary>The first bytes of every patch.</summary>
    internal static ReadOnlySpan<byte> Magic => [0x89, (byte)'W', (byte)'P', (byte)'A', (byte)'T', (byte)'C', (byte)'H', (byte)'\n'];

    /// <summary>Opens a patch.</summary>
    /// <exception cref="WeightFileException">It is none, damaged, or newer than this program.</exception>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    public static PatchFile Open(string path)
    {
        FileInput input = new(path);
        try
        {
            return Read(input);
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    /// <summary>Reads the index of a patch; its frames are read when they are needed.</summary>
    /// <returns>The patch, which owns <paramref name="input"/>.</returns>
    /// <exception cref="WeightFileException">It is none, damaged, or newer than this program.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    public static PatchFile Read(Input input)
    {
        ArgumentNullException.ThrowIfNull(input);
        try
        {
            return new PatchFile(input, ReadIndex(input));
        }
        catch (WeightFileException error)
        {
            throw error.In(input.Path);
        }
    }

    /// <summary>The checkpoint that it makes of its base; tensors are made when they are read.</summary>
    /// <param name="of">Digests of the base, which must stay open as long as the result, as this must.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: that is not the base of this patch. <see cref="Fault.Corrupt"/>: the patch is damaged.</exception>
    public Checkpoint Apply(Checksum of)
    {
        ArgumentNullException.ThrowIfNull(of);
        if (of.Id != BaseId)
        {
            string patch = Printable.Escape(Path);
            throw new WeightFileException(Fault.Unsupported, of.Id == TargetId
                ? $"has what {patch} makes already: its id is {of.Id}; the patch is for {BaseId}"
                : $"is not what {patch} is for: its id is {of.Id} ({of.Tensors.Count:N0} tensors), not {BaseId} ({_index.BaseTensors:N0} tensors); 'weights checksum' shows the id of a file");
        }
        Dictionary<string, Tensor> available = of.Tensors.ToDictionary(static one => one.Tensor.Name, static one => one.Tensor, StringComparer.Ordinal);
        Dictionary<string, ByteSource> made = new(StringComparer.Ordinal);
        foreach (PatchTensor tensor in Tensors)
        {
            made.Add(tensor.Name, Bytes(tensor, available, made));
        }
        Origin origin = new(Path, "patch", $"version {Version}", FileBytes, _index.Framework);
        return new Checkpoint(Tensors.Select(tensor => new Tensor(tensor.Name, tensor.DType, tensor.Shape, made[tensor.Name])), origin)
        {
            Metadata = _index.Metadata,
            Aliases = _index.Aliases,
        };
    }

    /// <summary>Passes if what was made has the target's id; else says which tensor has other bytes than it should.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>.</exception>
    public void Check(Checksum made)
    {
        ArgumentNullException.ThrowIfNull(made);
        if (made.Id == TargetId)
        {
            return;
        }
        Dictionary<string, TensorDigest> digests = made.Tensors.ToDictionary(static one => one.Tensor.Name, StringComparer.Ordinal);
        PatchTensor? wrong = Tensors.FirstOrDefault(tensor => !digests.TryGetValue(tensor.Name, out TensorDigest? one) || !one.Digest.AsSpan().SequenceEqual(tensor.Digest) || one.Tensor.DType != tensor.DType || one.Tensor.Shape != tensor.Shape);
        throw new WeightFileException(Fault.Corrupt, $"what it makes has the id {made.Id}, not {TargetId}: the patch is damaged, or the format written cannot hold all of it as it is; nothing was written", Path, wrong?.Name);
    }

    /// <summary>Passes if every frame makes what it should.</summary>
    /// <param name="of">Digests of the base.</param>
    /// <param name="read">Is told, from any thread, how many bytes more have been made.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: one does not.</exception>
    public void CheckFrames(Checksum of, Action<long>? read = null, CancellationToken cancellation = default)
    {
        Dictionary<string, byte[]> expected = Tensors.Where(static tensor => tensor.Frames.Count > 0).ToDictionary(static tensor => tensor.Name, static tensor => tensor.Digest, StringComparer.Ordinal);
        using Checkpoint made = Apply(of);
        foreach (TensorDigest one in Checksum.Of(made.With(made.Tensors.Where(tensor => expected.ContainsKey(tensor.Name))), DigestAlgorithm.Sha256, read, cancellation).Tensors)
        {
            if (!one.Digest.AsSpan().SequenceEqual(expected[one.Tensor.Name]))
            {
                throw new WeightFileException(Fault.Corrupt, "the patch makes other bytes of it than those it was made for: the file was changed meanwhile, or memory is faulty; make the patch again", Path, one.Tensor.Name);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _buffers.Dispose();
        _input.Dispose();
    }

    /// <summary>The first bytes of the file.</summary>
    internal static byte[] Head(long offset, ReadOnlySpan<byte> index)
    {
        byte[] head = new byte[HeadBytes];
        Magic.CopyTo(head);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(8), Version);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), offset);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(24), index.Length);
        SHA256.HashData(index, head.AsSpan(32));
        return head;
    }

    private static PatchIndex ReadIndex(Input input)
    {
        byte[] head = new byte[HeadBytes];
        long length = input.Bytes.Length;
        input.Bytes.Read(0, head.AsSpan(0, (int)Math.Min(length, HeadBytes)));
        if (!head.AsSpan().StartsWith(Magic))
        {
            throw new WeightFileException(Fault.Unsupported, "is no patch, as it does not begin like one; 'weights diff A B -o NAME.wpatch' makes one", offset: 0);
        }
        if (length < HeadBytes)
        {
            throw Corrupt($"has {length:N0} bytes, and the head of a patch alone has {HeadBytes}", length);
        }
        if (BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8)) is var version && version != Version)
        {
            throw new WeightFileException(Fault.Unsupported, $"is a patch of version {version:N0}, and {Version} is the only one known here; it may be newer than this program, or damaged", offset: 8);
        }
        (ulong start, ulong size) = (BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(16)), BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(24)));
        if (start < HeadBytes || start > (ulong)length || size != (ulong)length - start)
        {
            throw Corrupt($"should have an index of {size:N0} bytes from byte {start:N0} on, but ends at byte {length:N0}", 16);
        }
        if (size > LargestIndex)
        {
            throw new WeightFileException(Fault.Unsupported, $"has an index of {size:N0} bytes, and more than {LargestIndex:N0} are not read", offset: 24);
        }
        byte[] index = new byte[size];
        input.Bytes.Read((long)start, index);
        return SHA256.HashData(index).AsSpan().SequenceEqual(head.AsSpan(32, SHA256.HashSizeInBytes))
            ? PatchIndex.Parse(index, (long)start)
            : throw Corrupt("has another index than was written", (long)start);
    }

    private static WeightFileException Corrupt(string problem, long offset) => new(Fault.Corrupt, $"{problem}: the patch is damaged; get a fresh copy", offset: offset);

    private ByteSource Bytes(PatchTensor tensor, Dictionary<string, Tensor> available, Dictionary<string, ByteSource> made)
    {
        if (tensor.Method == PatchMethod.Earlier)
        {
            return made[tensor.Source!];
        }
        if (tensor.Method == PatchMethod.Stored)
        {
            return new FrameBytes(tensor, Path, _input.Bytes, null, _buffers);
        }
        if (!available.TryGetValue(tensor.Source!, out Tensor? source) || source.Bytes.Length != tensor.Bytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"is said to be made of {WeightFileException.Quote(tensor.Source!)}, which the base does not have with as many bytes: the patch is damaged; get a fresh copy", Path, tensor.Name);
        }
        return tensor.Method == PatchMethod.Base ? source.Bytes : new FrameBytes(tensor, Path, _input.Bytes, source.Bytes, _buffers);
    }
}
