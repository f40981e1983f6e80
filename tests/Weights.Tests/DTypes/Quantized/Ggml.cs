using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>ggml itself, from the native library of a package: what the tests compare with.</summary>
internal static unsafe partial class Ggml
{
    private const string Library = "ggml-base";

    static Ggml() => NativeLibrary.SetDllImportResolver(typeof(Ggml).Assembly, static (name, _, _) =>
        name == Library ? Load() : 0);

    /// <summary>ggml's number of the type.</summary>
    /// <exception cref="ArgumentException">It has no type of that name.</exception>
    public static int TypeOf(string name)
    {
        for (int type = 0; type < 64; type++)
        {
            if (string.Equals(Marshal.PtrToStringUTF8(TypeName(type)), name, StringComparison.OrdinalIgnoreCase))
            {
                return type;
            }
        }
        throw new ArgumentException($"ggml has no type {name}", nameof(name));
    }

    /// <summary>The tensors of a GGUF file that ggml's own reader takes, with its numbers of their types.</summary>
    public static IReadOnlyList<(string Name, int Type, long Bytes)> Open(string path)
    {
        nint file = OpenFile(path, new OpenParameters(NoData: 1, Tensors: 0));
        if (file == 0)
        {
            throw new InvalidDataException($"ggml does not read {path}");
        }
        List<(string, int, long)> tensors = [];
        for (long index = 0; index < TensorCount(file); index++)
        {
            tensors.Add((Marshal.PtrToStringUTF8(TensorName(file, index))!, TensorType(file, index), (long)TensorBytes(file, index)));
        }
        CloseFile(file);
        return tensors;
    }

    /// <summary>What <c>ggml_quantize_chunk</c> makes of a matrix, or of the types that it has not, which are of multiplications, their own function.</summary>
    public static byte[] Quantize(QuantizedDType dtype, ReadOnlySpan<float> matrix, int columns, ReadOnlySpan<float> importances)
    {
        byte[] blocks = new byte[matrix.Length / dtype.BlockLength * dtype.BlockBytes];
        Quantize(dtype, matrix, columns, importances, blocks);
        return blocks;
    }

    /// <summary>The same into blocks that are there already.</summary>
    public static void Quantize(QuantizedDType dtype, ReadOnlySpan<float> matrix, int columns, ReadOnlySpan<float> importances, Span<byte> blocks)
    {
        fixed (float* source = matrix, weights = importances)
        fixed (byte* target = blocks)
        {
            if (dtype.Name is "Q8_1" or "Q8_K")
            {
                ((delegate* unmanaged<float*, byte*, long, void>)Export($"quantize_row_{CName(dtype.Name)}_ref"))(source, target, matrix.Length);
            }
            else if (QuantizeChunk(TypeOf(dtype.Name), source, target, 0, matrix.Length / columns, columns, weights) != (nuint)blocks.Length)
            {
                throw new InvalidOperationException($"ggml writes another number of bytes than {blocks.Length} of {dtype}");
            }
        }
    }

    /// <summary>What ggml's own decoder makes of blocks.</summary>
    public static float[] Dequantize(QuantizedDType dtype, ReadOnlySpan<byte> blocks)
    {
        float[] values = new float[blocks.Length / dtype.BlockBytes * dtype.BlockLength];
        Dequantize(dtype, blocks, values);
        return values;
    }

    /// <summary>The same into numbers that are there already.</summary>
    public static void Dequantize(QuantizedDType dtype, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        nint decode = Export("dequantize_row_" + CName(dtype.Name));
        fixed (byte* source = blocks)
        fixed (float* target = values)
        {
            ((delegate* unmanaged<byte*, float*, long, void>)decode)(source, target, values.Length);
        }
    }

    /// <summary>What ggml's cast of numbers to 16 bits makes: <c>ggml_fp32_to_fp16_row</c> or <c>ggml_fp32_to_bf16_row</c>.</summary>
    public static ushort[] Narrow(DType dtype, ReadOnlySpan<float> numbers)
    {
        ushort[] halves = new ushort[numbers.Length];
        nint narrow = Export(dtype == DType.F16 ? "ggml_fp32_to_fp16_row" : "ggml_fp32_to_bf16_row");
        fixed (float* source = numbers)
        fixed (ushort* target = halves)
        {
            ((delegate* unmanaged<float*, ushort*, long, void>)narrow)(source, target, numbers.Length);
        }
        return halves;
    }

    private static nint Load() => NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "ggml", "libggml-base.so"));

    private static nint Export(string name) => NativeLibrary.GetExport(Load(), name);

    // dequantize_row_q4_K, but dequantize_row_iq4_nl.
    private static string CName(string name) => name.EndsWith("_K", StringComparison.Ordinal) ? name[..^1].ToLowerInvariant() + "K" : name.ToLowerInvariant();

    [LibraryImport(Library, EntryPoint = "ggml_type_name")]
    private static partial nint TypeName(int type);

    [LibraryImport(Library, EntryPoint = "ggml_quantize_chunk")]
    private static partial nuint QuantizeChunk(int type, float* source, void* target, long start, long rows, long columns, float* importances);

    [LibraryImport(Library, EntryPoint = "gguf_init_from_file", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenFile(string path, OpenParameters parameters);

    [LibraryImport(Library, EntryPoint = "gguf_free")]
    private static partial void CloseFile(nint file);

    [LibraryImport(Library, EntryPoint = "gguf_get_n_tensors")]
    private static partial long TensorCount(nint file);

    [LibraryImport(Library, EntryPoint = "gguf_get_tensor_name")]
    private static partial nint TensorName(nint file, long index);

    [LibraryImport(Library, EntryPoint = "gguf_get_tensor_type")]
    private static partial int TensorType(nint file, long index);

    [LibraryImport(Library, EntryPoint = "gguf_get_tensor_size")]
    private static partial nuint TensorBytes(nint file, long index);

    private readonly record struct OpenParameters(byte NoData, nint Tensors);
}
