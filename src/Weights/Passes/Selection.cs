namespace Weights.Passes;

/// <summary>Keeps some tensors of a checkpoint.</summary>
public static class Selection
{
    /// <summary>
    /// The tensors whose names match one of <paramref name="include"/> (all, when there is none) and none of
    /// <paramref name="exclude"/>, in their order. May be none at all.
    /// </summary>
    /// <param name="checkpoint">Where they are taken from.</param>
    /// <param name="include">What to keep.</param>
    /// <param name="exclude">What to leave out of it.</param>
    /// <param name="ledger">Is told what is left out: one entry for what no pattern includes, one for each pattern that excludes something.</param>
    public static Checkpoint Select(this Checkpoint checkpoint, IReadOnlyList<Glob> include, IReadOnlyList<Glob> exclude, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(include);
        ArgumentNullException.ThrowIfNull(exclude);
        ArgumentNullException.ThrowIfNull(ledger);
        List<Tensor> kept = [];
        NameList notIncluded = new();
        NameList[] excluded = [.. exclude.Select(static _ => new NameList())];
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            if (include.Count > 0 && !include.Any(glob => glob.IsMatch(tensor.Name)))
            {
                notIncluded.Add(tensor.Name);
                continue;
            }
            int excluding = FirstMatch(exclude, tensor.Name);
            if (excluding < 0)
            {
                kept.Add(tensor);
            }
            else
            {
                excluded[excluding].Add(tensor.Name);
            }
        }
        if (kept.Count == checkpoint.Tensors.Count)
        {
            return checkpoint;
        }
        if (notIncluded.Count > 0)
        {
            ledger.Add(LedgerKind.LeftOut, notIncluded.ToString(), $"not matching the filter {string.Join(" or ", include.Select(static glob => WeightFileException.Quote(glob.ToString())))}");
        }
        for (int index = 0; index < exclude.Count; index++)
        {
            if (excluded[index].Count > 0)
            {
                ledger.Add(LedgerKind.LeftOut, excluded[index].ToString(), $"excluded by {WeightFileException.Quote(exclude[index].ToString())}");
            }
        }
        return checkpoint.With(kept);
    }

    private static int FirstMatch(IReadOnlyList<Glob> globs, string name)
    {
        for (int index = 0; index < globs.Count; index++)
        {
            if (globs[index].IsMatch(name))
            {
                return index;
            }
        }
        return -1;
    }
}
