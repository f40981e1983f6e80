namespace Weights.Passes;

/// <summary>Names of tensors to which the same happened, in a form that stays one line for ten thousand of them.</summary>
internal sealed class NameList
{
    private const int Shown = 3;
    private readonly List<string> _first = [];

    public int Count { get; private set; }

    public void Add(string name)
    {
        if (Count++ < Shown)
        {
            _first.Add(name);
        }
    }

    /// <summary>The name of a single one, as it is; else for example <c>123 tensors (a, b, c, …)</c>.</summary>
    public override string ToString() => Count == 1 ? _first[0] : $"{Count} tensors ({string.Join(", ", _first)}{(Count > Shown ? ", …" : "")})";
}
