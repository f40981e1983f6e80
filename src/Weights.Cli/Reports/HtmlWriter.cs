using System.Net;

namespace Weights.Cli.Reports;

/// <summary>HTML, of which nothing that comes from a file is markup.</summary>
internal sealed class HtmlWriter(TextWriter writer)
{
    /// <summary>Markup of our own.</summary>
    public HtmlWriter Raw(string markup)
    {
        writer.Write(markup);
        return this;
    }

    /// <summary>Text, also within an attribute's quotes: whatever it is, it is shown, and nothing of it means anything.</summary>
    public HtmlWriter Text(string text)
    {
        writer.Write(Escape(text));
        return this;
    }

    /// <summary>An element with nothing but text in it.</summary>
    public HtmlWriter Element(string name, string text, string attributes = "") => Raw($"<{name}{(attributes.Length == 0 ? "" : " ")}{attributes}>").Text(text).Raw($"</{name}>");

    /// <summary>An attribute.</summary>
    public HtmlWriter Attribute(string name, string value) => Raw($" {name}=\"").Text(value).Raw("\"");

    /// <summary>A name from a file: its own direction does not turn what stands around it.</summary>
    public static string Name(string name) => $"<bdi>{Escape(name)}</bdi>";

    /// <summary>Text as HTML.</summary>
    public static string Escape(string text) => WebUtility.HtmlEncode(Printable.Escape(text));
}
