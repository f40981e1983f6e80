using System.Runtime.InteropServices;

namespace Weights.Cli.Terminal;

/// <summary>
/// Calls that .NET makes too, but not as they are needed here: the console classes load the terminal's description and switch its
/// keypad mode first, where a command that only prints leaves the terminal as it is; and only where it compiles while it runs
/// does .NET open more files than a shell's default of 1024 allows.
/// </summary>
internal static unsafe partial class Posix
{
    private const int Interrupted = 4;  // EINTR
    private const int BrokenPipe = 32;  // EPIPE
    private const int TryAgain = 11;    // EAGAIN on Linux
    private const int TryAgainApple = 35;

    /// <summary>Writes everything to a descriptor.</summary>
    /// <returns>False when whoever read from it has gone away.</returns>
    /// <exception cref="IOException">The system's reason why it cannot.</exception>
    public static bool Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written;
            fixed (byte* start = bytes)
            {
                written = WriteSome(descriptor, start, bytes.Length);
            }
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }
            int error = Marshal.GetLastPInvokeError();
            switch (error)
            {
                case Interrupted:
                    break;
                case TryAgain or TryAgainApple:
                    Thread.Sleep(1); // Somebody else made the pipe non-blocking; it is full for now.
                    break;
                case BrokenPipe:
                    return false;
                default:
                    throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }
        }
        return true;
    }

    /// <summary>
    /// Columns of the terminal at a descriptor; 0 where there is none or it does not know. Linux only: elsewhere the request has
    /// another number.
    /// </summary>
    public static int Columns(int descriptor)
    {
        const nuint getWindowSize = 0x5413; // TIOCGWINSZ
        ushort* size = stackalloc ushort[4]; // rows, columns, two sizes in pixels
        return ControlDevice(descriptor, getWindowSize, size) == 0 ? size[1] : 0;
    }

    /// <summary>Allows as many open files as the system lets this process have: a model can have its elements in thousands of files. Linux only.</summary>
    public static void AllowOpenFiles()
    {
        const int openFiles = 7; // RLIMIT_NOFILE
        nuint* limits = stackalloc nuint[2]; // now, at most
        if (GetLimit(openFiles, limits) == 0 && limits[0] < limits[1])
        {
            limits[0] = limits[1];
            _ = SetLimit(openFiles, limits);
        }
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, nuint* limits);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, nuint* limits);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteSome(int descriptor, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int ControlDevice(int descriptor, nuint request, void* argument);
}
