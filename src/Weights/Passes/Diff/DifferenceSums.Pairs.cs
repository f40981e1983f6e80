using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.Passes.Diff;

// How pairs of either type are loaded, and whether tolerances are looked at: parameters of the code for vectors.
internal sealed partial class DifferenceSums
{
    private interface ICounts
    {
        static abstract bool IsElementwise { get; }
    }

    private readonly struct Elementwise : ICounts
    {
        public static bool IsElementwise => true;
    }

    private readonly struct NotElementwise : ICounts
    {
        public static bool IsElementwise => false;
    }

    private interface IPairs<T>
        where T : unmanaged
    {
        // Lanes of Same for each pair.
        static abstract int LanesOfSame { get; }

        static abstract Vector256<double> LoadLow(ref T start, int index);

        static abstract Vector256<double> LoadHigh(ref T start, int index);

        static abstract Vector256<int> Same(ref T startA, ref T startB, int index);

        static abstract Vector256<double> MultiplyAdd(Vector256<double> left, Vector256<double> right, Vector256<double> sum);

        static abstract double Number(T value);
    }

    private readonly struct FloatPairs : IPairs<float>
    {
        public static int LanesOfSame => 1;

        public static Vector256<double> LoadLow(ref float start, int index) => Widen(Vector128.LoadUnsafe(ref start, (nuint)index));

        public static Vector256<double> LoadHigh(ref float start, int index) => Widen(Vector128.LoadUnsafe(ref start, (nuint)index + 4));

        public static Vector256<int> Same(ref float startA, ref float startB, int index) =>
            Vector256.Equals(Vector256.LoadUnsafe(ref startA, (nuint)index).AsInt32(), Vector256.LoadUnsafe(ref startB, (nuint)index).AsInt32());

        // The product of two floats is a double: fused or not, only the sum is rounded.
        public static Vector256<double> MultiplyAdd(Vector256<double> left, Vector256<double> right, Vector256<double> sum) => Vector256.FusedMultiplyAdd(left, right, sum);

        public static double Number(float value) => value;

        private static Vector256<double> Widen(Vector128<float> numbers) => Avx.IsSupported ? Avx.ConvertToVector256Double(numbers) : Vector256.WidenLower(numbers.ToVector256());
    }

    private readonly struct DoublePairs : IPairs<double>
    {
        public static int LanesOfSame => 2;

        public static Vector256<double> LoadLow(ref double start, int index) => Vector256.LoadUnsafe(ref start, (nuint)index);

        public static Vector256<double> LoadHigh(ref double start, int index) => Vector256.LoadUnsafe(ref start, (nuint)index + 4);

        public static Vector256<int> Same(ref double startA, ref double startB, int index) =>
            Vector256.Equals(LoadLow(ref startA, index).AsInt64(), LoadLow(ref startB, index).AsInt64()).AsInt32()
            + Vector256.Equals(LoadHigh(ref startA, index).AsInt64(), LoadHigh(ref startB, index).AsInt64()).AsInt32();

        public static Vector256<double> MultiplyAdd(Vector256<double> left, Vector256<double> right, Vector256<double> sum) => sum + (left * right);

        public static double Number(double value) => value;
    }
}
