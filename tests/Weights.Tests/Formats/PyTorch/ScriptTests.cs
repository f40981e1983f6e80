using System.Diagnostics;
using System.Text;
using Weights.Tests.Pickle;
using static Weights.Tests.Pickle.PickleBuilder;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>Modules of TorchScript beside what the fixtures hold: sources that say little, states that are no attributes, hostile ones.</summary>
public class ScriptTests
{
    private const string Source = """
        class Model(Module):
          __parameters__ = ["weight", "bias", ]
          __buffers__ = ["mean", ]
          bias : Tensor
          mean : Tensor
          weight : Tensor
        class Data:
          table : Tensor
        """;

    [Fact]
    public void Parameters_come_before_buffers_and_buffers_before_modules_each_in_the_order_of_the_file()
    {
        using Checkpoint checkpoint = Open(Source, Module("Model", Tensor("mean", "0"), Entry("inner", Module("Model", Tensor("weight", "1"))), Tensor("bias", "2"), Tensor("weight", "3")));
        Assert.Equal("bias weight mean inner.weight", checkpoint.Names());
        Assert.Equal("code", checkpoint.LeftOutPaths());
    }

    [Fact]
    public void Tensors_that_are_neither_are_left_out_and_can_be_had()
    {
        Action<PickleBuilder> module = Module("Model", Tensor("weight", "0"), Large("table", "1"), Entry("data", Module("Data", Large("table", "2"))), Entry("inner", Module("Model", Large("other", "3"), Tensor("size", "0"))));
        using Checkpoint checkpoint = Open(Source, module);
        Assert.Equal("weight", checkpoint.Names());
        Assert.Equal("code table data inner.other", checkpoint.LeftOutPaths());
        Assert.Contains("--root inner.other reads it", checkpoint.LeftOut[^1].Reason, StringComparison.Ordinal);
        Assert.Equal(2, Assert.IsType<MetadataValue.List>(Assert.IsType<MetadataValue.Map>(checkpoint.Metadata["inner"])["size"]).Items.Count); // Small ones are numbers.
        foreach ((string root, string names) in (IEnumerable<(string, string)>)[("table", "table"), ("data", "table"), ("inner.other", "other")])
        {
            using Checkpoint part = Open(Source, module, root: root);
            Assert.Equal(names, part.Names());
        }
    }

    [Fact]
    public void Source_from_before_buffers_were_named_makes_every_other_tensor_one()
    {
        using Checkpoint checkpoint = Open("class Model(Module):\n  __parameters__ = [\"weight\", ]\n", Module("Model", Tensor("mean", "0"), Tensor("weight", "1")));
        Assert.Equal("weight mean", checkpoint.Names());
    }

    [Fact]
    public void Without_source_every_tensor_is_a_part()
    {
        using Checkpoint checkpoint = Open(null, Module("Model", Tensor("mean", "0"), Entry("epoch", static pickle => pickle.Integer(3)), Entry("inner", Module("Other", Tensor("weight", "1")))), Constants(0));
        Assert.Equal("mean inner.weight", checkpoint.Names());
        Assert.Equal("""{"epoch":3,"torchscript":{"class":"Model","version":3}}""", checkpoint.Metadata.ToJson());
    }

    [Fact]
    public void A_state_of_its_own_is_named_by_what_the_source_sets_and_by_index_where_it_does_not()
    {
        const string source = """
            class Packed(Module):
              __parameters__ = ["weight", ]
              __buffers__ = []
              def __getstate__(self: __torch__.Packed) -> Tuple[Tensor, Tensor, int]:
                self.nothing = (state)[1]
              def __setstate__(self: __torch__.Packed,
                state: Tuple[Tensor, Tensor, int]) -> NoneType:
                self.weight = (state)[0]
                self.other = (items)[1]
                self.count = (state)[2]
                _0 = (self).pack((state)[1], )
                return None
            """;
        using Checkpoint checkpoint = Open(source, Object("__torch__", "Packed", static pickle => pickle.Op("(").Floats("0", 2).Floats("1", 2).Integer(7).Op("t")));
        Assert.Equal("weight 1", checkpoint.Names());
        Assert.Equal(7, Assert.IsType<MetadataValue.Integer>(checkpoint.Metadata["count"]).Value);
    }

    [Fact]
    public void Packed_weights_of_classes_of_torch_itself_are_parts()
    {
        Action<PickleBuilder> packed = Object("__torch__.torch.classes.quantized", "LinearPackedParamsBase", static pickle => pickle.Op("(").Floats("0", 2).Floats("1", 2).Op("t"));
        using Checkpoint checkpoint = Open(Source, Module("Model", Entry("packed", packed)));
        Assert.Equal("packed.0 packed.1", checkpoint.Names());
    }

    [Fact]
    public void Typed_lists_and_dicts_are_their_items()
    {
        static void Typed(PickleBuilder pickle, string recipe, Action<PickleBuilder> items, string? type = null)
        {
            items(pickle.Global("torch.jit._pickle", recipe).Op("("));
            (type is null ? pickle : pickle.Text(type)).Op("tR");
        }

        using Checkpoint checkpoint = Open(Source, Module(
            "Model",
            Entry("ints", static pickle => Typed(pickle, "build_intlist", static items => items.Op("](").Integer(1).Integer(2).Op("e"))),
            Entry("names", static pickle => Typed(pickle, "restore_type_tag", static items => items.Dict(Entry("cat", static value => value.Integer(0))), "Dict[str, int]")),
            Entry("tensors", static pickle => Typed(pickle, "build_tensorlist", static items => items.Op("](").Floats("0", 2).Op("e")))));
        Assert.StartsWith("""{"ints":[1,2],"names":{"cat":0},""", checkpoint.Metadata.ToJson(), StringComparison.Ordinal);
        Assert.Equal("code tensors", checkpoint.LeftOutPaths());
    }

    [Fact]
    public void Constants_follow_and_are_other_storages_than_those_of_the_same_key()
    {
        using Checkpoint checkpoint = Open(Source, Module("Model", Tensor("weight", "0")), Constants(2));
        Assert.Equal("weight constants.0 constants.1", checkpoint.Names());
        Assert.Empty(checkpoint.Aliases);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], checkpoint.Tensors[0].Read());
        Assert.Equal([200, 201, 202, 203, 204, 205, 206, 207], checkpoint.Tensors[1].Read());
        using Checkpoint constants = Open(Source, Module("Model", Tensor("weight", "0")), Constants(2), root: "constants");
        Assert.Equal("0 1", constants.Names());
    }

    [Fact]
    public void Constants_do_not_take_the_name_of_a_module()
    {
        using Checkpoint checkpoint = Open(Source, Module("Model", Entry("constants", Module("Model", Tensor("weight", "0")))), Constants(1));
        Assert.Equal("constants.weight constants.pkl.0", checkpoint.Names());
    }

    [Fact]
    public void Extra_files_are_metadata_where_they_are_short_text()
    {
        using Checkpoint checkpoint = Open(Source, Module("Model"), ("extra/labels.txt", "cat\ndog"u8.ToArray()), ("extra/raw", [0xFF, 0]), ("extra/long", new byte[1 << 17]));
        Assert.Equal("""{"torchscript":{"class":"Model","version":3,"extra":{"labels.txt":"cat\ndog"}}}""", checkpoint.Metadata.ToJson());
        Assert.Equal("extra/raw extra/long code", checkpoint.LeftOutPaths());
    }

    [Fact]
    public void Names_of_classes_are_those_of_the_program_without_their_numbers()
    {
        Action<PickleBuilder> module = Object("__torch__.shop.___torch_mangle_12", "Model", Dict(Tensor("weight", "0"), Tensor("other", "1")));
        using Checkpoint checkpoint = TorchFiles.Open(Archive(module, ("code/__torch__/shop/___torch_mangle_12.py", Encoding.UTF8.GetBytes(Source))));
        Assert.Equal("weight", checkpoint.Names());
        Assert.Equal("""{"class":"shop.Model","version":3}""", checkpoint.Metadata["torchscript"]!.ToJson());
    }

    [Fact]
    public void Modules_nested_without_end_are_refused_and_modules_that_hold_themselves_are_not_walked_twice()
    {
        static void Nested(PickleBuilder pickle)
        {
            const int depth = 20_000;
            for (int level = 0; level < depth; level++)
            {
                pickle.Global("__torch__", "Model").Op(")\x81}").Text("inner");
            }
            pickle.Floats("0", 2);
            for (int level = 0; level < depth; level++)
            {
                pickle.Op("sb");
            }
        }

        Stopwatch watch = Stopwatch.StartNew();
        Assert.Equal(Fault.Unsupported, Assert.Throws<WeightFileException>(() => Open(Source.Replace("\"bias\"", "\"inner\"", StringComparison.Ordinal), Nested)).Fault);
        using Checkpoint cyclic = Open(Source, static pickle => pickle.Global("__torch__", "Model").Op(")\x81q\x01}(").Text("weight").Floats("0", 2).Text("self").Op("h\x01ub"));
        Assert.Equal("weight", cyclic.Names());
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"takes {watch.Elapsed}");
    }

    [Fact]
    public void Attributes_of_a_module_of_many_names_are_not_read_for_each()
    {
        const int many = 4_000;
        Action<PickleBuilder> shared = Module("Model", [.. Enumerable.Range(0, many).Select(static index => Entry($"a{index}", static pickle => pickle.Integer(7)))]);
        IEnumerable<Action<PickleBuilder>> names = Enumerable.Range(0, many).Select(static index => Entry($"m{index}", static pickle => pickle.Op("h\x01")));
        Stopwatch watch = Stopwatch.StartNew();
        using Checkpoint checkpoint = Open(Source, Module("Model", [Entry("first", pickle => { shared(pickle); pickle.Op("q\x01"); }), .. names, Tensor("weight", "0")]));
        Assert.Equal("weight", checkpoint.Names());
        Assert.Equal("code …", checkpoint.LeftOutPaths());
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"takes {watch.Elapsed}");
    }

    private static Action<PickleBuilder> Tensor(string name, string key) => Entry(name, pickle => pickle.Floats(key, 2));

    // More than a few numbers about the model.
    private static Action<PickleBuilder> Large(string name, string key) => Entry(name, pickle => pickle.Floats(key, 65));

    private static Action<PickleBuilder> Dict(params Action<PickleBuilder>[] attributes) => pickle => pickle.Dict(attributes);

    private static Action<PickleBuilder> Module(string type, params Action<PickleBuilder>[] attributes) =>
        Object("__torch__", type, Dict([Entry("training", static pickle => pickle.Op("\x89")), Entry("_is_full_backward_hook", static pickle => pickle.Op("N")), .. attributes]));

    private static Action<PickleBuilder> Object(string module, string type, Action<PickleBuilder> state) => pickle =>
    {
        state(pickle.Global(module, type).Op(")\x81"));
        pickle.Op("b");
    };

    private static (string Name, byte[] Contents)[] Constants(int count)
    {
        PickleBuilder pickle = new PickleBuilder().Op("(");
        for (int index = 0; index < count; index++)
        {
            pickle.Floats($"{index}", 2);
        }
        return [("constants.pkl", pickle.Op("t").Stop()), .. Enumerable.Range(0, count).Select(static key => ($"constants/{key}", (byte[])[.. Enumerable.Range(200, 8).Select(static value => (byte)value)]))];
    }

    private static byte[] Archive(Action<PickleBuilder> module, params (string Name, byte[] Contents)[] entries)
    {
        PickleBuilder pickle = new();
        module(pickle);
        return TorchFiles.Zip(pickle.Stop(), [.. Enumerable.Range(0, 4).Select(static key => TorchFiles.Storage($"{key}", 260)), .. entries]);
    }

    private static Checkpoint Open(string? source, Action<PickleBuilder> module, params (string Name, byte[] Contents)[] entries) => Open(source, module, entries, root: null);

    private static Checkpoint Open(string? source, Action<PickleBuilder> module, string root) => Open(source, module, [], root);

    private static Checkpoint Open(string? source, Action<PickleBuilder> module, (string Name, byte[] Contents)[] entries, string? root) =>
        TorchFiles.Open(Archive(module, source is null ? entries : [("code/__torch__.py", Encoding.UTF8.GetBytes(source)), .. entries]), root);
}
