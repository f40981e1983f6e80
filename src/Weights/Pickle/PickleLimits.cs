namespace Weights.Pickle;

/// <summary>What a pickle may cost. Honest checkpoints stay a hundred times below; hostile ones stop here.</summary>
internal static class PickleLimits
{
    /// <summary>Opcodes of one pickle. A tensor of a state dict takes about 50, so this is over half a million of them.</summary>
    public const int Opcodes = 1 << 25;

    /// <summary>
    /// Containers, names and calls of one pickle, 60 to 150 bytes each in memory. A tensor of a state dict takes 8 of them, so this is a
    /// quarter of a million tensors. What a stream can ask for is bounded by it, however it does it: two hundred megabytes, a second.
    /// </summary>
    public const int Objects = 1 << 21;

    /// <summary>
    /// Globals of one pickle that are nodes of their own where a judge reads it; beyond, names that come again are one node, counted. An honest
    /// stream names each class once.
    /// </summary>
    public const int OwnGlobals = 1 << 13;

    /// <summary>
    /// Values waiting on the stack. Python's writer hands over lists and dicts a thousand items at a time; only a tuple or
    /// frozenset has all of its items there at once.
    /// </summary>
    public const int Stack = 1 << 20;

    /// <summary>Marks waiting on the stack: the depth of nesting. Python itself cannot write a thousand.</summary>
    public const int Marks = 1 << 14;

    /// <summary>Characters of a number in decimal digits: Python's own limit (CVE-2020-10735), because reading digits takes quadratic time.</summary>
    public const int Digits = 4300;

    /// <summary>Bytes of an integer in two's complement.</summary>
    public const int IntegerBytes = 1 << 16;

    /// <summary>Bytes of a line that names a module, a class or an index.</summary>
    public const int NameLine = 1 << 12;

    /// <summary>Bytes of a line of text: such lines must be searched for their end, longer values come with their length.</summary>
    public const int TextLine = 1 << 26;

    /// <summary>Bytes of a text that is taken into memory; longer ones fail when somebody wants to see them.</summary>
    public const int Text = 1 << 28;

    /// <summary>Bytes of a string or byte string that is copied at once; longer ones stay where they are until they are wanted.</summary>
    public const int Copied = 1 << 12;
}
