using System.Runtime.InteropServices;

namespace Weights.IO;

/// <summary>What stands at a path.</summary>
internal enum FileKind
{
    /// <summary>Nothing, or nothing that may be seen.</summary>
    Missing,

    /// <summary>A file that can be read at positions and replaced.</summary>
    Regular,

    /// <summary>A directory.</summary>
    Folder,

    /// <summary>A pipe, socket or device.</summary>
    Special,
}

/// <summary>Tells regular files from pipes and devices, which .NET has no name for before version 11.</summary>
internal static partial class FileKinds
{
    private const int StatxBytes = 256;

    /// <summary>What <paramref name="path"/> is, links followed.</summary>
    public static FileKind Of(string path)
    {
        if (Directory.Exists(path))
        {
            return FileKind.Folder;
        }
        if (!File.Exists(path))
        {
            return FileKind.Missing;
        }
        return OperatingSystem.IsLinux() && IsSpecial(path) ? FileKind.Special : FileKind.Regular;
    }

    // The kernel's struct statx is the same on every architecture: stx_mode is the 16-bit word at byte 28.
    private static unsafe bool IsSpecial(string path)
    {
        const int currentFolder = -100, typeAndMode = 3, modeOffset = 28, typeMask = 0xF000, regular = 0x8000;
        byte* result = stackalloc byte[StatxBytes];
        try
        {
            return Statx(currentFolder, path, 0, typeAndMode, result) == 0 && (*(ushort*)(result + modeOffset) & typeMask) != regular;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // A C library older than the call; then devices are not told apart.
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* result);
}
