using Weights.Cli.Terminal;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary>What a network says about itself, for people.</summary>
internal static class CardText
{
    // Detectors of everyday things tell 80 apart; those of 1000 are read in JSON.
    private const int MostNames = 100;

    /// <summary>Prints a field for each thing that is known.</summary>
    public static void Write(ModelCard card, Fields fields)
    {
        WriteIfAny("model", [Class(card.ClassName), Text(card.Architecture?["yaml_file"]), Scale(card.Architecture)], fields);
        WriteIfAny("task", [card.Task], fields);
        if (card.ClassNames.Count > 0)
        {
            string more = card.ClassNames.Count > MostNames ? $", … ({card.ClassNames.Count - MostNames:N0} more; --json has all)" : "";
            fields.Write("classes", Printable.Escape($"{card.ClassNames.Count:N0}: {string.Join(", ", card.ClassNames.Take(MostNames).Select(static (name, index) => $"{index} {name}"))}{more}"));
        }
        WriteIfAny("strides", [card.Strides.Count == 0 ? null : string.Join(", ", card.Strides.Select(Quantity.Real))], fields);
        WriteLayers("backbone", card.Architecture, fields);
        WriteLayers("head", card.Architecture, fields);
        if (card.TrainingArguments is { Count: > 0 } arguments)
        {
            fields.Write("training", Printable.Escape(string.Join("  ", arguments.Where(static argument => argument.Value is not MetadataValue.Null).Select(static argument => $"{argument.Key}={argument.Value.ToText()}"))));
        }
        WriteIfAny("epoch", [card.Epoch switch { null => null, -1 => "-1 (finished, its training state taken out)", { } epoch => $"{epoch:N0}" }], fields);
        WriteIfAny("fitness", [card.Fitness is { } fitness ? Quantity.Real(fitness) : null], fields);
        WriteIfAny("saved", [card.Date, card.Version is null ? null : $"version {card.Version}"], fields);
    }

    private static void WriteIfAny(string label, IReadOnlyList<string?> parts, Fields fields)
    {
        string value = string.Join(", ", parts.Where(static part => !string.IsNullOrEmpty(part)));
        if (value.Length > 0)
        {
            fields.Write(label, Printable.Escape(value));
        }
    }

    private static string? Class(string? className)
    {
        int dot = className?.LastIndexOf('.') ?? -1;
        return dot < 0 ? className : $"{className![(dot + 1)..]} ({className[..dot]})";
    }

    private static string? Scale(MetadataValue.Map? architecture) => Text(architecture?["scale"]) is { Length: > 0 } scale ? $"scale {scale}" : null;

    private static string? Text(MetadataValue? value) => (value as MetadataValue.Text)?.Value;

    // Rows of [from, repeats, module, arguments].
    private static void WriteLayers(string label, MetadataValue.Map? architecture, Fields fields)
    {
        if (architecture?[label] is not MetadataValue.List { Items: { Count: > 0 } rows })
        {
            return;
        }
        List<string> layers = [];
        foreach (MetadataValue row in rows)
        {
            if (row is not MetadataValue.List { Items: [var from, MetadataValue.Integer repeats, var module, MetadataValue.List arguments, ..] })
            {
                return;
            }
            string source = from is MetadataValue.Integer { Value: -1 } ? "" : $"{from.ToText()}→";
            string times = repeats.Value == 1 ? "" : $"{repeats.Value}×";
            layers.Add($"{source}{times}{TreeText.ShortName(module.ToText())}({string.Join(",", arguments.Items.Select(static argument => argument.ToText()))})");
        }
        fields.Write(label, Printable.Escape(string.Join("  ", layers)));
    }
}
