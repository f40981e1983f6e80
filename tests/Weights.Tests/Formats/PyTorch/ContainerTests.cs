using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>What is said of files that are in none of PyTorch's layouts, or in one that is not read.</summary>
public class ContainerTests
{
    [Theory]
    [InlineData("corrupt-tar.pt", "tar -xf")]
    [InlineData("unsupported-torchscript-model-json.pt", "torch 1.0 to 1.3")]
    [InlineData("unsupported-torchscript-flatbuffer.ptl", "FlatBuffer")]
    [InlineData("tar/corrupt-tar-truncated.pt", "storages")]
    [InlineData("tar/unsupported-tar-storage-type.pt", "torch.FancyStorage")]
    [InlineData("legacy/corrupt-legacy-storage-long.pt", "has 8 elements")]
    public void The_message_says_what_it_is(string name, string words)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Fixtures.Path($"pytorch/invalid/{name}")));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_two_values_in_one_file_the_first_is_read_and_the_message_tells_how_to_get_the_other()
    {
        byte[] file = File.ReadAllBytes(Fixtures.Path("pytorch/valid/legacy/by-hand-two-values.pt"));
        using Checkpoint first = TorchFiles.Open(file);
        LeftOut rest = Assert.Single(first.LeftOut);
        string start = rest.Reason.Split("tail -c +")[1].Split('\'')[0];
        using Checkpoint second = TorchFiles.Open(file[(int.Parse(start, System.Globalization.CultureInfo.InvariantCulture) - 1)..]);
        Assert.Empty(second.LeftOut);
        Assert.Equal((0f, 10f), (BitConverter.ToSingle(first.Tensors[0].Read()), BitConverter.ToSingle(second.Tensors[0].Read())));
    }

    [Fact]
    public void A_tar_archive_with_files_of_such_names_among_others_is_only_one_of_torch_if_all_are_there()
    {
        byte[] archive = IO.TarTests.Archive(System.Formats.Tar.TarEntryFormat.Ustar, ("pickle", "x"), ("storages", "y"));
        Assert.False(Format.PyTorch.Sniff(new MemoryInput("a.tar", archive)));
    }
}
