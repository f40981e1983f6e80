namespace Weights.Passes;

/// <summary>Whether a tensor can go where it is to go, and the refusal where some cannot.</summary>
internal sealed class GraftFit(Checkpoint model, Checkpoint weights)
{
    private readonly HashSet<Tensor> _refused = [];
    private WeightFileException? _first;

    /// <summary>Whether what was to go to the tensor does not fit.</summary>
    public bool IsRefused(Tensor tensor) => _refused.Contains(tensor);

    /// <summary>Refuses if anything did not fit.</summary>
    public void Check()
    {
        if (_first is { } first)
        {
            string others = _refused.Count > 1 ? $"; {_refused.Count - 1:N0} more {(_refused.Count == 2 ? "does" : "do")} not fit either" : "";
            throw new WeightFileException(first.Fault, first.Reason + others, first.File, first.Tensor);
        }
    }

    /// <summary>A tensor of the same type and dimensions, up to such of one element; else null, and a refusal.</summary>
    public ContentRelation? AsItIs(Tensor tensor, Tensor from)
    {
        if (tensor.DType == from.DType && Wide(tensor.Shape).SequenceEqual(Wide(from.Shape)))
        {
            return ContentRelation.InOrder(from.DType, from.Shape, tensor.DType, tensor.Shape);
        }
        bool isTranspose = ContentRelation.Transposed(from.DType, from.Shape, from.DType, tensor.Shape) is not null;
        return Refuse(
            tensor,
            from,
            tensor.DType == from.DType && isTranspose ? $"it is the transpose, and goes there with the line '{tensor.Name} = {from.Name} transposed' in a --map"
                : tensor.DType != from.DType && (isTranspose || tensor.Shape.ElementCount == from.Shape.ElementCount) ? $"--cast {from.DType}={tensor.DType} changes the type{(isTranspose ? $", and the line '{tensor.Name} = {from.Name} transposed' in a --map exchanges rows and columns" : "")}"
                : "it belongs to another network, or goes elsewhere; --map says where, --exclude keeps the old values");
    }

    /// <summary>A matrix of the same type, rows and columns exchanged; else null, and a refusal.</summary>
    public ContentRelation? Transposed(Tensor tensor, Tensor from) =>
        (tensor.DType == from.DType ? ContentRelation.Transposed(from.DType, from.Shape, tensor.DType, tensor.Shape) : null) ?? Refuse(
            tensor,
            from,
            tensor.DType != from.DType ? $"--cast {from.DType}={tensor.DType} changes the type" : $"transposed it would be another; only matrices with the other's rows as columns go there transposed");

    /// <summary>Notes that <paramref name="from"/> cannot go where it is to go.</summary>
    public ContentRelation? Refuse(Tensor tensor, Tensor from, string advice)
    {
        _refused.Add(tensor);
        string file = Printable.Escape(weights.Origin.Path);
        _first ??= new WeightFileException(
            Fault.Unsupported,
            $"is {tensor.DType} {tensor.Shape}, but {WeightFileException.Quote(from.Name)} of {file}, which is to go there, is {from.DType} {from.Shape}; {Printable.Escape(advice)}",
            model.Origin.Path,
            tensor.Name);
        return null;
    }

    private static IEnumerable<long> Wide(Shape shape) => shape.Dimensions.ToArray().Where(static size => size != 1);
}
