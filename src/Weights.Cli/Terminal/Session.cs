namespace Weights.Cli.Terminal;

/// <summary>When to colour.</summary>
internal enum ColorMode
{
    /// <summary>On a terminal that wants it.</summary>
    Auto,

    /// <summary>Always, whatever stands at the other end.</summary>
    Always,

    /// <summary>Never.</summary>
    Never,
}

/// <summary>One run of the command: where it writes to, and whether somebody wants it to end.</summary>
internal sealed class Session : IDisposable
{
    /// <summary>Standard output: results.</summary>
    public Channel Results { get; } = Channel.Results();

    /// <summary>Standard error: everything else.</summary>
    public Channel Messages { get; } = Channel.Messages();

    /// <summary>Ctrl-C and its kin.</summary>
    public Interruption Interruption { get; } = new();

    /// <summary>Whether nothing but errors is to be said.</summary>
    public bool IsQuiet { get; set; }

    /// <summary>Chooses colours for both channels.</summary>
    public void UseColors(ColorMode mode)
    {
        bool wanted = Channel.EnvironmentWantsColors();
        foreach (Channel channel in (ReadOnlySpan<Channel>)[Results, Messages])
        {
            channel.HasColors = mode == ColorMode.Always || (mode == ColorMode.Auto && channel.IsTerminal && wanted);
        }
    }

    /// <summary>Ends the run with an error: one line.</summary>
    public void Error(string sentence) => Say(Style.Red, "weights:", sentence);

    /// <summary>Something that the user should know before relying on the result: one line.</summary>
    public void Warn(string sentence)
    {
        if (!IsQuiet)
        {
            Say(Style.Yellow, "warning:", sentence);
        }
    }

    /// <summary>Something worth knowing: one line.</summary>
    public void Note(string sentence)
    {
        if (!IsQuiet)
        {
            Say(Style.Cyan, "note:", sentence);
        }
    }

    /// <summary>A line for people about what was done.</summary>
    public void Tell(string sentence)
    {
        if (!IsQuiet)
        {
            Results.Writer.Flush();
            Messages.Writer.WriteLine(Printable.Escape(sentence));
            Messages.Writer.Flush();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Interruption.Dispose();

    // Escaped again although names are already: paths come from the command line, and the system's own sentences repeat them.
    private void Say(Style style, string label, string sentence)
    {
        // So that both read in the order they were said where they go to one terminal; an error ends the results in any case.
        try
        {
            Results.Writer.Flush();
        }
        catch (IOException)
        {
        }
        Messages.Writer.WriteLine($"{Messages.Paint(style, label)} {Printable.Escape(sentence)}");
        Messages.Writer.Flush();
    }
}
