using System.Collections.Concurrent;
using System.CommandLine;
using System.Runtime.ExceptionServices;
using Weights.Cli.CommandLine;
using Weights.Cli.Reports;
using Weights.Cli.Terminal;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Cli.Commands;

/// <summary><c>weights inspect</c>: what a file holds.</summary>
internal static class Inspect
{
    private enum Order
    {
        File,
        Name,
        Size,
    }

    /// <summary>The verb.</summary>
    public static Verb Create(Session session)
    {
        Argument<string> input = CommonOptions.Input("FILE");
        Option<IReadOnlyList<Glob>> filter = CommonOptions.Filter();
        Option<IReadOnlyList<Glob>> exclude = CommonOptions.Exclude();
        Option<bool> statistics = new("--stats") { Description = "read every tensor: min, max, mean, standard deviation, zeros, NaN and infinities" };
        Option<string?> root = CommonOptions.Root();
        Option<bool> dequantize = CommonOptions.Dequantize();
        Option<bool> allTensors = CommonOptions.AllTensors();
        Option<bool> verify = CommonOptions.Verify();
        Option<bool> tree = new("--tree") { Description = "the modules instead of the tensors: their classes, where the file names them, and how many parameters each has" };
        Option<int?> depth = new("--depth") { HelpName = "LEVELS", Description = "with --tree, only modules down to so many levels", CustomParser = Parsing.Levels };
        Option<bool> json = CommonOptions.Json();
        Option<Order?> sort = Parsing.ChoiceOption<Order?>(
            "--sort",
            "ORDER",
            "order of the tensors: name (layers.2 before layers.10; the default for text), file (the default for JSON) or size",
            ("name", Order.Name),
            ("file", Order.File),
            ("size", Order.Size));
        Verb verb = new("inspect", "Shows what a weight file holds: its tensors, totals per element type, metadata.")
        {
            Examples =
            [
                ("weights inspect model.pt", "tensors, totals and metadata"),
                ("weights inspect checkpoints/step-1000 --filter 'layers.0.*'", "one layer of a sharded model, by its folder"),
                ("weights inspect model.pt --stats --sort size", "ranges, zeros and NaN of each tensor, the largest first"),
                ("weights inspect yolo11n.pt --tree --depth 2", "the layers of a network, with their classes and parameters"),
                ("weights inspect model.pt --json | jq -r '.tensors[].name'", "names for a script, in the file's order"),
            ],
        };
        verb.Arguments.Add(input);
        foreach (Option option in (ReadOnlySpan<Option>)[filter, exclude, statistics, tree, depth, sort, root, dequantize, allTensors, verify, json])
        {
            verb.Options.Add(option);
        }
        verb.SetAction(result =>
        {
            if (result.GetValue(depth) is not null && !result.GetValue(tree))
            {
                throw new UsageException("--depth is for --tree; give both");
            }
            ReadOptions reading = new()
            {
                Root = result.GetValue(root),
                Dequantize = result.GetValue(dequantize),
                AllTensors = result.GetValue(allTensors),
                Verify = result.GetValue(verify),
            };
            using Checkpoint checkpoint = Source.Open(result.GetRequiredValue(input), reading, session);
            Checkpoint selected = Source.Select(checkpoint, result.GetRequiredValue(filter), result.GetRequiredValue(exclude), [], session);
            bool isJson = result.GetValue(json);
            IReadOnlyList<Tensor> rows = Sorted(selected.Tensors, result.GetValue(sort) ?? (isJson ? Order.File : Order.Name));
            Inspection inspection = new(selected, rows)
            {
                FileTensors = checkpoint.Tensors.Count,
                FileTensorBytes = checkpoint.TensorBytes,
                Statistics = result.GetValue(statistics) ? Measure(selected, session) : null,
                Modules = result.GetValue(tree) ? selected.Modules() : null,
                Depth = result.GetValue(depth),
            };
            if (isJson)
            {
                InspectJson.Write(inspection, session.Results);
            }
            else
            {
                InspectText.Write(inspection, session.Results);
            }
            return ExitCode.Done;
        });
        return verb;
    }

    private static IReadOnlyList<Tensor> Sorted(IReadOnlyList<Tensor> tensors, Order order) => order switch
    {
        Order.Name => [.. tensors.OrderBy(static tensor => tensor.Name, NaturalOrder.Instance)],
        Order.Size => [.. tensors.OrderByDescending(static tensor => tensor.Bytes.Length)],
        _ => tensors,
    };

    // A tensor at a time for each processor; each takes a chunk of memory, whatever the tensor's size.
    private static Dictionary<Tensor, TensorStatistics> Measure(Checkpoint checkpoint, Session session)
    {
        ConcurrentDictionary<Tensor, TensorStatistics> measured = [];
        using ProgressLine progress = new(session.Messages, "reading", checkpoint.TensorBytes);
        ParallelOptions options = new() { CancellationToken = session.Interruption.Token, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.ForEach(Partitioner.Create(checkpoint.Tensors, EnumerablePartitionerOptions.NoBuffering), options, tensor =>
            {
                measured[tensor] = Statistics(tensor, checkpoint, options.CancellationToken);
                progress.Add(tensor.Bytes.Length);
            });
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
        return new Dictionary<Tensor, TensorStatistics>(measured);
    }

    private static TensorStatistics Statistics(Tensor tensor, Checkpoint checkpoint, CancellationToken cancellation)
    {
        try
        {
            return TensorStatistics.Of(tensor, cancellation);
        }
        catch (WeightFileException error) when (error.Tensor is null || error.File is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File ?? checkpoint.Origin.Path, error.Tensor ?? tensor.Name, error.Offset, error);
        }
    }
}
