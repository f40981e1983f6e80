namespace Weights.Pickle;

/// <summary>
/// Numbered values of a pickle. Python numbers them from 0 on; a stream that numbers them otherwise costs no more memory for it.
/// </summary>
internal sealed class PickleMemo
{
    private readonly List<PickleNode> _dense = [];

    // Seeded per process: with plain integer hashing, indices that are multiples of the table's size make it quadratic.
    private readonly Dictionary<uint, PickleNode> _sparse = new(SeededHash.Instance);

    /// <summary>How many values it has.</summary>
    public int Count => _dense.Count + _sparse.Count;

    public void Put(uint index, PickleNode node)
    {
        if (index < _dense.Count)
        {
            _dense[(int)index] = node;
        }
        else if (index == _dense.Count)
        {
            _dense.Add(node);
            if (_sparse.Count > 0)
            {
                _sparse.Remove(index);
            }
        }
        else
        {
            _sparse[index] = node;
        }
    }

    public PickleNode? Get(uint index) => index < _dense.Count ? _dense[(int)index] : _sparse.GetValueOrDefault(index);
}

/// <summary>Hashes that differ in each process: numbers as their own hash let a file choose which ones collide.</summary>
internal sealed class SeededHash : IEqualityComparer<long>, IEqualityComparer<uint>
{
    public static SeededHash Instance { get; } = new();

    public bool Equals(long left, long right) => left == right;

    public int GetHashCode(long value) => HashCode.Combine(value);

    public bool Equals(uint left, uint right) => left == right;

    public int GetHashCode(uint value) => HashCode.Combine(value);
}
