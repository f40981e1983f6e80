using System.Globalization;
using System.Text;
using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>Calls as Python would write them, with their literal arguments, shortened: a file may hold gigabytes of them.</summary>
internal static class Literals
{
    private const int Longest = 200;
    private const int LongestText = 120;
    private const int ShownBytes = 32;
    private const int Deepest = 4;
    private const int MostItems = 8;

    /// <summary>For example <c>os.system("echo")</c>.</summary>
    public static string Of(PickleCall call)
    {
        StringBuilder text = new();
        Append(text, call, 0);
        return text.Length <= Longest ? text.ToString() : $"{text.ToString(0, Longest)}…";
    }

    private static void Append(StringBuilder text, PickleNode node, int depth)
    {
        if (text.Length > Longest || depth > Deepest)
        {
            text.Append('…');
            return;
        }
        _ = node switch
        {
            PickleNone => text.Append("None"),
            PickleBool value => text.Append(value.Value ? "True" : "False"),
            PickleInteger value => text.Append(value.Value),
            PickleFloat value => text.Append(value.Value.ToString("R", CultureInfo.InvariantCulture)),
            PickleText value => AppendText(text, value),
            PickleBytes value => AppendBytes(text, value),
            PickleGlobal global => text.Append(global.FullName),
            PickleCall call => AppendCall(text, call, depth),
            PickleTuple tuple => AppendItems(text, "(", tuple.Items, tuple.Items.Length == 1 ? ",)" : ")", depth),
            PickleList list => AppendItems(text, "[", list.Items, "]", depth),
            PickleSet set => AppendItems(text, "{", set.Items, "}", depth),
            PickleDict dict => AppendItems(text, "{", [.. dict.Items.Take(MostItems + 1).SelectMany(static item => (PickleNode[])[item.Key, item.Value])], "}", depth, isDict: true),
            _ => text.Append('<').Append(node.Kind).Append('>'),
        };
    }

    private static StringBuilder AppendCall(StringBuilder text, PickleCall call, int depth)
    {
        Append(text, call.Callable, depth + 1);
        IReadOnlyList<PickleNode> arguments = call.Arguments is PickleTuple tuple ? tuple.Items : [call.Arguments];
        AppendItems(text, "(", arguments, ")", depth);
        if (call.KeywordArguments is { } keywords)
        {
            text.Append(" with ");
            Append(text, keywords, depth + 1);
        }
        return text;
    }

    private static StringBuilder AppendItems(StringBuilder text, string open, IReadOnlyList<PickleNode> items, string close, int depth, bool isDict = false)
    {
        text.Append(open);
        int shown = Math.Min(items.Count, isDict ? 2 * MostItems : MostItems);
        for (int index = 0; index < shown && text.Length <= Longest; index++)
        {
            text.Append(index == 0 ? "" : isDict && index % 2 == 1 ? ": " : ", ");
            Append(text, items[index], depth + 1);
        }
        return text.Append(shown < items.Count ? ", …" : "").Append(close);
    }

    private static StringBuilder AppendText(StringBuilder text, PickleText value)
    {
        // Of a long one the start is read from where it stands, unless that would mean to inflate it again.
        if (value.Encoded is { Length: > PickleLimits.Copied } encoded)
        {
            if (encoded.ReadsForward)
            {
                return text.Append($"<text of {encoded.Length:N0} bytes>");
            }
            byte[] start = new byte[LongestText];
            encoded.Read(0, start);
            return text.Append('"').Append(Encoding.Latin1.GetString(start)).Append("…\"");
        }
        string whole = value.Text;
        return text.Append('"').Append(whole.Length <= LongestText ? whole : $"{whole.AsSpan(0, LongestText)}…").Append('"');
    }

    private static StringBuilder AppendBytes(StringBuilder text, PickleBytes value)
    {
        if (value.Value.ReadsForward && value.Value.Length > PickleLimits.Copied)
        {
            return text.Append($"<{value.Value.Length:N0} bytes>");
        }
        byte[] start = new byte[(int)Math.Min(value.Value.Length, ShownBytes)];
        value.Value.Read(0, start);
        text.Append("b\"");
        foreach (byte one in start)
        {
            _ = one is >= 0x20 and < 0x7F and not ((byte)'"' or (byte)'\\') ? text.Append((char)one) : text.Append($"\\x{one:x2}");
        }
        return text.Append(value.Value.Length > ShownBytes ? "…\"" : "\"");
    }
}
