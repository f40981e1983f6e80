using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>ggml itself, from the native library of a package: what the tests compare with.</summary>
internal static unsafe partial class Ggml
{
    private const string Library = "ggml-base";

    static Ggml() => NativeLibrary.SetDllImportResolver(typeof(Ggml).Assembly, static (name, _, _) =>
        name == Library ? NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "ggml", "libggml-base.so")) : 0);

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

    /// <summary>What <c>ggml_quantize_chunk</c> makes of a matrix.</summary>
    public static byte[] Quantize(QuantizedDType dtype, ReadOnlySpan<float> matrix, int columns, ReadOnlySpan<float> importances)
    {
        byte[] blocks = new byte[matrix.Length / dtype.BlockLength * dtype.BlockBytes];
        fixed (float* source = matrix, weights = importances)
        fixed (byte* target = blocks)
        {
            nuint written = QuantizeChunk(TypeOf(dtype.Name), source, target, 0, matrix.Length / columns, columns, weights);
            Assert.Equal((nuint)blocks.Length, written);
        }
        return blocks;
    }

    /// <summary>What ggml's own decoder makes of blocks.</summary>
    public static float[] Dequantize(QuantizedDType dtype, ReadOnlySpan<byte> blocks)
    {
        float[] values = new float[blocks.Length / dtype.BlockBytes * dtype.BlockLength];
        nint decode = NativeLibrary.GetExport(NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "ggml", "libggml-base.so")), "dequantize_row_" + CName(dtype.Name));
        fixed (byte* source = blocks)
        fixed (float* target = values)
        {
            ((delegate* unmanaged<byte*, float*, long, void>)decode)(source, target, values.Length);
        }
        return values;
    }

    // dequantize_row_q4_K, but dequantize_row_iq4_nl.
    private static string CName(string name) => name.EndsWith("_K", StringComparison.Ordinal) ? name[..^1].ToLowerInvariant() + "K" : name.ToLowerInvariant();

    [LibraryImport(Library, EntryPoint = "ggml_type_name")]
    private static partial nint TypeName(int type);

    [LibraryImport(Library, EntryPoint = "ggml_quantize_chunk")]
    private static partial nuint QuantizeChunk(int type, float* source, void* target, long start, long rows, long columns, float* importances);
}
