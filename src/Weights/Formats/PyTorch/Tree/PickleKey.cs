using System.Globalization;
using System.Text;
using Weights.Formats.PyTorch.Recipes;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>Keys of dicts as the parts of names that they become.</summary>
internal static class PickleKey
{
    // A tuple as a key is rare, one that holds tuples rarer.
    private const int MaxDepth = 4;
    private const int MaxItems = 64;

    /// <summary>Text as it is, integers in decimal, the rest as Python prints it.</summary>
    public static string Text(PickleNode key) => key is PickleText text ? text.Text : Repr(key, MaxDepth);

    /// <summary>Equal for keys that Python takes for the same: text is never a number.</summary>
    public static (bool IsText, string Text) Identity(PickleNode key) => (key is PickleText, Text(key));

    /// <summary>Whether no two keys are equal.</summary>
    public static bool AreDistinct(IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> entries)
    {
        const int few = 6; // Then comparing each with each is cheaper than making tables.
        if (entries.Count <= few)
        {
            return entries.Count < 2 || AreFewDistinct(entries);
        }
        HashSet<string> texts = new(StringComparer.Ordinal);
        HashSet<long> integers = new(SeededHash.Instance);
        HashSet<string> others = new(StringComparer.Ordinal);
        foreach ((PickleNode key, _) in entries)
        {
            bool isNew = key switch
            {
                PickleText text => texts.Add(text.Text),
                PickleInteger integer => integers.Add(integer.Value),
                _ => others.Add(Text(key)),
            };
            if (!isNew)
            {
                return false;
            }
        }
        return true;
    }

    private static bool AreFewDistinct(IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> entries)
    {
        for (int index = 1; index < entries.Count; index++)
        {
            for (int before = 0; before < index; before++)
            {
                if (AreEqual(entries[before].Key, entries[index].Key))
                {
                    return false;
                }
            }
        }
        return true;
    }

    private static bool AreEqual(PickleNode left, PickleNode right) => (left, right) switch
    {
        (PickleText one, PickleText other) => one.Text == other.Text,
        (PickleInteger one, PickleInteger other) => one.Value == other.Value,
        (PickleText or PickleInteger, _) or (_, PickleText or PickleInteger) => false,
        _ => Text(left) == Text(right),
    };

    /// <summary>A float as Python prints it.</summary>
    public static string Repr(double value)
    {
        if (double.IsNaN(value))
        {
            return "nan";
        }
        if (double.IsInfinity(value))
        {
            return value > 0 ? "inf" : "-inf";
        }
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        return digits.AsSpan().IndexOfAny('.', 'E') < 0 ? digits + ".0" : digits.Replace("E", "e", StringComparison.Ordinal);
    }

    private static string Repr(PickleNode key, int depth) => key switch
    {
        PickleInteger integer => integer.Value.ToString(CultureInfo.InvariantCulture),
        PickleBigInteger big => PickleNumbers.ToText(big.Value),
        PickleFloat real => Repr(real.Value),
        PickleBool truth => truth.Value ? "True" : "False",
        PickleNone => "None",
        PickleText text => $"'{text.Text}'",
        PickleTuple tuple when depth > 0 => Repr(tuple, depth),
        PickleGlobal global => global.FullName,
        PickleCall call => $"<{TorchRecipes.NameOf(call.Callable) ?? "?"} at {call.Offset}>",
        _ => $"<{key.Kind}>",
    };

    private static string Repr(PickleTuple tuple, int depth)
    {
        StringBuilder text = new("(");
        foreach (PickleNode item in tuple.Items.Take(MaxItems))
        {
            text.Append(text.Length > 1 ? ", " : "").Append(Repr(item, depth - 1));
        }
        string end = tuple.Items.Length switch
        {
            1 => ",)",
            > MaxItems => ", ...)",
            _ => ")",
        };
        return text.Append(end).ToString();
    }
}
