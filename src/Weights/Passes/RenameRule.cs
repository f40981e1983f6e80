using System.Globalization;
using System.Text.RegularExpressions;

namespace Weights.Passes;

/// <summary>
/// A regular expression and what its matches in a name become, both as .NET defines them: <c>$1</c> and <c>${name}</c> are
/// groups, <c>$$</c> is a dollar sign.
/// </summary>
public sealed partial class RenameRule
{
    // A pattern that needs backtracking can take exponential time; names are at most a few hundred characters.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1);

    private readonly string _text;
    private readonly Regex _regex;
    private readonly string _replacement;

    private RenameRule(string text, Regex regex, string replacement) => (_text, _regex, _replacement) = (text, regex, replacement);

    /// <summary>Reads <c>REGEX=REPLACEMENT</c>; the last <c>=</c> parts them, so that the expression may contain some: <c>(?=</c>, <c>(?&lt;=</c>.</summary>
    /// <exception cref="FormatException">There is no <c>=</c>, the expression is none, or the replacement names a group that it does not have.</exception>
    public static RenameRule Parse(string rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        int separator = rule.LastIndexOf('=');
        if (separator <= 0)
        {
            throw new FormatException($"the rename '{rule}' is not of the form REGEX=REPLACEMENT, for example '^model\\.=' or 'layer_(\\d+)=layers.$1'");
        }
        Regex regex = Compile(rule[..separator]);
        string replacement = rule[(separator + 1)..];
        CheckGroups(rule, regex, replacement);
        return new RenameRule(rule, regex, replacement);
    }

    /// <summary>The name with every match replaced.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: the expression takes more than a second on the name.</exception>
    public string Apply(string name)
    {
        try
        {
            return _regex.Replace(name, _replacement);
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new WeightFileException(Fault.Unsupported, $"the rename '{_text}' takes more than {s_timeout.TotalSeconds:0} s on this name; write its expression without nested repetition, lookaround and back references", tensor: name, inner: error);
        }
    }

    /// <summary>The rule as it was given.</summary>
    public override string ToString() => _text;

    private static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, s_timeout);
        }
        catch (RegexParseException error)
        {
            throw new FormatException($"'{pattern}' is not a regular expression: {error.Message}", error);
        }
    }

    // .NET takes a reference to a group that is not there for plain text, which would end up in every name.
    private static void CheckGroups(string rule, Regex regex, string replacement)
    {
        foreach (Match reference in GroupReference().Matches(replacement))
        {
            string group = reference.Groups["name"].Value;
            bool known = int.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? regex.GetGroupNumbers().Contains(number)
                : regex.GetGroupNames().Contains(group);
            if (reference.Groups["sed"].Success)
            {
                throw new FormatException($"the rename '{rule}' refers to a group as {reference.Value}; write ${group}");
            }
            if (group.Length > 0 && !known)
            {
                throw new FormatException($"the rename '{rule}' uses the group ${group}, which its expression does not have");
            }
        }
    }

    [GeneratedRegex(@"\$\$|\$(?<name>[0-9]+)|\$\{(?<name>\w+)\}|(?<sed>\\(?<name>[0-9]))")]
    private static partial Regex GroupReference();
}
