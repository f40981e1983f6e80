using System.Globalization;
using System.Text.RegularExpressions;
using Weights.IO;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>
/// The files of a DeepSpeed checkpoint by their names: <c>mp_rank_00_model_states.pt</c>, or with ZeRO 3
/// <c>zero_pp_rank_RANK_mp_rank_00_model_states.pt</c> of each rank, and <c>[bf16_]zero_pp_rank_RANK_mp_rank_00_optim_states.pt</c>.
/// </summary>
internal sealed partial class DeepSpeedFiles
{
    // The file that names the folder of the last checkpoint, beside all of them.
    private const string Latest = "latest";
    private const int LongestTag = 255;

    private readonly SortedDictionary<long, string> _models = [];
    private readonly SortedDictionary<long, string> _optimizers = [];

    private DeepSpeedFiles()
    {
    }

    /// <summary>The model states of all ranks together; null where each has its own.</summary>
    public string? Model { get; private set; }

    /// <summary>Model states, by rank.</summary>
    public IReadOnlyDictionary<long, string> Models => _models;

    /// <summary>Optimizer states, by rank.</summary>
    public IReadOnlyDictionary<long, string> Optimizers => _optimizers;

    /// <summary>Whether a folder is such a checkpoint.</summary>
    public static bool Are(Folder folder) => folder.Names.Any(static name => States().IsMatch(name));

    /// <summary>The first file of such a checkpoint, in the folder or in the one that its <c>latest</c> names.</summary>
    /// <exception cref="WeightFileException">That one is not there, or not within the folder.</exception>
    public static IEnumerable<FolderFile> FindInFolder(Folder folder)
    {
        if (First(folder) is { } first)
        {
            yield return first;
        }
        if (folder.Names.Contains(Latest) && folder.ReadText(Latest, LongestTag) is { } tag)
        {
            Folder tagged = folder.Sub(tag)
                ?? throw new WeightFileException(Fault.Corrupt, $"its file {WeightFileException.Quote(Latest)} names the checkpoint {WeightFileException.Quote(tag)}, which is not there; copy that folder too, or name another one", folder.Path);
            yield return First(tagged)
                ?? throw new WeightFileException(Fault.Corrupt, $"is the checkpoint that the file {WeightFileException.Quote(Latest)} beside it names, and has no *_model_states.pt or *_optim_states.pt; copy it again", tagged.Path);
        }
    }

    /// <summary>Sorts the names of a folder's files.</summary>
    /// <exception cref="WeightFileException">Some are of a kind of parallelism that is not put together here.</exception>
    public static DeepSpeedFiles Of(Folder folder)
    {
        DeepSpeedFiles files = new();
        foreach (string name in folder.Names.Where(static name => States().IsMatch(name)))
        {
            Match match = Ranks().Match(name);
            string? reason = Pipeline().IsMatch(name) ? "holds layers of a pipeline-parallel model, which are not put together"
                : Experts().IsMatch(name) ? "holds experts of a mixture of experts or their optimizer, which are not put together with the rest"
                : !match.Success ? "is named like no file of a DeepSpeed checkpoint that is put together"
                : match.Groups["mp"].Value.AsSpan().ContainsAnyExcept('0') ? "holds a part of a tensor-parallel model, of which only one of one part is put together"
                : null;
            if (reason is not null)
            {
                throw new WeightFileException(Fault.Unsupported, $"{WeightFileException.Quote(name)} {reason}; name single files to read them as they are", folder.Path);
            }
            files.Add(name, match, folder);
        }
        return files;
    }

    private void Add(string name, Match match, Folder folder)
    {
        bool isModel = match.Groups["kind"].Value == "model";
        if (match.Groups["rank"] is not { Success: true } group)
        {
            Model = isModel ? name : Model;
            return;
        }
        long rank = long.Parse(group.Value, CultureInfo.InvariantCulture);
        if (!(isModel ? _models : _optimizers).TryAdd(rank, name))
        {
            throw new WeightFileException(Fault.Corrupt, $"has two files of rank {rank}: {WeightFileException.Quote((isModel ? _models : _optimizers)[rank])} and {WeightFileException.Quote(name)}; remove the one of an older checkpoint", folder.Path);
        }
    }

    private static FolderFile? First(Folder folder)
    {
        string[] states = [.. folder.Names.Where(static name => States().IsMatch(name))];
        string? first = states.FirstOrDefault(static name => name == "mp_rank_00_model_states.pt")
            ?? states.FirstOrDefault(static name => Ranks().Match(name) is { Success: true } match && match.Groups["kind"].Value == "model" && match.Groups["rank"].Value == "0")
            ?? (states.Length == 0 ? null : states[0]);
        return first is null ? null : new FolderFile(folder, first);
    }

    [GeneratedRegex(@"[_-](model|optim)_states\.pt\z", RegexOptions.CultureInvariant)]
    private static partial Regex States();

    [GeneratedRegex(@"\A((bf16_|fp16_)?zero_pp_rank_(?<rank>[0-9]{1,9})_)?mp_rank_(?<mp>[0-9]+)_(?<kind>model|optim)_states\.pt\z", RegexOptions.CultureInvariant)]
    private static partial Regex Ranks();

    [GeneratedRegex(@"\Alayer_[0-9]+-model_", RegexOptions.CultureInvariant)]
    private static partial Regex Pipeline();

    [GeneratedRegex(@"expert_[0-9]+_mp_rank_|\Aexpp_rank_", RegexOptions.CultureInvariant)]
    private static partial Regex Experts();
}
