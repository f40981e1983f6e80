namespace Weights.Formats;

/// <summary>Refuses element types that a format does not store; nothing is ever cast because of the target alone.</summary>
internal static class TypeCheck
{
    /// <summary>Passes if every tensor's type is one of <paramref name="stored"/>; else says which are not, and how to have them stored.</summary>
    /// <param name="format">Name of the format.</param>
    /// <param name="stored">Types that it stores.</param>
    /// <param name="tensors">What is to be written.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>.</exception>
    public static void Require(string format, IReadOnlyList<DType> stored, IEnumerable<Tensor> tensors)
    {
        List<string> problems = [];
        List<string> casts = [];
        foreach (IGrouping<DType, Tensor> group in tensors.Where(tensor => !stored.Contains(tensor.DType)).GroupBy(static tensor => tensor.DType))
        {
            problems.Add($"{group.Key.Name} ({Some([.. group.Select(static tensor => tensor.Name)])})");
            casts.Add($"--cast {group.Key.Name}={Substitute(group.Key, stored).Name}");
        }
        if (problems.Count > 0)
        {
            throw new WeightFileException(Fault.Unsupported, $"{format} cannot store {string.Join(" or ", problems)}; convert with {string.Join(' ', casts)} or leave out with --exclude");
        }
    }

    private static string Some(List<string> names)
    {
        const int shown = 2;
        string first = string.Join(", ", names.Take(shown).Select(WeightFileException.Quote));
        return names.Count <= shown ? first : $"{first} and {names.Count - shown:N0} more";
    }

    // The narrowest type of the same kind that is no narrower; packed ones become a float that holds all their numbers.
    private static DType Substitute(DType dtype, IReadOnlyList<DType> stored)
    {
        DType[] sameKind = [.. stored.Where(type => type.Kind == dtype.Kind && type.BlockLength == 1)];
        double bits = dtype.BlockLength > 1 && dtype.Kind == DTypeKind.Float ? 16 : dtype.BitsPerElement;
        return sameKind.Where(type => type.BitsPerElement >= bits).MinBy(static type => type.BitsPerElement)
            ?? sameKind.MaxBy(static type => type.BitsPerElement)!;
    }
}
