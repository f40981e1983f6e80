using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>What the numbers of a weight become where they are packed with scales beside them.</summary>
public sealed class PackedScheme
{
    private readonly float[] _levels;

    private PackedScheme(string name, int bits, LevelSet? levels = null) => (Name, Bits, _levels) = (name, bits, levels?.Levels ?? []);

    /// <summary>Integers of 4 bits.</summary>
    public static PackedScheme Int4 { get; } = new("int4", 4);

    /// <summary>Integers of 8 bits.</summary>
    public static PackedScheme Int8 { get; } = new("int8", 8);

    /// <summary>Floats of 8 bits, E4M3.</summary>
    public static PackedScheme Fp8 { get; } = new("fp8", 8);

    /// <summary>Floats of 4 bits, E2M1, with a scale of 8 bits for 16 of them, and one for all.</summary>
    public static PackedScheme Nvfp4 { get; } = new("nvfp4", 4, LevelSets.E2M1);

    /// <summary>Floats of 4 bits, E2M1, with a power of two for 32 of them.</summary>
    public static PackedScheme Mxfp4 { get; } = new("mxfp4", 4, LevelSets.E2M1);

    /// <summary>Floats of 8 bits, E4M3, with a power of two for 32 of them.</summary>
    public static PackedScheme Mxfp8 { get; } = new("mxfp8", 8);

    /// <summary>bitsandbytes' quantiles of the normal distribution.</summary>
    public static PackedScheme Nf4 { get; } = new("nf4", 4, LevelSets.NF4);

    /// <summary>bitsandbytes' floats of 4 bits.</summary>
    public static PackedScheme Fp4 { get; } = new("fp4", 4, LevelSets.FP4);

    /// <summary>Every scheme.</summary>
    public static IReadOnlyList<PackedScheme> All { get; } = [Int4, Int8, Fp8, Nvfp4, Mxfp4, Mxfp8, Nf4, Fp4];

    /// <summary>Name, in lower case.</summary>
    public string Name { get; }

    /// <summary>Bits of a number, scales aside.</summary>
    public int Bits { get; }

    /// <summary>Whether its numbers are integers, which may have zero points.</summary>
    public bool IsInteger => this == Int4 || this == Int8;

    /// <summary>Whether numbers that come of such codes and scales are codes and scales of it, too.</summary>
    internal bool Holds(ScaledCodes codes) => codes.Set switch
    {
        CodeSet.Integers => IsInteger && codes.Bits <= Bits,
        CodeSet.E4M3 => this == Fp8 || (this == Mxfp8 && codes.ScaleType == DType.F8E8M0),
        _ => codes.Levels.AsSpan().SequenceEqual(_levels) && (this == Nvfp4 ? codes.ScaleType == DType.F8E4M3 : this != Mxfp4 || codes.ScaleType == DType.F8E8M0),
    };

    /// <summary>The scheme of that name, in any case.</summary>
    public static bool TryParse(string name, out PackedScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(name);
        string wanted = name.ToLowerInvariant() is "f8_e4m3" ? "fp8" : name.ToLowerInvariant();
        scheme = All.FirstOrDefault(known => known.Name == wanted)!;
        return scheme is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
