using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary>The input of a verb: opened and narrowed down to the tensors that were asked for.</summary>
internal static class Source
{
    /// <summary>Opens a weight file; says so where its extension promises another format.</summary>
    public static Checkpoint Open(string path, ReadOptions options, Session session)
    {
        Checkpoint checkpoint = Format.Open(path, options);
        string name = checkpoint.Origin.Format;
        if (File.Exists(path) && Format.ByExtension(path) is { } expected && expected.Name != name)
        {
            session.Note($"{path} holds {name} by its content, although its extension says {expected.Name}");
        }
        return checkpoint;
    }

    /// <summary>Tells a ledger what of a checkpoint a file of that format would not hold.</summary>
    public static void TellLosses(Checkpoint source, Format target, Ledger ledger) =>
        TellLosses(source, target.KeepsGraph(source), $"a {target.Name} file", ledger);

    /// <summary>Tells a ledger what of a checkpoint something would not hold.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="keepsGraph">Whether the computation is kept.</param>
    /// <param name="holder">What holds only tensors where it is not, with its article.</param>
    /// <param name="ledger">Is told.</param>
    public static void TellLosses(Checkpoint source, bool keepsGraph, string holder, Ledger ledger)
    {
        foreach (LeftOut part in source.LeftOut.Where(part => !part.IsPartOfGraph || !keepsGraph))
        {
            ledger.Add(LedgerKind.LeftOut, part.Path, part.Reason);
        }
        if (source.Graph is { } graph && !keepsGraph)
        {
            ledger.Add(LedgerKind.LeftOut, "graph", $"{Quantity.Of(graph.Nodes, "node")}; {holder} holds tensors, and no computation");
        }
    }

    /// <summary>Tells a ledger of weights that a file of that format would hold in parts, without saying what is made of them.</summary>
    public static void TellPartsAlone(Checkpoint written, Format target, Ledger ledger)
    {
        if (written.QuantizedValues.Count == 0 || target.KeepsQuantizedValues)
        {
            return;
        }
        string more = written.QuantizedValues.Count > 1 ? ", …" : "";
        string weights = $"{Quantity.Of(written.QuantizedValues.Count, "weight")} ({written.QuantizedValues[0].Name}{more})";
        ledger.Add(LedgerKind.LeftOut, "quantization", $"how {weights} come of numbers and scales; a {target.Name} file holds those alone, and 'weights dequantize' writes the weights");
    }

    /// <summary>The tensors that <c>--filter</c> and <c>--exclude</c> leave.</summary>
    /// <exception cref="UsageException">
    /// A filter matches none, or none is left: a report on nothing, or a file of nothing, is never what was meant.
    /// </exception>
    public static Checkpoint Select(Checkpoint checkpoint, IReadOnlyList<Glob> filter, IReadOnlyList<Glob> exclude, Ledger ledger, Session session)
    {
        string file = checkpoint.Origin.Path;
        string tensors = Quantity.Of(checkpoint.Tensors.Count, "tensor");
        bool MatchesNone(Glob glob) => !checkpoint.Tensors.Any(tensor => glob.IsMatch(tensor.Name));
        if (filter.FirstOrDefault(MatchesNone) is { } vain)
        {
            throw new UsageException($"{file}: none of its {tensors} matches --filter '{vain}'; 'weights inspect' without it lists their names");
        }
        if (exclude.FirstOrDefault(MatchesNone) is { } needless)
        {
            session.Warn($"{file}: none of its {tensors} matches --exclude '{needless}'");
        }
        Checkpoint selected = checkpoint.Select(filter, exclude, ledger);
        return selected.Tensors.Count > 0 || filter.Count + exclude.Count == 0
            ? selected
            : throw new UsageException($"{file}: --exclude leaves none of its {tensors}; 'weights inspect' without it lists their names");
    }
}
