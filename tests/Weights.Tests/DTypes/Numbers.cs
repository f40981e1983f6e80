using System.Globalization;
using System.Runtime.InteropServices;

namespace Weights.Tests.DTypes;

/// <summary>Single numbers in and out of element types, and the tables of other implementations.</summary>
internal static class Numbers
{
    /// <summary>The type of that name, which must be there.</summary>
    public static DType Type(string name) => DType.TryParse(name, out DType dtype) ? dtype : throw new ArgumentException($"there is no type {name}", nameof(name));

    /// <summary>Numbers of whole blocks.</summary>
    public static double[] Decode(DType dtype, ReadOnlySpan<byte> blocks)
    {
        double[] values = new double[blocks.Length / dtype.BlockBytes * dtype.BlockLength * dtype.Components];
        dtype.Decode(blocks, values);
        return values;
    }

    /// <summary>Blocks of numbers, the last block filled up with zeros.</summary>
    public static byte[] Encode(DType dtype, params ReadOnlySpan<double> values)
    {
        int perBlock = dtype.BlockLength * dtype.Components;
        int blocks = (values.Length + perBlock - 1) / perBlock;
        double[] whole = new double[blocks * perBlock];
        values.CopyTo(whole);
        byte[] bytes = new byte[blocks * dtype.BlockBytes];
        dtype.Encode(whole, bytes);
        return bytes;
    }

    /// <summary>The bits of one encoded number.</summary>
    public static uint EncodeBits(DType dtype, double value)
    {
        byte[] bytes = new byte[4];
        Encode(dtype, value).CopyTo(bytes, 0);
        return BitConverter.ToUInt32(bytes) & Mask(dtype);
    }

    /// <summary>All numbers of a type of at most 16 bits, by their bits.</summary>
    public static double[] DecodeAll(DType dtype)
    {
        int count = 1 << (int)dtype.BitsPerElement;
        double[] values = new double[count];
        for (int bits = 0; bits < count; bits++)
        {
            byte[] block = new byte[Math.Max(4, dtype.BlockBytes)];
            BitConverter.TryWriteBytes(block, bits);
            values[bits] = Decode(dtype, block.AsSpan(0, dtype.BlockBytes))[0];
        }
        return values;
    }

    public static uint Mask(DType dtype) => (uint)((1UL << (int)dtype.BitsPerElement) - 1);

    /// <summary>Rows of a table among the fixtures, as cells by column.</summary>
    public static List<Dictionary<string, string>> Table(string name)
    {
        string[] lines = File.ReadAllLines(Fixtures.Path($"dtypes/{name}"));
        string[] columns = lines[0].Split('\t');
        List<Dictionary<string, string>> rows = [.. lines[1..].Select(line => columns.Zip(line.Split('\t')).ToDictionary())];
        Assert.NotEmpty(rows);
        return rows;
    }

    public static float[] Singles(string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Fixtures.Path($"dtypes/{name}"))).ToArray();

    public static uint Hexadecimal(string digits) => uint.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Python's way of writing a float.</summary>
    public static double Real(string digits) => digits switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        _ => double.Parse(digits, CultureInfo.InvariantCulture),
    };
}
