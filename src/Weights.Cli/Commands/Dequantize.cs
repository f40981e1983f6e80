using System.Diagnostics;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;

namespace Weights.Cli.Commands;

/// <summary><c>weights dequantize</c>: plain weights of packed ones.</summary>
internal static class Dequantize
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("dequantize", "Makes plain floating-point weights, under their usual names, of those that are packed by GPTQ, AWQ, compressed-tensors, bitsandbytes and others, as ggml's blocks, or for the nodes of an ONNX graph. It is streamed: neither file is ever in memory.")
        {
            Examples =
            [
                ("weights dequantize model-gptq/model.safetensors model.safetensors", "the config.json beside the input is read, too"),
                ("weights dequantize deepseek-v3 bf16/model.safetensors --max-shard-size 5GB", "a folder of shards"),
                ("weights dequantize model-q4_k_m.gguf model.gguf --dtype F16", "blocks of ggml"),
                ("weights dequantize model-awq plain.safetensors --dry-run", "says what is packed how"),
            ],
        };
        DequantizeArguments arguments = new();
        arguments.AddTo(verb);
        verb.SetAction(arguments.Read, static request => request.Input, request => Run(session, request));
        return verb;
    }

    private static int Run(Session session, DequantizeRequest request)
    {
        session.IsQuiet = request.IsQuiet;
        Stopwatch time = Stopwatch.StartNew();
        using Checkpoint source = Source.Open(request.Input, request.Reading, session);
        QuantizationConfig config = request.Config is { } path ? QuantizationConfig.Read(path) : QuantizationConfig.Beside(request.Input);
        if (request.Config is not null && config.Path is null)
        {
            throw new UsageException($"{request.Config}: says nothing about quantisation: it has no quantization_config");
        }
        Ledger ledger = [];
        Source.TellLosses(source, request.Target, ledger);
        DequantizationOptions options = new() { DType = request.DType, Config = config, Include = request.Include, Exclude = request.Exclude };
        DequantizedCheckpoint plain = source.Dequantize(options, ledger);
        if (plain.Weights.Count == 0)
        {
            throw NothingPacked(request, source, config);
        }
        WarnOfVainPatterns(session, request, plain);
        Source.TellPartsAlone(plain.Checkpoint, request.Target, ledger);
        IReadOnlyList<FileLayout> layouts = request.Target.Layout(plain.Checkpoint, Path.GetFileName(request.Output), request.Options, ledger);
        DequantizeReport report = new(source, plain, new Conversion(plain.Checkpoint, request.Output, request.Target.Name, layouts, ledger));
        if (request.IsDryRun)
        {
            Target.Check(request.Output, request.MayReplace, layouts);
        }
        else
        {
            Target.Write(session, request.Output, request.MayReplace, layouts);
            report = report with { Written = report.Written with { Time = time.Elapsed } };
        }
        Report(session, request, report);
        return ExitCode.Done;
    }

    private static UsageException NothingPacked(DequantizeRequest request, Checkpoint source, QuantizationConfig config)
    {
        string tensors = Quantity.Of(source.Tensors.Count, "tensor");
        if (request.Include.Count + request.Exclude.Count > 0)
        {
            return new UsageException($"{request.Input}: --include and --exclude leave none of its {tensors} to dequantise; --dry-run without them lists the weights that are packed");
        }
        string said = config.Method is { } method ? $"; {config.Path} names {WeightFileException.Quote(method)}" : "";
        return new UsageException($"{request.Input}: none of its {tensors} is packed in a way that is read here ({string.Join(", ", Dialect.All.Select(static dialect => dialect.Name))}){said}; nothing was written");
    }

    // What matches nothing is a mistake more often than not.
    private static void WarnOfVainPatterns(Session session, DequantizeRequest request, DequantizedCheckpoint plain)
    {
        foreach (Glob glob in request.Include.Where(glob => !plain.Weights.Any(weight => glob.IsMatch(weight.Tensor.Name))))
        {
            session.Warn($"--include '{glob}' matches no packed weight");
        }
        foreach (Glob glob in request.Exclude.Where(glob => !plain.Kept.Any(glob.IsMatch)))
        {
            session.Warn($"--exclude '{glob}' matches no packed weight");
        }
    }

    private static void Report(Session session, DequantizeRequest request, DequantizeReport report)
    {
        ConvertText.WriteLedger(report.Written.Ledger, session);
        if (request.IsJson)
        {
            DequantizeJson.Write(report, session.Results);
        }
        else if (!request.IsQuiet || request.IsDryRun)
        {
            DequantizeText.Write(report, session.Results);
        }
        if (report.Written.Time is not null)
        {
            session.Tell(ConvertText.Summary(report.Written));
        }
    }
}
