using System.Text.Json.Nodes;
using Weights.Passes.Dialects;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>Packs the weights of a checkpoint as a library's layout has them.</summary>
public static class WeightPacking
{
    // Parts of names of tables that a model looks things up in, and of what follows its last layer: libraries leave both as they are.
    private static readonly string[] s_tables = ["embed", "embd", "wte.", "wpe.", "shared.weight", "token_type", "position"];
    private static readonly string[] s_heads = ["lm_head", "output.weight", "embed_out", "classifier.", "score.weight"];

    /// <summary>
    /// The same checkpoint, each weight in the place of which its parts now are: streamed, in parallel, measured while it is read.
    /// </summary>
    /// <param name="checkpoint">What is packed.</param>
    /// <param name="options">How; there is no <see cref="PackingOptions.Problem"/> with them.</param>
    /// <param name="ledger">Is told of weights that were quantised before, and so lose twice, and which names no longer share storage.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a weight that is named cannot be packed, or a part would have the name of another tensor.</exception>
    public static QuantizedCheckpoint Pack(this Checkpoint checkpoint, PackingOptions options, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ledger);
        List<QuantizedTensor> all = [];
        List<(string, PackingChoice)> packed = [];
        List<string> others = [];
        List<QuantizedValue> values = [];
        Notes notes = new();
        KeptScales.Budget budget = new();
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            WeightUse? use = checkpoint.Graph?.WeightUses.GetValueOrDefault(checkpoint.OriginalName(tensor.Name));
            PackedWeight? before = options.Before.GetValueOrDefault(tensor.Name);
            PackingChoice choice = Choose(tensor, options, out bool isNamed);
            (PackingChoice Choice, ScaledCodes Codes)? same = before?.Codes is { } known ? options.Keep(choice.Scheme, known, use) : null;
            choice = same?.Choice ?? choice;
            string? reason = (isNamed ? null : ReasonToKeep(tensor, options, checkpoint.Graph is not null, use)) ?? options.Layout.ReasonToKeep(tensor, choice, use);
            if (reason is not null)
            {
                if (isNamed)
                {
                    throw new WeightFileException(Fault.Unsupported, $"cannot be packed as {choice}: {reason}", tensor: tensor.Name);
                }
                if (before is not null)
                {
                    ledger.Add(LedgerKind.Cast, tensor.Name, $"from {before}, to {tensor.DType}, and not packed again: {reason}");
                }
                all.Add(QuantizedTensor.Kept(tensor, reason));
                if (tensor.Shape.Rank == 2 && tensor.Name.EndsWith(".weight", StringComparison.Ordinal) && !IsAmong(s_tables, tensor.Name))
                {
                    others.Add(tensor.Name);
                }
                continue;
            }
            notes.Packed(tensor, isExact: same is not null, isTwice: before is not null || tensor.DType.Kind == DTypeKind.Quantized, isTurned: !options.Layout.IsOfGraph && options.Layout.IsTurned(use));
            PackingSource source = new(tensor, same?.Codes, new QuantizationErrors()) { Use = use, Kept = new KeptScales(budget, choice.IsAsymmetric ? 2 : 1) };
            all.Add(new QuantizedTensor(tensor, choice.ToString(), options.Layout.Pack(source, choice), same is null ? null : $"the codes of {before}", source.Errors));
            packed.Add((tensor.Name, choice));
            if (options.Layout.ValueOf(source, choice) is { } value)
            {
                values.Add(value);
            }
        }
        notes.Tell(options.Layout, ledger);
        JsonObject? configuration = packed.Count > 0 ? options.Layout.Configuration(packed, others) : null;
        return new QuantizedCheckpoint(WithParts(checkpoint, all, values, ledger), all) { Configuration = configuration };
    }

    private static PackingChoice Choose(Tensor tensor, PackingOptions options, out bool isNamed)
    {
        PackedScheme? named = options.Overrides.FirstOrDefault(rule => rule.Glob.IsMatchOfLayer(tensor.Name))?.Scheme;
        isNamed = named is not null;
        return options.Choice(named ?? options.Scheme);
    }

    private static string? ReasonToKeep(Tensor tensor, PackingOptions options, bool hasGraph, WeightUse? use)
    {
        if (tensor.DType.Kind is not (DTypeKind.Float or DTypeKind.Quantized))
        {
            return "no floating-point numbers";
        }
        if (options.Exclude.FirstOrDefault(glob => glob.IsMatchOfLayer(tensor.Name)) is { } excluded)
        {
            return $"excluded by {WeightFileException.Quote(excluded.ToString())}";
        }
        if (options.Include.Count > 0)
        {
            return options.Include.Any(glob => glob.IsMatchOfLayer(tensor.Name)) ? null : "not included";
        }
        if (hasGraph && options.Layout.IsOfGraph)
        {
            return use is not null ? null : "nothing that the graph uses as a weight alone";
        }
        return TensorRoles.ReasonToKeep(tensor) ?? (IsAmong(s_tables, tensor.Name) || IsAmong(s_heads, tensor.Name) ? "embeddings and output heads, which libraries do not expect to be packed; --include packs them, too" : null);
    }

    private static bool IsAmong(string[] parts, string name) => Array.Exists(parts, part => name.Contains(part, StringComparison.Ordinal));

    private static Checkpoint WithParts(Checkpoint checkpoint, List<QuantizedTensor> all, List<QuantizedValue> values, Ledger ledger)
    {
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (QuantizedTensor tensor in all)
        {
            foreach (Tensor part in tensor.Parts)
            {
                if (!names.TryAdd(part.Name, tensor.Source.Name))
                {
                    throw new WeightFileException(Fault.Unsupported, $"would be packed into {WeightFileException.Quote(part.Name)}, which {WeightFileException.Quote(names[part.Name])} is or becomes; exclude one of them, or give it another name first", tensor: tensor.Source.Name);
                }
            }
        }
        HashSet<string> changed = [.. all.Where(static tensor => tensor.IsChanged).Select(static tensor => tensor.Source.Name)];
        Alias[] tied = [.. checkpoint.Aliases.Where(alias => !changed.Contains(alias.Name) && !changed.Contains(alias.Of))];
        if (checkpoint.Aliases.FirstOrDefault(alias => changed.Contains(alias.Name) || changed.Contains(alias.Of)) is { } untied)
        {
            ledger.Add(LedgerKind.Untied, untied.Name, $"no longer shares storage with {WeightFileException.Quote(untied.Of)}: packed weights are tensors of their own");
        }
        Checkpoint packed = checkpoint.With(all.SelectMany(static tensor => tensor.Parts)).WithAliases(tied);
        return values.Count == 0 ? packed : packed.WithQuantizedValues([.. packed.QuantizedValues, .. values]);
    }

    /// <summary>What is said of all weights together.</summary>
    private sealed class Notes
    {
        private readonly NameList _exact = new();
        private readonly NameList _twice = new();
        private readonly NameList _turned = new();

        public void Packed(Tensor tensor, bool isExact, bool isTwice, bool isTurned)
        {
            if (isExact || isTwice)
            {
                (isExact ? _exact : _twice).Add(tensor.Name);
            }
            if (isTurned)
            {
                _turned.Add(tensor.Name);
            }
        }

        public void Tell(PackedLayout layout, Ledger ledger)
        {
            if (_exact.Count > 0)
            {
                ledger.Add(LedgerKind.Restated, _exact.ToString(), $"the same codes and scales as before, in the tensors of {layout}");
            }
            if (_twice.Count > 0)
            {
                ledger.Add(LedgerKind.Cast, _twice.ToString(), Quantization.LosesTwice);
            }
            if (_turned.Count > 0)
            {
                ledger.Add(LedgerKind.Restated, _turned.ToString(), $"[outputs, inputs] now, as {layout} has matrices; the graph had inputs first");
            }
        }
    }
}
