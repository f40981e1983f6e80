using System.Diagnostics;
using Weights.Cli.Reports;

namespace Weights.Cli.Terminal;

/// <summary>
/// One line that says how far a long copy is, redrawn ten times a second by a timer, so that whoever copies only adds to a
/// counter. Only a terminal sees it; disposing erases it.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    // Nothing flashes up for what is done before one has read it.
    private static readonly TimeSpan s_start = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(100);
    private const int WidestBar = 30;
    private const int NarrowestBar = 8;

    private readonly Channel _channel;
    private readonly string _label;
    private readonly long _total;
    private readonly Stopwatch _time = Stopwatch.StartNew();
    private readonly Timer? _timer;
    private readonly Lock _lock = new();
    private long _done;
    private int _drawn;
    private bool _isOver;

    /// <summary>Starts the clock.</summary>
    /// <param name="channel">Standard error.</param>
    /// <param name="label">What is going on.</param>
    /// <param name="total">Bytes to be done.</param>
    /// <param name="isShown">False keeps it from being drawn at all.</param>
    public ProgressLine(Channel channel, string label, long total, bool isShown = true)
    {
        (_channel, _label, _total) = (channel, label, total);
        if (isShown && channel.IsTerminal)
        {
            _timer = new Timer(static line => ((ProgressLine)line!).Draw(), this, s_start, s_period);
        }
    }

    /// <summary>So many bytes more are done; from any thread.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _done, bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_lock)
        {
            _isOver = true;
            Replace(("", 0));
        }
    }

    private void Draw()
    {
        lock (_lock)
        {
            if (!_isOver)
            {
                Replace(Line(_channel.Width ?? 80));
            }
        }
    }

    private (string Text, int Cells) Line(int width)
    {
        long done = Math.Min(Interlocked.Read(ref _done), _total);
        double share = Quantity.Share(done, _total);
        TimeSpan left = share > 0 ? TimeSpan.FromSeconds(Math.Min(_time.Elapsed.TotalSeconds * (1 - share) / share, 1e6)) : TimeSpan.Zero;
        string percent = $"{Math.Floor(share * 100),3}%";
        string speed = $"{Quantity.Rate(done, _time.Elapsed)}  {Remaining(left)} left";
        string numbers = $"{percent}  {Quantity.Bytes(done)} of {Quantity.Bytes(_total)}  {speed}";
        // The last column stays free: a character in it makes some terminals wrap.
        int bar = Math.Min(WidestBar, width - 1 - _label.Length - 2 - 2 - numbers.Length);
        if (bar >= NarrowestBar)
        {
            int filled = (int)(bar * share);
            string painted = _channel.Paint(Style.Cyan, new string('━', filled)) + _channel.Paint(Style.Dim, new string('─', bar - filled));
            return ($"{_label}  {painted}  {numbers}", _label.Length + 2 + bar + 2 + numbers.Length);
        }
        string shorter = $"{percent}  {speed}";
        string text = numbers.Length < width ? numbers : shorter.Length < width ? shorter : percent;
        return (text, text.Length);
    }

    private static string Remaining(TimeSpan left) => left.TotalSeconds < 60 ? $"{Math.Ceiling(left.TotalSeconds):0} s" : Quantity.Time(left);

    // Overwritten with blanks rather than erased by an escape sequence, which a terminal without colours may not know either.
    private void Replace((string Text, int Cells) line)
    {
        if (line.Cells + _drawn > 0)
        {
            string blanks = new(' ', Math.Max(0, _drawn - line.Cells));
            _channel.Writer.Write($"\r{line.Text}{blanks}{(line.Cells == 0 ? "\r" : "")}");
            _channel.Writer.Flush();
            _drawn = line.Cells;
        }
    }
}
