using System.Security.Cryptography;
using System.Text;
using Weights.Formats;
using Weights.IO;
using Weights.Passes.Checksums;

namespace Weights.Tests.Passes.Checksums;

/// <summary>One id for the same tensors, and every difference from a manifest under its name.</summary>
public class ChecksumTests
{
    private static readonly string s_ids = Path.Combine(Fixtures.Repository, "fixtures", "checksum", "ids.tsv");

    public static TheoryData<string, string> Ids()
    {
        TheoryData<string, string> data = [];
        foreach (string[] fields in File.ReadLines(s_ids).Select(static line => line.Split('\t')))
        {
            data.Add(fields[0], fields[1]);
        }
        Assert.NotEmpty(data);
        return data;
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_id_is_that_of_the_definition(string path, string id)
    {
        using Checkpoint checkpoint = Format.Open(Path.Combine(Fixtures.Repository, path));
        Assert.Equal(id, Checksum.Of(checkpoint, DigestAlgorithm.Sha256).Id);
    }

    [Fact]
    public void The_id_is_the_same_in_any_format_order_and_number_of_files()
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("pytorch/valid/checkpoint-lightning.ckpt"));
        string id = Checksum.Of(checkpoint, DigestAlgorithm.Sha256).Id;
        Assert.Equal(id, Checksum.Of(checkpoint.With(checkpoint.Tensors.Reverse()), DigestAlgorithm.Sha256).Id);
        foreach (Format format in Format.All.Where(static format => format.Writes.Count > 0))
        {
            using TemporaryFolder folder = new();
            IReadOnlyList<FileLayout> files = format.Layout(checkpoint, "model" + format.Extensions[0], new WriteOptions { MaxShardBytes = format.WritesShards ? 200 : null }, []);
            using (Output output = new(folder.File(files[^1].Name), replace: false))
            {
                output.Write(files);
                output.Commit();
            }
            using Checkpoint written = Format.Open(folder.File(files[^1].Name));
            Assert.Equal(id, Checksum.Of(written, DigestAlgorithm.Sha256).Id);
            Assert.Equal(files.Count, written.Files.Count);
        }
    }

    [Fact]
    public void Another_algorithm_gives_an_id_that_cannot_be_taken_for_the_other()
    {
        using Checkpoint checkpoint = Model();
        string id = Checksum.Of(checkpoint, DigestAlgorithm.Xxh3).Id;
        Assert.StartsWith("xxh3:", id, StringComparison.Ordinal);
        Assert.NotEqual(Checksum.Of(checkpoint, DigestAlgorithm.Sha256).Id, id[5..]);
    }

    [Fact]
    public void Each_part_of_a_tensor_changes_the_id()
    {
        using Checkpoint checkpoint = Model();
        Tensor first = checkpoint.Tensors[0];
        byte[] bytes = Bytes(first);
        byte[] flipped = [.. bytes];
        flipped[^1] ^= 1;
        Tensor[] changed =
        [
            first.Rename("a.weights"),
            new Tensor(first.Name, DType.I32, first.Shape, first.Bytes),
            new Tensor(first.Name, first.DType, new Shape(4, 3), first.Bytes),
            new Tensor(first.Name, first.DType, new Shape(3, 4, 1), first.Bytes),
            new Tensor(first.Name, first.DType, first.Shape, new MemoryBytes(flipped)),
        ];
        HashSet<string> ids = [Checksum.Of(checkpoint, DigestAlgorithm.Sha256).Id];
        Assert.All(changed, tensor => Assert.True(ids.Add(Checksum.Of(checkpoint.With([tensor, .. checkpoint.Tensors.Skip(1)]), DigestAlgorithm.Sha256).Id)));
        Assert.True(ids.Add(Checksum.Of(checkpoint.With(checkpoint.Tensors.Skip(1)), DigestAlgorithm.Sha256).Id));
    }

    [Theory]
    [InlineData(DigestAlgorithm.Sha256)]
    [InlineData(DigestAlgorithm.Xxh3)]
    public void Every_difference_from_a_manifest_is_named(DigestAlgorithm algorithm)
    {
        using Checkpoint checkpoint = Model();
        Manifest manifest = Manifest.Of(Checksum.Of(checkpoint, algorithm), []);
        Tensor[] tensors = [.. checkpoint.Tensors];
        byte[] flipped = Bytes(tensors[0]);
        flipped[5] ^= 64;
        Checkpoint changed = checkpoint.With(
        [
            new Tensor("a.weight", DType.F32, tensors[0].Shape, new MemoryBytes(flipped)),
            new Tensor("a.bias", DType.I32, tensors[1].Shape, tensors[1].Bytes),
            new Tensor("b.weight", DType.F32, new Shape(2, 2), tensors[2].Bytes),
            tensors[3].Rename("c"),
        ]);
        Verification verification = Verification.Of(manifest, Checksum.Of(changed, algorithm));
        Assert.False(verification.IsGood);
        Assert.Equal(3, verification.Compared);
        Assert.Equal(
            [("a.weight", Mismatch.Changed), ("a.bias", Mismatch.Recast), ("b.weight", Mismatch.Resized), ("b.bias", Mismatch.Missing), ("c", Mismatch.Extra)],
            verification.Differences.Select(static difference => (difference.Name, difference.Mismatch)));
        Assert.True(Verification.Of(manifest, Checksum.Of(checkpoint.With(tensors.Reverse()), algorithm)).IsGood);
    }

    [Fact]
    public void Nothing_compared_is_no_success()
    {
        using Checkpoint checkpoint = Model();
        Manifest empty = Manifest.Of(Checksum.Of(checkpoint.With([]), DigestAlgorithm.Sha256), []);
        Assert.False(Verification.Of(empty, Checksum.Of(checkpoint.With([]), DigestAlgorithm.Sha256)).IsGood);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"schema":"weights/manifest/2","id":"","algorithm":"sha256","tensors":[],"files":[]}""")]
    [InlineData("""{"schema":"weights/manifest/1","id":"","algorithm":"md5","tensors":[],"files":[]}""")]
    [InlineData("""{"schema":"weights/manifest/1","id":"","algorithm":"xxh3","tensors":[{"name":"a","dtype":"F32","shape":[],"bytes":4,"digest":"00"}],"files":[]}""")]
    [InlineData("""{"schema":"weights/manifest/1","id":"","algorithm":"xxh3","tensors":[{"name":"a","dtype":"F32","shape":[1.5],"bytes":4,"digest":"0011223344556677"}],"files":[]}""")]
    [InlineData("""{"schema":"weights/manifest/1","id":"","algorithm":"xxh3","tensors":[{"name":"a","dtype":"F32","shape":[],"bytes":4,"digest":"0011223344556677"},{"name":"a","dtype":"F32","shape":[],"bytes":4,"digest":"0011223344556677"}],"files":[]}""")]
    public void A_damaged_manifest_is_refused(string json) => Assert.Throws<WeightFileException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Lists_of_sha256sum_are_read_in_all_their_forms()
    {
        string digits = Convert.ToHexStringLower(SHA256.HashData("x"u8));
        FileList list = FileList.ParseSha256Sum($"{digits}  a b.bin\n{digits} *c.bin\r\nSHA256 (d (1).bin) = {digits.ToUpperInvariant()}\n\\{digits}  e\\nf\\\\g\n\n");
        Assert.Equal(["a b.bin", "c.bin", "d (1).bin", "e\nf\\g"], list.Files.Select(static file => file.Name));
        Assert.All(list.Files, file => Assert.Equal(SHA256.HashData("x"u8), file.Digest));
        Assert.Throws<WeightFileException>(() => FileList.ParseSha256Sum($"{digits[1..]}  a\n"));
        Assert.Throws<WeightFileException>(() => FileList.ParseSha256Sum("<html>"));
    }

    [Fact]
    public void A_manifest_of_an_artifact_is_read()
    {
        FileList list = FileList.ParseWandb("""{"version":1,"contents":{"sub/model.pt":{"digest":"ndTkYSaMgDT1yFZOFVxnpg==","size":1}}}"""u8.ToArray());
        ListedFile file = Assert.Single(list.Files);
        Assert.Equal(("sub/model.pt", 1L), (file.Name, file.Bytes!.Value));
        Assert.Equal(Convert.FromHexString("9dd4e461268c8034f5c8564e155c67a6"), file.Digest);
        Assert.Throws<WeightFileException>(() => FileList.ParseWandb("""{"contents":{"a":{"digest":"etag-3","size":1}}}"""u8.ToArray()));
        Assert.Throws<WeightFileException>(() => FileList.ParseWandb("""{"contents":[1]}"""u8.ToArray()));
    }

    private static Checkpoint Model() => new(
        [Noise("a.weight", 3, 4), Noise("a.bias", 4), Noise("b.weight", 4, 1), Noise("b.bias", 1)],
        new Origin("memory", "none", "", 0));

    private static Tensor Noise(string name, params long[] dimensions)
    {
        Shape shape = new(dimensions);
        byte[] bytes = new byte[shape.ElementCount * 4];
        new Random(name.Length).NextBytes(bytes);
        return new Tensor(name, DType.F32, shape, new MemoryBytes(bytes));
    }

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }
}
