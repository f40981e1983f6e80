using System.Text.RegularExpressions;

namespace Weights.Scanning;

/// <summary>Calls in the source of a TorchScript archive that do more than compute: files, and operators that an extension must bring.</summary>
internal static partial class TorchScriptSource
{
    private static readonly HashSet<string> s_knownOperators = new(StringComparer.Ordinal)
    {
        "aten", "prim", "quantized", "prepacked", "torchvision", "sparse", "xnnpack", "quantized_decomposed", "rnn", "inductor",
    };

    // Of one source; a program that an honest model needs has none of them, or a few.
    private const int MostCalls = 1000;

    /// <summary>The calls, each the first time, and where they stand; one beyond as many stands for the rest.</summary>
    public static IEnumerable<(string Call, long Offset)> Calls(string source)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (Match match = CallPattern().Match(source); match.Success; match = match.NextMatch())
        {
            string call = match.Value.TrimEnd('(').TrimEnd();
            if (IsNotable(call) && seen.Add(call))
            {
                bool isLast = seen.Count > MostCalls;
                yield return (isLast ? Findings.Rest : call, match.Index);
                if (isLast)
                {
                    yield break;
                }
            }
        }
    }

    private static bool IsNotable(string call)
    {
        string[] parts = call.Split('.');
        string last = parts[^1];
        return last is "save" or "load" or "from_file" or "tofile" or "fromfile"
            || (parts[0] == "ops" && parts.Length > 2 && !s_knownOperators.Contains(parts[1]));
    }

    [GeneratedRegex(@"\b(?:ops\.\w+\.\w+|torch\.(?:ops\.\w+\.)?(?:save|load|from_file|tofile|fromfile))\s*\(", RegexOptions.CultureInvariant)]
    private static partial Regex CallPattern();
}
