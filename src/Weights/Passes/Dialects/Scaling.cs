using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Dialects;

/// <summary>Products of floats, in place. Each operation rounds for itself: none are fused, with vectors as without.</summary>
internal static class Scaling
{
    /// <summary>(value − zero point) · scale.</summary>
    public static void Scale(Span<float> values, float zeroPoint, float scale)
    {
        Span<Vector256<float>> lanes = MemoryMarshal.Cast<float, Vector256<float>>(values);
        (Vector256<float> zeroPoints, Vector256<float> scales) = (Vector256.Create(zeroPoint), Vector256.Create(scale));
        foreach (ref Vector256<float> lane in lanes)
        {
            lane = (lane - zeroPoints) * scales;
        }
        foreach (ref float value in values[(lanes.Length * Vector256<float>.Count)..])
        {
            value = (value - zeroPoint) * scale;
        }
    }

    /// <summary>(value − zero point) · scale, of each its own.</summary>
    public static void Scale(Span<float> values, ReadOnlySpan<float> zeroPoints, ReadOnlySpan<float> scales)
    {
        Span<Vector256<float>> lanes = MemoryMarshal.Cast<float, Vector256<float>>(values);
        ReadOnlySpan<Vector256<float>> zeroPointLanes = MemoryMarshal.Cast<float, Vector256<float>>(zeroPoints)[..lanes.Length];
        ReadOnlySpan<Vector256<float>> scaleLanes = MemoryMarshal.Cast<float, Vector256<float>>(scales)[..lanes.Length];
        for (int index = 0; index < lanes.Length; index++)
        {
            lanes[index] = (lanes[index] - zeroPointLanes[index]) * scaleLanes[index];
        }
        for (int index = lanes.Length * Vector256<float>.Count; index < values.Length; index++)
        {
            values[index] = (values[index] - zeroPoints[index]) * scales[index];
        }
    }

    /// <summary>value · scale − product.</summary>
    public static void ScaleAndSubtract(Span<float> values, float scale, float product)
    {
        Span<Vector256<float>> lanes = MemoryMarshal.Cast<float, Vector256<float>>(values);
        (Vector256<float> scales, Vector256<float> products) = (Vector256.Create(scale), Vector256.Create(product));
        foreach (ref Vector256<float> lane in lanes)
        {
            lane = (lane * scales) - products;
        }
        foreach (ref float value in values[(lanes.Length * Vector256<float>.Count)..])
        {
            value = (value * scale) - product;
        }
    }

    /// <summary>value · factor.</summary>
    public static void Multiply(Span<float> values, float factor)
    {
        Span<Vector256<float>> lanes = MemoryMarshal.Cast<float, Vector256<float>>(values);
        Vector256<float> factors = Vector256.Create(factor);
        foreach (ref Vector256<float> lane in lanes)
        {
            lane *= factors;
        }
        foreach (ref float value in values[(lanes.Length * Vector256<float>.Count)..])
        {
            value *= factor;
        }
    }
}
