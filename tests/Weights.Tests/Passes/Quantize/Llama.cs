using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weights.Tests.Passes.Quantize;

/// <summary>What llama.cpp itself would quantise tensors to: its library has functions for tests of just that.</summary>
internal static unsafe partial class Llama
{
    private static readonly nint s_llama = NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "ggml", "libllama.so"));
    private static readonly nint s_ggml = NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "ggml", "libggml-base.so"));

    /// <summary>A model, as far as the rules ask about it.</summary>
    public sealed record Model(string Architecture, int Layers, int Heads, int KeyHeads, int Experts);

    /// <summary>Whether the library quantises to files of that kind.</summary>
    public static bool Knows(int fileType)
    {
        const int count = 43; // Of ggml's types, which stands for none.
        var usual = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(s_llama, "_Z28llama_ftype_get_default_type11llama_ftype");
        return usual(fileType) < count;
    }

    /// <summary>Names of ggml's types for tensors that are quantised at all, in the order given; null for those that are not.</summary>
    public static string?[] Types(Model model, int fileType, IReadOnlyList<(string Name, long[] Shape)> tensors)
    {
        byte* architecture = (byte*)Marshal.StringToCoTaskMemUTF8(model.Architecture);
        Description description = new()
        {
            Architecture = architecture,
            Embedding = 4096,
            FeedForward = 14336,
            Layers = (uint)model.Layers,
            Heads = (uint)model.Heads,
            KeyHeads = (uint)model.KeyHeads,
            Experts = (uint)model.Experts,
            KeyLength = 128,
            ValueLength = 128,
        };
        var fromMetadata = (delegate* unmanaged<Description*, nint>)NativeLibrary.GetExport(s_llama, "_Z31llama_quant_model_from_metadataPK22llama_quant_model_desc");
        var defaults = (delegate* unmanaged<Parameters>)NativeLibrary.GetExport(s_llama, "llama_model_quantize_default_params");
        var init = (delegate* unmanaged<nint, Parameters*, nint>)NativeLibrary.GetExport(s_llama, "_Z16llama_quant_initPK11llama_modelPK27llama_model_quantize_params");
        var allows = (delegate* unmanaged<nint, nint, byte>)NativeLibrary.GetExport(s_llama, "_Z38llama_quant_tensor_allows_quantizationPK19quantize_state_implPK11ggml_tensor");
        var compute = (delegate* unmanaged<nint, int, nint*, int*, nuint, void>)NativeLibrary.GetExport(s_llama, "_Z25llama_quant_compute_typesP19quantize_state_impl11llama_ftypePP11ggml_tensorP9ggml_typem");
        var free = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(s_llama, "_Z16llama_quant_freeP19quantize_state_impl");
        var freeModel = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(s_llama, "llama_model_free");
        var initTensors = (delegate* unmanaged<TensorMemory, nint>)NativeLibrary.GetExport(s_ggml, "ggml_init");
        var freeTensors = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(s_ggml, "ggml_free");
        var newTensor = (delegate* unmanaged<nint, int, int, long*, nint>)NativeLibrary.GetExport(s_ggml, "ggml_new_tensor");
        var setName = (delegate* unmanaged<nint, byte*, nint>)NativeLibrary.GetExport(s_ggml, "ggml_set_name");
        var typeName = (delegate* unmanaged<int, byte*>)NativeLibrary.GetExport(s_ggml, "ggml_type_name");

        nint mock = fromMetadata(&description);
        Parameters parameters = defaults();
        nint state = init(mock, &parameters);
        nint memory = initTensors(new TensorMemory((nuint)(tensors.Count + 1) * 1024, Buffer: 0, NoData: 1));
        string?[] types = new string?[tensors.Count];
        List<(int Index, nint Tensor)> quantized = [];
        for (int index = 0; index < tensors.Count; index++)
        {
            long[] sizes = [.. tensors[index].Shape.Reverse()];
            nint tensor;
            fixed (long* pointer = sizes)
            {
                tensor = newTensor(memory, 0, sizes.Length, pointer);
            }
            byte* name = (byte*)Marshal.StringToCoTaskMemUTF8(tensors[index].Name);
            setName(tensor, name);
            Marshal.FreeCoTaskMem((nint)name);
            if (allows(state, tensor) != 0)
            {
                quantized.Add((index, tensor));
            }
        }
        nint[] pointers = [.. quantized.Select(static pair => pair.Tensor)];
        int[] results = new int[pointers.Length];
        fixed (nint* first = pointers)
        fixed (int* result = results)
        {
            compute(state, fileType, first, result, (nuint)pointers.Length);
        }
        for (int index = 0; index < results.Length; index++)
        {
            types[quantized[index].Index] = Marshal.PtrToStringUTF8((nint)typeName(results[index]))!.ToUpperInvariant();
        }
        free(state);
        freeModel(mock);
        freeTensors(memory);
        Marshal.FreeCoTaskMem((nint)architecture);
        return types;
    }

    private struct Description
    {
        public byte* Architecture;
        public uint Embedding;
        public uint FeedForward;
        public uint Layers;
        public uint Heads;
        public uint KeyHeads;
        public uint Experts;
        public uint KeyLength;
        public uint ValueLength;
    }

    // The real one is shorter: whoever returns it writes where the caller has room.
    [InlineArray(512)]
    private struct Parameters
    {
        public byte First;
    }

    private readonly record struct TensorMemory(nuint Bytes, nint Buffer, byte NoData);
}
