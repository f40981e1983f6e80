namespace Weights.Pickle;

/// <summary>
/// Something for each of some thousand names. A hostile stream asks for millions of others, no two the same: that most of them are not here is seen
/// in a few kilobytes, which stay in the processor's cache when the table does not.
/// </summary>
internal sealed class PickleNames<T>
    where T : class
{
    private const int WordBits = 64;
    private const int Words = 1 << 12;

    // Below as many, the table itself is as near.
    private const int FewestFiltered = 1 << 10;

    private Dictionary<PickleName, T> _values = [];
    private ulong[] _filter = [];

    /// <summary>How many there are.</summary>
    public int Count => _values.Count;

    /// <summary>What there is for a name, or null.</summary>
    public T? Find(PickleName name)
    {
        if (_filter.Length > 0)
        {
            int hash = name.GetHashCode();
            if ((_filter[Word(hash)] & Bit(hash)) == 0)
            {
                return null;
            }
        }
        return _values.GetValueOrDefault(name);
    }

    /// <summary>Adds something for a name for which there is nothing yet.</summary>
    public void Add(PickleName name, T value)
    {
        _values.Add(name, value);
        if (_values.Count == FewestFiltered)
        {
            _filter = new ulong[Words];
            foreach (PickleName known in _values.Keys)
            {
                Mark(known.GetHashCode());
            }
        }
        else if (_filter.Length > 0)
        {
            Mark(name.GetHashCode());
        }
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        if (_filter.Length > 0)
        {
            _values = []; // To clear a table costs its size, not what is in it.
        }
        _values.Clear();
        _filter = [];
    }

    private void Mark(int hash) => _filter[Word(hash)] |= Bit(hash);

    private static uint Word(int hash) => unchecked((uint)hash) / WordBits % Words;

    private static ulong Bit(int hash) => 1UL << (int)(unchecked((uint)hash) % WordBits);
}
