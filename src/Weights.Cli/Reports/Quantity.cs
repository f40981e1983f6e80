namespace Weights.Cli.Reports;

/// <summary>Numbers for people: three or four digits and a unit. Units are decimal, as the Hub's are: 1 kB is 1000 bytes.</summary>
internal static class Quantity
{
    private static readonly string[] s_byteUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    private static readonly string[] s_countUnits = ["", "k", "M", "B", "T", "quadrillion", "quintillion"];

    /// <summary>For example <c>97.5 MB</c>.</summary>
    public static string Bytes(long bytes) => Scaled(bytes, s_byteUnits);

    /// <summary>For example <c>25,557,032 (25.6 M)</c>; billions are B, as in the names of models.</summary>
    public static string Parameters(long count) => count < 10_000 ? $"{count:N0}" : $"{count:N0} ({Scaled(count, s_countUnits)})";

    /// <summary>For example <c>812 MB/s</c>.</summary>
    public static string Rate(long bytes, TimeSpan time) => $"{Bytes((long)Math.Min(bytes / Math.Max(time.TotalSeconds, 1e-6), long.MaxValue / 2))}/s";

    /// <summary>For example <c>0.12 s</c>, <c>3:05 min</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalSeconds switch
    {
        < 10 => $"{time.TotalSeconds:0.00} s",
        < 60 => $"{time.TotalSeconds:0.0} s",
        < 3600 => $"{time.Minutes}:{time.Seconds:00} min",
        _ => $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00} h",
    };

    /// <summary>For example <c>12.5%</c>.</summary>
    public static string Percent(long part, long whole) => $"{Share(part, whole) * 100:0.0}%";

    /// <summary>The part as a fraction of the whole; 0 of nothing.</summary>
    public static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    /// <summary>For example <c>1 tensor</c>, <c>12,345 tensors</c>.</summary>
    public static string Of(long count, string noun) => count == 1 ? $"1 {noun}" : $"{count:N0} {noun}s";

    /// <summary>A measured number in four digits, whole numbers below a million in full.</summary>
    public static string Real(double value)
    {
        double size = Math.Abs(value);
        if (size < 1e6 && value == Math.Truncate(value))
        {
            return $"{value:0}";
        }
        if (size is < 1e-3 or >= 1e5)
        {
            return double.IsFinite(value) ? value.ToString("0.000e+00") : value.ToString();
        }
        int decimals = 3 - (int)Math.Floor(Math.Log10(size));
        return value.ToString($"F{Math.Max(decimals, 0)}");
    }

    private static string Scaled(long value, string[] units)
    {
        int unit = 0;
        double scaled = value;
        // 999.5 would be shown as 1000.
        for (; scaled >= (unit == 0 ? 1000 : 999.5) && unit < units.Length - 1; unit++)
        {
            scaled /= 1000;
        }
        string digits = unit == 0 ? $"{value}" : scaled < 9.995 ? $"{scaled:0.00}" : scaled < 99.95 ? $"{scaled:0.0}" : $"{scaled:0}";
        return units[unit].Length == 0 ? digits : $"{digits} {units[unit]}";
    }
}
