using System.Text;

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
    public static DType? Find(ref System.Text.Json.Utf8JsonReader name)
    {
        for (int index = 0; index < s_utf8Names.Length; index++)
        {
            if (name.ValueTextEquals(s_utf8Names[index]))
            {
                return s_types[index];
            }
        }
        return null;
    }

    /// <summary>Refuses tensors whose types are not stored: says which, and how to have them stored.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>.</exception>
    public static void Check(IReadOnlyList<Tensor> tensors)
    {
        List<string> problems = [];
        List<string> casts = [];
        foreach (IGrouping<DType, Tensor> group in tensors.Where(static tensor => Rank(tensor.DType) < 0).GroupBy(static tensor => tensor.DType))
        {
            problems.Add($"{group.Key.Name} ({Some([.. group.Select(static tensor => tensor.Name)])})");
            casts.Add($"--cast {group.Key.Name}={Substitute(group.Key).Name}");
        }
        if (problems.Count > 0)
        {
            throw new WeightFileException(Fault.Unsupported, $"safetensors cannot store {string.Join(" or ", problems)}; convert with {string.Join(' ', casts)} or leave out with --exclude");
        }
    }

    /// <summary>The first few of the names, quoted, and how many more there are.</summary>
    public static string Some(IReadOnlyList<string> names)
    {
        const int shown = 2;
        string first = string.Join(", ", names.Take(shown).Select(WeightFileException.Quote));
        return names.Count <= shown ? first : $"{first} and {names.Count - shown:N0} more";
    }

    // The narrowest type of the same kind that is no narrower; blocks with scales become plain F32.
    private static DType Substitute(DType dtype)
    {
        IEnumerable<DType> sameKind = s_types.Where(type => type.Kind == dtype.Kind && type.BlockLength == 1);
        bool isScaled = dtype.BlockLength > 1 && dtype.Kind == DTypeKind.Float;
        double bits = isScaled ? 32 : dtype.BitsPerElement;
        return sameKind.Where(type => type.BitsPerElement >= bits).MinBy(static type => type.BitsPerElement)
            ?? sameKind.MaxBy(static type => type.BitsPerElement)!;
    }
}
