using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Diff;

namespace Weights.Tests.Passes.Diff;

public sealed class CheckpointDiffTests : IDisposable
{
    private const int Rows = 12;
    private const int Columns = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("nothing", "model.safetensors", null, true)]
    [InlineData("nothing", "model.pt", null, true)]
    [InlineData("nothing", "model.onnx", null, true)]
    [InlineData("reorder", "model.safetensors", null, true)]
    [InlineData("bit", "model.safetensors", "fc.weight Changed", false)]
    [InlineData("bit", "model.pt", "fc.weight Changed", false)]
    [InlineData("drop", "model.safetensors", "fc.weight OnlyInA", false)]
    [InlineData("add", "model.safetensors", "extra OnlyInB", false)]
    [InlineData("rename", "model.pt", "dense.weight Renamed", false)]
    [InlineData("rename and transpose", "model.safetensors", "dense.weight Renamed transposed", false)]
    [InlineData("transpose", "model.safetensors", "fc.weight Permuted transposed", false)]
    [InlineData("transpose square", "model.safetensors", "square Permuted transposed", false)]
    [InlineData("rows", "model.safetensors", "fc.weight Permuted rows permuted", false)]
    [InlineData("columns", "model.safetensors", "fc.weight Permuted columns permuted", false)]
    [InlineData("elements", "model.safetensors", "fc.bias Permuted elements permuted", false)]
    [InlineData("cast", "model.safetensors", "fc.weight Recast", false)]
    [InlineData("cast and change", "model.safetensors", "fc.weight TypeChanged", false)]
    [InlineData("reshape", "model.safetensors", "fc.weight Reshaped reshaped [12, 8] to [8, 12]", false)]
    [InlineData("cut", "model.safetensors", "fc.weight ShapeChanged", false)]
    [InlineData("split", "model.safetensors", "fc.weight Split", false)]
    [InlineData("fuse", "model.safetensors", "qkv.weight Fused", false)]
    [InlineData("swap", "model.safetensors", "key Renamed, query Renamed", false)]
    [InlineData("rotate", "model.safetensors", "key Renamed, query Renamed, value Renamed", false)]
    [InlineData("NaN", "model.safetensors", "fc.weight Changed", false)]
    [InlineData("minus zero", "model.safetensors", "zeros Changed", false)]
    public void A_mutation_is_named_for_what_it_is(string mutation, string file, string? expected, bool isSame)
    {
        using Checkpoint a = Stored(Model(), "a.safetensors");
        using Checkpoint b = Stored(Mutated(mutation), file);
        CheckpointDiff diff = CheckpointDiff.Compare(a, b, new DiffOptions());
        string changes = string.Join(", ", diff.Tensors.Where(static tensor => tensor.Change != TensorChange.Identical)
            .Select(static tensor => $"{tensor.Name} {tensor.Change} {tensor.Relation}".TrimEnd()).Order(StringComparer.Ordinal));
        Assert.Equal(expected ?? "", changes);
        Assert.Equal(isSame, diff.IsSame);
        // Every tensor of both is somewhere, once.
        Assert.Equal(a.Names().Order(StringComparer.Ordinal), diff.Tensors.SelectMany(static tensor => tensor.A).Select(static tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal(b.Names().Order(StringComparer.Ordinal), diff.Tensors.SelectMany(static tensor => tensor.B).Select(static tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.All(diff.Tensors, tensor => Assert.Equal(tensor.Change is TensorChange.Changed or TensorChange.Recast or TensorChange.TypeChanged || (tensor.Change == TensorChange.Permuted && tensor.A[0].Shape == tensor.B[0].Shape), tensor.Statistics is not null));
    }

    [Fact]
    public void A_checkpoint_is_itself()
    {
        using Checkpoint model = Samples.Checkpoint(Model());
        CheckpointDiff diff = CheckpointDiff.Compare(model, model, new DiffOptions());
        Assert.True(diff.IsSame);
        Assert.Equal(model.Names(), diff.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal(model.Tensors.Count, diff.Compared);
    }

    [Fact]
    public void Statistics_say_where_a_bit_was_flipped()
    {
        using Checkpoint a = Samples.Checkpoint(Model());
        using Checkpoint b = Samples.Checkpoint(Mutated("bit"));
        DifferenceStatistics of = CheckpointDiff.Compare(a, b, new DiffOptions()).Tensors.Single(static tensor => tensor.Change == TensorChange.Changed).Statistics!;
        Assert.Equal((Rows * Columns, 1, 37L, 1L), (of.Count, of.Changed, of.WorstIndex!.Value, of.MaxUlps!.Value));
    }

    [Theory]
    [InlineData("bit", 1e-6, 0, null, true)]
    [InlineData("bit", 1e-9, 0, null, false)]
    [InlineData("bit", 0, 1e-6, null, true)]
    [InlineData("bit", 0, 0, 0.999, true)]
    [InlineData("NaN", 1e9, 1e9, 0.0, false)]
    [InlineData("cast", 1e-2, 0, null, true)]
    [InlineData("cast", 0, 1e-2, null, true)]
    [InlineData("cast", 1e-7, 0, null, false)]
    [InlineData("cast and change", 1e-1, 0, null, false)]
    [InlineData("cast and change", 2, 0, null, true)]
    [InlineData("minus zero", 1e-9, 0, null, true)]
    [InlineData("drop", 1e9, 1e9, 0.0, false)]
    [InlineData("add", 1e9, 1e9, 0.0, false)]
    [InlineData("reshape", 1e9, 1e9, 0.0, false)]
    public void A_tolerance_accepts_what_is_as_near(string mutation, double absolute, double relative, double? cosine, bool isSame)
    {
        using Checkpoint a = Samples.Checkpoint(Model());
        using Checkpoint b = Samples.Checkpoint(Mutated(mutation));
        Assert.Equal(isSame, CheckpointDiff.Compare(a, b, new DiffOptions { Tolerance = new Tolerance(absolute, relative, cosine) }).IsSame);
    }

    [Fact]
    public void Shards_are_the_same_as_one_file()
    {
        using Checkpoint a = Stored(Model(), "a.safetensors");
        using Checkpoint b = Stored(Model(), "model.safetensors", new WriteOptions { MaxShardBytes = 500 });
        Assert.True(Directory.GetFiles(_folder.Path, "model-*-of-*.safetensors").Length > 1);
        Assert.True(CheckpointDiff.Compare(a, b, new DiffOptions()).IsSame);
    }

    [Fact]
    public void Untied_tensors_are_the_same_and_listed()
    {
        using Checkpoint tied = Samples.Checkpoint(Model()).WithAliases(new Alias("value", "key", AliasKind.Same));
        using Checkpoint untied = Samples.Checkpoint(Model());
        CheckpointDiff diff = CheckpointDiff.Compare(tied, untied, new DiffOptions());
        Assert.True(diff.IsSame);
        Assert.Equal([new TieDiff("value", "key", false)], diff.TieChanges);
        Assert.Equal([new TieDiff("value", "key", true)], CheckpointDiff.Compare(untied, tied, new DiffOptions()).TieChanges);
        Assert.Empty(CheckpointDiff.Compare(tied, tied, new DiffOptions()).TieChanges);
    }

    [Fact]
    public void Nothing_in_common_is_not_the_same()
    {
        using Checkpoint a = Samples.Named("a", "b");
        using Checkpoint b = Samples.Checkpoint(Samples.Tensor("c", DType.F64, 1, 2, 3));
        using Checkpoint none = Samples.Checkpoint();
        foreach ((Checkpoint left, Checkpoint right) in ((Checkpoint, Checkpoint)[])[(a, b), (a, none), (none, b), (none, none)])
        {
            CheckpointDiff diff = CheckpointDiff.Compare(left, right, new DiffOptions { Tolerance = new Tolerance(1e9, 1e9, 0) });
            Assert.Equal((false, 0), (diff.IsSame, diff.Compared));
        }
    }

    [Fact]
    public void Tensors_of_zeros_are_dealt_out_under_their_new_names()
    {
        using Checkpoint a = Samples.Checkpoint(Enumerable.Range(0, 5).Select(static index => Samples.Tensor($"old.{index}", DType.F32, 0, 0, 0)));
        using Checkpoint b = Samples.Checkpoint(Enumerable.Range(0, 4).Select(static index => Samples.Tensor($"new.{index}", DType.F32, 0, 0, 0)));
        CheckpointDiff diff = CheckpointDiff.Compare(a, b, new DiffOptions());
        Assert.Equal(4, diff.Tensors.Count(static tensor => tensor.Change == TensorChange.Renamed));
        Assert.Equal(1, diff.Tensors.Count(static tensor => tensor.Change == TensorChange.OnlyInA));
        Assert.Equal(5, diff.Tensors.SelectMany(static tensor => tensor.A).Distinct().Count());
    }

    [Fact]
    public void A_tensor_of_several_chunks_is_compared_whole_and_always_to_the_same_bits()
    {
        double[] values = Values(3 * PairReader.ChunkElements / 2, seed: 5);
        double[] others = [.. values];
        others[^1] += 1;
        others[7] += 1;
        using Checkpoint a = Samples.Checkpoint(Samples.Tensor("w", DType.F32, values));
        using Checkpoint b = Samples.Checkpoint(Samples.Tensor("w", DType.F32, others));
        DifferenceStatistics expected = CheckpointDiff.Compare(a, b, new DiffOptions()).Tensors[0].Statistics!;
        Assert.Equal((values.Length, 2, 7), (expected.Count, expected.Changed, expected.WorstIndex!.Value));
        Tensor Forward(double[] numbers) => new("w", DType.F32, new Shape(numbers.Length), new RecordedBytes(DTypes.Numbers.Encode(DType.F32, numbers), null, readsForward: true));
        using Checkpoint forwardA = Samples.Checkpoint(Forward(values));
        using Checkpoint forwardB = Samples.Checkpoint(Forward(others));
        for (int run = 0; run < 3; run++)
        {
            // One thread for sources that are read forward, several for the others.
            Assert.Equal(expected, CheckpointDiff.Compare(forwardA, forwardB, new DiffOptions()).Tensors[0].Statistics! with { Histogram = expected.Histogram });
            Assert.Equal(expected, CheckpointDiff.Compare(a, b, new DiffOptions()).Tensors[0].Statistics! with { Histogram = expected.Histogram });
        }
    }

    [Fact]
    public void What_is_read_is_told()
    {
        using Checkpoint a = Samples.Checkpoint(Model());
        using Checkpoint b = Samples.Checkpoint(Model());
        long read = 0;
        CheckpointDiff.Compare(a, b, new DiffOptions { Read = bytes => Interlocked.Add(ref read, bytes) });
        Assert.Equal(a.TensorBytes + b.TensorBytes, read);
    }

    [Theory]
    [InlineData("F32", 4)]
    [InlineData("BF16", 4)]
    [InlineData("F16", 7)]
    [InlineData("F64", 1)]
    public void A_low_rank_update_has_its_rank(string type, int rank)
    {
        (int rows, int columns) = (64, 96);
        double[] a = Values(rows * columns, seed: 1);
        double[] b = [.. a];
        double[] left = Values(rows * rank, seed: 2);
        double[] right = Values(rank * columns, seed: 3);
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                for (int inner = 0; inner < rank; inner++)
                {
                    b[(row * columns) + column] += 0.2 * left[(row * rank) + inner] * right[(inner * columns) + column];
                }
            }
        }
        Tensor Matrix(double[] values) => new("w", DTypes.Numbers.Type(type), new Shape(rows, columns), new MemoryBytes(DTypes.Numbers.Encode(DTypes.Numbers.Type(type), values)));
        int? Rank(double[] other) => CheckpointDiff.Compare(Samples.Checkpoint(Matrix(a)), Samples.Checkpoint(Matrix(other)), new DiffOptions { HasRanks = true }).Tensors.Single().Rank;
        Assert.Equal(rank, Rank(b));
        Assert.Null(Rank(Values(rows * columns, seed: 9)));
    }

    [Fact]
    public void Modules_of_consecutive_numbers_are_one_where_the_same_became_of_them()
    {
        Tensor Layer(int index, string name, double value) => Samples.Tensor($"model.layers.{index}.{name}", DType.F32, value, 1);
        // In the order of names as text.
        int[] order = [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9];
        using Checkpoint a = Samples.Checkpoint([Samples.Tensor("embed.weight", DType.F32, 5, 6), .. order.SelectMany(index => (Tensor[])[Layer(index, "q", index), Layer(index, "k", -index)]), Samples.Tensor("scale", DType.F32, 7)]);
        using Checkpoint b = Samples.Checkpoint([Samples.Tensor("embed.weight", DType.F32, 5, 7), .. order.SelectMany(index => (Tensor[])[Layer(index, "q", index > 9 ? 50 : index), Layer(index, "k", -index)]), Samples.Tensor("scale", DType.F32, 7)]);
        IReadOnlyList<ModuleChange> modules = CheckpointDiff.Compare(a, b, new DiffOptions()).Modules();
        Assert.Equal(["embed 1/1", "model.layers.0–9 0/20", "model.layers.10–11 2/4", "scale 0/1"], modules.Select(static module => $"{module.Name} {module.Different}/{module.Tensors}"));
        Assert.Equal([TensorChange.Changed], modules[2].Changes);
        Assert.Equal(40 / Math.Sqrt(101), modules[2].RelativeL2!.Value, 1e-12);
    }

    private static Tensor[] Model()
    {
        double[] qkv = Values(3 * 4 * 5, seed: 11);
        return
        [
            Matrix("fc.weight", Rows, Columns, Values(Rows * Columns, seed: 1)),
            Samples.Tensor("fc.bias", DType.F32, Values(Rows, seed: 2)),
            Matrix("square", 6, 6, Values(36, seed: 3)),
            Samples.Tensor("zeros", DType.F32, new double[9]),
            Samples.Tensor("steps", DType.I64, 1234),
            Matrix("key", 4, 5, qkv[..20]),
            Matrix("query", 4, 5, qkv[20..40]),
            Matrix("value", 4, 5, qkv[40..]),
        ];
    }

    private static Tensor[] Mutated(string mutation)
    {
        Tensor[] model = Model();
        Tensor weight = model[0];
        double[] values = weight.Values();
        double[] Reordered(Func<int, int, int> from) => [.. Enumerable.Range(0, Rows * Columns).Select(index => values[from(index / Columns, index % Columns)])];
        double[] transposed = [.. Enumerable.Range(0, Rows * Columns).Select(index => values[(index % Rows * Columns) + (index / Rows)])];
        Tensor[] With(params Tensor[] replaced) => [.. replaced, .. model[1..]];
        switch (mutation)
        {
            case "nothing":
                return model;
            case "reorder":
                return [.. model.Reverse()];
            case "bit":
                byte[] bytes = weight.Bytes.AllBytes();
                bytes[37 * 4] ^= 1;
                return With(new Tensor("fc.weight", DType.F32, weight.Shape, new MemoryBytes(bytes)));
            case "drop":
                return With();
            case "add":
                return [.. model, Samples.Tensor("extra", DType.F32, 1, 2, 3)];
            case "rename":
                return With(weight.Rename("dense.weight"));
            case "rename and transpose":
                return With(Matrix("dense.weight", Columns, Rows, transposed));
            case "transpose":
                return With(Matrix("fc.weight", Columns, Rows, transposed));
            case "transpose square":
                double[] square = model[2].Values();
                model[2] = Matrix("square", 6, 6, [.. Enumerable.Range(0, 36).Select(index => square[(index % 6 * 6) + (index / 6)])]);
                return model;
            case "rows":
                return With(Matrix("fc.weight", Rows, Columns, Reordered(static (row, column) => ((row + 5) % Rows * Columns) + column)));
            case "columns":
                return With(Matrix("fc.weight", Rows, Columns, Reordered(static (row, column) => (row * Columns) + (column ^ 3))));
            case "elements":
                model[1] = Samples.Tensor("fc.bias", DType.F32, [.. model[1].Values().Reverse()]);
                return model;
            case "cast":
                return With(new Tensor("fc.weight", DType.BF16, weight.Shape, new MemoryBytes(DTypes.Numbers.Encode(DType.BF16, values))));
            case "cast and change":
                values[3] += 1;
                return With(new Tensor("fc.weight", DType.BF16, weight.Shape, new MemoryBytes(DTypes.Numbers.Encode(DType.BF16, values))));
            case "reshape":
                return With(Matrix("fc.weight", Columns, Rows, values));
            case "cut":
                return With(Matrix("fc.weight", Rows - 1, Columns, values[Columns..]));
            case "split":
                return With(Matrix("up.weight", 7, Columns, values[..(7 * Columns)]), Matrix("gate.weight", Rows - 7, Columns, values[(7 * Columns)..]));
            case "fuse":
                return [.. model[..5], Matrix("qkv.weight", 12, 5, [.. model[5].Values(), .. model[6].Values(), .. model[7].Values()])];
            case "swap":
                return [.. model[..5], model[6].Rename("key"), model[5].Rename("query"), model[7]];
            case "rotate":
                return [.. model[..5], model[6].Rename("key"), model[7].Rename("query"), model[5].Rename("value")];
            case "NaN":
                values[50] = double.NaN;
                return With(Matrix("fc.weight", Rows, Columns, values));
            case "minus zero":
                model[3] = Samples.Tensor("zeros", DType.F32, 0, 0, -0.0, 0, 0, 0, 0, 0, 0);
                return model;
            default:
                throw new ArgumentOutOfRangeException(nameof(mutation), mutation, null);
        }
    }

    private static Tensor Matrix(string name, int rows, int columns, double[] values) => new(name, DType.F32, new Shape(rows, columns), new MemoryBytes(DTypes.Numbers.Encode(DType.F32, values)));

    private static double[] Values(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextDouble() * 2) - 1)];
    }

    private Checkpoint Stored(Tensor[] tensors, string file, WriteOptions? options = null)
    {
        Checkpoint checkpoint = Samples.Checkpoint(tensors);
        Format format = Format.ByExtension(file)!;
        IReadOnlyList<FileLayout> layouts = format.Layout(checkpoint.With(MetadataValue.Map.Empty), file, options ?? new WriteOptions(), []);
        using (Output output = new(_folder.File(file), replace: false))
        {
            output.Write(layouts);
            output.Commit();
        }
        return Format.Open(_folder.File(layouts.Count > 1 ? $"{file}.index.json" : file));
    }
}
