using System.Text;
using System.Text.RegularExpressions;

namespace Weights.Passes;

/// <summary>
/// A pattern for names: <c>*</c> is any run of characters, dots included; <c>?</c> any one; <c>[abc]</c>, <c>[a-z]</c> one of
/// these, <c>[!abc]</c> none of these; <c>{a,b}</c> either. Everything else stands for itself, and so do the special characters in
/// brackets: <c>[*]</c>. Case counts, and the whole name must match.
/// </summary>
public sealed class Glob
{
    private readonly string _pattern;
    private readonly Regex _regex;

    private Glob(string pattern, Regex regex) => (_pattern, _regex) = (pattern, regex);

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="FormatException">It is empty or has a bracket or brace without its other end.</exception>
    public static Glob Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        if (pattern.Length == 0)
        {
            throw new FormatException("a pattern for names must not be empty; * matches all of them");
        }
        StringBuilder regex = new(@"\A(?:", pattern.Length * 2);
        int position = 0;
        AppendSequence(pattern, ref position, regex, depth: 0);
        regex.Append(@")\z");
        // Non-backtracking: the time is proportional to the length of the name, whatever the pattern.
        return new Glob(pattern, new Regex(regex.ToString(), RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant));
    }

    /// <summary>Reads a pattern and what is said of the names that match it, with <c>=</c> between.</summary>
    /// <param name="text">Both.</param>
    /// <param name="what">What is said, in a word, for the message.</param>
    /// <param name="example">For example.</param>
    /// <exception cref="FormatException">It is of another form.</exception>
    internal static (Glob Glob, string Value) ParseRule(string text, string what, string example)
    {
        ArgumentNullException.ThrowIfNull(text);
        int separator = text.LastIndexOf('=');
        return separator > 0
            ? (Parse(text[..separator]), text[(separator + 1)..].Trim())
            : throw new FormatException($"'{text}' is not of the form GLOB={what}, for example '{example}'");
    }

    /// <summary>Whether the whole of <paramref name="name"/> matches.</summary>
    public bool IsMatch(string name) => _regex.IsMatch(name);

    /// <summary>Whether it matches the name of a tensor, or that of the layer whose weight the tensor is: <c>lm_head</c> matches <c>lm_head.weight</c>.</summary>
    public bool IsMatchOfLayer(string name)
    {
        const string Weight = ".weight";
        return IsMatch(name) || (name.EndsWith(Weight, StringComparison.Ordinal) && IsMatch(name[..^Weight.Length]));
    }

    /// <summary>The pattern as it was given.</summary>
    public override string ToString() => _pattern;

    // Up to the end of the pattern, or, inside braces, up to the comma or brace that ends the alternative.
    private static void AppendSequence(string pattern, ref int position, StringBuilder regex, int depth)
    {
        while (position < pattern.Length)
        {
            char character = pattern[position];
            if (depth > 0 && character is ',' or '}')
            {
                return;
            }
            position++;
            switch (character)
            {
                case '*':
                    regex.Append(".*");
                    break;
                case '?':
                    // One character may be two UTF-16 units.
                    regex.Append(@"(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|.)");
                    break;
                case '[':
                    AppendClass(pattern, ref position, regex);
                    break;
                case '{':
                    AppendAlternatives(pattern, ref position, regex, depth + 1);
                    break;
                default:
                    AppendLiteral(regex, character);
                    break;
            }
        }
    }

    private static void AppendAlternatives(string pattern, ref int position, StringBuilder regex, int depth)
    {
        const int deepest = 16; // Nobody nests three deep; the recursion must end somewhere.
        if (depth > deepest)
        {
            throw new FormatException($"the pattern '{pattern}' nests braces more than {deepest} deep");
        }
        regex.Append("(?:");
        while (true)
        {
            AppendSequence(pattern, ref position, regex, depth);
            if (position == pattern.Length)
            {
                throw new FormatException($"the pattern '{pattern}' has a '{{' without its '}}'; write [{{] for the character itself");
            }
            if (pattern[position++] == '}')
            {
                break;
            }
            regex.Append('|');
        }
        regex.Append(')');
    }

    private static void AppendClass(string pattern, ref int position, StringBuilder regex)
    {
        int start = position;
        bool negated = position < pattern.Length && pattern[position] is '!' or '^';
        start += negated ? 1 : 0;
        // A bracket right at the start stands for itself.
        int end = start < pattern.Length ? pattern.IndexOf(']', start + 1) : -1;
        if (end < 0)
        {
            throw new FormatException($"the pattern '{pattern}' has a '[' without its ']'; write [[] for the character itself");
        }
        regex.Append(negated ? "[^" : "[");
        for (position = start; position < end; position++)
        {
            AppendLiteral(regex, pattern[position]);
            if (position + 2 < end && pattern[position + 1] == '-')
            {
                if (pattern[position] > pattern[position + 2])
                {
                    throw new FormatException($"the pattern '{pattern}' has the range {pattern[position]}-{pattern[position + 2]}, which is the wrong way round");
                }
                regex.Append('-');
                AppendLiteral(regex, pattern[position + 2]);
                position += 2;
            }
        }
        regex.Append(']');
        position = end + 1;
    }

    // As a code: no character then means anything to the regular expression, in a class or outside.
    private static void AppendLiteral(StringBuilder regex, char character) => regex.Append($"\\u{(int)character:X4}");
}
