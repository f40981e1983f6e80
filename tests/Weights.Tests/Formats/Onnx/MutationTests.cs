using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Whatever becomes of a file on its way, it is read or refused in words, for no more memory than it is worth; and what was read can be written.</summary>
public class MutationTests
{
    private const int Mutants = 2000;

    // An empty message of two bytes is an object of some 150; windows and buffers are counted apart.
    private const long MostBytesPerByte = 400;
    private const long MostBytes = 1 << 20;

    [Fact]
    public void A_mutant_is_read_or_refused()
    {
        Random random = new(7);
        string[] names = [.. Fixtures.Names("valid").Where(static name => name.StartsWith("onnx/", StringComparison.Ordinal) && new FileInfo(Fixtures.Path(name)).Length < 12_000)];
        Assert.True(names.Length > 50, $"only {names.Length} fixtures");
        int read = 0;
        for (int round = 0; round < Mutants; round++)
        {
            string name = names[round % names.Length];
            byte[] mutant = Mutate(random, File.ReadAllBytes(Fixtures.Path(name)));
            try
            {
                read += Attempt(name, mutant) ? 1 : 0;
            }
            catch (Exception error)
            {
                Assert.Fail($"round {round}, {name} as {Convert.ToBase64String(mutant)}: {error}");
            }
        }
        // Else the mutants would be so broken that nothing behind the first check was tried.
        Assert.InRange(read, Mutants / 10, Mutants * 9 / 10);
    }

    private static bool Attempt(string name, byte[] mutant)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using MemoryInput input = new("mutant", mutant, Siblings(name));
            using Checkpoint checkpoint = Format.Onnx.Read(input, new ReadOptions { AllTensors = mutant.Length % 2 == 0, Verify = false });
            byte[] buffer = new byte[1 << 12];
            foreach (Tensor tensor in checkpoint.Tensors)
            {
                tensor.Bytes.ReadChunks(buffer, static (_, _) => { });
            }
            Format.Onnx.Layout(checkpoint, "mutant.onnx", new WriteOptions(), []);
            return true;
        }
        catch (WeightFileException)
        {
            return false;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes + (MostBytesPerByte * mutant.Length));
        }
    }

    private static byte[] Mutate(Random random, byte[] file)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0 && bytes.Count > 1; change--)
        {
            int place = random.Next(bytes.Count);
            switch (random.Next(7))
            {
                case 0:
                    bytes[place] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[place] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.Insert(place, (byte)random.Next(256));
                    break;
                case 3:
                    bytes.RemoveAt(place);
                    break;
                case 4:
                    bytes[place] = (byte)(random.Next(2) * 0xFF);
                    break;
                case 5: // A piece of it again, somewhere else.
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(place, random.Next(Math.Min(40, bytes.Count - place))));
                    break;
                default:
                    bytes.RemoveRange(place, random.Next(Math.Min(bytes.Count - place, 1 + (bytes.Count / 8))));
                    break;
            }
        }
        return [.. bytes];
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> Siblings(string name) => name.Contains("/external/", StringComparison.Ordinal)
        ? new() { ["one.data"] = File.ReadAllBytes(Fixtures.Path("onnx/valid/external/one.data")) }
        : [];
}
