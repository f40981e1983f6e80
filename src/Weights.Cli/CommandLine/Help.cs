using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Weights.Cli.Terminal;

namespace Weights.Cli.CommandLine;

/// <summary>Prints what a command does, its arguments and options, and examples.</summary>
internal sealed class Help(Session session) : SynchronousCommandLineAction
{
    private const int Indent = 2;
    private const int Gap = 3;

    // Wider lines are hard to read; where nobody counts columns it is also the width.
    private const int WidestLine = 100;
    private const int NarrowestText = 30;

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        Write(parseResult.CommandResult.Command, session.Results);
        return ExitCode.Done;
    }

    /// <summary>Prints the help of a command.</summary>
    public static void Write(Command command, Channel channel)
    {
        TextWriter writer = channel.Writer;
        WriteParagraph(channel, command.Description ?? "");
        writer.WriteLine();
        writer.WriteLine($"Usage: {Usage(command)}");
        List<Row> verbs = [.. command.Subcommands.Select(static verb => new Row(verb.Name, verb.Description))];
        List<Row> arguments = [.. command.Arguments.Select(static argument => new Row(argument.Name, argument.Description))];
        List<Row> options = [.. OptionsOf(command).Select(static option => new Row(Term(option), option.Description))];
        int width = verbs.Concat(arguments).Concat(options).Max(static row => row.Term.Length);
        WriteSection(channel, "Verbs", verbs, width);
        WriteSection(channel, "Arguments", arguments, width);
        WriteSection(channel, "Options", options, width);
        if (command is Verb { Examples: var examples })
        {
            writer.WriteLine();
            writer.WriteLine(channel.Paint(Style.Bold, "Examples"));
            foreach ((string example, string does) in examples)
            {
                writer.WriteLine($"  {channel.Paint(Style.Dim, $"# {does}")}");
                writer.WriteLine($"  {example}");
            }
        }
        else
        {
            writer.WriteLine();
            WriteParagraph(channel, $"{Tree.CommandName} VERB --help tells more and gives examples.");
        }
    }

    private static void WriteParagraph(Channel channel, string text)
    {
        foreach (string line in CellWidth.Wrap(text, Math.Min(channel.Width ?? WidestLine, WidestLine)))
        {
            channel.Writer.WriteLine(line);
        }
    }

    private static void WriteSection(Channel channel, string title, List<Row> rows, int termWidth)
    {
        if (rows.Count == 0)
        {
            return;
        }
        channel.Writer.WriteLine();
        channel.Writer.WriteLine(channel.Paint(Style.Bold, title));
        int textColumn = Indent + termWidth + Gap;
        int lineWidth = Math.Min(channel.Width ?? WidestLine, WidestLine);
        // On a narrow terminal the text stands under its term.
        bool isBelow = lineWidth - textColumn < NarrowestText;
        textColumn = isBelow ? 2 * Indent : textColumn;
        foreach ((string term, string? text) in rows)
        {
            channel.Writer.Write(new string(' ', Indent) + channel.Paint(Style.Cyan, term));
            int column = Indent + term.Length;
            bool startsLine = isBelow;
            foreach (string line in CellWidth.Wrap(text ?? "", Math.Max(lineWidth - textColumn, 1)))
            {
                channel.Writer.Write(startsLine ? "\n" : "");
                channel.Writer.Write(new string(' ', textColumn - (startsLine ? 0 : column)) + line);
                startsLine = true;
            }
            channel.Writer.WriteLine();
        }
    }

    private static string Usage(Command command)
    {
        List<string> words = [command is RootCommand ? Tree.CommandName : $"{Tree.CommandName} {command.Name}"];
        words.AddRange(command.Subcommands.Count > 0 ? ["VERB"] : command.Arguments.Select(static argument => argument.Name));
        words.Add("[OPTIONS]");
        return string.Join(' ', words);
    }

    private static string Term(Option option)
    {
        string names = string.Join(", ", option.Aliases.Append(option.Name).Where(static name => name.StartsWith('-')).OrderBy(static name => name.Length));
        return option.Arity.MaximumNumberOfValues == 0 || option.HelpName is null ? names : $"{names} {option.HelpName}";
    }

    /// <summary>Options of a command, those that every verb has last.</summary>
    public static IEnumerable<Option> OptionsOf(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(static parent => parent.Options).Where(static option => option.Recursive));

    private sealed record Row(string Term, string? Text);
}
