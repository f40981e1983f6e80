namespace Weights;

/// <summary>
/// What has registered itself: filled by the static initialisers of the partial class <typeparamref name="T"/>, each of
/// which stands in the file or folder of the thing registered, so that adding one edits no shared file.
/// </summary>
internal static class Registry<T>
    where T : class
{
    private static readonly List<T> s_items = [];
    private static T[]? s_sorted;

    /// <summary>Registers <paramref name="item"/> and returns it.</summary>
    public static T Add(T item)
    {
        s_items.Add(item);
        return item;
    }

    /// <summary>All items in an order that does not depend on which file the compiler saw first.</summary>
    public static IReadOnlyList<T> Sorted(Func<T, string> name) =>
        s_sorted ??= [.. s_items.OrderBy(name, StringComparer.Ordinal)];
}
