namespace Weights.Scanning.Names;

/// <summary>
/// Classes of PyTorch that checkpoints hold whole: layers, optimizers and their schedules, observers of quantisation, metadata of distributed
/// checkpoints. Making one and giving it its attributes runs nothing but PyTorch's own constructors.
/// </summary>
/// <remarks>
/// Every class that torch 1.13 and 2.6 define in these modules, listed with <c>inspect.isclass</c> where <c>__module__</c> is the
/// module itself, without autograd functions and what opens files or processes; then names that older versions had.
/// </remarks>
internal static class TorchClasses
{
    // Where quantisation stood before torch 1.10 to 1.13; those names still work.
    private static readonly (string Now, string Before)[] s_moved = [("torch.ao.nn.", "torch.nn."), ("torch.ao.quantization.", "torch.quantization.")];

    private static readonly (string Module, string Names)[] s_modules =
    [
        ("torch.nn.modules.activation",
            "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 " +
            "SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold"),
        ("torch.nn.modules.adaptive", "AdaptiveLogSoftmaxWithLoss _ASMoutput"),
        ("torch.nn.modules.batchnorm",
            "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm _BatchNorm _LazyNormBase _NormBase"),
        ("torch.nn.modules.channelshuffle", "ChannelShuffle"),
        ("torch.nn.modules.container", "Container ModuleDict ModuleList ParameterDict ParameterList Sequential"),
        ("torch.nn.modules.conv",
            "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d " +
            "LazyConvTranspose2d LazyConvTranspose3d _ConvNd _ConvTransposeMixin _ConvTransposeNd _LazyConvXdMixin"),
        ("torch.nn.modules.distance", "CosineSimilarity PairwiseDistance"),
        ("torch.nn.modules.dropout", "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout FeatureDropout _DropoutNd"),
        ("torch.nn.modules.flatten", "Flatten Unflatten"),
        ("torch.nn.modules.fold", "Fold Unfold"),
        ("torch.nn.modules.instancenorm", "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d _InstanceNorm"),
        ("torch.nn.modules.linear", "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear _LinearWithBias"),
        ("torch.nn.modules.loss",
            "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss " +
            "MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss " +
            "TripletMarginLoss TripletMarginWithDistanceLoss _Loss _WeightedLoss"),
        ("torch.nn.modules.module", "Module _IncompatibleKeys _WrappedHook"),
        ("torch.nn.modules.normalization", "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm"),
        ("torch.nn.modules.padding",
            "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d " +
            "ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d _CircularPadNd _ConstantPadNd _ReflectionPadNd " +
            "_ReplicationPadNd"),
        ("torch.nn.modules.pixelshuffle", "PixelShuffle PixelUnshuffle"),
        ("torch.nn.modules.pooling",
            "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d " +
            "FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d " +
            "_AdaptiveAvgPoolNd _AdaptiveMaxPoolNd _AvgPoolNd _LPPoolNd _MaxPoolNd _MaxUnpoolNd"),
        ("torch.nn.modules.rnn", "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase"),
        ("torch.nn.modules.sparse", "Embedding EmbeddingBag"),
        ("torch.nn.modules.transformer", "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"),
        ("torch.nn.modules.upsampling", "Upsample UpsamplingBilinear2d UpsamplingNearest2d"),
        ("torch.nn.parallel", "DistributedDataParallelCPU"),
        ("torch.nn.parallel.data_parallel", "DataParallel"),
        ("torch.nn.parallel.distributed", "DistributedDataParallel"),
        ("torch.nn.parameter", "Buffer Parameter UninitializedBuffer UninitializedParameter UninitializedTensorMixin"),
        ("torch.nn.utils.parametrizations", "_OrthMaps _Orthogonal _SpectralNorm _WeightNorm"),
        ("torch.nn.utils.parametrize", "ParametrizationList"),
        ("torch.nn.utils.prune", "BasePruningMethod CustomFromMask Identity L1Unstructured LnStructured PruningContainer RandomStructured RandomUnstructured"),
        ("torch.nn.utils.rnn", "PackedSequence PackedSequence_"),
        ("torch.nn.utils.spectral_norm", "SpectralNorm SpectralNormLoadStateDictPreHook SpectralNormStateDictHook"),
        ("torch.nn.utils.weight_norm", "WeightNorm"),
    ];

    private static readonly (string Module, string Names)[] s_quantization =
    [
        ("torch.ao.nn.intrinsic.modules.fused",
            "BNReLU2d BNReLU3d ConvAdd2d ConvAddReLU2d ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d ConvReLU2d ConvReLU3d " +
            "LinearBn1d LinearLeakyReLU LinearReLU LinearTanh _FusedModule"),
        ("torch.ao.nn.intrinsic.qat.modules.conv_fused",
            "ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d ConvReLU2d ConvReLU3d _ConvBnNd"),
        ("torch.ao.nn.intrinsic.qat.modules.linear_fused", "LinearBn1d"),
        ("torch.ao.nn.intrinsic.qat.modules.linear_relu", "LinearReLU"),
        ("torch.ao.nn.intrinsic.quantized.dynamic.modules.linear_relu", "LinearReLU"),
        ("torch.ao.nn.intrinsic.quantized.modules.bn_relu", "BNReLU2d BNReLU3d"),
        ("torch.ao.nn.intrinsic.quantized.modules.conv_add", "ConvAdd2d ConvAddReLU2d"),
        ("torch.ao.nn.intrinsic.quantized.modules.conv_relu", "ConvReLU1d ConvReLU2d ConvReLU3d"),
        ("torch.ao.nn.intrinsic.quantized.modules.linear_relu", "LinearLeakyReLU LinearReLU LinearTanh"),
        ("torch.ao.nn.qat.dynamic.modules.linear", "Linear"),
        ("torch.ao.nn.qat.modules.conv", "Conv1d Conv2d Conv3d _ConvNd"),
        ("torch.ao.nn.qat.modules.embedding_ops", "Embedding EmbeddingBag"),
        ("torch.ao.nn.qat.modules.linear", "Linear"),
        ("torch.ao.nn.quantizable.modules.activation", "MultiheadAttention"),
        ("torch.ao.nn.quantizable.modules.rnn", "LSTM LSTMCell _LSTMLayer _LSTMSingleLayer"),
        ("torch.ao.nn.quantized.dynamic.modules.conv", "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d"),
        ("torch.ao.nn.quantized.dynamic.modules.linear", "Linear"),
        ("torch.ao.nn.quantized.dynamic.modules.rnn", "GRU GRUCell LSTM LSTMCell PackedParameter RNNBase RNNCell RNNCellBase"),
        ("torch.ao.nn.quantized.modules", "DeQuantize Quantize"),
        ("torch.ao.nn.quantized.modules.activation", "ELU Hardswish LeakyReLU MultiheadAttention PReLU ReLU6 Sigmoid Softmax"),
        ("torch.ao.nn.quantized.modules.batchnorm", "BatchNorm2d BatchNorm3d _BatchNorm"),
        ("torch.ao.nn.quantized.modules.conv", "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d _ConvNd _ConvTransposeNd"),
        ("torch.ao.nn.quantized.modules.dropout", "Dropout"),
        ("torch.ao.nn.quantized.modules.embedding_ops", "Embedding EmbeddingBag EmbeddingPackedParams"),
        ("torch.ao.nn.quantized.modules.functional_modules", "FXFloatFunctional FloatFunctional QFunctional"),
        ("torch.ao.nn.quantized.modules.linear", "Linear LinearPackedParams"),
        ("torch.ao.nn.quantized.modules.normalization", "GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm"),
        ("torch.ao.nn.quantized.modules.rnn", "LSTM"),
        ("torch.ao.nn.quantized.modules.utils", "WeightedQuantizedModule"),
        ("torch.ao.nn.quantized.reference.modules.conv", "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d _ConvNd _ConvTransposeNd"),
        ("torch.ao.nn.quantized.reference.modules.linear", "Linear"),
        ("torch.ao.nn.quantized.reference.modules.rnn", "GRU GRUCell LSTM LSTMCell RNNBase RNNCell RNNCellBase"),
        ("torch.ao.nn.quantized.reference.modules.sparse", "Embedding EmbeddingBag"),
        ("torch.ao.nn.quantized.reference.modules.utils", "ReferenceQuantizedModule"),
        ("torch.ao.nn.sparse.quantized.dynamic.linear", "Linear"),
        ("torch.ao.nn.sparse.quantized.linear", "Linear LinearPackedParams"),
        ("torch.ao.nn.sparse.quantized.utils", "LinearBlockSparsePattern"),
        ("torch.ao.quantization.fake_quantize", "FakeQuantize FakeQuantizeBase FixedQParamsFakeQuantize FusedMovingAvgObsFakeQuantize"),
        ("torch.ao.quantization.observer",
            "FixedQParamsObserver HistogramObserver MinMaxObserver MovingAverageMinMaxObserver MovingAveragePerChannelMinMaxObserver NoopObserver " +
            "ObserverBase PerChannelMinMaxObserver PlaceholderObserver RecordingObserver ReuseInputObserver UniformQuantizationObserverBase"),
        ("torch.ao.quantization.qconfig", "QConfig QConfigDynamic"),
        ("torch.ao.quantization.stubs", "DeQuantStub QuantStub QuantWrapper"),
    ];

    private static readonly (string Module, string Names)[] s_training =
    [
        ("torch.amp.grad_scaler", "GradScaler OptState _MultiDeviceReplicator"),
        ("torch.cuda.amp.grad_scaler", "GradScaler OptState _MultiDeviceReplicator"),
        ("torch.optim", "Adafactor"),
        ("torch.optim._adafactor", "Adafactor"),
        ("torch.optim.adadelta", "Adadelta"),
        ("torch.optim.adafactor", "Adafactor"),
        ("torch.optim.adagrad", "Adagrad"),
        ("torch.optim.adam", "Adam _MultiDeviceReplicator"),
        ("torch.optim.adamax", "Adamax"),
        ("torch.optim.adamw", "AdamW"),
        ("torch.optim.asgd", "ASGD"),
        ("torch.optim.lbfgs", "LBFGS"),
        ("torch.optim.lr_scheduler",
            "ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LRScheduler LambdaLR LinearLR MultiStepLR " +
            "MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR _LRScheduler _SchedulePhase"),
        ("torch.optim.nadam", "NAdam"),
        ("torch.optim.optimizer", "Optimizer _RequiredParameter"),
        ("torch.optim.radam", "RAdam"),
        ("torch.optim.rmsprop", "RMSprop"),
        ("torch.optim.rprop", "Rprop"),
        ("torch.optim.sgd", "SGD"),
        ("torch.optim.sparse_adam", "SparseAdam"),
        ("torch.optim.swa_utils", "AveragedModel SWALR"),
    ];

    private static readonly (string Module, string Names)[] s_distributed =
    [
        ("torch.distributed._shard.metadata", "ShardMetadata"),
        ("torch.distributed._shard.sharded_tensor.api", "ShardedTensor ShardedTensorBase"),
        ("torch.distributed._shard.sharded_tensor.metadata", "MEM_FORMAT_ENCODING ShardedTensorMetadata TensorProperties"),
        ("torch.distributed._shard.sharded_tensor.shard", "Shard"),
        ("torch.distributed._shard.sharding_spec.api", "DevicePlacementSpec EnumerableShardingSpec PlacementSpec ShardingSpec"),
        ("torch.distributed._shard.sharding_spec.chunk_sharding_spec", "ChunkShardingSpec"),
        ("torch.distributed._tensor.api", "DTensor"),
        ("torch.distributed._tensor.device_mesh", "DeviceMesh"),
        ("torch.distributed._tensor.placement_types", "DTensorSpec Partial Placement Replicate Shard TensorMeta _Partial _StridedShard"),
        ("torch.distributed.checkpoint.filesystem", "_StorageInfo _StoragePrefix"),
        ("torch.distributed.checkpoint.metadata",
            "BytesStorageMetadata ChunkStorageMetadata Metadata MetadataIndex StorageMeta TensorProperties TensorStorageMetadata _MEM_FORMAT_ENCODING"),
        ("torch.distributed.checkpoint.stateful", "Stateful"),
        ("torch.distributed.device_mesh", "DeviceMesh"),
        ("torch.distributed.fsdp.api",
            "BackwardPrefetch CPUOffload FullOptimStateDictConfig FullStateDictConfig LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision " +
            "ShardedOptimStateDictConfig ShardedStateDictConfig ShardingStrategy StateDictSettings StateDictType"),
        ("torch.distributed.fsdp.fully_sharded_data_parallel", "FullyShardedDataParallel"),
        ("torch.distributed.remote_device", "_remote_device"),
        ("torch.distributed.tensor", "DTensor"),
        ("torch.distributed.tensor._api", "DTensor"),
        ("torch.distributed.tensor._dtensor_spec", "DTensorSpec TensorMeta"),
        ("torch.distributed.tensor.placement_types", "Partial Placement Replicate Shard _StridedShard"),
    ];

    private static readonly (string Module, string Names)[] s_distributions =
    [
        ("torch.distributions.bernoulli", "Bernoulli"),
        ("torch.distributions.beta", "Beta"),
        ("torch.distributions.binomial", "Binomial"),
        ("torch.distributions.categorical", "Categorical"),
        ("torch.distributions.cauchy", "Cauchy"),
        ("torch.distributions.chi2", "Chi2"),
        ("torch.distributions.continuous_bernoulli", "ContinuousBernoulli"),
        ("torch.distributions.dirichlet", "Dirichlet _Dirichlet"),
        ("torch.distributions.distribution", "Distribution"),
        ("torch.distributions.exp_family", "ExponentialFamily"),
        ("torch.distributions.exponential", "Exponential"),
        ("torch.distributions.fishersnedecor", "FisherSnedecor"),
        ("torch.distributions.gamma", "Gamma"),
        ("torch.distributions.geometric", "Geometric"),
        ("torch.distributions.gumbel", "Gumbel"),
        ("torch.distributions.half_cauchy", "HalfCauchy"),
        ("torch.distributions.half_normal", "HalfNormal"),
        ("torch.distributions.independent", "Independent"),
        ("torch.distributions.inverse_gamma", "InverseGamma"),
        ("torch.distributions.kumaraswamy", "Kumaraswamy"),
        ("torch.distributions.laplace", "Laplace"),
        ("torch.distributions.lkj_cholesky", "LKJCholesky"),
        ("torch.distributions.log_normal", "LogNormal"),
        ("torch.distributions.logistic_normal", "LogisticNormal"),
        ("torch.distributions.lowrank_multivariate_normal", "LowRankMultivariateNormal"),
        ("torch.distributions.mixture_same_family", "MixtureSameFamily"),
        ("torch.distributions.multinomial", "Multinomial"),
        ("torch.distributions.multivariate_normal", "MultivariateNormal"),
        ("torch.distributions.negative_binomial", "NegativeBinomial"),
        ("torch.distributions.normal", "Normal"),
        ("torch.distributions.one_hot_categorical", "OneHotCategorical OneHotCategoricalStraightThrough"),
        ("torch.distributions.pareto", "Pareto"),
        ("torch.distributions.poisson", "Poisson"),
        ("torch.distributions.relaxed_bernoulli", "LogitRelaxedBernoulli RelaxedBernoulli"),
        ("torch.distributions.relaxed_categorical", "ExpRelaxedCategorical RelaxedOneHotCategorical"),
        ("torch.distributions.studentT", "StudentT"),
        ("torch.distributions.transformed_distribution", "TransformedDistribution"),
        ("torch.distributions.transforms",
            "AbsTransform AffineTransform CatTransform ComposeTransform CorrCholeskyTransform CumulativeDistributionTransform ExpTransform " +
            "IndependentTransform LowerCholeskyTransform PositiveDefiniteTransform PowerTransform ReshapeTransform SigmoidTransform SoftmaxTransform " +
            "SoftplusTransform StackTransform StickBreakingTransform TanhTransform Transform _InverseTransform"),
        ("torch.distributions.uniform", "Uniform"),
        ("torch.distributions.von_mises", "VonMises"),
        ("torch.distributions.weibull", "Weibull"),
        ("torch.distributions.wishart", "Wishart"),
    ];

    /// <summary>All of them, as <c>module.name</c>.</summary>
    public static IEnumerable<string> All
    {
        get
        {
            foreach ((string module, string names) in (IEnumerable<(string, string)>)[.. s_modules, .. s_quantization, .. s_training, .. s_distributed, .. s_distributions])
            {
                foreach (string name in names.Split(' '))
                {
                    yield return $"{module}.{name}";
                    foreach ((string now, string before) in s_moved)
                    {
                        if (module.StartsWith(now, StringComparison.Ordinal))
                        {
                            yield return $"{before}{module[now.Length..]}.{name}";
                        }
                    }
                }
            }
        }
    }
}
