using System.Text.Json.Nodes;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>A library's way of storing packed weights: names, types and shapes of tensors, and what it says about them in a configuration.</summary>
public abstract class PackedLayout
{
    // A row is read at once where it has one scale: 4 MiB of floats.
    private const long MostColumns = 1 << 20;

    private protected PackedLayout()
    {
    }

    /// <summary>Every layout.</summary>
    public static IReadOnlyList<PackedLayout> All { get; } = [new CompressedTensorsLayout(), new BitsAndBytesLayout(), new QdqLayout(), new MatMulNBitsLayout()];

    /// <summary>The library's name.</summary>
    public abstract string Name { get; }

    /// <summary>What it holds, the usual one first.</summary>
    public abstract IReadOnlyList<PackedScheme> Schemes { get; }

    /// <summary>The layout of that name.</summary>
    public static bool TryParse(string name, out PackedLayout layout)
    {
        layout = All.FirstOrDefault(known => known.Name == name)!;
        return layout is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether a graph makes the weights of their parts, and so has to say how; else a library knows from names and a configuration.</summary>
    public virtual bool IsOfGraph => false;

    /// <summary>Whether it holds a weight with such codes and scales as it is.</summary>
    internal virtual bool Keeps(PackedScheme scheme, ScaledCodes codes) => scheme.Holds(codes);

    /// <summary>Whether columns of a weight, not rows, are what comes out, and so have what rows have else.</summary>
    internal virtual bool IsTurned(WeightUse? use) => use?.Factor == MatrixFactor.Plain;

    /// <summary>Whether weights of one file may be of different schemes.</summary>
    internal virtual bool MixesSchemes => true;

    /// <summary>Whether the last group of a row may have fewer columns than others.</summary>
    internal virtual bool CutsGroups(WeightUse? use) => false;

    /// <summary>Which numbers share a scale where nothing is said.</summary>
    internal abstract ScaleScope UsualScope(PackedScheme scheme);

    /// <summary>Why the library cannot hold that, in a sentence without its end; null where it can.</summary>
    internal abstract string? Problem(PackingChoice choice);

    /// <summary>Why a tensor cannot be packed so; null where it can.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="choice">How it would be packed.</param>
    /// <param name="use">How a graph uses it; null where there is none, or it does not say.</param>
    internal virtual string? ReasonToKeep(Tensor tensor, PackingChoice choice, WeightUse? use)
    {
        if (tensor.Shape.Rank != 2)
        {
            return $"no matrix, which is what {Name} packs";
        }
        long columns = tensor.Shape[IsTurned(use) ? 0 : 1];
        return tensor.Shape.ElementCount == 0 ? "no elements"
            : choice.Scope.IsGroup && !CutsGroups(use) && columns % choice.Scope.Columns != 0 ? $"rows of {columns:N0} are not whole groups of {choice.Scope.Columns}"
            : TooLong(columns);
    }

    /// <summary>What a graph has to say of the weight; null where names and a configuration say everything.</summary>
    internal virtual QuantizedValue? ValueOf(PackingSource weight, PackingChoice choice) => null;

    /// <summary>The tensors that a weight becomes.</summary>
    /// <param name="weight">A tensor for which there is no <see cref="ReasonToKeep"/>.</param>
    /// <param name="choice">How it is packed; there is no <see cref="Problem"/> with it.</param>
    internal abstract IReadOnlyList<Tensor> Pack(PackingSource weight, PackingChoice choice);

    /// <summary>What <c>quantization_config</c> in a model's <c>config.json</c> has to say; null for nothing.</summary>
    /// <param name="packed">The weights and how they are packed.</param>
    /// <param name="kept">Names of other weights of layers of that kind.</param>
    internal abstract JsonObject? Configuration(IReadOnlyList<(string Name, PackingChoice Choice)> packed, IReadOnlyList<string> kept);

    /// <summary>Why numbers that share a scale, or lie between those, are too many to be read at once; null where they are not.</summary>
    private protected static string? TooLong(long numbers) => numbers > MostColumns ? $"rows of {numbers:N0} are longer than is packed here" : null;

    /// <summary>A weight with a row for each output.</summary>
    private protected PackingSource ByOutputs(PackingSource weight) => IsTurned(weight.Use) ? weight.Turned() : weight;

    /// <summary>Numbers that are read at once where all have one scale.</summary>
    private protected const int WholeBlock = 1 << 16;

    /// <summary>The name of a layer, from that of its weight.</summary>
    private protected static string Layer(string weight) => weight.EndsWith(".weight", StringComparison.Ordinal) ? weight[..^".weight".Length] : weight;

    private protected static JsonArray Strings(IEnumerable<string> values) => [.. values.Select(static value => (JsonNode)JsonValue.Create(value))];
}
