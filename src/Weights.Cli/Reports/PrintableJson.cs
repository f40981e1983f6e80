using System.Text;
using System.Text.Encodings.Web;

namespace Weights.Cli.Reports;

/// <summary>
/// Escapes in JSON what <see cref="Printable.Escape"/> would escape elsewhere, and what JSON itself demands: names of tensors stay
/// readable in any script, and none can move a terminal's cursor or turn the direction of the text.
/// </summary>
internal sealed class PrintableJson : JavaScriptEncoder
{
    private PrintableJson()
    {
    }

    /// <summary>The encoder.</summary>
    public static PrintableJson Instance { get; } = new();

    /// <inheritdoc/>
    public override int MaxOutputCharactersPerInputCharacter => UnsafeRelaxedJsonEscaping.MaxOutputCharactersPerInputCharacter;

    /// <inheritdoc/>
    public override bool WillEncode(int unicodeScalar) =>
        unicodeScalar is '"' or '\\' || !Printable.IsSafe(new Rune(unicodeScalar));

    /// <inheritdoc/>
    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength)
    {
        ReadOnlySpan<char> span = new(text, textLength);
        for (int index = 0; index < textLength;)
        {
            if (Rune.DecodeFromUtf16(span[index..], out Rune rune, out int consumed) != System.Buffers.OperationStatus.Done || WillEncode(rune.Value))
            {
                return index;
            }
            index += consumed;
        }
        return -1;
    }

    /// <inheritdoc/>
    public override unsafe bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        Span<char> target = new(buffer, bufferLength);
        if (!WillEncode(unicodeScalar))
        {
            return new Rune(unicodeScalar).TryEncodeToUtf16(target, out numberOfCharactersWritten);
        }
        string escape = unicodeScalar switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => string.Concat(new Rune(unicodeScalar).ToString().Select(static unit => $"\\u{(int)unit:X4}")),
        };
        numberOfCharactersWritten = escape.TryCopyTo(target) ? escape.Length : 0;
        return numberOfCharactersWritten > 0;
    }
}
