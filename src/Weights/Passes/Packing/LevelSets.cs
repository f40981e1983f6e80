using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>Sixteen levels and the bounds between them.</summary>
/// <param name="Levels">The number of each code.</param>
/// <param name="Bounds">A number above so many of these has the code of that rank; fifteen, or seven for magnitudes.</param>
/// <param name="Codes">From rank to code.</param>
/// <param name="Largest">The level that the largest number of a block becomes.</param>
/// <param name="Beyond">What is farther from zero than this is cut off.</param>
/// <param name="IsMultiplied">Whether numbers are multiplied by the inverse of the scale, and not divided by it.</param>
internal sealed record LevelSet(float[] Levels, float[] Bounds, byte[] Codes, float Largest, float Beyond, bool IsMultiplied);

/// <summary>The sets of levels that libraries have.</summary>
internal static class LevelSets
{
    /// <summary>4-bit floats E2M1 (OCP Microscaling Formats 1.0): ties go to the level with an even last bit, so that some bounds are below it themselves.</summary>
    public static LevelSet E2M1 { get; } = new(
        CompressedTensors.E2M1,
        [0.25f, MathF.BitDecrement(0.75f), 1.25f, MathF.BitDecrement(1.75f), 2.5f, MathF.BitDecrement(3.5f), 5],
        [0, 1, 2, 3, 4, 5, 6, 7],
        Largest: 6,
        Beyond: 7,
        IsMultiplied: false);

    /// <summary>
    /// NF4: quantiles of the normal distribution. Levels and bounds are those of <c>csrc/kernels.cu</c> in https://github.com/bitsandbytes-foundation/bitsandbytes.
    /// </summary>
    public static LevelSet NF4 { get; } = new(
        [
            -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
            0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1,
        ],
        [
            -0.8480964004993439f, -0.6106329262256622f, -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f, -0.13791173323988914f, -0.045525018125772476f,
            0.03979014977812767f, 0.1202552504837513f, 0.2035212516784668f, 0.2920137718319893f, 0.3893125355243683f, 0.5016634166240692f, 0.6427869200706482f, 0.8614784181118011f,
        ],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        Largest: 1,
        Beyond: float.MaxValue,
        IsMultiplied: true);

    /// <summary>FP4: a sign and eight levels, with bounds, from the same source.</summary>
    public static LevelSet FP4 { get; } = new(
        [0, 0.0625f / 12, 8f / 12, 1, 4f / 12, 6f / 12, 2f / 12, 3f / 12, 0, -0.0625f / 12, -8f / 12, -1, -4f / 12, -6f / 12, -2f / 12, -3f / 12],
        [0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f],
        [0, 1, 6, 7, 4, 5, 2, 3],
        Largest: 1,
        Beyond: float.MaxValue,
        IsMultiplied: true);
}
