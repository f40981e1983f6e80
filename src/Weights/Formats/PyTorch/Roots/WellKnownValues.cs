using System.Globalization;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>Objects of Python's own library that have an obvious text: paths and dates. Complex numbers are their two parts.</summary>
internal static class WellKnownValues
{
    private static readonly string[] s_constants =
    [
        "strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged", "_mkldnn",
        "contiguous_format", "channels_last", "channels_last_3d", "preserve_format",
        "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric", "per_channel_affine_float_qparams",
    ];

    /// <summary>Whether it names a dtype, a layout or another value of torch that is printed by its name.</summary>
    public static bool IsTorchConstant(string fullName) =>
        TorchElement.OfDType(fullName) is not null || fullName.StartsWith("torch.", StringComparison.Ordinal) && s_constants.Contains(fullName["torch.".Length..]);

    /// <summary>The value, or null when it is none of those.</summary>
    public static MetadataValue? Convert(PickleTree tree, PickleCall call)
    {
        string name = TorchRecipes.NameOf(call.Callable) ?? "";
        if (call.Arguments is not PickleTuple { Items: var arguments })
        {
            return null;
        }
        string? text = name switch
        {
            "pathlib.PosixPath" or "pathlib.PurePosixPath" or "pathlib.WindowsPath" or "pathlib.PureWindowsPath" or "pathlib.Path"
                or "pathlib._local.PosixPath" or "pathlib._local.PurePosixPath" or "pathlib._local.WindowsPath" or "pathlib._local.PureWindowsPath" => Path(arguments),
            "datetime.datetime" => DateTime(Bytes(tree, arguments)),
            "datetime.date" => Date(Bytes(tree, arguments)),
            "datetime.timedelta" => Duration(arguments),
            _ => null,
        };
        if (text is not null)
        {
            return new MetadataValue.Text(text);
        }
        return name is "builtins.complex" or "__builtin__.complex" && arguments is [PickleFloat real, PickleFloat imaginary]
            ? new MetadataValue.Map(
            [
                new(PlainValues.ClassKey, new MetadataValue.Text("complex")),
                new("$items", new MetadataValue.List([new MetadataValue.Real(real.Value), new MetadataValue.Real(imaginary.Value)])),
            ])
            : null;
    }

    // Parts, of which the first may be the root: ('/', 'data', 'x').
    private static string? Path(PickleNode[] parts)
    {
        if (!parts.All(static part => part is PickleText))
        {
            return null;
        }
        string joined = string.Join('/', parts.Select(static part => ((PickleText)part).Text));
        return joined.StartsWith("//", StringComparison.Ordinal) ? joined[1..] : joined;
    }

    private static byte[] Bytes(PickleTree tree, PickleNode[] arguments)
    {
        const int longest = 16;
        Weights.ByteSource? source = arguments.Length == 0 ? null : tree.Resolve(arguments[0]) switch
        {
            PickleBytes bytes => bytes.Value,
            PickleText { Length: <= longest } text => text.ToLatin1(),
            _ => null,
        };
        if (source is null || source.Length > longest)
        {
            return [];
        }
        byte[] copy = new byte[source.Length];
        source.Read(0, copy);
        return copy;
    }

    // Year (2 bytes), month, day; then hour, minute, second, microsecond (3 bytes). The month's top bit is daylight saving's fold.
    private static string? DateTime(byte[] state) =>
        state.Length == 10 && Date(state.AsSpan(0, 4)) is { } date && state[4] < 24 && state[5] < 60 && state[6] < 60
            ? string.Create(CultureInfo.InvariantCulture, $"{date}T{state[4]:D2}:{state[5]:D2}:{state[6]:D2}{Microseconds((state[7] << 16) | (state[8] << 8) | state[9])}")
            : null;

    private static string Microseconds(int microseconds) => microseconds == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".{microseconds:D6}");

    private static string? Date(ReadOnlySpan<byte> state) =>
        state.Length == 4 && (state[2] & 0x7F) is >= 1 and <= 12 && state[3] is >= 1 and <= 31
            ? string.Create(CultureInfo.InvariantCulture, $"{(state[0] << 8) | state[1]:D4}-{state[2] & 0x7F:D2}-{state[3]:D2}")
            : null;

    private static string? Duration(PickleNode[] arguments) => arguments is [PickleInteger days, PickleInteger seconds, PickleInteger microseconds]
        ? string.Create(CultureInfo.InvariantCulture, $"{days.Value} days {seconds.Value}{Microseconds((int)Math.Clamp(microseconds.Value, 0, 999_999))} seconds")
        : null;
}
