namespace Weights;

/// <summary>Whose fault it is that a file was refused.</summary>
public enum Fault
{
    /// <summary>The bytes contradict the format: damaged, truncated or not what the name says.</summary>
    Corrupt,

    /// <summary>The file may be fine, but this toolkit does not read or write what it holds.</summary>
    Unsupported,

    /// <summary>Using the file as it asks would touch something it must not, such as a path outside its folder.</summary>
    Unsafe,
}

/// <summary>
/// A weight file was refused. Readers and writers throw nothing else besides <see cref="IOException"/>.
/// </summary>
public sealed class WeightFileException : Exception
{
    /// <param name="fault">Whose fault it is.</param>
    /// <param name="reason">One sentence without a full stop: what is wrong, and what to do about it.</param>
    /// <param name="file">The file, as the user named it; filled in by <see cref="In"/> where the thrower does not know it.</param>
    /// <param name="tensor">The tensor concerned, if one is.</param>
    /// <param name="offset">Where in the file, in bytes, if known.</param>
    /// <param name="inner">What was caught, if anything.</param>
    public WeightFileException(Fault fault, string reason, string? file = null, string? tensor = null, long? offset = null, Exception? inner = null)
        : base(Sentence(reason, file, tensor, offset), inner)
    {
        Fault = fault;
        Reason = reason;
        File = file;
        Tensor = tensor;
        Offset = offset;
    }

    /// <summary>Whose fault it is.</summary>
    public Fault Fault { get; }

    /// <summary>What is wrong and what to do, without file, tensor and offset.</summary>
    public string Reason { get; }

    /// <summary>The file, as the user named it.</summary>
    public string? File { get; }

    /// <summary>The tensor concerned, if one is.</summary>
    public string? Tensor { get; }

    /// <summary>Byte offset in the file, if known.</summary>
    public long? Offset { get; }

    /// <summary>This exception with the file named, where it was not yet.</summary>
    public WeightFileException In(string file) => File is null ? new(Fault, Reason, file, Tensor, Offset, InnerException) : this;

    /// <summary>Names from files are quoted and cleaned: they must not reach a terminal with control characters in them.</summary>
    public static string Quote(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        const int longest = 200;
        string shown = name.Length <= longest ? name : string.Concat(name.AsSpan(0, longest), "…");
        return $"'{Printable.Escape(shown)}'";
    }

    private static string Sentence(string reason, string? file, string? tensor, long? offset)
    {
        string where = file is null ? "" : $"{Printable.Escape(file)}: ";
        where += tensor is null ? "" : $"tensor {Quote(tensor)}: ";
        return offset is null ? where + reason : $"{where}{reason} (at byte {offset})";
    }
}
