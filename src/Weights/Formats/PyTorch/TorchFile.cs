using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Script;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>A file of <c>torch.save</c> or <c>torch.jit.save</c> that has been opened: the value in its pickle, with its storages.</summary>
internal sealed class TorchFile
{
    private TorchFile(Input input, PickleTree tree, PickleNode value, IReadOnlyList<PickleCall> calls, string pickleName, string variant) =>
        (Input, Tree, Root, Calls, PickleName, Variant) = (input, tree, tree.Resolve(value), calls, pickleName, variant);

    /// <summary>The file.</summary>
    public Input Input { get; }

    /// <summary>What calls in the pickle mean, with the file's storages.</summary>
    public PickleTree Tree { get; }

    /// <summary>What was saved.</summary>
    public PickleNode Root { get; }

    /// <summary>Every call in the pickle that Python would make.</summary>
    public IReadOnlyList<PickleCall> Calls { get; }

    /// <summary>What the pickle is called in messages.</summary>
    public string PickleName { get; }

    /// <summary>Which of the layouts the file has.</summary>
    public string Variant { get; }

    /// <summary>What is in the file beside the value and is not read.</summary>
    public IReadOnlyList<LeftOut> LeftOut { get; private init; } = [];

    /// <summary>Whether the file is one that torch saved, in any of its layouts.</summary>
    public static bool Sniff(Input input) => TorchZip.Sniff(input) || LegacyFile.Sniff(input.Head) || TarFile.Sniff(input) || IsFlatBuffer(input.Head);

    /// <summary>Opens a file and reads its pickle.</summary>
    /// <param name="input">The file.</param>
    /// <param name="dequantize">Whether quantised tensors are to be the numbers that they stand for.</param>
    public static TorchFile Open(Input input, bool dequantize = false)
    {
        if (LegacyFile.Sniff(input.Head))
        {
            LegacyFile legacy = LegacyFile.Open(input);
            PickleTree tree = new(new TorchRecipes(legacy, dequantize));
            return new TorchFile(input, tree, legacy.Value, legacy.Calls, "the value's pickle", $"legacy, {Counted(legacy.Count)}") { LeftOut = legacy.LeftOut };
        }
        if (TarFile.Sniff(input))
        {
            TarFile tar = TarFile.Open(input);
            PickleTree tree = new(new TorchRecipes(tar, dequantize));
            return new TorchFile(input, tree, tar.Value, tar.Calls, "the tar archive's pickles", $"tar, {Counted(tar.Count)}");
        }
        if (IsFlatBuffer(input.Head))
        {
            throw new WeightFileException(Fault.Unsupported, "is a TorchScript model for phones as a FlatBuffer, which is not read; save it again without _use_flatbuffer, or take the file that it was made from");
        }
        return TorchZip.Sniff(input) ? OpenZip(input, dequantize) : throw Diagnosis.Of(input);
    }

    private static TorchFile OpenZip(Input input, bool dequantize)
    {
        TorchZip archive = TorchZip.Open(input);
        PickleMachine machine = new(archive.Pickle, archive.PickleName);
        PickleNode value = machine.Run();
        StorageSource storages = archive.Storages("data");
        TorchRecipes recipes = new(storages, dequantize);
        if (!archive.IsScript)
        {
            return new TorchFile(input, new PickleTree(recipes), value, machine.Calls, archive.PickleName, $"zip, {archive.ByteOrder}, {Counted(storages.Count)}");
        }
        PickleTree tree = new(recipes, ScriptArchive.Open(archive, value, dequantize));
        // Objects of TorchScript are none that Python would make, and what they hold is read.
        IReadOnlyList<PickleCall> calls = [.. machine.Calls.Where(static call => !ScriptArchive.IsOf(call))];
        int count = storages.Count + archive.Storages(ScriptArchive.ConstantsFolder).Count;
        return new TorchFile(input, tree, value, calls, archive.PickleName, $"TorchScript, {archive.ByteOrder}, {Counted(count)}");
    }

    // A FlatBuffer's identifier follows the place of its root.
    private static bool IsFlatBuffer(ReadOnlySpan<byte> head) => head.Length >= 8 && head[4..].StartsWith("PTMF"u8);

    private static string Counted(int storages) => storages == 1 ? "1 storage" : $"{storages} storages";
}
