using Weights.IO;
using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>
/// Pickles one after the other in one part of a file, up to its end or to what is none. Disposing it hands it to the next part: an archive may
/// have a hundred thousand, of which each would touch as much memory again.
/// </summary>
internal sealed class PickleStreams : IDisposable
{
    private readonly FileScan _scan;
    private readonly PickleCursor _cursor = new(MemoryBytes.Empty, "", 0);
    private readonly PickleMachine _machine;
    private readonly StreamJudge _judge;
    private ByteSource _bytes = MemoryBytes.Empty;
    private string _name = "";
    private int _depth;
    private PickleNode? _first;
    private IReadOnlyList<PicklePersistentId> _storages = [];
    private long? _storagesEnd;
    private long _worked; // Of the machine's work, what has been taken from the budget.

    /// <param name="scan">The scan of the file.</param>
    public PickleStreams(FileScan scan)
    {
        _scan = scan;
        _judge = new StreamJudge(scan.Findings, scan.Names, Load, Charge);
        _machine = new PickleMachine(_cursor) { Judge = _judge, Texts = scan.Texts };
    }

    /// <summary>Begins with a part.</summary>
    /// <param name="bytes">The part.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="depth">How deep it is nested.</param>
    public PickleStreams Of(ByteSource bytes, string name, int depth)
    {
        (_bytes, _name, _depth) = (bytes, name, depth);
        (_first, _storages, _storagesEnd) = (null, [], null);
        _judge.Begin(name);
        return this;
    }

    public void Dispose() => _scan.Return(this);

    /// <summary>Reads and judges them.</summary>
    /// <param name="isFollowed">Whether something else than a pickle is known to follow, and is looked at elsewhere.</param>
    /// <param name="first">Where the first begins.</param>
    public void Scan(bool isFollowed, long first = 0)
    {
        if (IsExhausted(first))
        {
            return;
        }
        _cursor.Restart(_bytes, first);
        for (int index = 0; _cursor.Position < _bytes.Length; index++)
        {
            long start = _cursor.Position;
            if (index > 0 && !IsNext(start))
            {
                ReportRest(start, isFollowed);
                return;
            }
            if (index >= ScanBudget.MostPickles)
            {
                _scan.Fault(_name, start, $"there are more than {ScanBudget.MostPickles:N0} pickles one after the other; the rest was only searched for names");
                SweepFrom(start);
                return;
            }
            if (!ScanOne(index))
            {
                return;
            }
            if (index == LegacyStorages.Pickles - 1 && IsLegacy)
            {
                if (_storagesEnd is not { } end)
                {
                    _scan.Fault(_name, _cursor.Position, "the storages after the pickles are not all there or do not lie as they should: the file is truncated or damaged");
                    SweepFrom(_cursor.Position);
                    return;
                }
                _cursor.Restart(_bytes, end);
            }
        }
    }

    /// <summary>Reads and judges one.</summary>
    /// <returns>Its value, and where it ends; null where it breaks off.</returns>
    public (PickleNode Value, long End)? ScanSingle(long at)
    {
        _first = null;
        _cursor.Restart(_bytes, at);
        return ScanOne(0) && _first is { } value ? (value, _cursor.Position) : null;
    }

    /// <summary>Searches everything from a place on for names.</summary>
    public void SweepFrom(long at) => Sweep(at, null);

    private bool IsExhausted(long start)
    {
        if (_scan.Budget.Breaks < ScanBudget.MostBreaks && _scan.Budget.WorkLeft > 0)
        {
            return false;
        }
        _scan.Fault(_name, start, "so much of the file is broken, or repeated, that this was only searched for names");
        SweepFrom(start);
        return true;
    }

    private bool ScanOne(int index)
    {
        const int storages = LegacyStorages.Pickles - 2, keys = LegacyStorages.Pickles - 1;
        long start = _cursor.Position;
        if (IsExhausted(start))
        {
            return false;
        }
        _machine.Restart();
        _judge.Begin(_name);
        // The fourth pickle of a file of five names the storages, the fifth lists them.
        bool areStorages = IsLegacy && index is storages or keys;
        _machine.KeepsValues = areStorages;
        _worked = 0;
        _machine.MostWork = _scan.Budget.WorkLeft;
        _machine.MostMemory = _scan.Budget.MemoryOf(_bytes.Length - start);
        try
        {
            PickleNode value = _machine.Run();
            _first ??= value;
            _storagesEnd = areStorages && index == keys ? LegacyStorages.FindEnd(_bytes, _cursor.Position, value, _storages) : null;
            _storages = areStorages ? [.. _machine.PersistentIds] : [];
        }
        catch (WeightFileException error)
        {
            _scan.Budget.Breaks++;
            _scan.Fault(_name, error.Offset, error.Reason);
            EndJudging();
            Sweep(_machine.At, _machine);
            return false;
        }
        EndJudging();
        _scan.AddStream(_name, start, _cursor.Position - start);
        return true;
    }

    private bool IsLegacy => _first is PickleBigInteger magic && magic.Value == LegacyStorages.Magic;

    private void EndJudging()
    {
        TakeWork();
        _scan.Budget.TakeMemory(_machine.Memory);
        _judge.End(_machine);
    }

    // What judging costs beyond reading.
    private void Charge(long work)
    {
        _machine.MostWork -= work;
        _scan.Budget.TakeWork(work);
    }

    private void TakeWork()
    {
        _scan.Budget.TakeWork(_machine.Work - _worked);
        _worked = _machine.Work;
    }

    // A pickle is judged while it is read, and so is a file in it: what that takes of the allowance is left to neither.
    private void Load(ByteSource? nested, string? broken, long at)
    {
        string nestedName = $"{_name}[{at}]";
        if (nested is null)
        {
            _scan.Fault(nestedName, null, broken!);
            return;
        }
        TakeWork();
        _scan.ScanNested(nested, nestedName, _depth);
        _machine.MostWork = _machine.Work + _scan.Budget.WorkLeft;
    }

    private void Sweep(long start, PickleMachine? broken)
    {
        long bytes = _scan.Budget.NamesLeft == 0 ? 0 : _scan.Budget.TakeSwept(Math.Min(_bytes.Length - start, PickleSweep.Longest));
        if (bytes == 0 && start < _bytes.Length)
        {
            _scan.Fault(_name, start, "the file's parts overlap or repeat so much that the rest was not read");
            return;
        }
        ByteSource searched = _bytes.Slice(0, start + bytes);
        PickleSweep sweep = broken?.Sweep(searched, _scan.Budget.NamesLeft) ?? new PickleSweep(searched, start) { MostNames = _scan.Budget.NamesLeft };
        sweep.Run();
        _scan.Budget.NamesLeft -= sweep.Globals.Count;
        _judge.Judge(sweep);
        if (sweep.HasMoreNames)
        {
            _scan.Fault(_name, sweep.Position, $"more than {sweep.Globals.Count:N0} names follow a break of the stream; the rest was not read");
        }
        if (sweep.HasMoreNumbers)
        {
            _scan.Fault(_name, start, "so many values are numbered after a break of the stream that not all of them were remembered, and some may be names");
        }
        if (sweep.Position < _bytes.Length)
        {
            _scan.Fault(_name, sweep.Position, $"the last {_bytes.Length - sweep.Position:N0} bytes after a break of the stream were not read");
        }
    }

    private bool IsNext(long start) => _scan.Signs.HasSignature(_bytes, start) || _scan.Signs.Begin(_bytes, start, isWhole: true);

    private void ReportRest(long start, bool isFollowed)
    {
        if (isFollowed)
        {
            return;
        }
        byte[] buffer = new byte[(int)Math.Min(_bytes.Length - start, 1 << 16)];
        for (long at = start; at < _bytes.Length; at += buffer.Length)
        {
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, _bytes.Length - at));
            _bytes.Read(at, chunk);
            // Padding, or the line feed that an editor or a careful writer put there.
            if (chunk.IndexOfAnyExcept("\0\r\n "u8) >= 0)
            {
                _scan.Fault(_name, start, $"{_bytes.Length - start:N0} bytes follow the last pickle that are none");
                return;
            }
        }
    }
}
