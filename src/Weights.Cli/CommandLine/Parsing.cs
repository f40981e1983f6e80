using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Weights.Cli.CommandLine;

/// <summary>Parsers of option values; what is wrong with one becomes the sentence of a parse error.</summary>
internal static class Parsing
{
    private static readonly (string Suffix, long Bytes)[] s_units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ];

    /// <summary>One of a few words.</summary>
    public static Func<ArgumentResult, T?> Choice<T>(string option, params (string Word, T Value)[] choices) => result =>
    {
        string word = result.Tokens[0].Value;
        foreach ((string choice, T value) in choices)
        {
            if (choice == word)
            {
                return value;
            }
        }
        result.AddError($"{option} {word} is none of {string.Join(", ", choices.Select(static choice => choice.Word))}");
        return default;
    };

    /// <summary>An option whose value is one of a few words.</summary>
    public static Option<T> ChoiceOption<T>(string name, string helpName, string description, params (string Word, T Value)[] choices)
    {
        Option<T> option = new(name) { HelpName = helpName, Description = description, CustomParser = Choice(name, choices) };
        // By itself it would complete the names of an enumeration's members.
        option.CompletionSources.Clear();
        option.CompletionSources.Add(_ => choices.Select(static choice => new CompletionItem(choice.Word)));
        return option;
    }

    /// <summary>Each value of a repeatable option by <paramref name="parse"/>, which throws <see cref="FormatException"/> with a sentence.</summary>
    public static Func<ArgumentResult, IReadOnlyList<T>?> Each<T>(string option, Func<string, T> parse) => result =>
    {
        List<T> values = [];
        foreach (Token token in result.Tokens)
        {
            try
            {
                values.Add(parse(token.Value));
            }
            catch (FormatException error)
            {
                result.AddError($"{option}: {error.Message}");
                return null;
            }
        }
        return values;
    };

    /// <summary>A number of levels, from 0 up.</summary>
    public static int? Levels(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int levels))
        {
            return levels;
        }
        result.AddError($"'{text}' is no number of levels; those are 0, 1, 2 …");
        return null;
    }

    /// <summary>A number of bytes as the Hub's libraries write it: 5GB is 5·10⁹, 2GiB is 2·2³⁰, a bare number is bytes.</summary>
    public static long? Size(ArgumentResult result)
    {
        string text = result.Tokens[0].Value.Trim();
        (string suffix, long unit) = s_units.FirstOrDefault(unit => text.EndsWith(unit.Suffix, StringComparison.OrdinalIgnoreCase), ("", 1));
        ReadOnlySpan<char> digits = text.AsSpan(0, text.Length - suffix.Length).TrimEnd();
        if (decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            && number < long.MaxValue / unit && number * unit >= 1)
        {
            return (long)(number * unit);
        }
        result.AddError($"'{text}' is not a size; sizes are like 5GB, 500MB or 2GiB");
        return null;
    }
}
