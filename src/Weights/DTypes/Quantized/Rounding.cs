using System.Runtime.CompilerServices;

namespace Weights.DTypes.Quantized;

/// <summary>How the reference implementation makes integers of floats.</summary>
internal static class Rounding
{
    /// <summary>
    /// The nearest integer, half to even, of a number within ±4,194,303: adding 1.5·2²³ leaves it in the low bits. What other numbers
    /// give has no meaning but is the same everywhere.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Nearest(float value) => unchecked((BitConverter.SingleToInt32Bits(value + 12_582_912f) & 0x007F_FFFF) - 0x0040_0000);

    /// <summary>The integer by which a scale comes nearest to a number, within bounds; 0 where there is none.</summary>
    public static int Multiple(float number, float scale, int least, int greatest)
    {
        float multiple = number / scale;
        return float.IsNaN(multiple) ? 0 : (int)Math.Clamp(MathF.Round(multiple), least, greatest);
    }

    /// <summary>The integer towards zero; −2³¹ for NaN and what is beyond 32 bits, as x86's <c>cvttss2si</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Truncate(float value) => value is >= -2147483648f and < 2147483648f ? (int)value : int.MinValue;

    /// <summary>The nearest integer, half away from zero; beyond 32 bits as <see cref="Truncate"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int AwayFromZero(float value) => Truncate(MathF.Round(value, MidpointRounding.AwayFromZero));
}
