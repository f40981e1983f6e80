using Weights.Cli.Terminal;
using Weights.Passes.Checksums;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights verify</c> prints.</summary>
/// <param name="Path">What was compared.</param>
/// <param name="Manifest">What with; null for the checksums in the file itself.</param>
/// <param name="Unit">Whether tensors or files were compared.</param>
/// <param name="Verification">What came of it.</param>
internal sealed record VerifyReport(string Path, string? Manifest, string Unit, Verification Verification)
{
    /// <summary>A line for each difference, and a verdict.</summary>
    public void WriteText(Channel channel)
    {
        foreach (Difference difference in Verification.Differences)
        {
            channel.Writer.WriteLine($"{channel.Paint(Style.Red, Word(difference.Mismatch).PadRight(7))}  {Printable.Escape(difference.Name)}{Words(difference)}");
        }
        string against = Manifest is null ? "the checksums in it" : Printable.Escape(Manifest);
        string verdict = Verification.IsGood ? channel.Paint(Style.Green, "verified")
            : Verification.Differences.Count == 0 ? channel.Paint(Style.Red, "nothing was compared")
            : channel.Paint(Style.Red, $"{Quantity.Of(Verification.Differences.Count, "difference")}");
        channel.Writer.WriteLine($"{Printable.Escape(Path)}: {verdict} ({Quantity.Of(Verification.Compared, Unit)} compared with {against})");
    }

    /// <summary>The same for programs.</summary>
    public void WriteJson(Channel channel) => Json.Write(channel, "weights/verify/1", writer =>
    {
        writer.WriteString("path", Path);
        writer.WriteString("manifest", Manifest);
        writer.WriteBoolean("verified", Verification.IsGood);
        writer.WriteString("unit", Unit);
        writer.WriteNumber("compared", Verification.Compared);
        Json.Objects(writer, "differences", Verification.Differences, static (line, difference) =>
        {
            line.WriteString("name", difference.Name);
            line.WriteString("kind", Word(difference.Mismatch));
            line.WriteString("expected", difference.Expected);
            line.WriteString("actual", difference.Actual);
        });
    });

    private static string Word(Mismatch mismatch) => mismatch switch
    {
        Mismatch.Missing => "missing",
        Mismatch.Extra => "extra",
        Mismatch.Resized => "resized",
        Mismatch.Recast => "recast",
        _ => "changed",
    };

    private static string Words(Difference difference) => (difference.Expected, difference.Actual) switch
    {
        (null, null) => "",
        ({ } expected, null) => $": {expected}",
        (null, { } actual) => $": {actual}",
        ({ } expected, { } actual) => $": {expected}, now {actual}",
    };
}
