using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>Pickles one after the other in one part of a file, up to its end or to what is none.</summary>
internal sealed class PickleStreams(FileScan scan, ByteSource bytes, string name, int depth)
{
    private PickleNode? _first;
    private IReadOnlyList<PicklePersistentId> _storages = [];
    private long? _storagesEnd;

    /// <summary>Whether bytes are a pickle although nothing says so: of protocol 0 or 1, which have no signature, or broken.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="start">Where to look.</param>
    /// <param name="isWhole">Whether a pickle without any name counts: where nothing else than a pickle is expected.</param>
    public static bool Begin(ByteSource source, long start, bool isWhole)
    {
        PickleSweep sweep = new PickleSweep(source, start, window: 1 << 12).RunToStop();
        return sweep.HasStopped ? sweep.HasStatedNames || (isWhole && sweep.Opcodes > 1) : sweep.HasStatedNames && sweep.HasCalls;
    }

    /// <summary>
    /// Whether bytes begin with the opcode that begins pickles since protocol 2, and do not end as one within a few opcodes without
    /// having named anything: so do lengths and numbers of other formats.
    /// </summary>
    public static bool HasSignature(ByteSource source, long start)
    {
        const int fewest = 8;
        Span<byte> head = stackalloc byte[2];
        if (source.Length - start < head.Length)
        {
            return false;
        }
        source.Read(start, head);
        if (head[0] != (byte)PickleOpcode.Proto || head[1] > PickleMachine.LastProtocol)
        {
            return false;
        }
        PickleSweep sweep = new PickleSweep(source, start, window: 1 << 12).RunToStop(fewest);
        return !sweep.HasJunk || sweep.HasNames;
    }

    /// <summary>Reads and judges them.</summary>
    /// <param name="isFollowed">Whether something else than a pickle is known to follow, and is looked at elsewhere.</param>
    /// <param name="first">Where the first begins.</param>
    public void Scan(bool isFollowed, long first = 0)
    {
        if (IsExhausted(first))
        {
            return;
        }
        PickleCursor cursor = new(bytes, "", first);
        for (int index = 0; cursor.Position < bytes.Length; index++)
        {
            long start = cursor.Position;
            if (index > 0 && !IsNext(start))
            {
                ReportRest(start, isFollowed);
                return;
            }
            if (index >= ScanBudget.MostPickles)
            {
                scan.Fault(name, start, $"there are more than {ScanBudget.MostPickles:N0} pickles one after the other; the rest was only searched for names");
                SweepFrom(start);
                return;
            }
            if (!ScanOne(cursor, index))
            {
                return;
            }
            if (index == LegacyStorages.Pickles - 1 && _first is PickleBigInteger magic && magic.Value == LegacyStorages.Magic)
            {
                if (_storagesEnd is not { } end)
                {
                    scan.Fault(name, cursor.Position, "the storages after the pickles are not all there or do not lie as they should: the file is truncated or damaged");
                    SweepFrom(cursor.Position);
                    return;
                }
                cursor = new PickleCursor(bytes, "", end);
            }
        }
    }

    /// <summary>Reads and judges one.</summary>
    /// <returns>Its value, and where it ends; null where it breaks off.</returns>
    public (PickleNode Value, long End)? ScanSingle(long at)
    {
        PickleCursor cursor = new(bytes, "", at);
        return ScanOne(cursor, 0) && _first is { } value ? (value, cursor.Position) : null;
    }

    /// <summary>Searches everything from a place on for names.</summary>
    public void SweepFrom(long at) => Sweep(at, null);

    private bool IsExhausted(long start)
    {
        if (scan.Budget.Breaks < ScanBudget.MostBreaks && scan.Budget.OpcodesLeft > 0)
        {
            return false;
        }
        scan.Fault(name, start, "so much of the file is broken, or repeated, that this was only searched for names");
        SweepFrom(start);
        return true;
    }

    private bool ScanOne(PickleCursor cursor, int index)
    {
        long start = cursor.Position;
        if (IsExhausted(start))
        {
            return false;
        }
        StreamJudge judge = new(scan.Findings, name, scan.IsTorchScript, (nested, at) => scan.ScanNested(nested, $"{name}[{at}]", depth));
        PickleMachine machine = new(cursor)
        {
            IsLenient = true,
            MostOpcodes = scan.Budget.OpcodesLeft,
            MostMemory = ScanBudget.MemoryOf(bytes.Length - start),
            StandIn = judge.StandIn,
            Texts = scan.Texts,
        };
        try
        {
            PickleNode value = machine.Run();
            _first ??= value;
            // The fourth pickle of a file of five names the storages, the fifth lists them.
            _storagesEnd = index == LegacyStorages.Pickles - 1 ? LegacyStorages.FindEnd(bytes, cursor.Position, value, _storages) : null;
            _storages = machine.PersistentIds;
        }
        catch (WeightFileException error)
        {
            scan.Budget.Breaks++;
            scan.Budget.OpcodesLeft = Math.Max(0, scan.Budget.OpcodesLeft - machine.Opcodes);
            scan.Fault(name, error.Offset, error.Reason);
            judge.Judge(machine);
            Sweep(machine.At, machine);
            return false;
        }
        scan.Budget.OpcodesLeft -= machine.Opcodes;
        judge.Judge(machine);
        scan.AddStream(name, start, cursor.Position - start);
        return true;
    }

    private void Sweep(long start, PickleMachine? broken)
    {
        if (scan.Budget.NamesLeft == 0 || !scan.Budget.TakeSwept(Math.Min(bytes.Length - start, PickleSweep.Longest)))
        {
            scan.Fault(name, start, "the file's parts overlap or repeat so much that the rest was not read");
            return;
        }
        PickleSweep sweep = broken?.Sweep(bytes, scan.Budget.NamesLeft) ?? new PickleSweep(bytes, start) { MostNames = scan.Budget.NamesLeft };
        sweep.Run();
        scan.Budget.NamesLeft -= sweep.Globals.Count;
        new StreamJudge(scan.Findings, name, scan.IsTorchScript, static (_, _) => { }).Judge(sweep);
        if (sweep.HasMoreNames)
        {
            scan.Fault(name, sweep.Position, $"more than {sweep.Globals.Count:N0} names follow a break of the stream; the rest was not read");
        }
        if (sweep.Position < bytes.Length)
        {
            scan.Fault(name, sweep.Position, $"the last {bytes.Length - sweep.Position:N0} bytes after a break of the stream were not read");
        }
    }

    private bool IsNext(long start) => HasSignature(bytes, start) || Begin(bytes, start, isWhole: true);

    private void ReportRest(long start, bool isFollowed)
    {
        if (isFollowed)
        {
            return;
        }
        byte[] buffer = new byte[(int)Math.Min(bytes.Length - start, 1 << 16)];
        for (long at = start; at < bytes.Length; at += buffer.Length)
        {
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes.Length - at));
            bytes.Read(at, chunk);
            // Padding, or the line feed that an editor or a careful writer put there.
            if (chunk.IndexOfAnyExcept("\0\r\n "u8) >= 0)
            {
                scan.Fault(name, start, $"{bytes.Length - start:N0} bytes follow the last pickle that are none");
                return;
            }
        }
    }
}
