namespace Weights.Pickle;

/// <summary>What a stream calls a class or function, as a key: a hostile stream has millions, so that it is quick to hash.</summary>
/// <param name="Module">Its module.</param>
/// <param name="Name">Its name in that.</param>
/// <param name="IsComputed">Whether the stream computes them.</param>
internal readonly record struct PickleName(string Module, string Name, bool IsComputed = false)
{
    // Both are seeded per process.
    public override int GetHashCode() => unchecked((Module.GetHashCode(StringComparison.Ordinal) * 31) + Name.GetHashCode(StringComparison.Ordinal));
}
