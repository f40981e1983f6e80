using System.Numerics;
using System.Runtime.InteropServices;

namespace Weights.Passes.Diff;

/// <summary>
/// The numerical rank of the difference of two matrices: how many directions it takes to say what changed. The difference is multiplied by
/// random vectors (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011), row by row, and the rank is that of the products.
/// </summary>
internal static class DifferenceRank
{
    /// <summary>Highest rank that is told from full. Adapters have 4 to 256.</summary>
    public const int Highest = 256;

    // The products of a difference of full rank fall off slowly; those of a low one drop to the noise of rounding.
    private const int Spare = 16;

    // 256 MB of random numbers.
    private const long MostRandom = 1 << 25;

    /// <summary>The rank; null for a full one, for one above <see cref="Highest"/>, for a difference as small as rounding, for what is no matrix, and for rows of 100,000 and more.</summary>
    public static int? Of(Tensor a, Tensor b, DiffOptions options)
    {
        if (a.Shape.Rank != 2 || a.DType.Components != 1 || b.DType.Components != 1 || a.DType.BlockLength != 1 || b.DType.BlockLength != 1 || a.Shape.ElementCount == 0)
        {
            return null;
        }
        (long rows, long columns) = (a.Shape[0], a.Shape[1]);
        int vectors = (int)Math.Min(Math.Min(rows, columns), Highest + Spare);
        if (columns > MostRandom / vectors)
        {
            return null;
        }
        double[] random = Random((int)columns * vectors);
        double[] gram = new double[vectors * vectors];
        double squares = 0;
        double[] product = new double[vectors];
        double[] rowA = new double[columns];
        double[] rowB = new double[columns];
        byte[] bytesA = new byte[columns * a.DType.BlockBytes];
        byte[] bytesB = new byte[columns * b.DType.BlockBytes];
        for (long row = 0; row < rows; row++)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            a.Bytes.Read(row * bytesA.Length, bytesA);
            b.Bytes.Read(row * bytesB.Length, bytesB);
            a.DType.Decode(bytesA, rowA);
            b.DType.Decode(bytesB, rowB);
            if (!Multiply(rowA, rowB, random, product, ref squares))
            {
                return null;
            }
            AddOuter(gram, product);
        }
        int rank = RankOf(gram, vectors, Noise(a.DType, b.DType) * squares);
        // None at all is a difference that cannot be told from rounding.
        return rank == 0 || rank >= Math.Min(Math.Min(rows, columns), Highest + 1) ? null : rank;
    }

    // Rounding both to the narrower type moves each number by up to this share of it. In squares that is a sixth of what is returned, in each of the random directions.
    private static double Noise(DType a, DType b)
    {
        double Unit(DType dtype) => Math.ScaleB(1, dtype == DType.F64 ? -53 : dtype == DType.F32 ? -24 : dtype == DType.F16 ? -11 : dtype == DType.BF16 ? -9 : dtype.Kind == DTypeKind.Float ? -4 : -53);
        double unitOfBoth = Math.Max(Unit(a), Unit(b));
        return 4 * unitOfBoth * unitOfBoth;
    }

    private static double[] Random(int count)
    {
        Random random = new(20111);
        double[] numbers = new double[count];
        for (int index = 0; index < count; index++)
        {
            numbers[index] = random.NextDouble() < 0.5 ? -1 : 1;
        }
        return numbers;
    }

    private static bool Multiply(double[] rowA, double[] rowB, double[] random, double[] product, ref double squares)
    {
        Array.Clear(product);
        for (int column = 0; column < rowA.Length; column++)
        {
            double difference = rowB[column] - rowA[column];
            if (!double.IsFinite(difference))
            {
                return false;
            }
            squares += Math.Max(rowA[column] * rowA[column], rowB[column] * rowB[column]);
            if (difference != 0)
            {
                AddScaled(random.AsSpan(column * product.Length, product.Length), difference, product);
            }
        }
        return true;
    }

    private static void AddScaled(ReadOnlySpan<double> numbers, double factor, Span<double> sums)
    {
        ReadOnlySpan<Vector<double>> vectors = MemoryMarshal.Cast<double, Vector<double>>(numbers);
        Span<Vector<double>> vectorSums = MemoryMarshal.Cast<double, Vector<double>>(sums);
        for (int index = 0; index < vectors.Length; index++)
        {
            vectorSums[index] += vectors[index] * factor;
        }
        for (int index = vectors.Length * Vector<double>.Count; index < numbers.Length; index++)
        {
            sums[index] += numbers[index] * factor;
        }
    }

    private static void AddOuter(double[] gram, double[] product)
    {
        int size = product.Length;
        for (int row = 0; row < size; row++)
        {
            if (product[row] != 0)
            {
                AddScaled(product, product[row], gram.AsSpan(row * size, size));
            }
        }
    }

    // Pivoted Cholesky: what is left of the diagonal after r steps is what r directions do not explain.
    private static int RankOf(double[] gram, int size, double noise)
    {
        int[] order = [.. Enumerable.Range(0, size)];
        double first = Enumerable.Range(0, size).Max(index => gram[(index * size) + index]);
        double threshold = Math.Max(first * 1e-10, noise);
        for (int step = 0; step < size; step++)
        {
            int pivot = step;
            for (int index = step + 1; index < size; index++)
            {
                pivot = gram[(order[index] * size) + order[index]] > gram[(order[pivot] * size) + order[pivot]] ? index : pivot;
            }
            (order[step], order[pivot]) = (order[pivot], order[step]);
            double diagonal = gram[(order[step] * size) + order[step]];
            if (!(diagonal > threshold))
            {
                return step;
            }
            for (int index = step + 1; index < size; index++)
            {
                double factor = gram[(order[index] * size) + order[step]] / diagonal;
                for (int other = step + 1; other < size; other++)
                {
                    gram[(order[index] * size) + order[other]] -= factor * gram[(order[step] * size) + order[other]];
                }
            }
        }
        return size;
    }
}
