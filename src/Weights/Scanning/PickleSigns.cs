using Weights.IO;
using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>Tells pickles from other bytes.</summary>
/// <param name="budget">What that may cost. When it is spent, everything is taken for a pickle, so that whoever reads pickles tells that this was not read.</param>
internal sealed class PickleSigns(ScanBudget budget)
{
    private const int WindowBytes = 1 << 12;
    private const int OpcodesAtATime = 1 << 5;

    // After as many without any that is none, in which something was named, the end tells no more.
    private const int EnoughOpcodes = 1 << 16;

    private readonly PickleSweep _sweep = new(MemoryBytes.Empty, 0, window: WindowBytes) { LooksForOne = true };

    /// <summary>Whether bytes are a pickle although nothing says so: of protocol 0 or 1, which have no signature, or broken.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="start">Where to look.</param>
    /// <param name="isWhole">Whether a pickle without any name counts: where nothing else than a pickle is expected.</param>
    public bool Begin(ByteSource source, long start, bool isWhole)
    {
        _sweep.Restart(source, start);
        int left = budget.SignsLeft;
        for (int most = OpcodesAtATime; most <= left && !IsSure && !_sweep.RunToStop(most).IsAtEnd; most += OpcodesAtATime)
        {
        }
        budget.TakeSigns(_sweep.Position - start);
        return IsSure || (_sweep.HasStopped ? _sweep.HasStatedNames || (isWhole && _sweep.Opcodes > 1) : !_sweep.IsAtEnd);
    }

    // Once it has named and called something, the end tells no more.
    private bool IsSure => _sweep.HasStatedNames && (_sweep.HasCalls || _sweep.Opcodes >= EnoughOpcodes);

    /// <summary>
    /// Whether bytes begin with the opcode that begins pickles since protocol 2, and do not end as one within a few opcodes without
    /// having named anything: so do lengths and numbers of other formats.
    /// </summary>
    public bool HasSignature(ByteSource source, long start)
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
        _sweep.Restart(source, start);
        _sweep.RunToStop(fewest);
        return !_sweep.HasJunk || _sweep.HasNames;
    }
}
