using System.Globalization;
using System.Text;

namespace Weights.Pickle;

/// <summary>
/// Walks a stream opcode by opcode without a stack, in order to find the names in it: where a stream broke off, and to tell whether bytes
/// are a pickle at all. It never refuses: what is no opcode, or has no room for its argument, is stepped over.
/// </summary>
internal sealed class PickleSweep
{
    /// <summary>Most bytes that are looked through.</summary>
    public const long Longest = 256L << 20;

    private const int WindowBytes = 1 << 16;

    // Numbered values that are remembered, in case that a name is one: a stream may number every byte of it.
    private const int MostNumbered = 1 << 18;

    // To clear a table costs its size, not what is in it: one that grew is not kept for a hundred thousand small parts after.
    private const int LargestKept = 1 << 10;

    private static readonly bool[] s_isOpcode = [.. Enumerable.Range(0, 256).Select(static value => Enum.IsDefined((PickleOpcode)value))];

    private readonly PickleMemo? _earlier;
    private readonly int _windowBytes;
    private Dictionary<uint, Place> _memo = new(SeededHash.Instance);
    private readonly List<PickleGlobal> _globals = [];
    private readonly PickleNames<PickleGlobal> _named = new();
    private ByteSource _source;
    private byte[] _window = [];
    private long _end;
    private long _windowStart;
    private int _windowLength;
    private long _newline = -1; // The next one after wherever was looked last, so that no byte is searched twice.
    private uint _memoized;
    private uint _highest; // Index of those that are remembered.
    private Place _last;
    private Place _previous;

    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="memo">Values numbered before.</param>
    /// <param name="texts">The last texts before.</param>
    /// <param name="window">Bytes that are read at a time.</param>
    public PickleSweep(ByteSource source, long start, PickleMemo? memo = null, IReadOnlyList<PickleText>? texts = null, int window = WindowBytes)
    {
        (_earlier, _windowBytes) = (memo, window);
        Restart(source, start);
        _memoized = (uint)(memo?.Count ?? 0);
        foreach (PickleText text in texts ?? [])
        {
            Remember(new Place(0, 0, text));
        }
    }

    /// <summary>Forgets what was found, and begins elsewhere with the same memory.</summary>
    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="start">Where to begin.</param>
    [System.Diagnostics.CodeAnalysis.MemberNotNull(nameof(_source))]
    public void Restart(ByteSource source, long start)
    {
        _source = source;
        _end = Math.Min(source.Length, start + Longest);
        if (_window.Length < Math.Min(_windowBytes, _end - start))
        {
            _window = new byte[(int)Math.Min(_windowBytes, Math.Max(_end - start, 2 * _window.Length))];
        }
        (Position, _windowStart, _windowLength, _newline) = (start, 0, 0, -1);
        (Opcodes, HasNames, HasStatedNames, HasCalls, HasStopped, HasJunk) = (0, false, false, false, false, false);
        (HasMoreNames, HasMoreNumbers) = (false, false);
        (_memoized, _highest, _last, _previous) = (0, 0, default, default);
        if (_memo.Count > LargestKept)
        {
            _memo = new(SeededHash.Instance);
        }
        _memo.Clear();
        _globals.Clear();
        _named.Clear();
    }

    /// <summary>Most names that are kept; a file that has more is not what it says in any case.</summary>
    public int MostNames { get; init; } = 1 << 16;

    /// <summary>Whether names are of no more interest once there is a stated one.</summary>
    public bool LooksForOne { get; init; }

    /// <summary>Names that could be those of Python, each once, in the order of the stream.</summary>
    public IReadOnlyList<PickleGlobal> Globals => _globals;

    /// <summary>Whether an opcode names something, whatever that is called.</summary>
    public bool HasNames { get; private set; }

    /// <summary>Whether <see cref="Globals"/> has one that is stated, not numbered: numbers often look as if they numbered one.</summary>
    public bool HasStatedNames { get; private set; }

    /// <summary>Whether there were more names than are kept.</summary>
    public bool HasMoreNames { get; private set; }

    /// <summary>Whether more values were numbered than are remembered.</summary>
    public bool HasMoreNumbers { get; private set; }

    /// <summary>Where it stands.</summary>
    public long Position { get; private set; }

    /// <summary>Opcodes that were read.</summary>
    public int Opcodes { get; private set; }

    /// <summary>Whether one of them calls something or gives it a state.</summary>
    public bool HasCalls { get; private set; }

    /// <summary>Whether an opcode ended the pickle.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Whether a byte was no opcode, or an argument had no room.</summary>
    public bool HasJunk { get; private set; }

    /// <summary>Whether there is no more of the pickle.</summary>
    public bool IsAtEnd => Position >= _end || HasJunk || HasStopped;

    /// <summary>Everything to the end, over whatever is in between.</summary>
    public PickleSweep Run()
    {
        while (Position < _end)
        {
            Step();
        }
        return this;
    }

    /// <summary>Up to STOP or the first byte that is no opcode, or over as many opcodes.</summary>
    public PickleSweep RunToStop(int most = int.MaxValue)
    {
        while (!IsAtEnd && Opcodes < most)
        {
            Step();
        }
        return this;
    }

    private void Step()
    {
        long at = Position;
        PickleOpcode opcode = (PickleOpcode)ByteAt(at);
        long next = Next(opcode, at + 1);
        if (next < 0)
        {
            HasJunk = true;
            Position = at + 1;
            return;
        }
        Opcodes++;
        Position = next;
        HasNames |= opcode is PickleOpcode.Global or PickleOpcode.Inst or PickleOpcode.StackGlobal or PickleOpcode.Ext1 or PickleOpcode.Ext2 or PickleOpcode.Ext4;
        HasStopped |= opcode == PickleOpcode.Stop;
        HasCalls |= opcode is PickleOpcode.Inst or PickleOpcode.Reduce or PickleOpcode.Build or PickleOpcode.Obj or PickleOpcode.NewObj or PickleOpcode.NewObjEx;
        if (!(LooksForOne && HasStatedNames))
        {
            Note(opcode, at, next);
        }
    }

    // Where the argument ends; negative where there is no such opcode, or no room.
    private long Next(PickleOpcode opcode, long at)
    {
        long next = opcode switch
        {
            PickleOpcode.Int or PickleOpcode.Long or PickleOpcode.Float or PickleOpcode.String or PickleOpcode.Unicode
                or PickleOpcode.PersId or PickleOpcode.Get or PickleOpcode.Put => AfterLine(at),
            PickleOpcode.Global or PickleOpcode.Inst => AfterLine(at) is >= 0 and long second ? AfterLine(second) : -1,
            PickleOpcode.ShortBinString or PickleOpcode.ShortBinBytes or PickleOpcode.ShortBinUnicode or PickleOpcode.Long1 => AfterCounted(at, 1),
            PickleOpcode.BinString or PickleOpcode.BinUnicode or PickleOpcode.BinBytes or PickleOpcode.Long4 => AfterCounted(at, 4),
            PickleOpcode.BinUnicode8 or PickleOpcode.BinBytes8 or PickleOpcode.ByteArray8 => AfterCounted(at, 8),
            PickleOpcode.BinInt1 or PickleOpcode.BinGet or PickleOpcode.BinPut or PickleOpcode.Proto or PickleOpcode.Ext1 => at + 1,
            PickleOpcode.BinInt2 or PickleOpcode.Ext2 => at + 2,
            PickleOpcode.BinInt or PickleOpcode.LongBinGet or PickleOpcode.LongBinPut or PickleOpcode.Ext4 => at + 4,
            PickleOpcode.BinFloat or PickleOpcode.Frame => at + 8,
            _ => s_isOpcode[(byte)opcode] ? at : -1,
        };
        return next <= _end ? next : -1;
    }

    private long AfterCounted(long at, int width)
    {
        if (at + width > _end)
        {
            return -1;
        }
        ulong length = 0;
        for (int index = 0; index < width; index++)
        {
            length |= (ulong)ByteAt(at + index) << (8 * index);
        }
        return length <= (ulong)(_end - at - width) ? at + width + (long)length : -1;
    }

    private long AfterLine(long at)
    {
        if (_newline < at && _newline != long.MaxValue)
        {
            _newline = FindNewline(at);
        }
        return _newline == long.MaxValue ? -1 : _newline + 1;
    }

    private long FindNewline(long at)
    {
        if (at >= _end)
        {
            return long.MaxValue;
        }
        ByteAt(at);
        int index = (int)(at - _windowStart);
        int near = _window.AsSpan(index, _windowLength - index).IndexOf((byte)'\n');
        if (near >= 0)
        {
            return at + near;
        }
        // The window stays where it is: the search may run far ahead of the walk.
        Span<byte> chunk = stackalloc byte[4096];
        for (long position = _windowStart + _windowLength; position < _end; position += chunk.Length)
        {
            Span<byte> part = chunk[..(int)Math.Min(chunk.Length, _end - position)];
            _source.Read(position, part);
            if (part.IndexOf((byte)'\n') is >= 0 and int found)
            {
                return position + found;
            }
        }
        return long.MaxValue;
    }

    private void Note(PickleOpcode opcode, long at, long next)
    {
        switch (opcode)
        {
            case PickleOpcode.Global or PickleOpcode.Inst:
                NoteLines(at, next);
                break;
            case PickleOpcode.StackGlobal:
                Add(Text(_previous), Text(_last), at);
                break;
            case PickleOpcode.Ext1 or PickleOpcode.Ext2 or PickleOpcode.Ext4 when !IsFull():
                _globals.Add(PickleGlobal.Extension(ByteAt(at + 1), at));
                break;
            case PickleOpcode.ShortBinUnicode or PickleOpcode.ShortBinString:
                Remember(new Place(at + 2, next - at - 2));
                break;
            case PickleOpcode.BinUnicode or PickleOpcode.BinString:
                Remember(new Place(at + 5, next - at - 5));
                break;
            case PickleOpcode.BinUnicode8:
                Remember(new Place(at + 9, next - at - 9));
                break;
            case PickleOpcode.Unicode:
                Remember(new Place(at + 1, next - at - 2));
                break;
            case PickleOpcode.String:
                Remember(new Place(at + 2, Math.Max(0, next - at - 4)));
                break;
            case PickleOpcode.Memoize:
                Number(_memoized);
                break;
            case PickleOpcode.BinPut:
                Number(ByteAt(at + 1));
                break;
            case PickleOpcode.LongBinPut:
                Number(UInt32At(at + 1));
                break;
            case PickleOpcode.BinGet:
                Recall(ByteAt(at + 1));
                break;
            case PickleOpcode.LongBinGet:
                Recall(UInt32At(at + 1));
                break;
            case PickleOpcode.Put or PickleOpcode.Get:
                NoteIndex(opcode, at, next);
                break;
            default:
                break;
        }
    }

    private void NoteLines(long at, long next)
    {
        string? both = Text(new Place(at + 1, next - at - 2));
        int end = both?.IndexOf('\n') ?? -1;
        Add(end < 0 ? null : both![..end], end < 0 ? null : both![(end + 1)..], at);
    }

    private void NoteIndex(PickleOpcode opcode, long at, long next)
    {
        if (!TryParse(new Place(at + 1, next - at - 2), out uint index))
        {
            return;
        }
        if (opcode == PickleOpcode.Get)
        {
            Recall(index);
        }
        else
        {
            Number(index);
        }
    }

    private bool TryParse(Place digits, out uint number)
    {
        long start = digits.Start - _windowStart;
        return start >= 0 && start + digits.Length <= _windowLength && digits.Length is > 0 and <= 2 * PickleLimits.NameLine
            ? uint.TryParse(_window.AsSpan((int)start, (int)digits.Length), NumberStyles.Integer, CultureInfo.InvariantCulture, out number)
            : uint.TryParse(Text(digits), NumberStyles.Integer, CultureInfo.InvariantCulture, out number);
    }

    private void Number(uint index)
    {
        _memoized++;
        // An index beyond all others is not there yet, which is sooner known than found.
        if (_memo.Count < MostNumbered || (index <= _highest && _memo.ContainsKey(index)))
        {
            _memo[index] = _last;
            _highest = Math.Max(_highest, index);
        }
        else
        {
            HasMoreNumbers = true;
        }
    }

    private void Recall(uint index)
    {
        if (_memo.TryGetValue(index, out Place place))
        {
            Remember(place);
        }
        else if (_earlier?.Get(index) is PickleText text)
        {
            Remember(new Place(0, 0, text));
        }
    }

    private void Remember(Place place) => (_previous, _last) = (_last, place);

    private string? Text(Place place)
    {
        if (place.Known is { Length: <= PickleLimits.NameLine } known)
        {
            return known.Text;
        }
        if (place.Length is <= 0 or > 2 * PickleLimits.NameLine)
        {
            return null;
        }
        long index = place.Start - _windowStart;
        if (index >= 0 && index + place.Length <= _windowLength)
        {
            return Encoding.Latin1.GetString(_window, (int)index, (int)place.Length);
        }
        byte[] bytes = new byte[place.Length];
        _source.Read(place.Start, bytes);
        return Encoding.Latin1.GetString(bytes);
    }

    private void Add(string? module, string? name, long at)
    {
        if (module is not null && name is not null && IsName(module) && IsName(name))
        {
            HasStatedNames = true;
            if (_named.Find(new(module, name)) is { } known)
            {
                known.Repeats++;
            }
            else if (!IsFull())
            {
                PickleGlobal global = new(module, name, at);
                _globals.Add(global);
                _named.Add(new(module, name), global);
            }
        }
    }

    // A file may have millions.
    private bool IsFull() => HasMoreNames |= _globals.Count >= MostNames;

    // Identifiers with dots between, as modules may be called, also with hyphens: what happens to stand in the bytes of tensors is not taken for a name.
    private static bool IsName(string text)
    {
        bool starts = true;
        foreach (char letter in text)
        {
            if (letter == '.' ? starts : !(char.IsAsciiLetter(letter) || letter == '_' || (!starts && (char.IsAsciiDigit(letter) || letter == '-'))))
            {
                return false;
            }
            starts = letter == '.';
        }
        return !starts;
    }

    private uint UInt32At(long at) => ByteAt(at) | ((uint)ByteAt(at + 1) << 8) | ((uint)ByteAt(at + 2) << 16) | ((uint)ByteAt(at + 3) << 24);

    private byte ByteAt(long at)
    {
        long index = at - _windowStart;
        if (index < 0 || index >= _windowLength)
        {
            _windowLength = (int)Math.Min(_window.Length, _source.Length - at);
            _source.Read(at, _window.AsSpan(0, _windowLength));
            (_windowStart, index) = (at, 0);
        }
        return _window[index];
    }

    /// <summary>Where a text stands, or the text where it was read before the break.</summary>
    private readonly record struct Place(long Start, long Length, PickleText? Known = null);
}
