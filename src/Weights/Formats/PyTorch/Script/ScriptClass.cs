namespace Weights.Formats.PyTorch.Script;

/// <summary>What the source of a TorchScript class says of its attributes.</summary>
/// <param name="IsModule">Whether it is a module; other classes are plain objects.</param>
/// <param name="Parameters">Attributes that are parameters.</param>
/// <param name="Buffers">Attributes that are buffers; null where the source is from before torch 1.7 and does not tell.</param>
/// <param name="StateNames">Of a class with a <c>__setstate__</c> of its own, which attribute it sets to which item of its state.</param>
internal sealed record ScriptClass(bool IsModule, IReadOnlySet<string> Parameters, IReadOnlySet<string>? Buffers, IReadOnlyDictionary<int, string> StateNames);
