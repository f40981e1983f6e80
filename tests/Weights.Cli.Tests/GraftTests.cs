using Weights.Formats;

namespace Weights.Cli.Tests;

public sealed class GraftTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_model_of_another_format_keeps_its_own_and_gets_the_values()
    {
        File.Copy(Fixtures.Path("cli/graft/tuned.safetensors"), _folder.File("tuned.safetensors"));
        Run("convert", Fixtures.Path("cli/graft/exported.safetensors"), "exported.pt");
        Run("graft", "exported.pt", "tuned.safetensors", "--from", Fixtures.Path("cli/graft/trained.safetensors"), "-o", "new.pt");
        Run("graft", Fixtures.Path("cli/graft/exported.safetensors"), "tuned.safetensors", "--from", Fixtures.Path("cli/graft/trained.safetensors"), "-o", "new.safetensors");
        using Checkpoint pickled = Format.Open(_folder.File("new.pt"));
        using Checkpoint plain = Format.Open(_folder.File("new.safetensors"));
        Assert.Equal("pytorch", pickled.Origin.Format);
        Assert.Equal(plain.Tensors.Select(Contents), pickled.Tensors.Select(Contents));
        using Checkpoint tuned = Format.Open(_folder.File("tuned.safetensors"));
        byte[] transposed = Bytes(plain.Find("MatMul_7")!);
        byte[] original = Bytes(tuned.Find("fc1.weight")!);
        for (int index = 0; index < 12; index++)
        {
            Assert.Equal(original.AsSpan(index * 4, 4), transposed.AsSpan(((index % 3 * 4) + (index / 3)) * 4, 4));
        }
    }

    [Fact]
    public void A_model_may_be_replaced_by_what_becomes_of_it()
    {
        File.Copy(Fixtures.Path("cli/graft/trained.safetensors"), _folder.File("model.safetensors"));
        Assert.Equal(2, Tool.Run(_folder.Path, "graft", "model.safetensors", Fixtures.Path("cli/graft/tuned.safetensors"), "-o", "model.safetensors").ExitCode);
        Run("graft", "model.safetensors", Fixtures.Path("cli/graft/tuned.safetensors"), "-o", "model.safetensors", "--force");
        Assert.Equal(File.ReadAllBytes(Fixtures.Path("cli/graft/tuned.safetensors")), File.ReadAllBytes(_folder.File("model.safetensors")));
        Assert.Equal(["model.safetensors"], _folder.Names());
    }

    [Fact]
    public void Grafting_and_taking_names_undo_an_export_of_any_layout()
    {
        string trained = Fixtures.Path("cli/graft/trained.safetensors");
        Run("convert", Fixtures.Path("cli/graft/exported.safetensors"), "named.pt", "--names-from", trained, "--exclude", "{axis,scale,MatMul_9}");
        using Checkpoint named = Format.Open(_folder.File("named.pt"));
        using Checkpoint original = Format.Open(trained);
        Assert.Equal(
            original.Tensors.Where(static tensor => tensor.Name is not ("head.weight" or "norm2.steps")).Select(Contents),
            named.Tensors.Select(Contents));
    }

    private void Run(params string[] arguments)
    {
        Outcome outcome = Tool.Run(_folder.Path, arguments);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
    }

    private static string Contents(Tensor tensor) => $"{tensor} {System.Convert.ToHexString(Bytes(tensor))}";

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }
}
