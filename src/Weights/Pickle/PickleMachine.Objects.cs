using Weights.IO;

namespace Weights.Pickle;

// Opcodes that name classes and functions, call them, and give instances their state: all of it is written down, none of it done.
internal sealed partial class PickleMachine
{
    // Calls and states that a judge judges at a time: a call has its state by then, but in streams made to be odd.
    private const int JudgedAtATime = 1 << 12;

    // Of a stream with more names than are nodes of their own.
    private readonly PickleNames<PickleGlobal> _named = new();
    private readonly HashSet<PickleGlobal> _standIns = [];
    private int _builds; // Since calls were judged.

    // A tuple and its array; a global or a call, and its place in the lists; a state that was not the first.
    private const int TupleBytes = 56;
    private const int ObjectBytes = 104;
    private const int StateBytes = 16;

    // No honest stream has one, and its name has to be made up.
    private const int ExtensionWork = 8;

    private bool Object(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Global:
                PushNew(ReadGlobal());
                break;
            case PickleOpcode.StackGlobal:
                PickleNode name = Pop();
                PickleNode module = Pop();
                PushNew(MakeGlobal(module, name));
                break;
            case PickleOpcode.Reduce:
                PickleNode arguments = Pop();
                HandOn([arguments]);
                PushNew(Record(new PickleCall(Pop(), arguments, _at)));
                break;
            case PickleOpcode.NewObj:
                arguments = Pop();
                PushNew(Record(new PickleCall(Pop(), arguments, _at)));
                break;
            case PickleOpcode.NewObjEx:
                PickleNode keywords = Pop();
                arguments = Pop();
                PushNew(Record(new PickleCall(Pop(), arguments, _at) { KeywordArguments = keywords }));
                break;
            case PickleOpcode.Inst:
                PickleGlobal instantiated = ReadGlobal();
                Replace(items => Record(new PickleCall(instantiated, Arguments(items), _at)));
                break;
            case PickleOpcode.Obj:
                Replace(items => items.IsEmpty
                    ? throw Underflow()
                    : Record(new PickleCall(items[0], Arguments(items[1..]), _at)));
                break;
            case PickleOpcode.Build:
                PickleNode state = Pop();
                Build(Top(), state);
                break;
            case PickleOpcode.PersId:
                PushNew(Record(new PicklePersistentId(ReadPersistentLine(), _at)));
                break;
            case PickleOpcode.BinPersId:
                PushNew(Record(new PicklePersistentId(Pop(), _at)));
                break;
            case PickleOpcode.Ext1 when Judge is not null:
                PushNew(Extension(_cursor.ReadByte(_at)));
                break;
            case PickleOpcode.Ext2 when Judge is not null:
                PushNew(Extension(_cursor.ReadUInt16(_at)));
                break;
            case PickleOpcode.Ext4 when Judge is not null:
                PushNew(Extension(_cursor.ReadInt32(_at)));
                break;
            case PickleOpcode.NextBuffer when Judge is not null:
                Push(new PickleBytes(MemoryBytes.Empty));
                break;
            case PickleOpcode.ReadOnlyBuffer when Judge is not null:
                Top();
                break;
            case PickleOpcode.Ext1 or PickleOpcode.Ext2 or PickleOpcode.Ext4:
                throw Refuse(Fault.Unsupported, "the pickle names a class by its number in Python's extension registry, which the file does not hold");
            case PickleOpcode.NextBuffer or PickleOpcode.ReadOnlyBuffer:
                throw Refuse(Fault.Unsupported, "the pickle keeps a buffer outside of itself (protocol 5), which the file does not hold");
            default:
                return false;
        }
        return true;
    }

    private void Build(PickleNode target, PickleNode state)
    {
        if (target is not PickleObject instance)
        {
            throw Refuse(Fault.Corrupt, $"the pickle gives a state to {target.Kind}; it is damaged");
        }
        HandOn([state]);
        Charge(StateBytes);
        if (IsJudged(instance))
        {
            Judge!.JudgeLateState((PickleCall)instance, state);
        }
        instance.Build(state);
        if (Judge is not null && ++_builds >= JudgedAtATime)
        {
            JudgeCalls();
        }
    }

    private static bool IsJudged(PickleNode node) => (node.Notes & PickleNotes.IsJudged) != 0;

    /// <summary>Has the judge judge the calls that he has yet to judge.</summary>
    public void JudgeCalls()
    {
        Judge!.Judge(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_calls));
        _calls.Clear();
        _builds = 0;
    }

    private PickleTuple Arguments(ReadOnlySpan<PickleNode> items)
    {
        HandOn(items);
        Charge(TupleBytes + (IntPtr.Size * items.Length));
        return new PickleTuple(items.ToArray());
    }

    // Who gets them may call them, with what cannot be told.
    private void HandOn(ReadOnlySpan<PickleNode> items)
    {
        if (Judge is null)
        {
            return;
        }
        foreach (PickleNode item in items)
        {
            if (item is PickleGlobal global)
            {
                global.IsHandedOn = true;
            }
        }
    }

    private PickleGlobal ReadGlobal()
    {
        string module = ReadName();
        string name = ReadName();
        ChargeLine();
        return Named(module, name);
    }

    // All bytes of an opcode that are read one by one.
    private void ChargeLine() => Work += Math.Max(0, _cursor.Position - _at - MostBytesCharged);

    private string ReadName() => Texts.GetName(_cursor.ReadLine(PickleLimits.NameLine, _at))
        ?? throw Refuse(Fault.Corrupt, "the pickle names a module or class in something that is no UTF-8; it is damaged");

    private PickleGlobal MakeGlobal(PickleNode module, PickleNode name)
    {
        if (module is PickleText { Length: <= PickleLimits.NameLine } moduleText && name is PickleText { Length: <= PickleLimits.NameLine } nameText)
        {
            return Named(moduleText.Text, nameText.Text);
        }
        bool mayBeText = module is PickleText or PickleObject && name is PickleText or PickleObject;
        return mayBeText
            ? Named(Short(module), Short(name), isComputed: true)
            : throw Refuse(Fault.Corrupt, $"the pickle names a class by {module.Kind} and {name.Kind}; it is damaged");
    }

    private static string Short(PickleNode name) => name is PickleText { Length: <= PickleLimits.NameLine } text ? text.Text : "?";

    private PickleText ReadPersistentLine() => PickleText.Decode(_cursor.ReadLine(PickleLimits.NameLine, _at)) is { } id
        ? new PickleText(id)
        : throw Refuse(Fault.Corrupt, "the pickle has a persistent id that is no text; it is damaged");

    private PickleGlobal Extension(long number)
    {
        Work += ExtensionWork;
        PickleGlobal extension = PickleGlobal.Extension(number, _at);
        return Named(extension.Module, extension.Name);
    }

    private PickleGlobal Named(string module, string name, bool isComputed = false)
    {
        if (Judge is null || _globals.Count < PickleLimits.OwnGlobals)
        {
            return New(module, name, isComputed);
        }
        if (_named.Count == 0)
        {
            foreach (PickleGlobal global in _globals)
            {
                PickleName own = new(global.Module, global.Name, global.IsComputed);
                if (_named.Find(own) is null)
                {
                    _named.Add(own, global);
                }
            }
        }
        PickleGlobal? known = _named.Find(new(module, name, isComputed));
        if (known is null)
        {
            known = Judge.StandIn(module, name, isComputed);
            if (known is null)
            {
                known = New(module, name, isComputed);
                _named.Add(new(module, name, isComputed), known);
                return known;
            }
            if (_standIns.Add(known))
            {
                _globals.Add(known);
                return known;
            }
        }
        known.Repeats++;
        return known;
    }

    private PickleGlobal New(string module, string name, bool isComputed)
    {
        Charge(isComputed ? 0 : 2 * (module.Length + name.Length));
        return Record(new PickleGlobal(module, name, _at) { IsComputed = isComputed });
    }

    private PickleGlobal Record(PickleGlobal global)
    {
        Charge(ObjectBytes);
        _globals.Add(global);
        return global;
    }

    private PickleCall Record(PickleCall call)
    {
        Charge(ObjectBytes);
        if (Judge is not null && _calls.Count >= JudgedAtATime)
        {
            JudgeCalls();
        }
        _calls.Add(call);
        return call;
    }

    private PicklePersistentId Record(PicklePersistentId id)
    {
        Charge(ObjectBytes);
        if (KeepsValues)
        {
            _persistentIds.Add(id);
        }
        return id;
    }
}
