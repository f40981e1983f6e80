using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>
/// Arrays and scalars of NumPy, whose bytes are in the pickle itself. An array whose elements are numbers is a tensor, a scalar is a
/// number; what holds objects, text or records stays inert.
/// </summary>
internal static class NumpyRecipes
{
    public static IEnumerable<KeyValuePair<string, TorchRecipe>> All { get; } =
    [
        // The module moved in NumPy 2.
        new("numpy.core.multiarray._reconstruct", Array),
        new("numpy._core.multiarray._reconstruct", Array),
        new("numpy.core.multiarray.scalar", Scalar),
        new("numpy._core.multiarray.scalar", Scalar),
        new("numpy.core.numeric._frombuffer", FromBuffer),
        new("numpy._core.numeric._frombuffer", FromBuffer),
    ];

    private static readonly Dictionary<string, string> s_torchNames = new(StringComparer.Ordinal)
    {
        ["b1"] = "bool",
        ["?"] = "bool",
        ["i1"] = "int8",
        ["u1"] = "uint8",
        ["i2"] = "int16",
        ["u2"] = "uint16",
        ["i4"] = "int32",
        ["u4"] = "uint32",
        ["i8"] = "int64",
        ["u8"] = "uint64",
        ["f2"] = "float16",
        ["f4"] = "float32",
        ["f8"] = "float64",
        ["c8"] = "complex64",
        ["c16"] = "complex128",
    };

    // Types that another package adds to NumPy are named by their class.
    private static readonly Dictionary<string, string> s_torchNamesOfClasses = new(StringComparer.Ordinal)
    {
        ["ml_dtypes.bfloat16"] = "bfloat16",
        ["ml_dtypes.float8_e4m3fn"] = "float8_e4m3fn",
        ["ml_dtypes.float8_e5m2"] = "float8_e5m2",
        ["ml_dtypes.float8_e4m3fnuz"] = "float8_e4m3fnuz",
        ["ml_dtypes.float8_e5m2fnuz"] = "float8_e5m2fnuz",
        ["ml_dtypes.float8_e8m0fnu"] = "float8_e8m0fnu",
    };

    // State: (1, shape, dtype, is Fortran order, bytes or, for objects, a list).
    private static TorchTensor? Array(TorchRecipes recipes, PickleCall call, int depth) =>
        call.State is { } built && recipes.Sequence(built, depth) is [_, var shape, var dtype, PickleBool isFortran, var data]
            ? Make(recipes, data, dtype, shape, isFortran.Value, depth)
            : null;

    // (buffer, dtype, shape, order)
    private static TorchTensor? FromBuffer(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) is [var buffer, var dtype, var shape, PickleText order]
            ? Make(recipes, buffer, dtype, shape, order.Is("F"), depth)
            : null;

    private static TorchTensor? Make(TorchRecipes recipes, PickleNode data, PickleNode dtype, PickleNode shapeNode, bool isFortran, int depth)
    {
        if (Type(recipes, dtype, depth) is not { } type || Bytes(recipes, data, depth) is not { } bytes)
        {
            return null;
        }
        if (recipes.Integers(shapeNode, depth) is not { } dimensions || !Shape.TryCreate(dimensions, out Shape shape))
        {
            return TorchTensor.Corrupt("is a NumPy array whose shape is no tuple of sizes");
        }
        if ((Int128)shape.ElementCount * type.Element.Bytes != bytes.Length)
        {
            return TorchTensor.Corrupt($"is a NumPy array of shape {shape} and {type.Element.Name}, but has {bytes.Length} bytes");
        }
        long[] strides = isFortran ? FortranStrides(shape) : shape.ContiguousStrides();
        TorchStorage storage = new(bytes, type.Element, shape.ElementCount, type.IsBigEndian, () => bytes);
        return TorchTensor.Of(new TorchView(storage, type.Element, 0, dimensions, strides));
    }

    private static long[] FortranStrides(Shape shape)
    {
        long[] strides = new long[shape.Rank];
        long stride = 1;
        for (int axis = 0; axis < strides.Length; axis++)
        {
            strides[axis] = stride;
            stride *= Math.Max(shape[axis], 1);
        }
        return strides;
    }

    // dtype('f4', False, True) and its state (version, byte order, ...).
    private static (TorchElement Element, bool IsBigEndian)? Type(TorchRecipes recipes, PickleNode node, int depth)
    {
        if (Code(recipes, node, depth) is not { } code)
        {
            return null;
        }
        string? name = s_torchNames.GetValueOrDefault(code) ?? s_torchNamesOfClasses.GetValueOrDefault(code);
        return name is not null && TorchElement.OfDType($"torch.{name}") is { } element ? (element, IsBigEndian(recipes, (PickleCall)node, depth)) : null;
    }

    private static string? Code(TorchRecipes recipes, PickleNode node, int depth)
    {
        if (node is not PickleCall dtype || TorchRecipes.NameOf(dtype.Callable) != "numpy.dtype" || recipes.Sequence(dtype.Arguments, depth) is not [var code, ..])
        {
            return null;
        }
        return code is PickleText { Length: <= 16 } text ? text.Text : TorchRecipes.NameOf(code);
    }

    private static bool IsBigEndian(TorchRecipes recipes, PickleCall dtype, int depth) =>
        dtype.State is { } state && recipes.Sequence(state, depth) is [_, PickleText order, ..] && order.Is(">");

    private static ByteSource? Bytes(TorchRecipes recipes, PickleNode node, int depth) => recipes.Resolve(node, depth) switch
    {
        PickleBytes bytes => bytes.Value,
        PickleText text => text.ToLatin1(), // from Python 2
        _ => null,
    };

    // (dtype, bytes)
    private static PickleNode? Scalar(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not [var dtype, var data] || Code(recipes, dtype, depth) is not { } code || Bytes(recipes, data, depth) is not { } source)
        {
            return null;
        }
        const int longest = 1 << 16;
        byte[] bytes = new byte[Math.Min(source.Length, longest)];
        source.Read(0, bytes);
        bool isBigEndian = IsBigEndian(recipes, (PickleCall)dtype, depth);
        if (isBigEndian && code[0] != 'U')
        {
            bytes.AsSpan().Reverse(); // one number, or two in the wrong order: complex ones are not read here
        }
        return (code, bytes.Length) switch
        {
            ("b1" or "?", 1) => bytes[0] != 0 ? PickleBool.True : PickleBool.False,
            ("i1" or "i2" or "i4" or "i8", > 0) when bytes.Length == code[1] - '0' => PickleInteger.Of((long)new BigInteger(bytes)),
            ("u1" or "u2" or "u4" or "u8", > 0) when bytes.Length == code[1] - '0' => PickleNumbers.Of(new BigInteger(bytes, isUnsigned: true)),
            ("f2", 2) => new PickleFloat((double)BinaryPrimitives.ReadHalfLittleEndian(bytes)),
            ("f4", 4) => new PickleFloat(BinaryPrimitives.ReadSingleLittleEndian(bytes)),
            ("f8", 8) => new PickleFloat(BinaryPrimitives.ReadDoubleLittleEndian(bytes)),
            _ when code[0] == 'U' && source.Length <= longest => new PickleText((isBigEndian ? Encoding.GetEncoding("utf-32BE") : Encoding.UTF32).GetString(bytes).TrimEnd('\0')),
            _ when code[0] == 'S' && source.Length <= longest => new PickleText(Encoding.Latin1.GetString(bytes).TrimEnd('\0')),
            _ => null,
        };
    }
}
