using System.CommandLine;
using System.CommandLine.Help;
using Weights.Cli.Commands;
using Weights.Cli.Terminal;

namespace Weights.Cli.CommandLine;

/// <summary>All commands of the tool.</summary>
internal static class Tree
{
    /// <summary>What users type, whatever the file is called.</summary>
    public const string CommandName = "weights";

    /// <summary>The option that every verb has: when to colour.</summary>
    public static Option<ColorMode> Color { get; } = Parsing.ChoiceOption(
        "--color",
        "WHEN",
        "when to use colours: auto (on a terminal, unless NO_COLOR is set), always or never",
        ("auto", ColorMode.Auto),
        ("always", ColorMode.Always),
        ("never", ColorMode.Never));

    /// <summary>The root command.</summary>
    public static RootCommand Create(Session session)
    {
        RootCommand root = new("Reads, inspects and converts model weight files: no Python, no code execution, no whole-file loads.")
        {
            Inspect.Create(session),
            Commands.Convert.Create(session),
            Graft.Create(session),
            Quantize.Create(session),
            Dequantize.Create(session),
            ChecksumCommand.Create(session),
            Verify.Create(session),
            Diff.Create(session),
            PatchCommand.Create(session),
            Commands.Scan.Create(session),
            Commands.Formats.Create(session),
        };
        root.Add(Completion.Create(session, root));
        root.Options.Clear();
        Color.Recursive = true;
        root.Options.Add(Color);
        root.Options.Add(new HelpOption("--help", "-h") { Description = "show this help", Action = new Help(session) });
        root.Options.Add(new VersionOption { Recursive = true, Description = "show the version" });
        root.Directives.Clear();
        return root;
    }
}
