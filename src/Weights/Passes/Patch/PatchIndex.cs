using System.Buffers.Binary;
using Weights.Passes.Checksums;

namespace Weights.Passes.Patch;

/// <summary>What a patch is about, and what it makes: all of it but the frames.</summary>
internal sealed record PatchIndex
{
    // A tensor's name, element type, rank, digest, method and planes, where all that can be empty is.
    private const int LeastTensorBytes = 4 + 4 + 4 + 32 + 1 + 1;
    private const int FrameRecordBytes = sizeof(uint) + sizeof(ulong);
    private const int LeastAliasBytes = 4 + 4 + 1;

    /// <summary>Id of the checkpoint that it is applied to; see <see cref="Checksum"/>.</summary>
    public required string BaseId { get; init; }

    /// <summary>How many tensors that one has.</summary>
    public required ulong BaseTensors { get; init; }

    /// <summary>Id of the checkpoint that it makes.</summary>
    public required string TargetId { get; init; }

    /// <summary><see cref="Origin.Framework"/> of that one.</summary>
    public required string? Framework { get; init; }

    /// <summary>Its metadata.</summary>
    public required MetadataValue.Map Metadata { get; init; }

    /// <summary>Its tensors, in its order.</summary>
    public required IReadOnlyList<PatchTensor> Tensors { get; init; }

    /// <summary>Names in it that share storage.</summary>
    public required IReadOnlyList<Alias> Aliases { get; init; }

    /// <summary>Where the frames end that begin at <see cref="PatchFile.HeadBytes"/>.</summary>
    public long End => PatchFile.HeadBytes + Tensors.Sum(static tensor => tensor.PatchBytes);

    /// <summary>The bytes of the index.</summary>
    public byte[] ToBytes()
    {
        IndexWriter writer = new();
        writer.Add(Convert.FromHexString(BaseId));
        writer.Add(BaseTensors);
        writer.Add(Convert.FromHexString(TargetId));
        writer.Add((byte)(Framework is null ? 0 : 1));
        if (Framework is not null)
        {
            writer.Add(Framework);
        }
        writer.Add(Metadata);
        writer.AddCount(Tensors.Count);
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        foreach (PatchTensor tensor in Tensors)
        {
            Write(writer, tensor, places);
            places.Add(tensor.Name, places.Count);
        }
        writer.AddCount(Aliases.Count);
        foreach (Alias alias in Aliases)
        {
            writer.Add(alias.Name);
            writer.Add(alias.Of);
            writer.Add((byte)(alias.Kind == AliasKind.Same ? 0 : 1));
        }
        return writer.Written.ToArray();
    }

    /// <summary>Reads all of them.</summary>
    /// <param name="bytes">The bytes of the index.</param>
    /// <param name="start">Where they are in the file, which is where the frames end.</param>
    /// <exception cref="WeightFileException">They contradict each other, or hold what is not known here.</exception>
    public static PatchIndex Parse(byte[] bytes, long start)
    {
        IndexReader reader = new(bytes, start);
        string baseId = Convert.ToHexStringLower(reader.Bytes(32));
        ulong baseTensors = reader.Long();
        string targetId = Convert.ToHexStringLower(reader.Bytes(32));
        string? framework = reader.Choice(2, "whether there is a framework") == 0 ? null : reader.Text();
        MetadataValue.Map metadata = reader.Value() as MetadataValue.Map ?? throw reader.Corrupt("the metadata are no map");
        List<PatchTensor> tensors = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        long offset = PatchFile.HeadBytes;
        for (int left = reader.Count(LeastTensorBytes, "tensors"); left > 0; left--)
        {
            PatchTensor tensor = ReadTensor(reader, tensors, offset, start);
            offset += tensor.PatchBytes;
            tensors.Add(names.Add(tensor.Name) ? tensor : throw reader.Corrupt($"two tensors are named {WeightFileException.Quote(tensor.Name)}"));
        }
        if (offset != start)
        {
            throw reader.Corrupt($"the frames should end at byte {offset:N0}, but the index is at byte {start:N0}");
        }
        List<Alias> aliases = [];
        for (int left = reader.Count(LeastAliasBytes, "names that share storage"); left > 0; left--)
        {
            Alias alias = new(reader.Text(), reader.Text(), reader.Choice(2, "a kind of alias") == 0 ? AliasKind.Same : AliasKind.Overlapping);
            aliases.Add(names.Contains(alias.Name) && names.Contains(alias.Of) ? alias : throw reader.Corrupt($"{WeightFileException.Quote(alias.Name)} is said to share storage with {WeightFileException.Quote(alias.Of)}, and one of them is not there"));
        }
        return !reader.IsAtEnd ? throw reader.Corrupt("the index goes on behind its end") : new PatchIndex
        {
            BaseId = baseId,
            BaseTensors = baseTensors,
            TargetId = targetId,
            Framework = framework,
            Metadata = metadata,
            Tensors = tensors,
            Aliases = aliases,
        };
    }

    private static void Write(IndexWriter writer, PatchTensor tensor, Dictionary<string, int> places)
    {
        writer.Add(tensor.Name);
        writer.Add(tensor.DType.Name);
        writer.Add((uint)tensor.Shape.Rank);
        foreach (long dimension in tensor.Shape.Dimensions)
        {
            writer.Add((ulong)dimension);
        }
        writer.Add(tensor.Digest);
        writer.Add((byte)tensor.Method);
        writer.Add((byte)(tensor.HasPlanes ? 1 : 0));
        switch (tensor.Method)
        {
            case PatchMethod.Base or PatchMethod.Delta:
                writer.Add(tensor.Source!);
                break;
            case PatchMethod.Earlier:
                writer.AddCount(places[tensor.Source!]);
                break;
        }
        foreach (Frame frame in tensor.Frames)
        {
            writer.Add((uint)frame.Length);
            writer.Add(frame.Checksum);
        }
    }

    private static PatchTensor ReadTensor(IndexReader reader, List<PatchTensor> earlier, long offset, long end)
    {
        string name = reader.Text();
        string type = reader.Text();
        if (!DType.TryParse(type, out DType dtype))
        {
            throw new WeightFileException(Fault.Unsupported, $"has the element type {WeightFileException.Quote(type)}, which is not known here; the patch may be newer than this program", tensor: name);
        }
        Shape shape = ReadShape(reader, dtype);
        byte[] digest = reader.Bytes(32).ToArray();
        PatchMethod method = (PatchMethod)reader.Choice(4, "a method");
        bool hasPlanes = reader.Choice(2, "whether there are planes") == 1;
        PatchTensor? like = method == PatchMethod.Earlier ? Earlier(reader, earlier, name) : null;
        string? source = method is PatchMethod.Base or PatchMethod.Delta ? reader.Text() : like?.Name;
        PatchTensor tensor = new(name, dtype, shape, digest, method, source) { HasPlanes = hasPlanes };
        if (like is not null && like.Bytes != tensor.Bytes)
        {
            throw reader.Corrupt($"tensor {WeightFileException.Quote(name)} is said to have the bytes of {WeightFileException.Quote(like.Name)}, which has not as many");
        }
        return method is PatchMethod.Delta or PatchMethod.Stored ? tensor with { Frames = ReadFrames(reader, tensor.Bytes, offset, end) } : tensor;
    }

    private static PatchTensor Earlier(IndexReader reader, List<PatchTensor> earlier, string name)
    {
        ulong place = reader.Long();
        return place < (ulong)earlier.Count ? earlier[(int)place] : throw reader.Corrupt($"tensor {WeightFileException.Quote(name)} is said to have the bytes of an earlier one that is not there");
    }

    private static Shape ReadShape(IndexReader reader, DType dtype)
    {
        uint rank = reader.Word();
        ReadOnlySpan<byte> bytes = reader.Bytes((long)rank * sizeof(long));
        long[] dimensions = new long[rank];
        for (int axis = 0; axis < dimensions.Length; axis++)
        {
            dimensions[axis] = BinaryPrimitives.ReadInt64LittleEndian(bytes[(axis * sizeof(long))..]);
        }
        try
        {
            Shape shape = new(dimensions);
            return dtype.ByteCount(shape) is not null ? shape : throw reader.Corrupt($"{dtype.Name} {shape} has no whole number of blocks, or more bytes than can be");
        }
        catch (Exception error) when (error is ArgumentOutOfRangeException or OverflowException)
        {
            throw reader.Corrupt("a tensor has a negative dimension, or more elements than can be");
        }
    }

    private static Frame[] ReadFrames(IndexReader reader, long bytes, long offset, long end)
    {
        long count = PatchTensor.FrameCount(bytes);
        reader.Require(count, FrameRecordBytes, "frames");
        Frame[] frames = new Frame[count];
        for (int index = 0; index < frames.Length; index++)
        {
            uint length = reader.Word();
            long whole = Math.Min(Frame.Bytes, bytes - ((long)index * Frame.Bytes));
            if (length == 0 || length > whole || length > end - offset)
            {
                throw reader.Corrupt($"a frame of {whole:N0} bytes of a tensor is said to have {length:N0} in the patch, which has {end - offset:N0} left");
            }
            frames[index] = new Frame(offset, (int)length, reader.Long());
            offset += length;
        }
        return frames;
    }
}
