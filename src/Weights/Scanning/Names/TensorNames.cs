namespace Weights.Scanning.Names;

/// <summary>Functions and classes that rebuild tensors, and what their arguments name: storages, element types, layouts, devices, arrays.</summary>
internal static class TensorNames
{
    private static readonly (string Module, string Names)[] s_functions =
    [
        ("torch._utils",
            "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_v2 _rebuild_parameter_with_state _rebuild_buffer " +
            "_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_nested_tensor _rebuild_qtensor _rebuild_xla_tensor _rebuild_mlc_tensor _rebuild_ort_tensor " +
            "_rebuild_hpu_tensor _rebuild_meta_tensor_no_storage _rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor " +
            "_rebuild_wrapper_subclass"),
        ("torch.nested._internal.nested_tensor", "_rebuild_njt NestedTensor"),
        ("torch._dynamo.decorators", "_DimRange"),
        ("torch.serialization", "_get_layout"),
        ("torch.jit._pickle", "build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id restore_type_tag"),
        ("torch.nn.parameter", "Parameter Buffer UninitializedParameter UninitializedBuffer"),
        ("torch.nn", "Parameter Buffer"),
        ("torch.autograd.variable", "Variable"),
        ("torch.autograd", "Variable"),
        ("torch", "Tensor Size device Generator dtype layout memory_format qscheme"),
        ("torch._C", "Size device dtype Generator"),
        ("torch.storage", "UntypedStorage TypedStorage _UntypedStorage _TypedStorage _LegacyStorage"),
        ("numpy.core.multiarray", "_reconstruct scalar"),
        ("numpy._core.multiarray", "_reconstruct scalar"),
        ("numpy.core._internal", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy", "ndarray dtype matrix recarray record bool_ bool bool8 number generic void void0 str_ bytes_ object_ datetime64 timedelta64"),
        ("numpy.core.records", "recarray record"),
        ("numpy.rec", "recarray record"),
        ("numpy.ma.core", "MaskedArray _mareconstruct MaskedConstant"),
        ("numpy.matrixlib.defmatrix", "matrix"),
        ("ml_dtypes",
            "bfloat16 float8_e4m3 float8_e4m3fn float8_e4m3fnuz float8_e4m3b11fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float8_e3m4 " +
            "float6_e2m3fn float6_e3m2fn float4_e2m1fn int2 int4 uint2 uint4"),
    ];

    // Element types as attributes of torch.
    private const string ElementTypes =
        "float32 float float64 double float16 half bfloat16 uint8 int8 int16 short int32 int int64 long uint16 uint32 uint64 bool complex32 chalf complex64 cfloat " +
        "complex128 cdouble float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 qint8 quint8 qint32 quint4x2 quint2x4 " +
        "bits8 bits16 bits1x8 bits2x4 bits4x2 int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7";

    private const string Layouts =
        "strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc _mkldnn jagged contiguous_format preserve_format channels_last channels_last_3d " +
        "per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric per_channel_affine_float_qparams";

    private const string Elements =
        "Float Double Half BFloat16 Long Int Short Char Byte Bool ComplexFloat ComplexDouble QInt8 QUInt8 QInt32 QUInt4x2 QUInt2x4 Untyped";

    private const string StorageModules = "torch torch.cuda torch.storage torch.xpu torch.hpu torch_npu.npu torch.npu torch.mps torch_xla torch.sparse torch.cuda.sparse";

    private const string NumpyTypes =
        "int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc uintc int_ uint intp uintp longlong ulonglong byte ubyte short ushort long ulong " +
        "float16 float32 float64 float128 float96 float_ half single double longdouble complex64 complex128 complex256 complex_ csingle cdouble clongdouble";

    /// <summary>All of them, as <c>module.name</c>.</summary>
    public static IEnumerable<string> All =>
    [
        .. s_functions.SelectMany(static row => row.Names.Split(' ').Select(name => $"{row.Module}.{name}")),
        .. $"{ElementTypes} {Layouts}".Split(' ').Select(static name => $"torch.{name}"),
        .. StorageModules.Split(' ').SelectMany(static module => Elements.Split(' ').SelectMany(element => (string[])[$"{module}.{element}Storage", $"{module}.{element}Tensor"])),
        .. NumpyTypes.Split(' ').Select(static name => $"numpy.{name}"),
        .. Numpy.Split(' ').Select(static name => $"numpy.dtypes.{name}"),
    ];

    // Classes of NumPy's element types, since 1.25.
    private const string Numpy =
        "BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType UInt32DType UInt64DType ByteDType UByteDType ShortDType UShortDType IntDType UIntDType " +
        "LongDType ULongDType LongLongDType ULongLongDType Float16DType Float32DType Float64DType LongDoubleDType Complex64DType Complex128DType CLongDoubleDType " +
        "StrDType BytesDType VoidDType ObjectDType DateTime64DType TimeDelta64DType StringDType";
}
