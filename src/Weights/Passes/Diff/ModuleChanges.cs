using System.Globalization;

namespace Weights.Passes.Diff;

/// <summary>What has become of the tensors of a module, or of modules of consecutive numbers of which the same can be said.</summary>
/// <param name="Path">What the names of its tensors begin with, without the number.</param>
/// <param name="First">The first number; null where the path has none.</param>
/// <param name="Last">The last number.</param>
/// <param name="Changes">What became of those that are not identical; empty where all are.</param>
public sealed record ModuleChange(string Path, long? First, long? Last, IReadOnlyList<TensorChange> Changes)
{
    /// <summary>How many tensors there are.</summary>
    public required int Tensors { get; init; }

    /// <summary>How many are not identical.</summary>
    public required int Different { get; init; }

    /// <summary>The largest <see cref="DifferenceStatistics.RelativeL2"/> among them; null where none has one.</summary>
    public required double? RelativeL2 { get; init; }

    /// <summary>For example <c>model.layers.0–9</c>.</summary>
    public string Name => First is null ? Path : First == Last ? Joined($"{First}") : Joined($"{First}–{Last}");

    private string Joined(string number) => Path.Length == 0 ? number : $"{Path}.{number}";
}

/// <summary>A comparison in a few lines: tensors by the module that they are in.</summary>
public static class ModuleChanges
{
    // More digits are no layer's number.
    private const int MostDigits = 9;

    /// <summary>
    /// Tensors grouped by the path that their names begin with, up to the first number in it, or else all but the last part. Modules of
    /// consecutive numbers are one where the same has become of their tensors.
    /// </summary>
    public static IReadOnlyList<ModuleChange> Modules(this CheckpointDiff diff)
    {
        ArgumentNullException.ThrowIfNull(diff);
        List<ModuleChange> modules = [];
        // In the order in which paths first come; within a path by number, whatever the order of the file.
        foreach (IGrouping<string, (string Path, long? Number, TensorDiff Tensor)> path in diff.Tensors.Select(Place).GroupBy(static place => place.Path, StringComparer.Ordinal))
        {
            ModuleChange? previous = null;
            foreach (IGrouping<long?, (string, long?, TensorDiff Tensor)> module in path.GroupBy(static place => place.Number).OrderBy(static module => module.Key))
            {
                ModuleChange next = Of(path.Key, module.Key, [.. module.Select(static place => place.Tensor)]);
                bool isOne = previous is not null && previous.Last + 1 == next.First && previous.Changes.SequenceEqual(next.Changes);
                if (isOne)
                {
                    modules.RemoveAt(modules.Count - 1);
                    next = Joined(previous!, next);
                }
                modules.Add(next);
                previous = next;
            }
        }
        return modules;
    }

    private static ModuleChange Of(string path, long? number, List<TensorDiff> tensors)
    {
        List<TensorDiff> different = [.. tensors.Where(static tensor => tensor.Change != TensorChange.Identical)];
        return new ModuleChange(path, number, number, [.. different.Select(static tensor => tensor.Change).Distinct().Order()])
        {
            Tensors = tensors.Count,
            Different = different.Count,
            RelativeL2 = different.Max(static tensor => tensor.Statistics?.RelativeL2),
        };
    }

    private static ModuleChange Joined(ModuleChange first, ModuleChange next) => next with
    {
        First = first.First,
        Tensors = first.Tensors + next.Tensors,
        Different = first.Different + next.Different,
        RelativeL2 = first.RelativeL2 is { } left && next.RelativeL2 is { } right ? Math.Max(left, right) : first.RelativeL2 ?? next.RelativeL2,
    };

    internal static (string Path, long? Number, TensorDiff Tensor) Place(TensorDiff tensor)
    {
        string name = tensor.Name;
        int start = 0;
        while (name.IndexOf('.', start) is >= 0 and int dot)
        {
            if (Number(name.AsSpan(start, dot - start)) is { } number)
            {
                return (name[..Math.Max(0, start - 1)], number, tensor);
            }
            start = dot + 1;
        }
        return (start > 1 ? name[..(start - 1)] : name, null, tensor);
    }

    private static long? Number(ReadOnlySpan<char> part) =>
        part.Length <= MostDigits && (part.Length == 1 || !part.StartsWith('0')) && long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
}
