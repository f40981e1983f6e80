using System.Buffers.Binary;
using System.Text;

namespace Weights.Cli.Tests;

/// <summary>Files of any size that take no room and no time to make: a header, and zeros that the disk does not store.</summary>
internal static class SparseFile
{
    /// <summary>A safetensors file with one tensor of so many bytes.</summary>
    public static void WithOneTensor(string path, long bytes, string name = "big.weight") => Write(path, $$$"""{"{{{name}}}":{"dtype":"U8","shape":[{{{bytes}}}],"data_offsets":[0,{{{bytes}}}]}}""", bytes);

    /// <summary>A safetensors file with one matrix of floats, called <c>big.weight</c>.</summary>
    public static void WithOneMatrix(string path, long rows, long columns) =>
        Write(path, $$$"""{"big.weight":{"dtype":"F32","shape":[{{{rows}}},{{{columns}}}],"data_offsets":[0,{{{4 * rows * columns}}}]}}""", 4 * rows * columns);

    /// <summary>A safetensors file with as many tensors of two bytes as are asked for, called <c>layers.N.weight</c>.</summary>
    public static void WithManyTensors(string path, int count) =>
        Write(path, $"{{{string.Join(',', Enumerable.Range(0, count).Select(static index => $$"""
            "layers.{{index}}.weight":{"dtype":"BF16","shape":[1],"data_offsets":[{{2 * index}},{{(2 * index) + 2}}]}
            """))}}}", 2L * count);

    /// <summary>A safetensors file with one weight that GPTQ packs, of 4 bits in groups of 128: all of its numbers are 0.</summary>
    public static void WithPackedWeight(string path, long rows, long columns)
    {
        (long words, long groups) = (columns / 8 * rows * 4, columns / 128);
        (long zeroPoints, long scales) = (groups * rows / 8 * 4, groups * rows * 2);
        Write(path, $$$"""
            {"up.scales":{"dtype":"F16","shape":[{{{groups}}},{{{rows}}}],"data_offsets":[{{{words + zeroPoints}}},{{{words + zeroPoints + scales}}}]},
            "up.qweight":{"dtype":"I32","shape":[{{{columns / 8}}},{{{rows}}}],"data_offsets":[0,{{{words}}}]},
            "up.qzeros":{"dtype":"I32","shape":[{{{groups}}},{{{rows / 8}}}],"data_offsets":[{{{words}}},{{{words + zeroPoints}}}]}}
            """, words + zeroPoints + scales);
    }

    private static void Write(string path, string header, long bytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        using FileStream file = new(path, FileMode.CreateNew);
        file.Write(length);
        file.Write(json);
        file.SetLength(length.Length + json.Length + bytes);
    }
}
