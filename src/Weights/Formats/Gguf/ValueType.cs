namespace Weights.Formats.Gguf;

/// <summary>Types of the values in a file's metadata, by the number that the file has for them.</summary>
internal enum ValueType
{
    /// <summary>Unsigned, 8 bits.</summary>
    U8 = 0,

    /// <summary>Signed, 8 bits.</summary>
    I8 = 1,

    /// <summary>Unsigned, 16 bits.</summary>
    U16 = 2,

    /// <summary>Signed, 16 bits.</summary>
    I16 = 3,

    /// <summary>Unsigned, 32 bits.</summary>
    U32 = 4,

    /// <summary>Signed, 32 bits.</summary>
    I32 = 5,

    /// <summary>binary32.</summary>
    F32 = 6,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 7,

    /// <summary>Length in 64 bits, and UTF-8.</summary>
    String = 8,

    /// <summary>Type of the items, their number in 64 bits, and the items.</summary>
    Array = 9,

    /// <summary>Unsigned, 64 bits.</summary>
    U64 = 10,

    /// <summary>Signed, 64 bits.</summary>
    I64 = 11,

    /// <summary>binary64.</summary>
    F64 = 12,
}

/// <summary>How a value is stored: its type and, if it is an array, that of its items.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Items">Type of the items of an array.</param>
internal readonly record struct StoredAs(ValueType Type, ValueType Items = default);
