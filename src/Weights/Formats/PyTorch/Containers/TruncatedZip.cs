using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>
/// What can be said of an archive whose end, and with it the directory, is missing. The pickle usually comes first and tells how many
/// bytes of storages should follow.
/// </summary>
internal static class TruncatedZip
{
    private const int LocalHeaderBytes = 30;

    /// <summary>The error of a file that lacks its end, with the number of bytes that are missing; null when that cannot be told.</summary>
    public static WeightFileException? Explain(Input input, WeightFileException error)
    {
        ReadOnlySpan<byte> head = input.Head;
        if (error.Fault != Fault.Corrupt || ZipDirectory.Ends(input.Bytes) || !TorchZip.FirstName(head).EndsWith("/data.pkl", StringComparison.Ordinal))
        {
            return null;
        }
        // Method 0: only then is the pickle readable without its directory.
        int start = LocalHeaderBytes + (head[26] | (head[27] << 8)) + (head[28] | (head[29] << 8));
        if ((head[8] | head[9]) != 0 || start > input.Bytes.Length)
        {
            return null;
        }
        try
        {
            PickleMachine machine = new(input.Bytes, TorchZip.FirstName(head), start);
            machine.Run();
            Int128 needed = machine.End + StorageBytes(machine);
            return needed > input.Bytes.Length
                ? new WeightFileException(Fault.Corrupt, $"is truncated: of the zip archive's at least {needed:N0} bytes there are {input.Bytes.Length:N0}, {needed - input.Bytes.Length:N0} are missing; download it again")
                : new WeightFileException(Fault.Corrupt, $"is truncated: the zip archive's last bytes, with its directory, are missing after {input.Bytes.Length:N0} bytes; download it again");
        }
        catch (WeightFileException)
        {
            return null;
        }
    }

    private static Int128 StorageBytes(PickleMachine machine)
    {
        Dictionary<string, Int128> storages = new(StringComparer.Ordinal);
        foreach (PicklePersistentId id in machine.PersistentIds)
        {
            if (StorageId.TryRead(id, out StorageId? storage, out _) && storage.Element is { } element)
            {
                storages[storage.Key] = (Int128)Math.Max(storage.Count, 0) * element.Bytes;
            }
        }
        Int128 sum = 0;
        foreach (Int128 bytes in storages.Values)
        {
            sum += bytes;
        }
        return sum;
    }
}
