using Weights.Passes.Checksums;

namespace Weights.Passes.Patch;

/// <summary>A tensor of a patch in the making.</summary>
internal sealed class PatchDraft(TensorDigest target, PatchMethod method, Tensor? source)
{
    /// <summary>What is to be made.</summary>
    public Tensor Target => target.Tensor;

    /// <summary>How.</summary>
    public PatchMethod Method { get; set; } = method;

    /// <summary>Of which tensor of the base, or which earlier one of the patch.</summary>
    public Tensor? Source { get; } = source;

    /// <summary>See <see cref="PatchTensor.HasPlanes"/>.</summary>
    public bool HasPlanes { get; set; }

    /// <summary>See <see cref="PatchTensor.Frames"/>.</summary>
    public List<Frame> Frames { get; } = [];

    /// <summary>What is to be made of what: of the same bytes if there are any, else of the tensor that it most likely was.</summary>
    public static PatchDraft[] Of(Checksum from, Checksum to)
    {
        Dictionary<string, TensorDigest> byName = from.Tensors.ToDictionary(static one => one.Tensor.Name, StringComparer.Ordinal);
        Dictionary<string, Tensor> byContent = new(StringComparer.Ordinal);
        foreach (TensorDigest one in from.Tensors)
        {
            byContent.TryAdd(Key(one), one.Tensor);
        }
        Dictionary<string, Tensor> earlier = new(StringComparer.Ordinal);
        FormerNames former = new(from, to);
        return [.. to.Tensors.Select(one =>
        {
            TensorDigest? named = byName.GetValueOrDefault(one.Tensor.Name);
            if ((named is not null && Key(named) == Key(one) ? named.Tensor : byContent.GetValueOrDefault(Key(one))) is { } same)
            {
                return new PatchDraft(one, PatchMethod.Base, same);
            }
            if (!earlier.TryAdd(Key(one), one.Tensor))
            {
                return new PatchDraft(one, PatchMethod.Earlier, earlier[Key(one)]);
            }
            Tensor? source = named is not null && FormerNames.IsLike(named.Tensor, one.Tensor) ? named.Tensor : former.Of(one.Tensor);
            return new PatchDraft(one, source is null ? PatchMethod.Stored : PatchMethod.Delta, source);
        })];
    }

    /// <summary>How it came out.</summary>
    public PatchTensor ToTensor() => new(Target.Name, Target.DType, Target.Shape, target.Digest, Method, Method == PatchMethod.Stored ? null : Source!.Name)
    {
        HasPlanes = HasPlanes,
        Frames = Frames,
    };

    // Bytes alone: what was only reshaped is still the same.
    private static string Key(TensorDigest one) => $"{Convert.ToHexStringLower(one.Digest)} {one.Tensor.Bytes.Length}";
}

/// <summary>Guesses which tensor of the base one was that has another name now: of the same type and shape, and with a name that ends alike.</summary>
internal sealed class FormerNames
{
    private readonly Dictionary<(DType DType, Shape Shape, string Ending), Tensor> _byEnding = [];

    /// <summary>From the tensors of the base whose names are gone.</summary>
    public FormerNames(Checksum from, Checksum to)
    {
        HashSet<string> names = to.Tensors.Select(static one => one.Tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (Tensor tensor in from.Tensors.Select(static one => one.Tensor).Where(tensor => !names.Contains(tensor.Name)))
        {
            foreach (string ending in Endings(tensor.Name))
            {
                _byEnding.TryAdd((tensor.DType, tensor.Shape, ending), tensor);
            }
        }
    }

    /// <summary>Whether one can be a difference from the other.</summary>
    public static bool IsLike(Tensor left, Tensor right) => left.DType == right.DType && left.Shape == right.Shape;

    /// <summary>The tensor of the base, or null.</summary>
    public Tensor? Of(Tensor tensor) => Endings(tensor.Name).Select(ending => _byEnding.GetValueOrDefault((tensor.DType, tensor.Shape, ending))).FirstOrDefault(static found => found is not null);

    // The name without its first part, without its first two, and so on. Names of hundreds of parts are no network's.
    private static IEnumerable<string> Endings(string name)
    {
        const int most = 32;
        yield return name;
        int start = 0;
        for (int count = 0; count < most && name.IndexOf('.', start) is >= 0 and int dot; count++)
        {
            start = dot + 1;
            yield return name[start..];
        }
    }
}
