namespace Weights.Pickle;

/// <summary>
/// Numbered values of a pickle. Python numbers them from 0 on; a stream that numbers them otherwise costs no more memory for it.
/// </summary>
internal sealed class PickleMemo
{
    private const int PieceLength = 1 << 12;
    private const int FirstLength = 1 << 5; // Most pickles number a few.

    // In pieces: a list that doubles touches three times the memory, and a stream may number every byte of it.
    private readonly List<Numbered[]> _dense = [];
    private int _count;

    // Seeded per process: with plain integer hashing, indices that are multiples of the table's size make it quadratic.
    private Dictionary<uint, PickleNode> _sparse = new(SeededHash.Instance);

    // To clear a table costs its size, not what is in it: one that grew is not kept for a hundred thousand small pickles after.
    private const int LargestKept = 1 << 10;

    /// <summary>How many values it has.</summary>
    public int Count => _count + _sparse.Count;

    /// <summary>Forgets all values, and keeps the memory for others.</summary>
    public void Clear()
    {
        for (int piece = 0; _count > 0; piece++)
        {
            int used = Math.Min(_count, _dense[piece].Length);
            _dense[piece].AsSpan(0, used).Clear();
            _count -= used;
        }
        if (_sparse.Count > LargestKept)
        {
            _sparse = new(SeededHash.Instance);
        }
        _sparse.Clear();
    }

    public void Put(uint index, PickleNode node)
    {
        if (index < _count)
        {
            _dense[(int)(index / PieceLength)][index % PieceLength].Node = node;
        }
        else if (index == _count)
        {
            int piece = (int)(index / PieceLength);
            if (piece == _dense.Count)
            {
                _dense.Add(new Numbered[index == 0 ? FirstLength : PieceLength]);
            }
            else if (index == FirstLength && _dense[0].Length == FirstLength)
            {
                Numbered[] first = _dense[0];
                Array.Resize(ref first, PieceLength);
                _dense[0] = first;
            }
            _dense[piece][index % PieceLength].Node = node;
            _count++;
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

    public PickleNode? Get(uint index) => index < _count ? _dense[(int)(index / PieceLength)][index % PieceLength].Node : _sparse.GetValueOrDefault(index);

    // Arrays of classes ask at each write what they are arrays of; those of structures do not.
    private struct Numbered
    {
        public PickleNode Node;
    }
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
