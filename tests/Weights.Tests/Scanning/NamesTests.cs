using Weights.Formats.PyTorch.Recipes;
using Weights.Scanning;
using Weights.Scanning.Names;

namespace Weights.Tests.Scanning;

public class NamesTests
{
    [Fact]
    public void Everything_that_the_PyTorch_reader_rebuilds_is_harmless()
    {
        string[] names = [.. TorchRecipes.Names];
        Assert.NotEmpty(names);
        Assert.All(names, static name => Assert.True(Judge(name).Verdict < Verdict.Unknown, name));
    }

    [Fact]
    public void No_name_is_on_the_list_of_harmless_ones_and_on_that_of_those_that_execute_code_by_accident()
    {
        // Parts of modules that otherwise execute code, each looked at by itself.
        string[] meant = ["io.BytesIO", "io.StringIO", "_io.BytesIO", "_io.StringIO", "logging.getLogger", "logging.Logger", "logging.RootLogger",
            "posix.uname_result", "posix.stat_result", "posix.terminal_size", "os.stat_result", "os.terminal_size"];
        string[] harmless = [.. TensorNames.All, .. DataNames.All, .. TorchClasses.All];
        Assert.True(harmless.Length > 1000);
        Assert.Equal(meant.Order(StringComparer.Ordinal), harmless.Where(ExecutingNames.Contains).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("os", "system", Verdict.Executes)]
    [InlineData("os.path", "join", Verdict.Executes)]
    [InlineData("__builtin__", "eval", Verdict.Executes)]
    [InlineData("builtins", "__import__", Verdict.Executes)]
    [InlineData("torch.serialization", "load", Verdict.Executes)]
    [InlineData("torch.serialization", "os.system", Verdict.Executes)]
    [InlineData("torch", "nn.modules.linear.Linear", Verdict.Data)]
    [InlineData("torch.nn.modules.linear", "Linear", Verdict.Data)]
    [InlineData("torch.nn.quantized.modules.linear", "Linear", Verdict.Data)]
    [InlineData("torch.nn.modules.linear", "linear", Verdict.Unknown)]
    [InlineData("torch.nn.modules.linear", "Linear.forward", Verdict.Unknown)]
    [InlineData("torch.nn.modules", "sys.modules", Verdict.Executes)]
    [InlineData("project", "eval", Verdict.Unknown)]
    [InlineData("project", "x.eval", Verdict.Executes)]
    [InlineData("oss", "system2", Verdict.Unknown)]
    [InlineData("", "", Verdict.Unknown)]
    [InlineData("numpy", "float32", Verdict.Tensors)]
    [InlineData("numpy", "memmap", Verdict.Executes)]
    [InlineData("numpy.dtypes", "Float32DType", Verdict.Tensors)]
    [InlineData("torch.cuda", "HalfStorage", Verdict.Tensors)]
    public void A_name_is_judged_exactly(string module, string name, Verdict verdict) => Assert.Equal(verdict, NameJudge.Judge(module, name).Verdict);

    private static NameVerdict Judge(string fullName)
    {
        int dot = fullName.LastIndexOf('.');
        return NameJudge.Judge(fullName[..dot], fullName[(dot + 1)..]);
    }
}
