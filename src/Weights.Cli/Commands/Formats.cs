using System.CommandLine;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;

namespace Weights.Cli.Commands;

/// <summary><c>weights formats</c>: what is read and written.</summary>
internal static class Formats
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Option<bool> json = CommonOptions.Json();
        Verb verb = new("formats", "Lists the formats that are read and written, with their extensions and element types.")
        {
            Examples =
            [
                ("weights formats", "every format"),
                ("weights formats --json | jq -r '.formats[] | select(.writes != []) | .name'", "names that --to takes"),
            ],
        };
        verb.Options.Add(json);
        verb.SetAction(result =>
        {
            if (result.GetValue(json))
            {
                FormatsReport.WriteJson(session.Results);
            }
            else
            {
                FormatsReport.WriteText(session.Results);
            }
            return ExitCode.Done;
        });
        return verb;
    }
}
