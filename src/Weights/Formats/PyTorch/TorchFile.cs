using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>A file of <c>torch.save</c> that has been opened: the value in its pickle, with its storages.</summary>
internal sealed class TorchFile
{
    private TorchFile(Input input, StorageSource storages, PickleNode value, IReadOnlyList<PickleCall> calls, string pickleName, string variant)
    {
        (Input, Calls, PickleName, Variant) = (input, calls, pickleName, variant);
        Tree = new PickleTree(new TorchRecipes(storages));
        Root = Tree.Resolve(value);
    }

    /// <summary>The file.</summary>
    public Input Input { get; }

    /// <summary>What calls in the pickle mean, with the file's storages.</summary>
    public PickleTree Tree { get; }

    /// <summary>What was saved.</summary>
    public PickleNode Root { get; }

    /// <summary>Every call in the pickle.</summary>
    public IReadOnlyList<PickleCall> Calls { get; }

    /// <summary>What the pickle is called in messages.</summary>
    public string PickleName { get; }

    /// <summary>Which of the layouts the file has.</summary>
    public string Variant { get; }

    /// <summary>Whether the file is one that torch saved, in any of its layouts.</summary>
    public static bool Sniff(Input input) => TorchZip.Sniff(input) || LegacyFile.Sniff(input.Head);

    /// <summary>Opens a file and reads its pickle.</summary>
    public static TorchFile Open(Input input)
    {
        if (LegacyFile.Sniff(input.Head))
        {
            LegacyFile legacy = LegacyFile.Open(input);
            return new TorchFile(input, legacy, legacy.Value, legacy.Calls, "the value's pickle", $"legacy, {Counted(legacy.Count)}");
        }
        if (!TorchZip.Sniff(input))
        {
            throw Diagnosis.Of(input);
        }
        TorchZip archive = TorchZip.Open(input);
        if (archive.IsScript)
        {
            throw new WeightFileException(Fault.Unsupported, "is TorchScript, a program with its weights, which is not read; load it with torch.jit.load and save its state_dict()");
        }
        PickleMachine machine = new(archive.Pickle, archive.PickleName);
        PickleNode value = machine.Run();
        return new TorchFile(input, archive, value, machine.Calls, archive.PickleName, $"zip, {(archive.IsBigEndian ? "big" : "little")}-endian, {Counted(archive.Count)}");
    }

    private static string Counted(int storages) => storages == 1 ? "1 storage" : $"{storages} storages";
}
