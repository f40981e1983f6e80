using System.Runtime.InteropServices;

namespace Weights.Cli.Terminal;

/// <summary>
/// Ctrl-C, a polite kill and a closed terminal. Where nothing needs clearing up the process ends at once; while files are being
/// written, the token is cancelled and the process ends when they are gone. A second signal does not wait.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Lock _lock = new();
    private bool _hasDebris;

    public Interruption() =>
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Handle(context, 2)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Handle(context, 15)),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Handle(context, 1)),
        ];

    /// <summary>Is cancelled by a signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>What the process then exits with, by custom 128 and the number of the signal.</summary>
    public int ExitCode { get; private set; }

    /// <summary>Runs <paramref name="work"/>, which clears up after itself when <see cref="Token"/> is cancelled.</summary>
    public void LetClearUp(Action work)
    {
        lock (_lock)
        {
            Token.ThrowIfCancellationRequested();
            _hasDebris = true;
        }
        try
        {
            work();
        }
        finally
        {
            lock (_lock)
            {
                _hasDebris = false;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void Handle(PosixSignalContext context, int signal)
    {
        context.Cancel = true;
        bool exit;
        lock (_lock)
        {
            exit = !_hasDebris || Token.IsCancellationRequested;
            ExitCode = 128 + signal;
        }
        if (exit)
        {
            Environment.Exit(ExitCode);
        }
        _source.Cancel();
    }
}
