using System.Text;
using System.Text.Unicode;
using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Recipes;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Script;

/// <summary>
/// What <c>torch.jit.save</c> and <c>_save_for_lite_interpreter</c> put beside the pickle of the module: <c>ROOT/code/**.py</c>, its source;
/// <c>ROOT/constants.pkl | ROOT/constants/KEY …</c>, the tensors that the source mentions; <c>ROOT/extra/NAME</c>, files that somebody
/// added; <c>ROOT/bytecode.pkl</c>, its source compiled for phones. None of it is run.
/// <see href="https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md"/>
/// </summary>
internal sealed class ScriptArchive
{
    /// <summary>Where the storages of the constants are.</summary>
    public const string ConstantsFolder = "constants";

    // Sources of the largest traced models have some megabytes.
    private const int LargestSource = 1 << 25;

    // Labels and configurations; what is larger is a file of its own.
    private const int LargestExtra = 1 << 16;
    private const int MostExtras = 256;

    private const int LargestBytecode = 1 << 22;

    private readonly TorchZip _archive;
    private readonly PickleNode _root;
    private readonly Dictionary<string, Dictionary<string, ScriptClass>> _sources = new(StringComparer.Ordinal);

    private ScriptArchive(TorchZip archive, PickleNode root, bool dequantize) => (_archive, _root, Constants) = (archive, root, ReadConstants(archive, dequantize));

    /// <summary>The tensors that the source mentions, resolved; null when it mentions none.</summary>
    public PickleTuple? Constants { get; }

    /// <summary>Takes in the archive.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="root">The module that its pickle is of.</param>
    /// <param name="dequantize">Whether quantised tensors are to be the numbers that they stand for.</param>
    public static ScriptArchive Open(TorchZip archive, PickleNode root, bool dequantize) => new(archive, root, dequantize);

    /// <summary>Whether the object is one of TorchScript, and not one that Python would make.</summary>
    public static bool IsOf(PickleCall call) => call.Callable is PickleGlobal { Module: var module } && (module == "__torch__" || module.StartsWith("__torch__.", StringComparison.Ordinal));

    /// <summary>Whether it is the module that the pickle is of: the constants are listed with it.</summary>
    public bool IsRoot(PickleCall call) => ReferenceEquals(call, _root);

    /// <summary>What the source says of an object's class; null when it is not there, as that of the classes of torch itself.</summary>
    public ScriptClass? ClassOf(PickleCall call)
    {
        PickleGlobal type = (PickleGlobal)call.Callable;
        if (!_sources.TryGetValue(type.Module, out Dictionary<string, ScriptClass>? classes))
        {
            byte[]? source = _archive.Find($"code/{type.Module.Replace('.', '/')}.py") is { } entry ? _archive.ReadAll(entry, LargestSource) : null;
            _sources.Add(type.Module, classes = ScriptSource.Read(source));
        }
        return classes.GetValueOrDefault(type.Name);
    }

    /// <summary>Name of an object's class for people: <c>__torch__.a.___torch_mangle_3.B</c>, which is one of several of its name, is <c>a.B</c>.</summary>
    public static string NameOf(PickleCall call)
    {
        const string prefix = "__torch__", mangled = "___torch_mangle_";
        PickleGlobal type = (PickleGlobal)call.Callable;
        return string.Join('.', type.FullName.Split('.').Where(static (part, index) => !(index == 0 && part == prefix) && !part.StartsWith(mangled, StringComparison.Ordinal)));
    }

    /// <summary>What the archive says beside the module.</summary>
    public IReadOnlyList<KeyValuePair<string, MetadataValue>> Describe(List<LeftOut> leftOut)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [];
        if (_root is PickleCall call && IsOf(call))
        {
            entries.Add(new("class", new MetadataValue.Text(NameOf(call))));
        }
        if (_archive.Version is { } version)
        {
            entries.Add(new("version", new MetadataValue.Integer(long.Parse(version, System.Globalization.CultureInfo.InvariantCulture))));
        }
        if (ReadBytecodeVersion() is { } bytecode)
        {
            entries.Add(new("bytecode_version", bytecode));
        }
        if (ReadExtras(leftOut) is { Count: > 0 } extras)
        {
            entries.Add(new("extra", extras));
        }
        int sources = _archive.Under("code").Count(static entry => entry.Name.EndsWith(".py", StringComparison.Ordinal));
        if (sources > 0 || _archive.Find("bytecode.pkl") is not null)
        {
            leftOut.Add(new LeftOut("code", $"the model's program ({(sources == 1 ? "1 file" : $"{sources:N0} files")} of TorchScript): it is no weights and is not run"));
        }
        return entries;
    }

    private static PickleTuple? ReadConstants(TorchZip archive, bool dequantize)
    {
        if (archive.Find("constants.pkl") is not { } entry)
        {
            return null;
        }
        PickleMachine machine = new(archive.Contents(entry), entry.Name);
        PickleNode constants = machine.Run();
        // Their storages are others than those of the module, so they are resolved here, where it is known which.
        TorchRecipes recipes = new(archive.Storages(ConstantsFolder), dequantize);
        foreach (PickleObject node in machine.PersistentIds.Concat<PickleObject>(machine.Calls))
        {
            recipes.Resolve(node);
        }
        return recipes.Sequence(constants, 0) is { Count: > 0 } items ? new PickleTuple([.. items]) : null;
    }

    // The first item of a tuple; the rest are the functions.
    private MetadataValue.Integer? ReadBytecodeVersion() =>
        _archive.Find("bytecode.pkl") is { } entry && _archive.ReadAll(entry, LargestBytecode) is { } pickle
        && new PickleMachine(new MemoryBytes(pickle), entry.Name).Run() is PickleTuple { Items: [PickleInteger version, ..] }
            ? new MetadataValue.Integer(version.Value)
            : null;

    private MetadataValue.Map ReadExtras(List<LeftOut> leftOut)
    {
        List<KeyValuePair<string, MetadataValue>> extras = [];
        foreach (ZipEntry entry in _archive.Under("extra"))
        {
            string name = entry.Name[(entry.Name.IndexOf("/extra/", StringComparison.Ordinal) + "/extra/".Length)..];
            if (extras.Count < MostExtras && _archive.ReadAll(entry, LargestExtra) is { } contents && Utf8.IsValid(contents) && !contents.Contains((byte)0))
            {
                extras.Add(new(name, new MetadataValue.Text(Encoding.UTF8.GetString(contents))));
            }
            else if (extras.Count < MostExtras)
            {
                leftOut.Add(new LeftOut($"extra/{name}", $"a file of {entry.Size:N0} bytes beside the model that is no text or too long for metadata; unzip the file to get it"));
            }
        }
        return new MetadataValue.Map(extras);
    }
}
