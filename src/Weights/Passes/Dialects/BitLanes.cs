using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.Passes.Dialects;

/// <summary>
/// Small integers next to each other in bytes, made numbers eight at a time: eight of b bits are b bytes, so that whichever b is, eights begin with bytes. With AVX2.
/// </summary>
internal readonly struct BitLanes
{
    /// <summary>Integers in a vector.</summary>
    public const int Count = 8;

    /// <summary>Bytes after the last integer that are read, too, and have no influence.</summary>
    public const int Slack = sizeof(ulong);

    private readonly int _bits;
    private readonly Vector256<ulong> _first;
    private readonly Vector256<ulong> _second;

    /// <param name="bits">Bits of an integer, 1 to 8.</param>
    /// <param name="isHighFirst">Whether of two in a byte, of 4 bits, the higher one is the first; else they are from the lowest bit up.</param>
    public BitLanes(int bits, bool isHighFirst = false)
    {
        _bits = bits;
        Vector256<ulong> shifts = Vector256.Create(0ul, 1, 4, 5);
        Vector256<ulong> others = Vector256.Create(2ul, 3, 6, 7);
        Vector256<ulong> flip = Vector256.Create(isHighFirst ? 1ul : 0);
        (_first, _second) = ((shifts ^ flip) * (ulong)bits, (others ^ flip) * (ulong)bits);
    }

    /// <summary>Whether this processor has what it takes.</summary>
    public static bool IsSupported => Avx2.IsSupported;

    /// <summary>Integers, less one.</summary>
    /// <param name="bytes">The integers, and <see cref="Slack"/>.</param>
    /// <param name="zero">What is subtracted.</param>
    /// <param name="values">Receives the first of them, in whole eights.</param>
    /// <returns>How many those are.</returns>
    public int Subtract(ReadOnlySpan<byte> bytes, int zero, Span<float> values)
    {
        Span<Vector256<float>> eights = MemoryMarshal.Cast<float, Vector256<float>>(values);
        ref byte source = ref First(bytes, eights.Length);
        (int bits, Vector256<ulong> first, Vector256<ulong> second) = (_bits, _first, _second);
        Vector256<int> mask = Vector256.Create((1 << bits) - 1);
        Vector256<int> zeros = Vector256.Create(zero);
        for (int index = 0; index < eights.Length; index++)
        {
            eights[index] = Vector256.ConvertToSingle((Eight(ref source, first, second) & mask) - zeros);
            source = ref Unsafe.Add(ref source, bits);
        }
        return eights.Length * Count;
    }

    /// <summary>The numbers that integers of at most 4 bits stand for.</summary>
    /// <param name="bytes">The integers, and <see cref="Slack"/>.</param>
    /// <param name="table">The numbers.</param>
    /// <param name="values">Receives those of the first integers, in whole eights.</param>
    /// <returns>How many those are.</returns>
    public int LookUp(ReadOnlySpan<byte> bytes, ReadOnlySpan<float> table, Span<float> values)
    {
        Span<float> sixteen = stackalloc float[2 * Count];
        sixteen.Clear();
        table.CopyTo(sixteen);
        (Vector256<float> low, Vector256<float> high) = (Vector256.Create<float>(sixteen), Vector256.Create<float>(sixteen[Count..]));
        Span<Vector256<float>> eights = MemoryMarshal.Cast<float, Vector256<float>>(values);
        ref byte source = ref First(bytes, eights.Length);
        (int bits, Vector256<ulong> first, Vector256<ulong> second) = (_bits, _first, _second);
        Vector256<int> mask = Vector256.Create((1 << bits) - 1);
        for (int index = 0; index < eights.Length; index++)
        {
            // The lower three bits say where in a half of the table, the fourth, as a sign, in which.
            Vector256<int> integers = Eight(ref source, first, second) & mask;
            eights[index] = Avx.BlendVariable(Avx2.PermuteVar8x32(low, integers), Avx2.PermuteVar8x32(high, integers), (integers << 28).AsSingle());
            source = ref Unsafe.Add(ref source, bits);
        }
        return eights.Length * Count;
    }

    private ref byte First(ReadOnlySpan<byte> bytes, int eights) => ref MemoryMarshal.GetReference(bytes[..((eights * _bits) + Slack)]);

    // Integers and, above them, what follows: shifted into quarters of a vector, of which the lower halves then move together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Eight(ref byte source, Vector256<ulong> first, Vector256<ulong> second)
    {
        Vector256<ulong> all = Vector256.Create(Unsafe.ReadUnaligned<ulong>(ref source));
        return Avx.Shuffle(Avx2.ShiftRightLogicalVariable(all, first).AsSingle(), Avx2.ShiftRightLogicalVariable(all, second).AsSingle(), 0x88).AsInt32();
    }
}
