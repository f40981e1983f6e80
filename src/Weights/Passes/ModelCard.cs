namespace Weights.Passes;

/// <summary>
/// What a checkpoint says about its network, gathered from where training programs write it: Ultralytics' YOLO above all, whose files are
/// dicts of a pickled module and of how it was trained.
/// </summary>
public sealed record ModelCard
{
    // Where the weights' own description is, the averaged ones first.
    private static readonly string[] s_models = ["ema", "model"];

    private static readonly string[] s_arguments = ["train_args", "opt", "hyper_parameters", "args"];

    // What the class of a network says about what it does, where nothing else does.
    private static readonly KeyValuePair<string, string>[] s_tasks =
    [
        new("Detect", "detect"), new("Segment", "segment"), new("Classif", "classify"), new("Pose", "pose"), new("OBB", "obb"),
    ];

    private ModelCard()
    {
    }

    /// <summary>Class of the network, with the Python module that it is in.</summary>
    public string? ClassName { get; private init; }

    /// <summary>What it does: <c>detect</c>, <c>segment</c>, <c>classify</c>, <c>pose</c> or <c>obb</c>.</summary>
    public string? Task { get; private init; }

    /// <summary>What it tells apart, in the order of its outputs.</summary>
    public IReadOnlyList<string> ClassNames { get; private init; } = [];

    /// <summary>Pixels of the picture for a step in each of its output maps.</summary>
    public IReadOnlyList<double> Strides { get; private init; } = [];

    /// <summary>The architecture as the network keeps it: <c>backbone</c>, <c>head</c> and their parameters.</summary>
    public MetadataValue.Map? Architecture { get; private init; }

    /// <summary>How it was trained.</summary>
    public MetadataValue.Map? TrainingArguments { get; private init; }

    /// <summary>When it was saved.</summary>
    public string? Date { get; private init; }

    /// <summary>Version of the program that saved it.</summary>
    public string? Version { get; private init; }

    /// <summary>The last epoch of the training, from 0; -1 once the training state has been taken out.</summary>
    public long? Epoch { get; private init; }

    /// <summary>The best fitness that was measured.</summary>
    public double? Fitness { get; private init; }

    /// <summary>Names of the metadata that it was gathered from.</summary>
    public IReadOnlySet<string> Sources { get; private init; } = new HashSet<string>();

    /// <summary>The card of a checkpoint, or null when it says nothing of the kind.</summary>
    public static ModelCard? Of(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        MetadataValue.Map metadata = checkpoint.Metadata;
        string? modelKey = s_models.FirstOrDefault(key => metadata[key] is MetadataValue.Map map && map["$class"] is not null);
        // A module that was saved by itself is its file.
        MetadataValue.Map? model = modelKey is null ? metadata["$class"] is null ? null : metadata : (MetadataValue.Map)metadata[modelKey]!;
        string? argumentsKey = s_arguments.FirstOrDefault(key => metadata[key] is MetadataValue.Map);
        MetadataValue.Map? arguments = argumentsKey is null ? null : State((MetadataValue.Map)metadata[argumentsKey]!);
        string? className = Text(model?["$class"]) ?? checkpoint.Modules.FirstOrDefault(static module => module.Path.Length == 0)?.ClassName;
        if (model is null && (arguments is null || Text(metadata["version"]) is null) && className is null)
        {
            return null;
        }
        MetadataValue.Map? architecture = Architectural(model);
        return new ModelCard
        {
            ClassName = className,
            Task = Text(arguments?["task"]) ?? Text(model?["task"]) ?? TaskOf(className, architecture),
            ClassNames = Names(model?["names"]),
            Strides = Numbers(model?["stride"]),
            Architecture = architecture,
            TrainingArguments = arguments,
            Date = Text(metadata["date"]),
            Version = Text(metadata["version"]),
            Epoch = (metadata["epoch"] as MetadataValue.Integer)?.Value,
            Fitness = Numbers(metadata["best_fitness"]) is [var fitness] ? fitness : Number((metadata["train_metrics"] as MetadataValue.Map)?["fitness"]),
            Sources = new HashSet<string>([modelKey ?? "", argumentsKey ?? "", "date", "version", "epoch", "best_fitness"], StringComparer.Ordinal),
        };
    }

    private static MetadataValue.Map? Architectural(MetadataValue.Map? model) =>
        model?["yaml"] is MetadataValue.Map yaml
            ? yaml["yaml_file"] is null && model["yaml_file"] is { } file ? new MetadataValue.Map([.. yaml, new("yaml_file", file)]) : yaml
            : null;

    // An object's attributes are its state.
    private static MetadataValue.Map State(MetadataValue.Map value) => value["$state"] as MetadataValue.Map ?? value;

    private static string? TaskOf(string? className, MetadataValue.Map? architecture)
    {
        if (className is null || architecture is null)
        {
            return null;
        }
        string name = className[(className.LastIndexOf('.') + 1)..];
        // Before they had names of their own, all networks of YOLO detected.
        return s_tasks.FirstOrDefault(task => name.Contains(task.Key, StringComparison.Ordinal)).Value ?? (className == "models.yolo.Model" ? "detect" : null);
    }

    // A list, or a dict from the index to the name.
    private static IReadOnlyList<string> Names(MetadataValue? names) => names switch
    {
        MetadataValue.List list => [.. list.Items.Select(static item => item.ToText())],
        MetadataValue.Map map when map["$class"] is null => [.. map.Select(static entry => entry.Value.ToText())],
        _ => [],
    };

    private static IReadOnlyList<double> Numbers(MetadataValue? value) => value switch
    {
        MetadataValue.List list when list.Items.All(static item => Number(item) is not null) => [.. list.Items.Select(static item => Number(item)!.Value)],
        _ => Number(value) is { } number ? [number] : [],
    };

    private static double? Number(MetadataValue? value) => value switch
    {
        MetadataValue.Integer integer => integer.Value,
        MetadataValue.Real real => real.Value,
        _ => null,
    };

    private static string? Text(MetadataValue? value) => (value as MetadataValue.Text)?.Value;
}
