namespace Weights.Scanning;

/// <summary>What loading a file with Python would have done with a name in it; the later, the worse.</summary>
public enum Verdict
{
    /// <summary>Rebuilds tensors.</summary>
    Tensors,

    /// <summary>Makes plain data.</summary>
    Data,

    /// <summary>Nobody here knows; it may do anything.</summary>
    Unknown,

    /// <summary>Runs code, starts processes, touches files or the network, or reaches what does.</summary>
    Executes,
}
