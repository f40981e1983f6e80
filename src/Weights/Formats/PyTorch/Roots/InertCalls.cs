using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>Says which functions and classes a file names that loading it with Python would have called, and that were not called here.</summary>
internal static class InertCalls
{
    // A file that names more has been made to drown the one that matters; the first are enough to be warned.
    private const int MaxNames = 100;

    private static readonly HashSet<string> s_plain = new(StringComparer.Ordinal)
    {
        "numpy.dtype", "argparse.Namespace", "types.SimpleNamespace", "collections.deque", "datetime.datetime", "datetime.date", "datetime.time",
        "datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID",
        "builtins.complex", "builtins.range", "builtins.slice", "__builtin__.complex", "__builtin__.xrange", "__builtin__.slice",
        "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib.PureWindowsPath", "pathlib.Path",
        "pathlib._local.PosixPath", "pathlib._local.PurePosixPath", "pathlib._local.WindowsPath", "pathlib._local.PureWindowsPath",
    };

    /// <summary>One entry for each name, in the order of the file. Modules are not among them: what they hold is read.</summary>
    public static IReadOnlyList<LeftOut> Find(PickleTree tree, IEnumerable<PickleCall> calls, string pickleName)
    {
        HashSet<string> recipes = [.. TorchRecipes.Names];
        OrderedDictionary<string, (int Count, long First)> names = new(StringComparer.Ordinal);
        foreach (PickleCall call in calls)
        {
            string name = TorchRecipes.NameOf(call.Callable) ?? "a function that the file computes";
            if (!recipes.Contains(name) && !s_plain.Contains(name) && !tree.TryModule(call, out _))
            {
                names[name] = names.TryGetValue(name, out (int Count, long First) known) ? (known.Count + 1, known.First) : (1, call.Offset);
            }
        }
        return
        [
            .. names.Take(MaxNames).Select(name => new LeftOut(name.Key, $"is called {(name.Value.Count == 1 ? "once" : $"{name.Value.Count:N0} times")} by Python when it loads the file (first at byte {name.Value.First:N0} of {pickleName}); here it was not called, and what it would make is kept as a record in the metadata, if at all")),
            .. names.Count > MaxNames ? [new LeftOut("…", $"{names.Count - MaxNames:N0} more names that Python would call")] : (IEnumerable<LeftOut>)[],
        ];
    }
}
