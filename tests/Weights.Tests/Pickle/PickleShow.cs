using System.Globalization;
using Weights.Pickle;

namespace Weights.Tests.Pickle;

/// <summary>Nodes as text, close to what Python prints; calls are <c>module.name(args)</c> followed by what was done to them.</summary>
internal static class PickleShow
{
    public static string Show(this PickleNode node) => node switch
    {
        PickleNone => "None",
        PickleBool truth => truth.Value ? "True" : "False",
        PickleInteger integer => integer.Value.ToString(CultureInfo.InvariantCulture),
        PickleBigInteger big => big.Value.ToString(CultureInfo.InvariantCulture) + "L",
        PickleFloat real => real.Value.ToString("R", CultureInfo.InvariantCulture) + "f",
        PickleText text => $"'{text.Text}'",
        PickleBytes bytes => (bytes.IsByteArray ? "array" : "b") + System.Convert.ToHexStringLower(Read(bytes.Value)),
        PickleTuple tuple => $"({Join(tuple.Items)})",
        PickleList list => $"[{Join(list.Items)}]",
        PickleSet set => (set.IsFrozen ? "frozen" : "") + $"{{{Join(set.Items)}}}",
        PickleDict dict => $"{{{Join(dict.Items)}}}",
        PickleGlobal global => (global.IsComputed ? "?" : "") + global.FullName + Deeds(global),
        PickleCall call => $"{call.Callable.Show()}{call.Arguments.Show()}{(call.KeywordArguments is { } keywords ? "**" + keywords.Show() : "")}{Deeds(call)}",
        PicklePersistentId id => $"persistent<{id.Id.Show()}>",
        _ => node.Kind,
    };

    private static string Deeds(PickleObject node) =>
        string.Concat(node.EarlierStates.Append(node.State).OfType<PickleNode>().Select(static state => $" state {state.Show()}"))
        + (node.Items is { } items ? $" items {items.Show()}" : "")
        + (node.Entries is { } entries ? $" entries {entries.Show()}" : "");

    private static string Join(IEnumerable<PickleNode> items) => string.Join(", ", items.Select(Show));

    private static string Join(IEnumerable<KeyValuePair<PickleNode, PickleNode>> items) => string.Join(", ", items.Select(static item => $"{item.Key.Show()}: {item.Value.Show()}"));

    private static byte[] Read(ByteSource source)
    {
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes);
        return bytes;
    }
}
