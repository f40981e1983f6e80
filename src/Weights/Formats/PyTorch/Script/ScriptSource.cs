using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Weights.Formats.PyTorch.Script;

/// <summary>
/// Reads a file of TorchScript's source for what its classes say of their attributes, and nothing else of it:
/// <code>
/// class NAME(Module):
///   __parameters__ = ["weight", "bias", ]
///   __buffers__ = ["running_mean", ]
///   def __setstate__(self: …, state: …) -> NoneType:
///     self.weight = (state)[0]
/// </code>
/// </summary>
internal static partial class ScriptSource
{
    // An attribute, and the place of its value.
    private const int LongestItem = 512;

    /// <summary>The classes by their names; lines that are not understood are passed over.</summary>
    public static Dictionary<string, ScriptClass> Read(ReadOnlySpan<byte> source)
    {
        Dictionary<string, ScriptClass> classes = new(StringComparer.Ordinal);
        (string? name, bool isModule, bool setsState, string? state) = (null, false, false, null);
        HashSet<string> parameters = new(StringComparer.Ordinal);
        HashSet<string>? buffers = null;
        Dictionary<int, string> stateNames = [];
        foreach (ReadOnlySpan<char> line in Encoding.UTF8.GetString(source).AsSpan().EnumerateLines())
        {
            if (line.StartsWith("class ", StringComparison.Ordinal))
            {
                Close();
                int end = line.IndexOfAny('(', ':');
                (name, isModule, setsState) = (end < 0 ? null : line["class ".Length..end].ToString(), line[Math.Max(end, 0)..].StartsWith("(Module)", StringComparison.Ordinal), false);
                (parameters, buffers, stateNames) = (new(StringComparer.Ordinal), null, []);
            }
            else if (line.StartsWith("  __parameters__ = [", StringComparison.Ordinal))
            {
                parameters = Names(line);
            }
            else if (line.StartsWith("  __buffers__ = [", StringComparison.Ordinal))
            {
                buffers = Names(line);
            }
            else if (line.StartsWith("  def ", StringComparison.Ordinal))
            {
                (setsState, state) = (line.StartsWith("  def __setstate__(", StringComparison.Ordinal), null);
            }
            else if (setsState && state is null)
            {
                // Each parameter has a line of its own; the first after the object is the state.
                int end = line.IndexOf(':');
                state = end < 0 ? "" : line[..end].Trim().ToString();
            }
            else if (setsState && line.Length <= LongestItem && StateItem().Match(line.ToString()) is { Success: true } item && item.Groups["state"].Value == state)
            {
                stateNames.TryAdd(int.Parse(item.Groups["item"].ValueSpan, CultureInfo.InvariantCulture), item.Groups["name"].Value);
            }
        }
        Close();
        return classes;

        void Close()
        {
            if (name is not null)
            {
                classes[name] = new ScriptClass(isModule, parameters, buffers, stateNames);
            }
        }
    }

    // Everything in double quotes; names have none in them.
    private static HashSet<string> Names(ReadOnlySpan<char> line) => [.. line.ToString().Split('"').Where(static (_, index) => index % 2 == 1)];

    [GeneratedRegex(@"^    \w+\.(?<name>\w+) = \((?<state>\w+)\)\[(?<item>\d{1,4})\]$", RegexOptions.CultureInvariant)]
    private static partial Regex StateItem();
}
