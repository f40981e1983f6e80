using System.Text;
using System.Text.Json;

namespace Weights.Formats.Safetensors;

/// <summary>The element types that the format stores; their names are those of <see cref="DType"/>.</summary>
internal static class StoredTypes
{
    // In the reference library's order, which files are sorted by (descending): nearly that of alignment.
    private static readonly string[] s_names =
    [
        "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
        "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
    ];

    private static readonly DType[] s_types = [.. s_names.Select(static name =>
        DType.TryParse(name, out DType dtype) ? dtype : throw new InvalidOperationException($"there is no element type {name}"))];

    private static readonly byte[][] s_utf8Names = [.. s_names.Select(Encoding.UTF8.GetBytes)];

    private static readonly Dictionary<DType, int> s_ranks = s_types.Index().ToDictionary(static pair => pair.Item, static pair => pair.Index);

    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<DType> ByName { get; } = [.. s_types.OrderBy(static dtype => dtype.Name, StringComparer.Ordinal)];

    /// <summary>Place of the type in the reference library's order, or -1 when it is not stored.</summary>
    public static int Rank(DType dtype) => s_ranks.GetValueOrDefault(dtype, -1);

    /// <summary>The type whose name the JSON string has, or null.</summary>
    /// <param name="name">The string.</param>
    /// <param name="guess">The type that is tried first: most tensors of a file are of one type.</param>
    public static DType? Find(ref Utf8JsonReader name, DType? guess)
    {
        if (guess is not null && name.ValueTextEquals(s_utf8Names[Rank(guess)]))
        {
            return guess;
        }
        int index = 0;
        while (index < s_utf8Names.Length && !name.ValueTextEquals(s_utf8Names[index]))
        {
            index++;
        }
        return index < s_types.Length ? s_types[index] : null;
    }
}
