using System.CommandLine;
using System.CommandLine.Completions;
using Weights.Cli.CommandLine;
using Weights.Cli.Terminal;

namespace Weights.Cli.Commands;

/// <summary>
/// <c>weights completion</c>: prints a script by which a shell completes verbs, options and their values. The script holds all of
/// them, so that completing starts no process.
/// </summary>
internal static class Completion
{
    /// <summary>The verb, for a tree that has all others already.</summary>
    public static Verb Create(Session session, RootCommand root)
    {
        Argument<Action<RootCommand, TextWriter>> shell = new("SHELL")
        {
            Description = "bash, zsh or fish",
            CustomParser = Parsing.Choice<Action<RootCommand, TextWriter>>("SHELL", ("bash", WriteBash), ("zsh", WriteZsh), ("fish", WriteFish)),
        };
        Verb verb = new("completion", "Prints a script that makes a shell complete verbs, options and their values.")
        {
            Examples =
            [
                ("eval \"$(weights completion bash)\"", "in ~/.bashrc"),
                ("eval \"$(weights completion zsh)\"", "in ~/.zshrc"),
                ("weights completion fish >~/.config/fish/completions/weights.fish", "once"),
            ],
        };
        verb.Arguments.Add(shell);
        verb.SetAction(result =>
        {
            result.GetRequiredValue(shell)(root, session.Results.Writer);
            return ExitCode.Done;
        });
        return verb;
    }

    private static void WriteBash(RootCommand root, TextWriter writer)
    {
        writer.WriteLine($"_{Tree.CommandName}() {{");
        writer.WriteLine("  local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"");
        writer.WriteLine("  case \"${COMP_WORDS[COMP_CWORD-1]}\" in");
        foreach (Option option in root.Subcommands.SelectMany(Help.OptionsOf).DistinctBy(static option => option.Name).Where(static option => Values(option).Length > 0))
        {
            writer.WriteLine($"    {option.Name}) words=\"{Values(option)}\" ;;");
        }
        writer.WriteLine("    *)");
        writer.WriteLine("      if [ \"$COMP_CWORD\" -eq 1 ]; then");
        writer.WriteLine($"        words=\"{string.Join(' ', root.Subcommands.Select(static verb => verb.Name))} {Names(root)}\"");
        writer.WriteLine("      elif [ \"${word#-}\" != \"$word\" ]; then");
        writer.WriteLine("        case \"${COMP_WORDS[1]}\" in");
        foreach (Command verb in root.Subcommands)
        {
            writer.WriteLine($"          {verb.Name}) words=\"{Names(verb)}\" ;;");
        }
        writer.WriteLine("        esac");
        writer.WriteLine("      fi ;;");
        writer.WriteLine("  esac");
        // With no words there are no completions, and the shell offers files.
        writer.WriteLine("  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))");
        writer.WriteLine("}");
        writer.WriteLine($"complete -o default -F _{Tree.CommandName} {Tree.CommandName}");
    }

    private static void WriteZsh(RootCommand root, TextWriter writer)
    {
        writer.WriteLine("autoload -U +X compinit && compinit");
        writer.WriteLine("autoload -U +X bashcompinit && bashcompinit");
        WriteBash(root, writer);
    }

    private static void WriteFish(RootCommand root, TextWriter writer)
    {
        foreach (Command verb in root.Subcommands)
        {
            writer.WriteLine($"complete -c {Tree.CommandName} -n __fish_use_subcommand -f -a {verb.Name} -d {Quoted(verb.Description)}");
            foreach (Option option in Help.OptionsOf(verb))
            {
                string values = Values(option);
                string argument = option.HelpName is null ? "" : values.Length > 0 ? $" -x -a {Quoted(values)}" : " -r";
                string name = option.Name.TrimStart('-');
                writer.WriteLine($"complete -c {Tree.CommandName} -n '__fish_seen_subcommand_from {verb.Name}' -l {name}{argument} -d {Quoted(option.Description)}");
            }
        }
    }

    private static string Names(Command command) => string.Join(' ', Help.OptionsOf(command).Select(static option => option.Name));

    // Of options that take one of a few words.
    private static string Values(Option option) =>
        option.HelpName is null ? "" : string.Join(' ', option.GetCompletions(CompletionContext.Empty).Select(static item => item.Label));

    private static string Quoted(string? text) => $"'{text?.Replace("\\", "\\\\").Replace("'", "\\'")}'";
}
