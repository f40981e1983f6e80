using System.Text;

namespace Weights.Cli.Terminal;

/// <summary>Standard output or standard error: where text goes, and what stands at the other end.</summary>
internal sealed class Channel
{
    private const int NarrowestTerminal = 20;
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly int _descriptor;

    private Channel(int descriptor, bool isTerminal)
    {
        _descriptor = descriptor;
        Stream = new StandardStream(descriptor);
        IsTerminal = isTerminal;
        Writer = new StreamWriter(Stream, s_utf8, bufferSize: 1 << 15) { NewLine = "\n" };
    }

    /// <summary>Standard output, which carries results.</summary>
    public static Channel Results() => new(StandardStream.Output, !Console.IsOutputRedirected);

    /// <summary>Standard error, which carries everything else.</summary>
    public static Channel Messages() => new(StandardStream.Error, !Console.IsErrorRedirected);

    /// <summary>For bytes; flush <see cref="Writer"/> before changing from one to the other.</summary>
    public Stream Stream { get; }

    /// <summary>For text; buffered.</summary>
    public TextWriter Writer { get; }

    /// <summary>Whether a person is looking at it.</summary>
    public bool IsTerminal { get; }

    /// <summary>Whether it shows colours.</summary>
    public bool HasColors { get; set; }

    /// <summary>Columns of the terminal; null where nobody counts them, so that nothing is shortened or wrapped.</summary>
    public int? Width => IsTerminal ? Math.Max(NarrowestTerminal, TerminalWidth()) : null;

    /// <summary>The text with the escape sequences of a style around it, where there are colours.</summary>
    public string Paint(Style style, string text) => HasColors && style != Style.Plain && text.Length > 0 ? $"\e[{(int)style}m{text}\e[0m" : text;

    /// <summary>Whether a terminal wants colours, by what its environment says (https://no-color.org).</summary>
    public static bool EnvironmentWantsColors() =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && (OperatingSystem.IsWindows()
            // The older console window prints escape sequences as they are.
            ? !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("WT_SESSION"))
            : Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"));

    private int TerminalWidth()
    {
        const int usual = 80;
        try
        {
            // A terminal that does not know its size (a serial line, a bare pseudo-terminal) says 0.
            int columns = OperatingSystem.IsLinux() ? Posix.Columns(_descriptor) : Console.WindowWidth;
            return columns > 0 ? columns : usual;
        }
        catch (IOException)
        {
            return usual;
        }
    }
}
