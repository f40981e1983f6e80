using Weights.IO;

namespace Weights.Formats;

/// <summary>Metadata for formats that hold pairs of text.</summary>
internal static class MetadataText
{
    /// <summary>The entries as text, in order: that numbers become "3" is the normal use of such formats and no loss.</summary>
    /// <param name="metadata">What is to be kept.</param>
    /// <param name="ledger">Is told which text UTF-8 cannot hold; U+FFFD stands for it.</param>
    public static IEnumerable<KeyValuePair<string, string>> Entries(MetadataValue.Map metadata, Ledger ledger)
    {
        foreach ((string key, MetadataValue value) in metadata)
        {
            yield return new(Utf8(key, ledger), Utf8(value.ToText(), ledger));
        }
    }

    /// <summary>Refuses names that UTF-8 cannot hold.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>.</exception>
    public static void RequireUtf8(Tensor tensor)
    {
        if (!JsonText.IsUtf8(tensor.Name))
        {
            throw new WeightFileException(Fault.Unsupported, "has half a surrogate pair in its name, which UTF-8 cannot hold; give it another one with --rename", tensor: tensor.Name);
        }
    }

    private static string Utf8(string text, Ledger ledger)
    {
        if (JsonText.IsUtf8(text))
        {
            return text;
        }
        ledger.Add(LedgerKind.Restated, "metadata", $"{WeightFileException.Quote(text)} has half a surrogate pair, which UTF-8 cannot hold; U+FFFD is written for it");
        return string.Concat(text.EnumerateRunes().Select(static rune => rune.ToString()));
    }
}
