using System.Globalization;
using System.Text;
using System.Xml;
using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary><c>weights diff</c> as JUnit XML: a test case for each tensor, which fails where it is not accepted, and one for whether anything was compared.</summary>
internal static class DiffJUnit
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(DiffReport report, Channel channel)
    {
        channel.Writer.Flush();
        List<TensorDiff> tensors = [.. report.Tensors];
        int failures = tensors.Count(tensor => !report.Diff.IsAccepted(tensor)) + (report.Diff.Compared == 0 ? 1 : 0);
        using BufferedStream buffer = new(channel.Stream, 1 << 16);
        using (XmlWriter writer = XmlWriter.Create(buffer, new XmlWriterSettings { Indent = true, NewLineChars = "\n", Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false) }))
        {
            writer.WriteStartElement("testsuites");
            writer.WriteStartElement("testsuite");
            writer.WriteAttributeString("name", Safe($"weights diff {report.Request.A} {report.Request.B}"));
            writer.WriteAttributeString("tests", (tensors.Count + 1).ToString(CultureInfo.InvariantCulture));
            writer.WriteAttributeString("failures", failures.ToString(CultureInfo.InvariantCulture));
            WriteCase(writer, report.Request.B, "tensors were compared", report.Diff.Compared == 0 ? report.Verdict : null);
            foreach (TensorDiff tensor in tensors)
            {
                WriteCase(writer, report.Request.B, tensor.Name, report.Diff.IsAccepted(tensor) ? null : Sentence(tensor));
            }
            writer.WriteEndElement();
            writer.WriteEndElement();
        }
        buffer.WriteByte((byte)'\n');
    }

    private static void WriteCase(XmlWriter writer, string group, string name, string? failure)
    {
        writer.WriteStartElement("testcase");
        writer.WriteAttributeString("classname", Safe(group));
        writer.WriteAttributeString("name", Safe(name));
        if (failure is not null)
        {
            writer.WriteStartElement("failure");
            writer.WriteAttributeString("message", Safe(failure));
            writer.WriteString(Safe(failure));
            writer.WriteEndElement();
        }
        writer.WriteEndElement();
    }

    private static string Sentence(TensorDiff tensor)
    {
        string words = tensor.Change is TensorChange.Renamed or TensorChange.Split or TensorChange.Fused ? DiffReport.Relation(tensor)!
            : tensor.Relation is null ? DiffReport.Words(tensor.Change) : $"{DiffReport.Words(tensor.Change)}: {tensor.Relation}";
        string sentence = $"{words}, {DiffReport.DType(tensor)} {DiffReport.Shape(tensor)}";
        return tensor.Statistics is { } of
            ? $"{sentence}: {of.Changed:N0} of {Quantity.Of(of.Count, "number")} changed, max |Δ| {Quantity.Real(of.MaxAbsolute)}, relative L2 {Quantity.Real(of.RelativeL2)}, cosine {of.Cosine:0.000000}"
            : sentence;
    }

    // Besides control characters there are two more that XML cannot hold in any form.
    private static string Safe(string text) => Printable.Escape(text).Replace("\uFFFE", "\\uFFFE").Replace("\uFFFF", "\\uFFFF");
}
