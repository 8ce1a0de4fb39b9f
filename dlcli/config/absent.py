"""Words of the field that dlcli does not have (yet).

They are asked before the nearest spelling: `rmse` is no misspelt `mse`, and `conv3d` no `conv2d`.
Words are squeezed: lower case, letters and digits only; behind each stands the end of the sentence
about it. A word that comes to be known leaves its list (a test sees to it).
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from dlcli.config.wording import code, listing, meant, nearest, squeeze

NOT_YET = "not supported yet"


def _words(listed: str, instead: str = "") -> dict[str, str]:
    """Words that may come; `instead` says what to do until then."""
    return _moot(listed, f"{NOT_YET} ({instead})" if instead else NOT_YET)


def _moot(listed: str, sentence: str) -> dict[str, str]:
    """Words that nobody needs here, and why."""
    return dict.fromkeys(listed.split(), sentence)


_FOR_TABLES = "give the columns to a dense layer"
_LAYERS = {
    **_words(
        "conv3d conv1dtranspose conv3dtranspose convtranspose1d convtranspose3d depthwiseconv1d "
        "separableconv1d convlstm convlstm1d convlstm2d maxpooling3d maxpool3d averagepooling3d "
        "avgpool3d lppool2d fractionalmaxpool2d upsampling1d upsampling3d pixelshuffle "
        "zeropadding1d zeropadding3d cropping1d cropping2d cropping3d unfold fold"
    ),
    **_words(
        "resizing centercrop", "for the rows as they come, there are transforms of these names"
    ),
    **_words("globalaveragepooling3d globalmaxpooling3d"),
    **_moot(
        "instancenormalization instancenorm instancenorm1d instancenorm2d",
        "`{type: group_normalization, groups: -1}` does the same",
    ),
    **_words(
        "unitnormalization spectralnormalization rmsnormalization rmsnorm localresponsenorm lrn "
        "weightnorm weightnormalization"
    ),
    **_moot("normalization", "scale the features by the transform `standardize`"),
    **_moot("rescaling", "scale the features by the transform `rescale`"),
    **_words(
        "embeddingbag positionembedding positionalencoding lstm "
        "lstmcell "
        "gru grucell rnn simplernn recurrent bidirectional timedistributed attention "
        "additiveattention multiheadattention selfattention transformer transformerencoder "
        "transformerdecoder transformerencoderlayer textvectorization stringlookup hashing"
    ),
    **_words("minimum resnet bilinear"),
    **_words("repeatvector lambda maxout highway moe denseblock inception fire unet vit"),
    **_words("permute transpose", "for the rows as they come, use the transform `transpose`"),
    **_moot("input inputlayer inputs", "leave it out: the shape of a row follows from the data"),
    **_moot("sequential model module", "write the layers into one list"),
    **_words(
        "gaussiannoise gaussiandropout alphadropout featurealphadropout dropconnect "
        "stochasticdepth "
        "droppath spatialdropout spatialdropout1d spatialdropout2d spatialdropout3d dropout2d "
        "dropout3d activityregularization prelu rrelu"
    ),
    **_moot(
        "randomflip randomcrop randomrotation randomzoom randomtranslation randomcontrast "
        "randombrightness randomerasing mixup cutmix",
        "it stands below `data.augmentation`, in words such as `random_flip`",
    ),
}
_ACTIVATIONS = _words(
    "relu6 prelu rrelu crelu selu celu mish hardsigmoid hardtanh hardswish hardsilu softsign "
    "exponential exp logsoftmax logsigmoid softmin glu geglu swiglu reglu threshold tanhshrink "
    "softshrink hardshrink sparsemax sparseplus squareplus squaredrelu relusquared step heaviside "
    "sign binarystep sin sine cos snake quickgelu gelutanh maxout bentidentity isru isrlu loglog "
    "cloglog hardmax"
)
_INITIALIZERS = {
    **_words(
        "lecununiform lecunnormal variancescaling identity eye orthonormal sparse dirac "
        "lsuv deltaorthogonal convolutionaware"
    ),
    **_words(
        "truncatednormal truncnormal",
        "`random_normal` draws from the whole normal distribution, `he_normal` and `glorot_normal` "
        "cut it at two standard deviations",
    ),
}
_REGULARIZERS = _words("orthogonal orthogonalregularizer spectral maxnorm activity")
_LOSSES = {
    **_words(
        "huber huberloss smoothl1 smoothl1loss logcosh meanabsolutepercentageerror mape "
        "meansquaredlogarithmicerror msle rmsle kldivergence kld kldiv kldivloss "
        "kullbackleiblerdivergence poisson poissonloss poissonnll poissonnllloss gaussiannll "
        "gaussiannllloss hinge hingeloss squaredhinge categoricalhinge multimargin marginloss "
        "binaryfocalcrossentropy categoricalfocalcrossentropy focal focalloss focalcrossentropy "
        "dice diceloss tversky jaccard iou cosinesimilarity cosineproximity cosineembedding "
        "cosineembeddingloss triplet tripletloss tripletmargin contrastive contrastiveloss infonce "
        "ntxent ctc ctcloss quantile quantileloss pinball pinballloss tweedie gamma gammaloss "
        "marginranking ranking wasserstein circle softmargin softmarginloss exponential elbo "
        "perceptron multilabelmargin labelsmoothing epsiloninsensitive squaredepsiloninsensitive "
        "deviance"
    ),
    **_words(
        "rmse rootmeansquarederror rmseloss",
        "`mean_squared_error`, its square, is smallest at the same place",
    ),
}
_OPTIMIZERS = _words(
    "nadam adamax adadelta ftrl lion lamb lars adafactor radam raddam adabound adabelief yogi "
    "novograd lbfgs bfgs rprop asgd sparseadam shampoo muon sophia lookahead ranger sam newton "
    "conjugategradient cg amsgrad lossscaleoptimizer ema swa adahessian sgdw nadamw prodigy"
)
_METRICS = {
    **_words(
        "rmsle smape wape mase meansquaredlogarithmicerror msle medianabsoluteerror medae "
        "maxerror explainedvariance adjustedr2 r2adjusted pearson pearsonr spearman spearmanr "
        "correlation concordance logcosh huber pinball quantile deviance"
    ),
    **_words(
        "f1macro precisionmacro recallmacro macrof1 macroprecision macrorecall",
        "`f1`, `precision` and `recall` are macro means where there are more than two classes; of "
        "two they are of the positive one, and `_per_class` gives both",
    ),
    **_moot(
        "f1micro precisionmicro recallmicro microf1",
        "micro means of classes that exclude each other equal `accuracy`",
    ),
    **_moot("sensitivity truepositiverate tpr hitrate", "it is the `recall` of the positive class"),
    **_moot(
        "specificity truenegativerate tnr", "it is the other class's number in `recall_per_class`"
    ),
    **_moot(
        "crossentropy categoricalcrossentropy binarycrossentropy sparsecategoricalcrossentropy nll",
        "the loss is reported in any case, as `loss`",
    ),
    **_moot("loss valloss", "it is reported in any case"),
    **_moot("top3accuracy top5accuracy", "write `{type: top_k_accuracy, k: 3}`"),
    **_moot("error errorrate zerooneloss misclassification", "it is 1 - `accuracy`"),
    **_words(
        "map cohenkappa kappa quadratickappa "
        "fbeta f2 f05 f2score jaccard iou meaniou dice hamming hammingloss brier brierscore ece "
        "calibration gini ks lift ndcg mrr perplexity bleu rouge wer cosinesimilarity hinge "
        "poisson "
        "kldivergence fpr fnr falsepositiverate falsenegativerate npv truepositives "
        "truenegatives falsepositives falsenegatives support subsetaccuracy exactmatch "
        "classificationreport"
    ),
}
_LEAVE_OUT = "leave columns out by naming the others in the source's `features`"
_CHANCES = (
    "randomshear randomperspective randomsaturation randomhue randomgrayscale randaugment "
    "autoaugment trivialaugment augmix elastic elastictransform gridmask"
)
_AUGMENTATIONS = {
    **_words(
        f"{_CHANCES} shear blur gaussianblur randomresizedcrop smote timestretch pitchshift "
        "specaugment randommasking"
    ),
    **_words("colorjitter randomcolorjitter", "use `random_brightness` and `random_contrast`"),
    **_moot("resize resizing centercrop", "it is the same for all rows: see `data.transforms`"),
}
_TRANSFORMS = {
    **_words(
        "knnimputer iterativeimputer",
        "`impute` fills gaps by one value for each column",
    ),
    **_moot("drop dropcolumns select selectcolumns selector", _LEAVE_OUT),
    **_moot(
        "labelencoder labelencode labelbinarizer",
        "a text target becomes classes by itself; text features take `one_hot` or `category`",
    ),
    **_words(
        "targetencoder targetencode countencoder binaryencoder",
        "text columns take `one_hot` or `category`",
    ),
    **_words(
        "power powertransformer "
        "boxcox "
        "yeojohnson log log10 sqrt exp abs winsorize "
        "binarize binarizer "
        "pca whiten zca svd ica polynomial polynomialfeatures interactions spline normalizer "
        "l2norm "
        "maxabs maxabsscaler tokenize tokenizer textvectorization tfidf tfidfvectorizer bagofwords "
        "countvectorizer ngrams lower lowercase stopwords stft fft spectrogram melspectrogram mfcc "
        "window sliding lag diff smooth resample sort"
    ),
    **_words("grayscale togray rgb pad padding rotate rotation zoom colorjitter blur totensor"),
    **_words(_CHANCES),
    **_moot(
        "randomcrop flip randomflip randomhorizontalflip randomverticalflip translation "
        "randomtranslation randomrotation randomzoom randomcontrast randombrightness "
        "randomerasing mixup cutmix gaussiannoise noise augment augmentation",
        "what is done at random while rows are learned from stands below `data.augmentation`",
    ),
    **_moot("flatten", "use the layer `flatten`"),
    **_moot("cast dtype float float32 astype tofloat", "numbers become float32 by themselves"),
    **_moot("shuffle", "training shuffles in every epoch, unless `training.shuffle` is false"),
    **_words("smote oversample undersample outliers removeoutliers dropna dropduplicates filter"),
}
_NAMED_SETS = "get its rows as a file, and use `csv`, `npy`, `npz` or `idx`"
_SOURCES = {
    **_words(
        "kmnist emnist wine titanic penguins diabetes boston bostonhousing abalone adult covtype "
        "imagenet svhn stl10 celeba moons makemoons blobs makeblobs circles spirals xor openml "
        "kaggle huggingface hf torchvision keras tfds sklearn",
        _NAMED_SETS,
    ),
    **_words(
        "feather arrow excel xlsx xls ods sql sqlite postgres database "
        "dataframe stata spss sas orc avro libsvm svmlight arff",
        "save the table as CSV",
    ),
    **_words(
        "audio wav video textfolder texts tfrecord webdataset hdf5 h5 zarr netcdf mat matlab "
        "pickle pkl pt",
        "save the arrays as .npy or .npz",
    ),
    **_words("url http https s3 gs web download", "fetch the file, and name its path"),
}
_DEPLOYMENT = _words(
    "pytorch tflite savedmodel tensorflow coreml torchscript mxnet caffe openvino pmml zip"
)

ABSENT: Mapping[str, Mapping[str, str]] = {
    "layer": _LAYERS,
    "activation": _ACTIVATIONS,
    "initializer": _INITIALIZERS,
    "regularizer": _REGULARIZERS,
    "loss": _LOSSES,
    "optimizer": _OPTIMIZERS,
    "metric": _METRICS,
    "augmentation": _AUGMENTATIONS,
    "transform": _TRANSFORMS,
    "target transform": _TRANSFORMS,
    "data source": _SOURCES,
    "deployment format": _DEPLOYMENT,
}
"""By what the word would be: "layer", "loss", ..."""

KEYS: Mapping[str, str] = {
    **_words(
        "activityregularizer kernelconstraint biasconstraint constraint maxnorm "
        "groups dataformat paddingmode recurrentinitializer "
        "returnsequences stateful unroll recurrentactivation masked"
    ),
    **_moot(
        "kernelregularizer biasregularizer regularizer regularization l1 l2 l1ratio penalty",
        "a penalty on parameters stands in the layer that has them: `kernel_regularizer: {type: "
        "l2, l2: 0.01}`",
    ),
    **_moot(
        "trainable frozen freeze requiresgrad", "a layer is frozen by its own `trainable: false`"
    ),
    **_words(
        "posweight "
        "reduction ignoreindex useema emamomentum amsgrad centered dampening"
    ),
    **_moot("fromlogits", "a last `softmax` or `sigmoid` is folded into the loss by itself"),
    **_words("balance balanced sampler sampling oversampling", "rows are taken as they are"),
    **_moot(
        "schedule scheduler lrscheduler lrschedule learningrateschedule warmup lrdecay stepdecay "
        "reducelronplateau gammadecay",
        "a rate that changes is written `learning_rate: {type: cosine, peak: 0.1, warmup_epochs: "
        "1}`",
    ),
    **_moot(
        "callbacks callback tensorboard wandb mlflow logger loggers logging tracking",
        "a run's numbers are in its `metrics.jsonl`, a line an epoch",
    ),
    **_moot("device devices gpu gpus cuda accelerator tpu", "dlcli computes on the processor"),
    **_moot("precision mixedprecision amp fp16 bf16 float16", "dlcli computes in float32"),
    **_moot("numworkers workers threads njobs", "give `--workers` on the command line"),
    **_words("pinmemory prefetch droplast persistentworkers cache buffersize"),
    **_moot("verbose", "a terminal shows a bar, a pipe a line an epoch"),
    **_words("stepsperepoch limittrainbatches validationfreq valcheckinterval checkvaleverynepoch"),
    **_words("folds kfold cv crossvalidation nsplits nfolds repeats"),
    **_moot("augment augmentations", "it is called `augmentation`, below `data`"),
    **_words("outputs output"),
    **_words(
        "hyperopt search tuner sweep grid trials", "run one config several times with `--set`"
    ),
    **_words("nestimators maxdepth kernelsize3d"),
    **_words("missing missingvalues navalues nanvalues na", "fill the gaps in the file"),
    **_moot("ignore drop exclude skip ignorecolumns dropcolumns", _LEAVE_OUT),
    **_words("indexcol index idcolumn", "a first column without a name is left out; " + _LEAVE_OUT),
    **_moot("dtype dtypes columntypes coltypes schema", "`kinds` says which columns are text"),
    **_moot("encoding", "files are UTF-8"),
    **_words("parsedates dates datecolumns", "write what matters of a date as columns of numbers"),
    **_words("skiprows skiplines nrows limit maxrows quotechar quoting escapechar"),
    **_words(
        "validationpath valpath devpath", "the validation part is drawn: `data.split.validation`"
    ),
    **_moot(
        "sampleweight sampleweights weights weightcolumn",
        "the source names the weights of its rows: `weight` of csv (a column) and npz (an array)",
    ),
    **_moot("classweights", "it is called `class_weight`, below `training`"),
    **_words("audit"),
    **_words("dropfirst", "every category that is not rare gets a column"),
    **_words("addindicator strategy fillvalue"),
    **_moot("withmean withstd", "`standardize` does both"),
}  # fmt: skip
"""Keys that no section has."""

KEYS_OF: Mapping[str, Mapping[str, str]] = {
    "Split": {
        **_moot(
            "shuffle random",
            "rows are drawn for their parts; with `by: order` the last rows are the test part",
        ),
        **_moot(
            "type method kind strategy group groups groupby columns time date datetime order "
            "chronological temporal stratifyby fixed path",
            "write `by: order`, or `by: time`, `group` or `column` with the name of a `column`",
        ),
        **_moot("train trainsize training", "what the other parts leave is the training part"),
    },
    "RmsProp": _words("momentum"),
    "Csv": _words("transpose", "every row of the file is a row of the table"),
}  # fmt: skip
"""Keys that a section has not, by the name of its class; other sections may have them."""


def absent(noun: str, word: str) -> str | None:
    """The end of a sentence about a word that dlcli lacks; None for one that is not listed.

    >>> absent("metric", "errorrate")
    'it is 1 - `accuracy`'
    >>> absent("metric", "acuracy")
    """
    return ABSENT.get(noun, {}).get(word)


def absent_key(owner: str, word: str) -> str | None:
    """As `absent`, of a key in a section of this class."""
    return KEYS_OF.get(owner, {}).get(word, KEYS.get(word))


def unknown(
    noun: str,
    name: str,
    known: Sequence[str],
    aliases: Collection[str] = (),
    words: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The sentence about a word that is not known: what it is elsewhere, or what was likely meant.

    words: squeezed words of other frameworks, each with the known one that means the same.
    """
    what, word = f"unknown {noun} {code(name)}", squeeze(name)
    same = next((one for one in (*known, *aliases) if squeeze(one) == word), words.get(word))
    lacking = absent(noun, word)
    if same is None and lacking is not None:
        return f"{what}: {lacking}; available: {listing(known)}"
    near = same or nearest(name, [*known, *aliases])
    if near is not None:
        return f"{what}{meant(near)}"
    return f"{what}; available: {listing(known)}"
