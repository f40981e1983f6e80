using Weights.Tests.Pickle;
using static Weights.Tests.Pickle.PickleBuilder;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>Which part of a checkpoint is taken for its weights, what the tensors are called, and what is said of the rest.</summary>
public class RootTests
{
    // A layout is written as key{...} for dicts, key for tensors, key= for plain values, key[...] for lists, key! for the empty dict.
    [Theory]
    [InlineData("w b", "w b", "")]
    [InlineData("epoch= state_dict{w b} optimizer{state{0{m}}} best", "w b", "optimizer best")]
    [InlineData("model{w} ema{w} optimizer{m}", "w", "model optimizer")]
    [InlineData("ema= model{w}", "w", "")]
    [InlineData("ema! model{w}", "w", "")]
    [InlineData("params{w} params_ema{w}", "w", "params")]
    [InlineData("state_dict{w} state_dict_ema{w}", "w", "state_dict")]
    [InlineData("model{w} model_ema{w} args=", "w", "model")]
    [InlineData("ema{module{w} updates=} model{w}", "w", "model")]
    [InlineData("ema{shadow_params[x y] decay=} model{w}", "w", "ema")]
    [InlineData("model{encoder{w} decoder{w}}", "encoder.w decoder.w", "")]
    [InlineData("state_dict{model{w} optimizer{m}}", "w", "state_dict.optimizer")]
    [InlineData("net_state_dict{w} optimizer_state_dict{m}", "w", "optimizer_state_dict")]
    [InlineData("encoder_state_dict{w} decoder_state_dict{v} optimizer{m}", "encoder_state_dict.w decoder_state_dict.v", "optimizer")]
    [InlineData("net_state_dict{w} discriminator_state_dict{d}", "w", "discriminator_state_dict")]
    [InlineData("generator{w} discriminator{d} g_optim{m}", "generator.w discriminator.d", "g_optim")]
    [InlineData("student{w} teacher{w} lr_scheduler{t} rng_state{r}", "student.w teacher.w", "lr_scheduler rng_state")]
    [InlineData("optimizer{state{0{m}}}", "optimizer.state.0.m", "")]
    [InlineData("state{0{exp_avg} 1{exp_avg}} param_groups=", "state.0.exp_avg state.1.exp_avg", "")]
    [InlineData("weights model{w}", "w", "weights")]
    [InlineData("a b c model{w}", "a b c model.w", "")]
    [InlineData("model= weights{w}", "w", "")]
    [InlineData("layers[x y] head", "layers.0 layers.1 head", "")]
    [InlineData("logit_scaler conv{w}", "logit_scaler conv.w", "")]
    [InlineData("epoch=", "", "")]
    public void The_weights_are_found(string layout, string names, string leftOut)
    {
        using Checkpoint checkpoint = TorchFiles.Open(Layout(layout));
        Assert.Equal((names, leftOut), (checkpoint.Names(), checkpoint.LeftOutPaths()));
    }

    [Theory]
    [InlineData("model{w} ema{w} optimizer{state{0{m}}}", "model", "w", "ema optimizer")]
    [InlineData("model{w} ema{w} optimizer{state{0{m}}}", "optimizer.state", "0.m", "model ema")]
    [InlineData("model{w} ema{w} optimizer{state{0{m}}}", "optimizer.state.0.m", "m", "model ema")]
    [InlineData("model{w} ema{w}", ".", "model.w ema.w", "")]
    [InlineData("a.b{w} a{b{v} b.c{u}}", "a.b", "w", "a")]
    [InlineData("a{b{v} b.c{u}}", "a.b.c", "u", "a.b")]
    [InlineData("a{b{v} b.c{u}}", "a.b", "v", "a.b.c")]
    [InlineData("layers[x y]", "layers.1", "1", "layers.0")]
    public void A_root_is_taken_by_its_path_the_longest_key_first(string layout, string root, string names, string leftOut)
    {
        using Checkpoint checkpoint = TorchFiles.Open(Layout(layout), root);
        Assert.Equal((names, leftOut), (checkpoint.Names(), checkpoint.LeftOutPaths()));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("epoch")]
    [InlineData("model.w.x")]
    [InlineData("model.")]
    [InlineData("")]
    public void A_root_without_tensors_is_refused_with_those_there_are(string root)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => TorchFiles.Open(Layout("epoch= model{w} optimizer{state{m}}"), root));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("'.' for everything, or 'model', 'optimizer', 'optimizer.state'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_left_out_says_why_how_much_and_how_to_get_it()
    {
        using Checkpoint checkpoint = TorchFiles.Open(Layout("model{w b} ema{w b} optimizer{state{0{m} 1{m}}} best"));
        Assert.Equal(
            [
                "model: 2 tensors of 32 bytes: the weights without averaging; ema, which is read instead, has them averaged over the training; --root model reads them",
                "optimizer: 2 tensors of 32 bytes: state of the training, no weights; --root optimizer reads them",
                "best: a tensor of 16 bytes: beside the weights; --root best reads it",
            ],
            checkpoint.LeftOut.Select(static left => $"{left.Path}: {left.Reason}"));
    }

    [Fact]
    public void A_tensor_alone_is_called_tensor_and_a_list_counts()
    {
        using Checkpoint tensor = TorchFiles.Open(new PickleBuilder().Floats("0", 4));
        Assert.Equal("tensor", tensor.Names());
        using Checkpoint list = TorchFiles.Open(new PickleBuilder().Op("](").Floats("0", 4).Floats("1", 4).Text("x").Op("e"));
        Assert.Equal(("0 1", "{\"2\":\"x\"}"), (list.Names(), list.Metadata.ToJson()));
    }

    [Fact]
    public void Keys_that_are_no_text_become_what_Python_prints()
    {
        PickleBuilder pickle = new PickleBuilder().Op("}(").Integer(-7).Floats("0", 1).Op("N").Floats("1", 1).Op("\x88").Floats("2", 1)
            .Op("F1.0\n").Floats("3", 1).Op("(K\x01").Text("a").Op("t").Floats("4", 1).Op("K\x05\x85").Floats("5", 1).Op("u");
        using Checkpoint checkpoint = TorchFiles.Open(pickle);
        Assert.Equal("-7 None True 1.0 (1, 'a') (5,)", checkpoint.Names());
    }

    [Fact]
    public void Of_two_equal_keys_the_later_value_takes_the_earlier_place()
    {
        PickleBuilder pickle = new PickleBuilder().Dict(Entry("a", static value => value.Floats("0", 1)), Entry("b", static value => value.Floats("1", 2)), Entry("a", static value => value.Floats("2", 3)));
        using Checkpoint checkpoint = TorchFiles.Open(pickle);
        Assert.Equal(["a F32 [3]", "b F32 [2]"], checkpoint.Tensors.Select(static tensor => tensor.ToString()));
    }

    [Theory]
    [InlineData("a.b a{b}", "'a.b' and the one at 'a' → 'b'")]
    [InlineData("a{b.c b{c}}", "'a' → 'b.c' and the one at 'a' → 'b' → 'c'")]
    public void Two_tensors_of_one_name_are_refused_with_both_paths(string layout, string paths)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => TorchFiles.Open(Layout(layout)));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains(paths, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_within_itself_is_left_out_where_it_comes_again()
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}q\x00(").Text("w").Floats("0", 1).Text("self").Op("h\x00u"));
        Assert.Equal(("w", "self"), (checkpoint.Names(), checkpoint.LeftOutPaths()));
    }

    [Fact]
    public void Shared_containers_are_read_under_each_name_and_stay_tied()
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("a").Op("}(").Text("w").Floats("0", 1).Op("uq\x00").Text("b").Op("h\x00u"));
        Assert.Equal("a.w b.w", checkpoint.Names());
        Assert.Equal(new Alias("b.w", "a.w", AliasKind.Same), Assert.Single(checkpoint.Aliases));
    }

    private static PickleBuilder Layout(string layout)
    {
        PickleBuilder pickle = new PickleBuilder().Op("}(");
        int at = 0;
        Entries(pickle, layout, ref at, named: true);
        return pickle.Op("u");
    }

    private static void Entries(PickleBuilder pickle, string layout, ref int at, bool named)
    {
        while (at < layout.Length && layout[at] is not ('}' or ']'))
        {
            int end = at;
            while (end < layout.Length && layout[end] is not (' ' or '{' or '}' or '[' or ']' or '=' or '!'))
            {
                end++;
            }
            string key = layout[at..end];
            at = end;
            if (named)
            {
                pickle.Text(key);
            }
            char kind = at < layout.Length ? layout[at] : ' ';
            switch (kind)
            {
                case '{' or '[':
                    at++;
                    pickle.Op(kind == '{' ? "}(" : "](");
                    Entries(pickle, layout, ref at, named: kind == '{');
                    at++;
                    pickle.Op(kind == '{' ? "u" : "e");
                    break;
                case '=':
                    at++;
                    pickle.Op("N");
                    break;
                case '!':
                    at++;
                    pickle.Op("}");
                    break;
                default:
                    pickle.Floats("0", 4);
                    break;
            }
            while (at < layout.Length && layout[at] == ' ')
            {
                at++;
            }
        }
    }
}
