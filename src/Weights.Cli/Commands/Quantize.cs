using System.Diagnostics;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Cli.Commands;

/// <summary><c>weights quantize</c>: the same weights in fewer bits.</summary>
internal static class Quantize
{
    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Verb verb = new("quantize", "Writes weights in fewer bits, and says what that did to each tensor: the numbers that were written are decoded again and compared with those that were read. It is streamed: neither file is ever in memory.")
        {
            Examples =
            [
                ("weights quantize model.safetensors model.gguf --scheme q4_k_m", "a mixture of llama.cpp"),
                ("weights quantize model.gguf small.gguf --scheme iq2_xs --imatrix imatrix.gguf", "very few bits, where they matter most"),
                ("weights quantize model.gguf model-q8.gguf --scheme q8_0 --tensor 'output.weight=f16' --min-sqnr 40", "exits with 1 if a tensor becomes too noisy"),
                ("weights quantize model.pt half.safetensors --scheme bf16", "an element type"),
                ("weights quantize model out/model.safetensors --scheme int4 --search mse", "for vLLM, with its config.json"),
                ("weights quantize model out/model.safetensors --scheme nf4", "for bitsandbytes"),
                ("weights quantize model.onnx model-int8.onnx --scheme int8", "the graph makes weights of integers with a scale per channel"),
                ("weights quantize model.onnx model-q4.onnx --scheme int4 --layout matmulnbits", "products by 4-bit matrices, for ONNX Runtime"),
            ],
        };
        QuantizeArguments arguments = new();
        arguments.AddTo(verb);
        verb.SetAction(arguments.Read, static request => request.Input, request => Run(session, request));
        return verb;
    }

    private static int Run(Session session, QuantizeRequest request)
    {
        session.IsQuiet = request.IsQuiet;
        Stopwatch time = Stopwatch.StartNew();
        ImportanceMatrix? importances = request.Importances is { } path ? ReadImportances(path) : null;
        using Checkpoint source = Source.Open(request.Input, request.Reading, session);
        Ledger ledger = [];
        Source.TellLosses(source, request.Target, ledger);
        if (importances is not null && !importances.Names.Any(name => source.Find(name) is not null))
        {
            throw new UsageException($"{request.Importances}: its importances are of other tensors ({importances.Names.First()}, …) than those of {request.Input}; give the importance matrix of this model, under the same names");
        }
        QuantizedCheckpoint quantized = request.Packing is { } packing ? Pack(request, source, packing, ledger) : Encode(request, source, request.Types! with { Importances = importances }, ledger);
        Warn(session, request, quantized);
        Source.TellPartsAlone(quantized.Checkpoint, request.Target, ledger);
        IReadOnlyList<FileLayout> layouts = request.Target.Layout(quantized.Checkpoint, Path.GetFileName(request.Output), request.Options, ledger);
        if (quantized.Configuration is { } configuration && ModelConfiguration.Layout(request.Input, request.Output, request.MayReplace, configuration, ledger) is { } file)
        {
            layouts = [file, .. layouts];
        }
        QuantizeReport report = new(request, source, quantized, new Conversion(quantized.Checkpoint, request.Output, request.Target.Name, layouts, ledger));
        if (request.IsDryRun)
        {
            Target.Check(request.Output, request.MayReplace, layouts);
            Report(session, request, report);
            return ExitCode.Done;
        }
        try
        {
            Target.Write(session, request.Output, request.MayReplace, layouts, _ => Judge(report));
        }
        catch (TooFarException)
        {
            Report(session, request, report);
            session.Error($"{report.Verdict}; nothing was written");
            return ExitCode.No;
        }
        Report(session, request, report with { Written = report.Written with { Time = time.Elapsed } });
        return ExitCode.Done;
    }

    // Types of blocks that are asked for may be those that are there; other packings are unpacked first.
    private static QuantizedCheckpoint Encode(QuantizeRequest request, Checkpoint source, QuantizationOptions options, Ledger ledger)
    {
        DequantizedCheckpoint plain = Unpack(request, source, Dialect.OfSeveralTensors, ledger);
        return plain.Checkpoint.Quantize(options with { Before = ByName(plain) }, ledger);
    }

    private static QuantizedCheckpoint Pack(QuantizeRequest request, Checkpoint source, PackingOptions options, Ledger ledger)
    {
        DequantizedCheckpoint plain = Unpack(request, source, Dialect.All, ledger);
        return plain.Checkpoint.Pack(options with { Before = ByName(plain) }, ledger);
    }

    // What each weight was packed as is said where it is packed again; a configuration that is written says how that is.
    private static DequantizedCheckpoint Unpack(QuantizeRequest request, Checkpoint source, IReadOnlyList<Dialect> dialects, Ledger ledger)
    {
        Ledger unpacking = [];
        DequantizedCheckpoint plain = source.Dequantize(new DequantizationOptions { Config = QuantizationConfig.Beside(request.Input), Dialects = dialects }, unpacking);
        foreach (LedgerEntry entry in unpacking.Where(entry => entry.Kind != LedgerKind.Cast && (entry.Subject != ModelConfiguration.Key || request.Packing is null)))
        {
            ledger.Add(entry.Kind, entry.Subject, entry.Reason);
        }
        return plain;
    }

    private static Dictionary<string, PackedWeight> ByName(DequantizedCheckpoint plain) =>
        plain.Weights.ToDictionary(static weight => weight.Tensor.Name, static weight => weight.Packed, StringComparer.Ordinal);

    private static ImportanceMatrix ReadImportances(string path)
    {
        try
        {
            using FileInput input = new(path);
            if (!Format.All.Any(format => format.Sniff(input)))
            {
                return ImportanceMatrix.Of(input);
            }
            using Checkpoint checkpoint = Format.Open(path);
            return ImportanceMatrix.Of(checkpoint);
        }
        catch (WeightFileException error)
        {
            throw error.In(path);
        }
    }

    // What matches nothing is a mistake more often than not.
    private static void Warn(Session session, QuantizeRequest request, QuantizedCheckpoint quantized)
    {
        IEnumerable<(Glob Glob, string Option)> patterns =
        [
            .. request.Types?.Overrides.Select(static rule => (rule.Glob, $"--tensor '{rule}'")) ?? request.Packing!.Overrides.Select(static rule => (rule.Glob, $"--tensor '{rule}'")),
            .. (request.Types?.Include ?? request.Packing!.Include).Select(static glob => (glob, $"--include '{glob}'")),
            .. (request.Types?.Exclude ?? request.Packing!.Exclude).Select(static glob => (glob, $"--exclude '{glob}'")),
        ];
        foreach ((_, string option) in patterns.Where(pattern => !quantized.Tensors.Any(tensor => pattern.Glob.IsMatchOfLayer(tensor.Source.Name))))
        {
            session.Warn($"{option} matches no tensor");
        }
        if (!quantized.Tensors.Any(static tensor => tensor.IsChanged))
        {
            session.Warn("no tensor changes its type");
        }
    }

    private static void Judge(QuantizeReport report)
    {
        if (report.Verdict is not null)
        {
            throw new TooFarException();
        }
    }

    private static void Report(Session session, QuantizeRequest request, QuantizeReport report)
    {
        ConvertText.WriteLedger(report.Written.Ledger, session);
        if (request.IsJson)
        {
            QuantizeJson.Write(report, session.Results);
        }
        else if (!request.IsQuiet || request.IsDryRun)
        {
            QuantizeText.Write(report, session.Results);
        }
        if (report.Written.Time is not null)
        {
            session.Tell(ConvertText.Summary(report.Written));
        }
    }

    // Ends the writing before anything gets its name.
    private sealed class TooFarException : Exception;
}
