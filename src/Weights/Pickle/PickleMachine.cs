namespace Weights.Pickle;

/// <summary>
/// Decodes one pickle, <c>opcode [argument] … STOP</c>, to inert nodes: a loop over a stack of its own, so that no depth of nesting is
/// a depth of calls. It imports, instantiates and calls nothing, and knows no name.
/// <see href="https://github.com/python/cpython/blob/main/Lib/pickletools.py"/>
/// </summary>
/// <remarks>
/// What it does to the stack is what Python does; what Python would do to objects of unknown classes is written down in them. Every name and
/// call is in <see cref="Globals"/> and <see cref="Calls"/>, or handed to the <see cref="Judge"/>, even of a stream that breaks off.
/// </remarks>
internal sealed partial class PickleMachine
{
    /// <summary>Newest protocol there is.</summary>
    public const int LastProtocol = 5;

    /// <summary>Bytes of an opcode that count as work: what is as long as that is copied, or left where it is.</summary>
    private const int MostBytesCharged = 4;

    private readonly PickleCursor _cursor;
    private readonly List<PickleNode> _stack = [];
    private readonly List<int> _marks = []; // Height of the stack at each mark.
    private readonly PickleMemo _memo = new();
    private readonly List<PickleGlobal> _globals = [];
    private readonly List<PickleCall> _calls = [];
    private readonly List<PicklePersistentId> _persistentIds = [];
    private long _at; // Where the current opcode stands.
    private int _objects;
    private long _memory;

    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="name">What the stream is called in messages.</param>
    /// <param name="start">Where in <paramref name="source"/> it begins.</param>
    public PickleMachine(ByteSource source, string name, long start = 0)
        : this(new PickleCursor(source, name, start))
    {
    }

    /// <param name="cursor">Where the stream begins; another pickle may follow it and be read through the same window.</param>
    public PickleMachine(PickleCursor cursor) => _cursor = cursor;

    /// <summary>Who judges the stream while it is read; null for whoever wants its values.</summary>
    public PickleJudge? Judge { get; init; }

    /// <summary>
    /// Whether lists, sets and dicts have all of their items, and <see cref="PersistentIds"/> all ids. A judge does without: then of a container the
    /// first items are kept, as many as are ever shown, and what is telling.
    /// </summary>
    public bool KeepsValues { get; set; } = true;

    /// <summary>Most opcodes that are read; fewer where several pickles share an allowance.</summary>
    public int MostOpcodes { get; set; } = PickleLimits.Opcodes;

    /// <summary>Short texts met so far, which the pickles of one file may share.</summary>
    public PickleTexts Texts { get; init; } = new();

    /// <summary>Opcodes read so far.</summary>
    public int Opcodes { get; private set; }

    /// <summary>
    /// What they cost so far: an opcode its bytes, of which no more than <see cref="MostBytesCharged"/> count, and one that states a name all of its bytes. A
    /// stream as it lies in a file so never costs more than its length; one that is inflated may.
    /// </summary>
    public long Work { get; private set; }

    /// <summary>Most that they may cost.</summary>
    public long MostWork { get; set; } = long.MaxValue;

    /// <summary>Most containers, names and calls; more than <see cref="PickleLimits.Objects"/> where an honest stream has so many.</summary>
    public int MaxObjects { get; init; } = PickleLimits.Objects;

    /// <summary>
    /// Most bytes of memory that its values take, roughly; for whoever reads streams of strangers. Those of an honest stream take up to
    /// twenty times its bytes, those that a hostile one makes up to fifty times.
    /// </summary>
    public long MostMemory { get; set; } = long.MaxValue;

    /// <summary>Bytes that they take so far, roughly.</summary>
    public long Memory => _memory;

    /// <summary>Every name of a class or function, in the order of the stream.</summary>
    public IReadOnlyList<PickleGlobal> Globals => _globals;

    /// <summary>Every call, in the order of the stream; where there is a judge, those that he has yet to judge.</summary>
    public IReadOnlyList<PickleCall> Calls => _calls;

    /// <summary>Every value kept outside, in the order of the stream.</summary>
    public IReadOnlyList<PicklePersistentId> PersistentIds => _persistentIds;

    /// <summary>Offset of the byte after what has been read; after <see cref="Run"/>, of what follows the pickle.</summary>
    public long End => _cursor.Position;

    /// <summary>Forgets what has been read, so that another pickle can be read with the same memory, from where the cursor stands.</summary>
    public void Restart()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        _globals.Clear();
        _calls.Clear();
        _persistentIds.Clear();
        _named.Clear();
        _standIns.Clear();
        (Opcodes, Work, _objects, _memory, _builds) = (0, 0, 0, 0, 0);
    }

    /// <summary>Reads up to STOP.</summary>
    /// <returns>The pickle's value.</returns>
    /// <exception cref="WeightFileException">The stream is damaged or costs more than <see cref="PickleLimits"/> allow.</exception>
    public PickleNode Run()
    {
        _at = _cursor.Position;
        while (true)
        {
            long before = _at;
            _at = _cursor.Position;
            Work += Math.Min(_at - before, MostBytesCharged);
            if (Work > MostWork)
            {
                throw Refuse(Fault.Unsupported, "the file's pickles are more work, for what the file weighs, than is granted");
            }
            PickleOpcode opcode = (PickleOpcode)_cursor.ReadByte(_at);
            if (++Opcodes > MostOpcodes)
            {
                throw Refuse(Fault.Unsupported, $"the pickle has more than {MostOpcodes:N0} opcodes");
            }
            if (opcode == PickleOpcode.Stop)
            {
                return Pop();
            }
            if (!(Scalar(opcode) || Container(opcode) || Memo(opcode) || Object(opcode)))
            {
                throw Refuse(Fault.Corrupt, $"0x{(byte)opcode:x2} is no pickle opcode; the file is damaged");
            }
        }
    }

    /// <summary>Looks through what follows a break, from the opcode that could not be read, for names.</summary>
    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="mostNames">Most names that are kept.</param>
    public PickleSweep Sweep(ByteSource source, int mostNames) => new(source, _at, _memo, [.. _stack.TakeLast(2).OfType<PickleText>()]) { MostNames = mostNames };

    /// <summary>Where the opcode stands that was read last.</summary>
    public long At => _at;

    private bool Memo(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Put:
                Number(ReadIndex());
                break;
            case PickleOpcode.BinPut:
                Number(_cursor.ReadByte(_at));
                break;
            case PickleOpcode.LongBinPut:
                Number(_cursor.ReadUInt32(_at));
                break;
            case PickleOpcode.Memoize:
                Number((uint)_memo.Count);
                break;
            case PickleOpcode.Get:
                Push(Recall(ReadIndex()));
                break;
            case PickleOpcode.BinGet:
                Push(Recall(_cursor.ReadByte(_at)));
                break;
            case PickleOpcode.LongBinGet:
                Push(Recall(_cursor.ReadUInt32(_at)));
                break;
            case PickleOpcode.Dup:
                Push(Top());
                break;
            case PickleOpcode.Mark:
                if (_marks.Count >= PickleLimits.Marks)
                {
                    throw Refuse(Fault.Unsupported, $"the pickle nests deeper than {PickleLimits.Marks:N0} marks");
                }
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.Pop when _stack.Count == Floor && _marks.Count > 0:
                _marks.RemoveAt(_marks.Count - 1);
                break;
            case PickleOpcode.Pop:
                Pop();
                break;
            case PickleOpcode.PopMark:
                Drop(FromMark().Length);
                break;
            case PickleOpcode.Proto:
                if (_cursor.ReadByte(_at) is > LastProtocol and byte version)
                {
                    throw Refuse(Fault.Unsupported, $"the pickle has protocol {version}; protocols up to {LastProtocol} are read");
                }
                break;
            case PickleOpcode.Frame:
                _cursor.ReadLength64(_at);
                break;
            default:
                return false;
        }
        return true;
    }

    private void Number(uint index)
    {
        const int sparseBytes = 192; // Of which half is what it costs to find a place in a table that no cache holds.
        Charge(index <= _memo.Count ? IntPtr.Size : sparseBytes);
        _memo.Put(index, Top());
    }

    private PickleNode Recall(uint index) =>
        _memo.Get(index) ?? throw Refuse(Fault.Corrupt, $"the pickle refers to its value number {index}, which there is not; it is damaged");

    private uint ReadIndex() => PickleNumbers.ParseInteger(_cursor.ReadLine(PickleLimits.NameLine, _at)) is PickleInteger { Value: >= 0 and <= uint.MaxValue } index
        ? (uint)index.Value
        : throw Refuse(Fault.Corrupt, "the pickle numbers a value with something that is no number of 32 bits; it is damaged");

    // The part of the stack below the last mark is out of reach.
    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private void Push(PickleNode node)
    {
        if (_stack.Count >= PickleLimits.Stack)
        {
            throw Refuse(Fault.Unsupported, $"the pickle has more than {PickleLimits.Stack:N0} values waiting on its stack");
        }
        _stack.Add(node);
    }

    /// <summary>Pushes what takes a place in memory of its own.</summary>
    private void PushNew(PickleNode node)
    {
        if (++_objects > MaxObjects)
        {
            throw Refuse(Fault.Unsupported, $"the pickle has more than {MaxObjects:N0} containers, names and calls");
        }
        Push(node);
    }

    // Before it is made, roughly.
    private void Charge(int bytes)
    {
        _memory += bytes;
        if (_memory > MostMemory)
        {
            throw Refuse(Fault.Unsupported, $"the pickle's values take more than the {MostMemory:N0} bytes of memory that one of its length is granted");
        }
    }

    private PickleNode Top() => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private PickleNode Pop()
    {
        PickleNode top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    /// <summary>Everything above the last mark, which is taken away; the values stay on the stack until they are dropped.</summary>
    private ReadOnlySpan<PickleNode> FromMark()
    {
        if (_marks.Count == 0)
        {
            throw Refuse(Fault.Corrupt, "the pickle closes a group that it did not open; it is damaged");
        }
        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_stack)[mark..];
    }

    private void Drop(int count) => _stack.RemoveRange(_stack.Count - count, count);

    private WeightFileException Underflow() => Refuse(Fault.Corrupt, "the pickle takes more values from its stack than there are; it is damaged");

    private WeightFileException Refuse(Fault fault, string reason) => _cursor.Refuse(fault, reason, _at);
}
