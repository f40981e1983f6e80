namespace Weights.Pickle;

// Opcodes that make and fill tuples, lists, dicts and sets.
internal sealed partial class PickleMachine
{
    // Without their items.
    private const int ListBytes = 80;
    private const int DictBytes = 88;

    // Items of a container that is not kept: more are never shown.
    private const int FirstItems = 9;

    private bool Container(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.EmptyTuple:
                Push(PickleTuple.Empty);
                break;
            case PickleOpcode.EmptyList:
                Charge(ListBytes);
                PushNew(new PickleList());
                break;
            case PickleOpcode.EmptyDict:
                Charge(DictBytes);
                PushNew(new PickleDict());
                break;
            case PickleOpcode.EmptySet:
                Charge(ListBytes);
                PushNew(new PickleSet());
                break;
            case PickleOpcode.Tuple1:
                PushTuple(1);
                break;
            case PickleOpcode.Tuple2:
                PushTuple(2);
                break;
            case PickleOpcode.Tuple3:
                PushTuple(3);
                break;
            case PickleOpcode.Tuple:
                Replace(items => items.IsEmpty ? PickleTuple.Empty : Arguments(items));
                break;
            case PickleOpcode.List:
                Replace(items =>
                {
                    HandOn(items);
                    Charge(ListBytes + (IntPtr.Size * items.Length));
                    return new PickleList([.. Kept(items, 0)]);
                });
                break;
            case PickleOpcode.FrozenSet:
                Replace(items =>
                {
                    HandOn(items);
                    Charge(ListBytes + (IntPtr.Size * items.Length));
                    return new PickleSet([.. Kept(items, 0)], isFrozen: true);
                });
                break;
            case PickleOpcode.Dict:
                PushDict();
                break;
            case PickleOpcode.Append:
                PickleNode item = Pop();
                Extend(Top(), [item]);
                break;
            case PickleOpcode.Appends or PickleOpcode.AddItems:
                ReadOnlySpan<PickleNode> items = FromMark();
                Extend(Below(items.Length), items, isSet: opcode == PickleOpcode.AddItems);
                Drop(items.Length);
                break;
            case PickleOpcode.SetItem:
                PickleNode value = Pop();
                PickleNode key = Pop();
                Set(Top(), [key, value]);
                break;
            case PickleOpcode.SetItems:
                ReadOnlySpan<PickleNode> pairs = FromMark();
                Set(Below(pairs.Length), pairs);
                Drop(pairs.Length);
                break;
            default:
                return false;
        }
        return true;
    }

    private delegate PickleNode Maker(ReadOnlySpan<PickleNode> items);

    private void Replace(Maker make)
    {
        ReadOnlySpan<PickleNode> items = FromMark();
        PickleNode made = make(items);
        Drop(items.Length);
        PushNew(made);
    }

    private void PushTuple(int count)
    {
        if (_stack.Count - Floor < count)
        {
            throw Underflow();
        }
        PickleTuple tuple = Arguments(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_stack)[^count..]);
        Drop(count);
        PushNew(tuple);
    }

    private void PushDict()
    {
        Charge(DictBytes);
        PickleDict dict = new();
        Set(dict, FromMark(), out int count);
        Drop(count);
        PushNew(dict);
    }

    // The value that a group stands on.
    private PickleNode Below(int count) => _stack.Count - count > Floor ? _stack[^(count + 1)] : throw Underflow();

    // Those that a container with so many keeps.
    private ReadOnlySpan<PickleNode> Kept(ReadOnlySpan<PickleNode> items, int count) => KeepsValues ? items : items[..Math.Clamp(FirstItems - count, 0, items.Length)];

    private void Extend(PickleNode target, ReadOnlySpan<PickleNode> items, bool isSet = false)
    {
        HandOn(items);
        Charge(2 * IntPtr.Size * items.Length);
        switch (target)
        {
            case PickleList list when !isSet:
                list.Add(Kept(items, list.Count));
                break;
            case PickleSet { IsFrozen: false } set when isSet:
                set.Add(Kept(items, set.Count));
                break;
            case PickleObject instance:
                bool isFirst = !instance.HasItems;
                instance.Add(Kept(items, instance.Items?.Count ?? 0));
                AfterItems(instance, isFirst);
                break;
            default:
                throw Refuse(Fault.Corrupt, $"the pickle adds items to {target.Kind}; it is damaged");
        }
    }

    private void AfterItems(PickleObject instance, bool areFirst)
    {
        if (areFirst && IsJudged(instance))
        {
            Judge!.JudgeLateItems((PickleCall)instance);
        }
    }

    private void Set(PickleNode target, ReadOnlySpan<PickleNode> pairs) => Set(target, pairs, out _);

    private void Set(PickleNode target, ReadOnlySpan<PickleNode> pairs, out int count)
    {
        count = pairs.Length;
        HandOn(pairs);
        Charge(2 * IntPtr.Size * pairs.Length);
        if (pairs.Length % 2 != 0)
        {
            throw Refuse(Fault.Corrupt, "the pickle has a key without a value; it is damaged");
        }
        for (int index = 0; index < pairs.Length; index += 2)
        {
            switch (target)
            {
                case PickleDict dict:
                    Set(dict, pairs[index], pairs[index + 1]);
                    break;
                case PickleObject instance:
                    bool isFirst = !instance.HasItems;
                    if (KeepsValues || isFirst || instance.Entries is null or { Count: < FirstItems })
                    {
                        instance.Add(pairs[index], pairs[index + 1]);
                        AfterItems(instance, isFirst);
                    }
                    break;
                default:
                    throw Refuse(Fault.Corrupt, $"the pickle sets keys of {target.Kind}; it is damaged");
            }
        }
    }

    private void Set(PickleDict dict, PickleNode key, PickleNode value)
    {
        bool isTelling = Judge is not null && value is PickleObject && Judge.IsTelling(key, value);
        if (KeepsValues || dict.Count < FirstItems)
        {
            dict.Add(key, value);
        }
        else if (isTelling)
        {
            dict.Replace((PickleText)key, value, FirstItems);
        }
        if (isTelling)
        {
            dict.Notes &= ~PickleNotes.AttributesKnown;
            if (IsJudged(dict))
            {
                Judge!.JudgeLateEntry(((PickleText)key).Text, _at);
            }
        }
    }
}
