namespace Weights.Pickle;

/// <summary>
/// Every opcode of pickle protocols 0 to 5; the comment is what follows it in the stream and what it does to the stack.
/// </summary>
internal enum PickleOpcode : byte
{
    // Protocols 0 and 1; text arguments end with a line feed.
    Mark = (byte)'(', // pushes a mark
    Stop = (byte)'.', // ends the pickle, the top is its value
    Pop = (byte)'0', // drops the top, or a mark
    PopMark = (byte)'1', // drops everything down to the mark
    Dup = (byte)'2', // pushes the top again
    Float = (byte)'F', // decimal text
    Int = (byte)'I', // decimal text; 00 and 01 are False and True
    BinInt = (byte)'J', // i32
    BinInt1 = (byte)'K', // u8
    Long = (byte)'L', // decimal text, perhaps with an L at its end
    BinInt2 = (byte)'M', // u16
    None = (byte)'N',
    PersId = (byte)'P', // text: a value kept outside
    BinPersId = (byte)'Q', // the same, its name on the stack
    Reduce = (byte)'R', // callable, arguments -> call
    String = (byte)'S', // quoted text with escapes, bytes of Python 2
    BinString = (byte)'T', // i32 length, bytes of Python 2
    ShortBinString = (byte)'U', // u8 length, bytes of Python 2
    Unicode = (byte)'V', // text with \u escapes
    BinUnicode = (byte)'X', // u32 length, UTF-8
    Append = (byte)'a', // list, item -> list
    Build = (byte)'b', // object, state -> object
    Global = (byte)'c', // module text, name text
    Dict = (byte)'d', // mark, key, value, ... -> dict
    EmptyDict = (byte)'}',
    Appends = (byte)'e', // list, mark, items -> list
    Get = (byte)'g', // decimal text: index in the memo
    BinGet = (byte)'h', // u8
    Inst = (byte)'i', // module text, name text; mark, arguments -> call
    LongBinGet = (byte)'j', // u32
    List = (byte)'l', // mark, items -> list
    EmptyList = (byte)']',
    Obj = (byte)'o', // mark, callable, arguments -> call
    Put = (byte)'p', // decimal text: the top goes to that index of the memo
    BinPut = (byte)'q', // u8
    LongBinPut = (byte)'r', // u32
    SetItem = (byte)'s', // dict, key, value -> dict
    Tuple = (byte)'t', // mark, items -> tuple
    EmptyTuple = (byte)')',
    SetItems = (byte)'u', // dict, mark, key, value, ... -> dict
    BinFloat = (byte)'G', // f64, big-endian

    // Protocol 2
    Proto = 0x80, // u8: version
    NewObj = 0x81, // class, arguments -> call
    Ext1 = 0x82, // u8: number in a registry of globals that the stream does not hold
    Ext2 = 0x83, // u16
    Ext4 = 0x84, // i32
    Tuple1 = 0x85,
    Tuple2 = 0x86,
    Tuple3 = 0x87,
    NewTrue = 0x88,
    NewFalse = 0x89,
    Long1 = 0x8A, // u8 length, two's complement
    Long4 = 0x8B, // i32 length, two's complement

    // Protocol 3
    BinBytes = (byte)'B', // u32 length
    ShortBinBytes = (byte)'C', // u8 length

    // Protocol 4
    ShortBinUnicode = 0x8C, // u8 length, UTF-8
    BinUnicode8 = 0x8D, // u64 length, UTF-8
    BinBytes8 = 0x8E, // u64 length
    EmptySet = 0x8F,
    AddItems = 0x90, // set, mark, items -> set
    FrozenSet = 0x91, // mark, items -> frozenset
    NewObjEx = 0x92, // class, arguments, keyword arguments -> call
    StackGlobal = 0x93, // module, name -> global
    Memoize = 0x94, // the top goes to the next index of the memo
    Frame = 0x95, // u64: bytes that a reader may fetch at once

    // Protocol 5
    ByteArray8 = 0x96, // u64 length
    NextBuffer = 0x97, // a buffer that travels outside of the stream
    ReadOnlyBuffer = 0x98, // makes the top read-only
}
