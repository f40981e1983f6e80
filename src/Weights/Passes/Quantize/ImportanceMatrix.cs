using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Weights.IO;

namespace Weights.Passes.Quantize;

/// <summary>
/// How much each column of each matrix matters: the mean square of what it is multiplied by, as llama.cpp's <c>llama-imatrix</c> measures it. It writes
/// GGUF (<c>NAME.in_sum2</c> and <c>NAME.counts</c> for each matrix) or, formerly, a file of its own:
/// <c>i32 matrices | for each: i32 length, name, i32 calls, i32 values, f32 … | i32 chunks | i32 length, name of the text</c>.
/// </summary>
public sealed class ImportanceMatrix
{
    // Models have some thousand matrices with names of some dozen bytes.
    private const int MostMatrices = 1 << 20;
    private const int LongestName = 4096;

    private readonly Dictionary<string, float[]> _values;

    private ImportanceMatrix(string path, Dictionary<string, float[]> values) => (Path, _values) = (path, values);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Names of the matrices.</summary>
    public IReadOnlyCollection<string> Names => _values.Keys;

    /// <summary>Reads the tensors of a file that is a checkpoint, as llama-imatrix writes now.</summary>
    /// <exception cref="WeightFileException">It holds no importances, or damaged ones.</exception>
    public static ImportanceMatrix Of(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return new ImportanceMatrix(checkpoint.Origin.Path, OfCheckpoint(checkpoint));
    }

    /// <summary>Reads a file of its own format, as llama-imatrix wrote formerly.</summary>
    /// <exception cref="WeightFileException">It is none, or damaged.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    public static ImportanceMatrix Of(Input input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ImportanceMatrix(input.Path, OfOwnFile(input.Bytes));
    }

    /// <summary>A number for each column of the tensor, or, of a tensor of several matrices, for each column of each; null where it says nothing.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is about a tensor of another shape.</exception>
    internal float[]? For(Tensor tensor)
    {
        if (!_values.TryGetValue(tensor.Name, out float[]? values))
        {
            return null;
        }
        long columns = tensor.Shape.Rank == 0 ? 1 : tensor.Shape[tensor.Shape.Rank - 1];
        long rows = tensor.Shape.Rank < 2 ? 1 : tensor.Shape[tensor.Shape.Rank - 2];
        long matrices = rows * columns == 0 ? 1 : tensor.Shape.ElementCount / (rows * columns);
        return values.Length == columns * matrices || values.Length == columns
            ? values
            : throw new WeightFileException(Fault.Corrupt, $"the importance matrix {WeightFileException.Quote(Path)} has {values.Length:N0} numbers for it, which has {columns * matrices:N0} columns; it is of another model", tensor: tensor.Name);
    }

    private static Dictionary<string, float[]> OfCheckpoint(Checkpoint checkpoint)
    {
        const string sums = ".in_sum2", counts = ".counts";
        Dictionary<string, float[]> values = new(StringComparer.Ordinal);
        foreach (Tensor tensor in checkpoint.Tensors.Where(static tensor => tensor.Name.EndsWith(sums, StringComparison.Ordinal)))
        {
            string name = tensor.Name[..^sums.Length];
            Tensor? counted = checkpoint.Find(name + counts);
            if (counted is null || tensor.DType != DType.F32 || counted.DType != DType.F32 || counted.Shape.ElementCount == 0 || tensor.Shape.ElementCount % counted.Shape.ElementCount != 0)
            {
                throw new WeightFileException(Fault.Corrupt, $"has no counts of its own, of type F32, in {WeightFileException.Quote(name + counts)}; measure the importances again", tensor: tensor.Name);
            }
            float[] numbers = Floats(tensor), calls = Floats(counted);
            int perMatrix = numbers.Length / calls.Length;
            for (int index = 0; index < numbers.Length; index++)
            {
                // A matrix that was never used (an expert, say) has no importances: all columns are alike.
                float count = calls[index / perMatrix];
                numbers[index] = count > 0 ? numbers[index] / count : 1;
            }
            values[name] = Checked(numbers, name);
        }
        return values.Count > 0 ? values : throw new WeightFileException(Fault.Unsupported, "holds no importances: there is no tensor called NAME.in_sum2 in it; give a file that llama-imatrix wrote");
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] numbers = new float[tensor.Shape.ElementCount];
        tensor.Bytes.Read(0, MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }

    private static Dictionary<string, float[]> OfOwnFile(ByteSource file)
    {
        Dictionary<string, float[]> values = new(StringComparer.Ordinal);
        long position = 0;
        int matrices = Number("matrices", 1, MostMatrices);
        for (int index = 0; index < matrices; index++)
        {
            byte[] name = new byte[Number("bytes in a name", 1, LongestName)];
            Take(name);
            int calls = Number("calls", 0, int.MaxValue);
            float[] numbers = new float[Number("numbers", 1, (int)Math.Min(int.MaxValue, (file.Length - position) / sizeof(float)))];
            Take(MemoryMarshal.AsBytes(numbers.AsSpan()));
            for (int number = 0; calls > 0 && number < numbers.Length; number++)
            {
                numbers[number] /= calls;
            }
            string text = Encoding.UTF8.GetString(name);
            values[text] = Checked(numbers, text);
        }
        return values;

        int Number(string what, int least, int most)
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            long at = position;
            Take(bytes);
            int number = BinaryPrimitives.ReadInt32LittleEndian(bytes);
            return number >= least && number <= most
                ? number
                : throw new WeightFileException(Fault.Corrupt, $"is no importance matrix, or a damaged one: it says that it has {number:N0} {what}; give a file that llama-imatrix wrote", offset: at);
        }

        void Take(Span<byte> bytes)
        {
            if (file.Length - position < bytes.Length)
            {
                throw new WeightFileException(Fault.Corrupt, $"is no importance matrix, or one that was cut off after {file.Length:N0} bytes; give a file that llama-imatrix wrote", offset: position);
            }
            file.Read(position, bytes);
            position += bytes.Length;
        }
    }

    private static float[] Checked(float[] numbers, string name)
    {
        int broken = Array.FindIndex(numbers, static number => !(number >= 0 && float.IsFinite(number)));
        return broken < 0
            ? numbers
            : throw new WeightFileException(Fault.Corrupt, $"has {numbers[broken]:R} as the importance of column {broken:N0}; measure the importances again", tensor: name);
    }
}
