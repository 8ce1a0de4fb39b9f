"""The words that people bring from other frameworks, and the words that they become here.

All foreign words are squeezed: lower case, letters and digits only.
"""

# Keys: the first of these that the mapping has is suggested.
KEYS: dict[str, tuple[str, ...]] = {
    "outchannels": ("filters",),
    "channels": ("filters",),
    "nfilters": ("filters",),
    "numfilters": ("filters",),
    "outfeatures": ("units",),
    "numoutputs": ("units",),
    "outputsize": ("units",),
    "outputdim": ("units",),
    "embeddingdim": ("output_dim",),
    "embeddim": ("output_dim",),
    "numembeddings": ("input_dim",),
    "vocabulary": ("input_dim",),
    "vocabularysize": ("input_dim",),
    "vocabsize": ("input_dim", "num_words"),
    "maxtokens": ("input_dim", "num_words"),
    "maxfeatures": ("num_words",),
    "nbwords": ("num_words",),
    "maxlength": ("maxlen",),
    "sequencelength": ("maxlen",),
    "numgroups": ("groups",),
    "ngroups": ("groups",),
    "neurons": ("units",),
    "hiddensize": ("units",),
    "size": ("units", "kernel_size", "pool_size", "target_shape"),
    "kernel": ("kernel_size", "kernel_initializer"),
    "kernelinitializer": ("depthwise_initializer",),
    "kernelregularizer": ("depthwise_regularizer",),
    "filtersize": ("kernel_size",),
    "stride": ("strides",),
    "dilation": ("dilation_rate",),
    "window": ("pool_size",),
    "bias": ("use_bias",),
    "pad": ("padding",),
    "act": ("activation",),
    "activationfunction": ("activation",),
    "nonlinearity": ("activation",),
    "initializer": ("kernel_initializer",),
    "init": ("kernel_initializer",),
    "weightinitializer": ("kernel_initializer",),
    "regularizer": ("kernel_regularizer", "gamma_regularizer"),
    "regularization": ("kernel_regularizer", "gamma_regularizer"),
    "kernelregularization": ("kernel_regularizer",),
    "weightregularizer": ("kernel_regularizer",),
    "p": ("rate",),
    "prob": ("rate",),
    "probability": ("rate",),
    "dropout": ("rate",),
    "shape": ("target_shape",),
    "outputshape": ("target_shape",),
    "alpha": ("negative_slope",),
    "slope": ("negative_slope",),
    "std": ("stddev",),
    "sigma": ("stddev",),
    "low": ("minval", "minimum"),
    "high": ("maxval", "maximum"),
    "eps": ("epsilon",),
    "decay": ("weight_decay", "rho"),
    "smoothing": ("rho",),
    "initialaccumulator": ("initial_accumulator_value",),
    "beta": ("beta_1", "momentum"),
    "stepsize": ("learning_rate",),
    "gradientclip": ("clipnorm", "global_clipnorm", "clipvalue"),
    "gradclip": ("clipnorm", "global_clipnorm", "clipvalue"),
    "clipping": ("clipnorm", "global_clipnorm", "clipvalue"),
    "maxgradnorm": ("global_clipnorm",),
    "gradientclipval": ("global_clipnorm",),
    "gradientclipping": ("global_clipnorm",),
    "clipgradnorm": ("global_clipnorm",),
    "clipgradvalue": ("clipvalue",),
    "accumulategradbatches": ("gradient_accumulation_steps",),
    "accumulationsteps": ("gradient_accumulation_steps",),
    "gradientaccumulation": ("gradient_accumulation_steps",),
    "gradaccum": ("gradient_accumulation_steps",),
    "numepochs": ("epochs",),
    "maxepochs": ("epochs",),
    "nepochs": ("epochs",),
    "iterations": ("max_steps",),
    "steps": ("max_steps",),
    "bs": ("batch_size",),
    "minibatchsize": ("batch_size",),
    "earlystop": ("early_stopping",),
    "checkpointing": ("checkpoint",),
    "tolerance": ("min_delta",),
    "delta": ("min_delta",),
    "metric": ("monitor", "metrics"),
    "criterion": ("loss",),
    "objective": ("loss",),
    "lossfunction": ("loss",),
    "lossfn": ("loss",),
    "optim": ("optimizer",),
    "solver": ("optimizer",),
    "dataset": ("data",),
    "network": ("model",),
    "architecture": ("model",),
    "deploy": ("deployment",),
    "export": ("deployment",),
    "eval": ("evaluation",),
    "fit": ("training",),
    "train": ("training",),
    "trainer": ("training",),
    "randomstate": ("seed",),
    "randomseed": ("seed",),
    "preprocessing": ("transforms",),
    "val": ("validation",),
    "valsplit": ("validation",),
    "validationsplit": ("validation",),
    "testsize": ("test",),
    "testsplit": ("test",),
    "stratified": ("stratify",),
    "poslabel": ("positive_class",),
    "positivelabel": ("positive_class",),
    "file": ("path",),
    "filename": ("path",),
    "label": ("target",),
    "labels": ("target", "labels"),
    "targetcolumn": ("target",),
    "sep": ("delimiter",),
    "separator": ("delimiter",),
    "decimalseparator": ("decimal",),
    "decimalpoint": ("decimal",),
    "thousandsseparator": ("thousands",),
    "hasheader": ("header",),
    "headers": ("header",),
    "columns": ("features",),
    "nsamples": ("samples",),
    "rows": ("samples",),
    "nfeatures": ("features",),
    "unknown": ("handle_unknown",),
    "weights": ("initial_weights",),
    "pretrained": ("initial_weights",),
}

_INPUTS = "input sizes follow from the data, so leave it out"
_NO_SLOPE = "`relu` has no slope: use the type `leaky_relu`"
_NO_COLUMNS = "it changes a row as a whole"
_SIZE = dict.fromkeys(("size", "targetsize", "outputsize"), "write `height` and `width`")
_TURN = "it is `factor`, a share of a whole turn: 0.1 for 36 degrees"
_BETAS = "write the two as `beta_1` and `beta_2`"

# Keys that are answered by a sentence, whatever the mapping is ...
KEY_SENTENCES: dict[str, str] = dict.fromkeys(
    ("infeatures", "inchannels", "inputshape", "inputdim", "inputsize", "numinputs"), _INPUTS
)
# ... and where it is of this type.
KEY_SENTENCES_OF: dict[str, dict[str, str]] = {
    "sgd": {
        "momentum": "`sgd` has no momentum: use `{type: momentum, momentum: 0.9}`",
        "nesterov": "`sgd` has no momentum: use `{type: momentum, nesterov: true}`",
    },
    "adam": {"betas": _BETAS},
    "adamw": {"betas": _BETAS},
    "reshape": {"columns": _NO_COLUMNS},
    "transpose": {"columns": _NO_COLUMNS},
    "resizing": {"columns": _NO_COLUMNS, **_SIZE},
    "center_crop": {"columns": _NO_COLUMNS, **_SIZE},
    "random_rotation": dict.fromkeys(("degrees", "degree", "angle", "angles"), _TURN),
    "random_erasing": {
        **dict.fromkeys(("p", "prob", "probability"), "it is `factor`: a half is `[0.5, 0.5]`"),
        "ratio": "the two sides are drawn by themselves, as `scale` says",
    },
    "cut_mix": {"alpha": "it is `factor`: `[1, 1]` for an alpha of 1"},
    "relu": dict.fromkeys(("negativeslope", "alpha", "slope"), _NO_SLOPE),
    "embedding": {
        "paddingidx": "`mask_zero: true` leaves out the steps with the id 0",
        **dict.fromkeys(
            ("inputlength", "sequencelength", "maxlength"),
            "how many ids a row has follows from the data, so leave it out",
        ),
    },
}

LAYERS: dict[str, str] = {
    **dict.fromkeys(("linear", "fc", "fullyconnected", "affine", "mlp"), "dense"),
    **dict.fromkeys(("conv", "convolution", "convolution2d", "convolutional"), "conv2d"),
    **dict.fromkeys(
        ("maxpool", "maxpool2d", "maxpooling", "pool", "pool2d", "pooling2d"), "max_pooling2d"
    ),
    **dict.fromkeys(
        ("avgpool", "avgpool2d", "averagepool2d", "meanpooling2d"), "average_pooling2d"
    ),
    **dict.fromkeys(("maxpool1d", "pool1d", "pooling1d"), "max_pooling1d"),
    **dict.fromkeys(("avgpool1d", "averagepool1d"), "average_pooling1d"),
    "convolution1d": "conv1d",
    **dict.fromkeys(("depthwise", "depthwiseconv"), "depthwise_conv2d"),
    **dict.fromkeys(("separable", "separableconv"), "separable_conv2d"),
    **dict.fromkeys(
        ("convtranspose2d", "convtranspose", "deconv", "deconv2d", "deconvolution"),
        "conv2d_transpose",
    ),
    **dict.fromkeys(("upsample", "upsampling"), "up_sampling2d"),
    **dict.fromkeys(("zeropad2d", "zeropadding", "pad"), "zero_padding2d"),
    **dict.fromkeys(("view", "unflatten"), "reshape"),
    "dropout1d": "dropout",
    **dict.fromkeys(
        (
            "globalaveragepooling",
            "globalavgpool",
            "globalavgpool2d",
            "gap",
            "gap2d",
            "adaptiveavgpool2d",
        ),
        "global_average_pooling2d",
    ),
    **dict.fromkeys(
        ("globalmaxpooling", "globalmaxpool", "globalmaxpool2d", "gmp", "adaptivemaxpool2d"),
        "global_max_pooling2d",
    ),
    **dict.fromkeys(
        ("globalavgpool1d", "gap1d", "adaptiveavgpool1d", "meanpooling1d", "meanpooling"),
        "global_average_pooling1d",
    ),
    **dict.fromkeys(
        ("globalmaxpool1d", "gmp1d", "adaptivemaxpool1d"),
        "global_max_pooling1d",
    ),
    **dict.fromkeys(("wordembedding", "tokenembedding", "lookup"), "embedding"),
    "mask": "masking",
    **dict.fromkeys(("layernorm", "ln"), "layer_normalization"),
    **dict.fromkeys(("groupnorm", "gn"), "group_normalization"),
    **dict.fromkeys(
        ("batchnorm", "batchnorm1d", "batchnorm2d", "batchnorm3d", "bn"), "batch_normalization"
    ),
    **dict.fromkeys(("concat", "cat", "merge"), "concatenate"),
    **dict.fromkeys(("skip", "shortcut"), "residual"),
    **dict.fromkeys(("branch", "parallel"), "branches"),
}
ACTIVATIONS: dict[str, str] = {
    **dict.fromkeys(("none", "identity", "null"), "linear"),
    **dict.fromkeys(("swish", "silu"), "silu"),
    **dict.fromkeys(("logistic", "sigm"), "sigmoid"),
    "lrelu": "leaky_relu",
    "hyperbolictangent": "tanh",
}
INITIALIZERS: dict[str, str] = {
    **dict.fromkeys(("xavier", "xavieruniform", "glorot"), "glorot_uniform"),
    "xaviernormal": "glorot_normal",
    **dict.fromkeys(("kaiming", "kaimingnormal", "he"), "he_normal"),
    "kaiminguniform": "he_uniform",
    **dict.fromkeys(("normal", "gaussian"), "random_normal"),
    "uniform": "random_uniform",
    "zero": "zeros",
    "one": "ones",
}
REGULARIZERS: dict[str, str] = {
    **dict.fromkeys(("lasso",), "l1"),
    **dict.fromkeys(("ridge", "weightdecay", "decay"), "l2"),
    **dict.fromkeys(("elasticnet", "l1andl2"), "l1_l2"),
}
LOSSES: dict[str, str] = {
    **dict.fromkeys(
        ("sparsecrossentropy", "sparsecategorical", "sparsecce", "scce", "sparse"),
        "sparse_categorical_crossentropy",
    ),
    **dict.fromkeys(("cce", "categorical"), "categorical_crossentropy"),
    **dict.fromkeys(
        ("crossentropy", "crossentropyloss", "nll", "nllloss", "softmaxcrossentropy"),
        "sparse_categorical_crossentropy",
    ),
    **dict.fromkeys(
        ("bceloss", "bcewithlogits", "bcewithlogitsloss", "logloss", "logistic"),
        "binary_crossentropy",
    ),
    **dict.fromkeys(("mseloss", "l2", "l2loss", "squarederror", "quadratic"), "mean_squared_error"),
    **dict.fromkeys(("maeloss", "l1", "l1loss", "absoluteerror"), "mean_absolute_error"),
}
OPTIMIZERS: dict[str, str] = {
    **dict.fromkeys(("sgdmomentum", "sgdm", "nesterov", "nag"), "momentum"),
    **dict.fromkeys(("gradientdescent", "gd"), "sgd"),
}
SCHEDULES: dict[str, str] = {
    **dict.fromkeys(
        ("cosineannealing", "cosineannealinglr", "cosinedecay", "cosineschedule"), "cosine"
    ),
    **dict.fromkeys(("exponentialdecay", "exponentiallr"), "exponential"),
    **dict.fromkeys(("inversetimedecay",), "inverse_time"),
    **dict.fromkeys(("onecyclelr", "1cycle"), "one_cycle"),
    **dict.fromkeys(("linear", "linearlr", "polynomialdecay", "polynomiallr"), "polynomial"),
    **dict.fromkeys(
        (
            "steplr",
            "multistep",
            "multisteplr",
            "piecewise",
            "piecewiseconstant",
            "piecewiseconstantdecay",
        ),
        "step",
    ),
    **dict.fromkeys(("plateau", "reducelronplateau"), "reduce_on_plateau"),
}
METRICS: dict[str, str] = {
    **dict.fromkeys(
        ("acc", "sparsecategoricalaccuracy", "categoricalaccuracy", "top1accuracy"), "accuracy"
    ),
    "binaryaccuracy": "accuracy",
    **dict.fromkeys(("f1score", "fscore"), "f1"),
    **dict.fromkeys(("r2score", "rsquared"), "r2"),
    "confusion": "confusion_matrix",
    **dict.fromkeys(("auc", "aucroc", "auroc", "rocaucscore"), "roc_auc"),
    **dict.fromkeys(("prauc", "aucpr", "auprc", "averageprecisionscore"), "average_precision"),
    **dict.fromkeys(("mcc", "matthewscorrcoef", "phi"), "matthews"),
    **dict.fromkeys(
        (
            "topk",
            "topkaccuracyscore",
            "topkcategoricalaccuracy",
            "sparsetopkcategoricalaccuracy",
        ),
        "top_k_accuracy",
    ),
}
SOURCES: dict[str, str] = {
    **dict.fromkeys(("file", "tsv", "table", "pandas"), "csv"),
    **dict.fromkeys(("json", "jsonlines", "ndjson"), "jsonl"),
    "numpy": "npy",
    "breastcancerwisconsin": "breast_cancer",
    **dict.fromkeys(("fashion", "fmnist"), "fashion_mnist"),
    "cifar": "cifar10",
    **dict.fromkeys(("housing", "calhousing", "california"), "california_housing"),
    **dict.fromkeys(("imdbreviews", "moviereviews"), "imdb"),
    **dict.fromkeys(("reuters21578", "newswires"), "reuters"),
    **dict.fromkeys(("irisplants", "flowers"), "iris"),
    **dict.fromkeys(("friedman", "synthetic"), "friedman1"),
    "ubyte": "idx",
    **dict.fromkeys(
        ("images", "imagedirectory", "directory", "folder", "pictures", "jpeg", "jpg", "png"),
        "image_folder",
    ),
}
AUGMENTATIONS: dict[str, str] = {
    **dict.fromkeys(
        ("flip", "randomhorizontalflip", "randomverticalflip", "horizontalflip", "mirror"),
        "random_flip",
    ),
    **dict.fromkeys(("crop", "padandcrop", "randompadcrop"), "random_crop"),
    **dict.fromkeys(("translation", "shift", "randomshift", "randomaffine"), "random_translation"),
    **dict.fromkeys(("noise", "jitter", "randomnoise"), "gaussian_noise"),
    **dict.fromkeys(("rotation", "rotate", "randomrotate"), "random_rotation"),
    **dict.fromkeys(("zoom", "randomscale", "zoomout", "randomzoomout"), "random_zoom"),
    "contrast": "random_contrast",
    **dict.fromkeys(("brightness", "brighten"), "random_brightness"),
    **dict.fromkeys(("erasing", "erase", "cutout", "coarsedropout"), "random_erasing"),
    "mixing": "mix_up",
}
TRANSFORMS: dict[str, str] = {
    **dict.fromkeys(("scale", "multiply", "divide"), "rescale"),
    **dict.fromkeys(("standardscaler", "normalize", "zscore", "standardization"), "standardize"),
    "minmaxscaler": "min_max",
    **dict.fromkeys(("robustscaler", "robustscale"), "robust"),
    "quantiletransformer": "quantile",
    "clipping": "clip",
    **dict.fromkeys(("hashing", "featurehasher"), "hash"),
    **dict.fromkeys(("discretizer", "kbins", "kbinsdiscretizer", "bin", "binning"), "discretize"),
    **dict.fromkeys(("ordinalencoder", "ordinalencode"), "ordinal"),
    **dict.fromkeys(("date", "datetime", "parsedates"), "date_parts"),
    **dict.fromkeys(("imputer", "simpleimputer", "fillna", "fillmissing", "missing"), "impute"),
    **dict.fromkeys(("onehotencoder", "dummies", "categorical"), "one_hot"),
    **dict.fromkeys(("categoryencoder", "embedding"), "category"),
    **dict.fromkeys(("permute", "channelsfirst", "channelslast", "moveaxis"), "transpose"),
    **dict.fromkeys(("resize", "resample2d", "interpolate"), "resizing"),
    **dict.fromkeys(("crop", "centralcrop", "cropping", "centercropping"), "center_crop"),
}
