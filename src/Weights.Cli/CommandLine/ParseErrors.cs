using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace Weights.Cli.CommandLine;

/// <summary>What is wrong with a command line, in one sentence that ends with where to read on.</summary>
internal static class ParseErrors
{
    /// <summary>What is wrong, or null.</summary>
    public static string? Sentence(ParseResult result)
    {
        Command command = result.CommandResult.Command;
        string help = command is RootCommand ? $"see {Tree.CommandName} --help" : $"see {Tree.CommandName} {command.Name} --help";
        return Problem(result, command) is { } problem ? $"{problem}; {help}" : null;
    }

    private static string? Problem(ParseResult result, Command command)
    {
        if (result.Action is not ParseErrorAction && result.Action != command.Action)
        {
            return null; // Help or version: the rest does not matter.
        }
        if (MistakenOption(result, command) is { } unknown)
        {
            return $"there is no option {unknown}{Suggestion(unknown, OptionNames(command))}";
        }
        if (result.UnmatchedTokens.Count > 0)
        {
            string token = result.UnmatchedTokens[0];
            return command is not RootCommand ? $"{token} is one argument too many"
                : File.Exists(token) ? $"there is no verb '{token}', but a file: '{Tree.CommandName} {command.Subcommands[0].Name} {token}' shows what is in it"
                : $"there is no verb '{token}'{Suggestion(token, command.Subcommands.Select(static verb => verb.Name))}";
        }
        string[] missing = [.. command.Arguments.Where(argument => Values(result, argument).Count == 0).Select(static argument => argument.Name)];
        return result.Errors.Count == 0 ? null
            : missing.Length > 0 ? $"{string.Join(" and ", missing)} must be given"
            : command is RootCommand ? "a verb must be given"
            : result.Errors[0].SymbolResult is OptionResult { Tokens.Count: 0, Option: var option } ? $"{option.Name} needs a value, {option.HelpName}"
            : result.Errors[0].Message.TrimEnd('.');
    }

    // The parser takes an option that it does not know for an argument, as long as it misses one.
    private static string? MistakenOption(ParseResult result, Command command)
    {
        bool isSaidToBeArgument = result.Tokens.Any(static token => token.Type == TokenType.DoubleDash);
        IEnumerable<string> arguments = command.Arguments.SelectMany(argument => Values(result, argument)).Select(static token => token.Value);
        return isSaidToBeArgument ? null : arguments.Concat(result.UnmatchedTokens).FirstOrDefault(static token => token.Length > 1 && token[0] == '-');
    }

    private static IReadOnlyList<Token> Values(ParseResult result, Argument argument) => result.GetResult(argument)?.Tokens ?? [];

    private static IEnumerable<string> OptionNames(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(static parent => parent.Options)).Select(static option => option.Name);

    private static string Suggestion(string token, IEnumerable<string> names)
    {
        string? nearest = names.MinBy(name => Distance(token, name));
        return nearest is not null && Distance(token, nearest) <= Math.Max(1, token.Length / 3) ? $" (did you mean {nearest}?)" : "";
    }

    // Levenshtein's: insertions, deletions and replacements from one to the other.
    private static int Distance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 0; i < from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i + 1;
            for (int j = 0; j < to.Length; j++)
            {
                int replaced = diagonal + (from[i] == to[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(replaced, Math.Min(row[j], row[j + 1]) + 1);
            }
        }
        return row[^1];
    }
}
