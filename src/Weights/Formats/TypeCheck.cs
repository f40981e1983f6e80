namespace Weights.Formats;

/// <summary>Refuses element types that a format does not store, or not in every shape; nothing is ever cast because of the target alone.</summary>
internal static class TypeCheck
{
    /// <summary>Passes if every tensor's type is one of <paramref name="stored"/>; else says which are not, and how to have them stored.</summary>
    /// <param name="format">Name of the format.</param>
    /// <param name="stored">Types that it stores.</param>
    /// <param name="tensors">What is to be written.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>.</exception>
    public static void Require(string format, IReadOnlyList<DType> stored, IEnumerable<Tensor> tensors) =>
        Refuse(tensors.Where(tensor => !stored.Contains(tensor.DType)), stored, types => $"{format} cannot store {types}");

    /// <summary>Passes if the elements of packed types (two or four to a byte) fill whole bytes; else says whose do not, and how to have them stored.</summary>
    /// <param name="format">Name of the format.</param>
    /// <param name="stored">Types that it stores.</param>
    /// <param name="tensors">What is to be written.</param>
    /// <param name="byRow">Whether those along the last dimension must, and not just all of them together.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>.</exception>
    public static void RequireWholeBytes(string format, IReadOnlyList<DType> stored, IEnumerable<Tensor> tensors, bool byRow = false)
    {
        bool IsBroken(Tensor tensor) => tensor.DType.PadsLastBlock
            && (!byRow ? tensor.Shape.ElementCount : tensor.Shape.Rank > 0 ? tensor.Shape[tensor.Shape.Rank - 1] : 1) % tensor.DType.BlockLength != 0;
        Refuse(tensors.Where(IsBroken), stored, types => $"{format} stores packed numbers in whole bytes{(byRow ? " along the last dimension" : "")}, which those of {types} do not fill");
    }

    private static void Refuse(IEnumerable<Tensor> refused, IReadOnlyList<DType> stored, Func<string, string> because)
    {
        List<string> types = [];
        List<string> casts = [];
        foreach (IGrouping<DType, Tensor> group in refused.GroupBy(static tensor => tensor.DType))
        {
            types.Add($"{group.Key.Name} ({Some([.. group.Select(static tensor => tensor.Name)])})");
            if (Substitute(group.Key, stored) is { } substitute)
            {
                casts.Add($"--cast {group.Key.Name}={substitute.Name}");
            }
        }
        if (types.Count > 0)
        {
            string remedy = casts.Count == 0 ? "" : $"convert with {string.Join(' ', casts)} or ";
            throw new WeightFileException(Fault.Unsupported, $"{because(string.Join(" or ", types))}; {remedy}leave out with --exclude");
        }
    }

    private static string Some(List<string> names)
    {
        const int shown = 2;
        string first = string.Join(", ", names.Take(shown).Select(WeightFileException.Quote));
        return names.Count <= shown ? first : $"{first} and {names.Count - shown:N0} more";
    }

    // The narrowest type of the same kind that is no narrower; packed and quantised floats become one that holds all their numbers, and where there
    // are only signed integers, others become those. Null where there is nothing like it.
    private static DType? Substitute(DType dtype, IReadOnlyList<DType> stored)
    {
        if (dtype.Kind == DTypeKind.Quantized)
        {
            return DType.F32;
        }
        if (dtype == DType.F4 && stored.Contains(DType.F8E4M3))
        {
            return DType.F8E4M3;
        }
        return Narrowest(dtype.Kind, dtype.BlockLength > 1 && dtype.Kind == DTypeKind.Float ? 16 : dtype.BitsPerElement, stored) ?? (dtype.Kind switch
        {
            DTypeKind.Bool => Narrowest(DTypeKind.Unsigned, 8, stored) ?? Narrowest(DTypeKind.Signed, 8, stored),
            DTypeKind.Unsigned => Narrowest(DTypeKind.Signed, dtype.BitsPerElement + 1, stored),
            _ => null,
        });
    }

    private static DType? Narrowest(DTypeKind kind, double bits, IReadOnlyList<DType> stored)
    {
        DType[] sameKind = [.. stored.Where(type => type.Kind == kind && type.BlockLength == 1)];
        return sameKind.Where(type => type.BitsPerElement >= bits).MinBy(static type => type.BitsPerElement)
            ?? sameKind.MaxBy(static type => type.BitsPerElement);
    }
}
