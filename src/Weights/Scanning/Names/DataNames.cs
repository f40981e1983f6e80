namespace Weights.Scanning.Names;

/// <summary>
/// Classes and functions that only make plain values: containers, numbers, dates, paths, named records. Whatever their arguments are,
/// making one runs nothing of the file's choosing.
/// </summary>
internal static class DataNames
{
    private const string Builtins =
        "bool int float complex str bytes bytearray list tuple dict set frozenset range slice object Ellipsis NotImplemented " +
        "BaseException Exception ArithmeticError AssertionError AttributeError BufferError EOFError FloatingPointError ImportError IndexError KeyError " +
        "KeyboardInterrupt LookupError MemoryError NameError NotImplementedError OSError OverflowError ReferenceError RuntimeError StopIteration " +
        "SystemError TypeError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError ZeroDivisionError Warning UserWarning";

    private static readonly (string Module, string Names)[] s_names =
    [
        ("builtins", Builtins),
        ("__builtin__", Builtins + " long unicode basestring xrange"),
        ("exceptions", "Exception ValueError TypeError RuntimeError KeyError IndexError"),
        ("types", "SimpleNamespace NoneType EllipsisType NotImplementedType GenericAlias MappingProxyType"),
        ("collections", "OrderedDict defaultdict Counter deque ChainMap UserDict UserList UserString"),
        ("UserDict", "UserDict IterableUserDict"),
        ("datetime", "datetime date time timedelta timezone"),
        ("decimal", "Decimal Context"),
        ("fractions", "Fraction"),
        ("uuid", "UUID SafeUUID"),
        ("ipaddress", "IPv4Address IPv6Address IPv4Network IPv6Network IPv4Interface IPv6Interface"),
        ("pathlib", "Path PurePath PosixPath PurePosixPath WindowsPath PureWindowsPath"),
        ("pathlib._local", "Path PurePath PosixPath PurePosixPath WindowsPath PureWindowsPath"),
        ("zoneinfo", "ZoneInfo ZoneInfo._unpickle"),
        ("zoneinfo._common", "ZoneInfoNotFoundError"),
        ("pytz", "_UTC _p"),
        ("dateutil.tz.tz", "tzutc tzoffset"),
        ("enum", "Enum IntEnum StrEnum Flag IntFlag"),
        ("re", "_compile RegexFlag"),
        ("string", "Template"),
        ("argparse", "Namespace"),
        ("io", "BytesIO StringIO"),
        ("_io", "BytesIO StringIO"),
        ("logging", "getLogger Logger RootLogger"),
        ("posix", "uname_result stat_result terminal_size"),
        ("os", "stat_result terminal_size"),
        ("time", "struct_time"),
        ("typing", "Any Union Optional List Dict Tuple Set FrozenSet Type Callable Sequence Mapping"),
        ("dataclasses", "MISSING _MISSING_TYPE"),
        ("random", "Random"),
        ("_random", "Random"),
        ("array", "array _array_reconstructor"),
        ("numpy.random", "RandomState Generator MT19937 PCG64 PCG64DXSM Philox SFC64 SeedSequence"),
        ("numpy.random.mtrand", "RandomState"),
        ("numpy.random._generator", "Generator"),
        ("numpy.random._mt19937", "MT19937"),
        ("numpy.random._pcg64", "PCG64 PCG64DXSM"),
        ("numpy.random._philox", "Philox"),
        ("numpy.random._sfc64", "SFC64"),
        ("numpy.random.bit_generator", "SeedSequence SeedlessSeedSequence __pyx_unpickle_SeedSequence"),
        ("numpy.random._bit_generator", "SeedSequence SeedlessSeedSequence"),
        ("torch._namedtensor_internals", "TensorNames"),
        ("torch.utils.hooks", "RemovableHandle"),
        ("torch.optim.optimizer", "_RequiredParameter required"),
        ("torch.nn.backends.thnn", "_get_thnn_function_backend"),
        ("torch.nn.backends.backend", "FunctionBackend"),
        ("torch.backends.cuda", "SDPBackend"),
        ("torch.torch_version", "TorchVersion"),
        ("torch.cuda.amp", "GradScaler"),
        ("torch.cuda.amp.grad_scaler", "GradScaler OptState _refresh_per_optimizer_state"),
        ("torch.amp.grad_scaler", "GradScaler OptState _refresh_per_optimizer_state"),

        // Functions that layers keep as their activation.
        ("torch.nn.functional",
            "relu relu6 gelu silu mish elu selu celu leaky_relu prelu rrelu hardtanh hardswish hardsigmoid hardshrink softplus softsign softshrink softmax softmin " +
            "log_softmax tanhshrink sigmoid tanh logsigmoid glu gumbel_softmax threshold normalize dropout linear interpolate pad one_hot cosine_similarity " +
            "pairwise_distance mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits"),
        ("torch._C._nn", "gelu silu mish hardtanh hardswish hardsigmoid leaky_relu softplus softshrink log_sigmoid elu relu6 linear pad"),
        ("torch", "relu relu_ sigmoid tanh softmax log_softmax selu celu prelu rrelu sin cos exp log sqrt abs square"),

        // The module itself, of which memory formats are attributes: getattr(torch, "channels_last").
        ("torch._utils", "torch"),

        // What a model does to a picture first.
        ("torchvision.transforms.transforms",
            "Compose ToTensor PILToTensor ConvertImageDtype ToPILImage Normalize Resize CenterCrop Pad RandomCrop RandomHorizontalFlip RandomVerticalFlip RandomResizedCrop " +
            "FiveCrop TenCrop ColorJitter RandomRotation RandomAffine Grayscale RandomGrayscale RandomErasing GaussianBlur RandomApply RandomChoice RandomOrder " +
            "RandomPerspective RandomInvert RandomPosterize RandomSolarize RandomAdjustSharpness RandomAutocontrast RandomEqualize"),
        ("torchvision.transforms.functional", "InterpolationMode"),

        // Widespread records of settings: dictionaries with attributes.
        ("pytorch_lightning.utilities.parsing", "AttributeDict"),
        ("lightning.pytorch.utilities.parsing", "AttributeDict"),
        ("lightning.fabric.utilities.data", "AttributeDict"),
        ("lightning_fabric.utilities.data", "AttributeDict"),
        ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
        ("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
        ("pytorch_lightning.utilities.enums", "LightningEnum GradClipAlgorithmType"),
        ("omegaconf.dictconfig", "DictConfig"),
        ("omegaconf.listconfig", "ListConfig"),
        ("omegaconf.base", "Metadata ContainerMetadata SCMode"),
        ("omegaconf.nodes", "AnyNode IntegerNode FloatNode StringNode BooleanNode BytesNode PathNode EnumNode ValueNode"),
        ("easydict", "EasyDict"),
        ("addict.addict", "Dict"),
        ("addict", "Dict"),
        ("munch", "Munch DefaultMunch"),
        ("yacs.config", "CfgNode"),
    ];

    /// <summary>All of them, as <c>module.name</c>.</summary>
    public static IEnumerable<string> All => s_names.SelectMany(static row => row.Names.Split(' ').Select(name => $"{row.Module}.{name}"));
}
