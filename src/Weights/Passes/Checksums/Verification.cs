namespace Weights.Passes.Checksums;

/// <summary>How something is not what a manifest says.</summary>
public enum Mismatch
{
    /// <summary>It is not there.</summary>
    Missing,

    /// <summary>It is there, and not in the manifest.</summary>
    Extra,

    /// <summary>It has another shape, or another length.</summary>
    Resized,

    /// <summary>It has another element type.</summary>
    Recast,

    /// <summary>It has other bytes.</summary>
    Changed,
}

/// <summary>A tensor or file that is not what the manifest says.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mismatch">How.</param>
/// <param name="Expected">What the manifest says; null where it says nothing.</param>
/// <param name="Actual">What is there; null where nothing is.</param>
public sealed record Difference(string Name, Mismatch Mismatch, string? Expected, string? Actual);

/// <summary>What came of comparing with a manifest.</summary>
/// <param name="Compared">How many tensors or files both have.</param>
/// <param name="Differences">What is different, in the manifest's order, what is extra last.</param>
public sealed record Verification(int Compared, IReadOnlyList<Difference> Differences)
{
    /// <summary>Whether something was compared and nothing is different.</summary>
    public bool IsGood => Compared > 0 && Differences.Count == 0;

    /// <summary>Compares a checkpoint, digested in the manifest's way, with a manifest.</summary>
    public static Verification Of(Manifest manifest, Checksum checksum)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(checksum);
        Dictionary<string, TensorDigest> actual = checksum.Tensors.ToDictionary(static tensor => tensor.Tensor.Name, StringComparer.Ordinal);
        List<Difference> differences = [];
        int compared = 0;
        foreach (ManifestTensor expected in manifest.Tensors)
        {
            if (!actual.Remove(expected.Name, out TensorDigest? found))
            {
                differences.Add(new Difference(expected.Name, Mismatch.Missing, $"{expected.DType} {Shape(expected)}", null));
                continue;
            }
            compared++;
            Tensor tensor = found.Tensor;
            string digest = Convert.ToHexStringLower(found.Digest);
            Difference? difference = tensor.DType.Name != expected.DType ? new(expected.Name, Mismatch.Recast, expected.DType, tensor.DType.Name)
                : !tensor.Shape.Dimensions.SequenceEqual([.. expected.Shape]) ? new(expected.Name, Mismatch.Resized, Shape(expected), tensor.Shape.ToString())
                : digest != expected.Digest ? new(expected.Name, Mismatch.Changed, expected.Digest, digest)
                : null;
            if (difference is not null)
            {
                differences.Add(difference);
            }
        }
        differences.AddRange(checksum.Tensors.Where(tensor => actual.ContainsKey(tensor.Tensor.Name)).Select(static tensor => new Difference(tensor.Tensor.Name, Mismatch.Extra, null, $"{tensor.Tensor.DType} {tensor.Tensor.Shape}")));
        return new Verification(compared, differences);
    }

    private static string Shape(ManifestTensor tensor) => $"[{string.Join(", ", tensor.Shape)}]";
}
