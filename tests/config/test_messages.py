"""What people read when a config is wrong, word for word."""

import pytest

from dlcli.config import LAYER_CONFIGS, parse_config
from dlcli.config.schedules import SCHEDULE_CONFIGS
from dlcli.config.wording import choices, listing
from dlcli.errors import ConfigError
from tests.config.mutations import CANCER, DIGITS, FRIEDMAN, MNIST, TABLE, VALID


def message(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "x.yaml", overrides)
    return str(caught.value)


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


# (document, text to replace, its replacement, what the caret points at, message)
CASES = [
    (MNIST, "learning_rate: 1e-3", "learnin_rate: 1e-3", "learnin_rate:",
     "unknown key `learnin_rate`, did you mean `learning_rate`?"),
    (MNIST, "1e-3", '"1e-3"', '"1e-3"', "`learning_rate` must be a number, "
     'not the text "1e-3" (a number is written without quotes)'),
    (MNIST, "1e-3", "true", "true", "`learning_rate` must be a number, not the boolean `true`"),
    (MNIST, "1e-3", "-1", "-1",
     "`learning_rate` must be a number above 0 and at most 1000, not -1"),
    (DIGITS, "lr: 2e-3", "lr: 1_0", "1_0", "`lr` must be a number, "
     'not the text "1_0" (a number is written without underscores)'),
    (MNIST, "epochs: 5", "epochs: 1e1", "1e1",
     "`epochs` must be a whole number, not 10.0 (write 10)"),
    (MNIST, "epochs: 5", "epochs: 0", "0",
     "`epochs` must be a whole number from 1 to 1000000, not 0"),
    (MNIST, "epochs: 5", "epochs:", ",",
     "`epochs` must be a whole number, but it has no value"),
    (MNIST, "batch_size", "batchsize", "batchsize:",
     "unknown key `batchsize`, did you mean `batch_size`?"),
    (MNIST, "epochs: 5, ", "", "training:", "the key `epochs` is missing: this section needs it"),
    (MNIST, "units: 10, ", "", "{type:", "the key `units` is missing: `dense` needs it"),
    (MNIST, "units: 10", "out_features: 10", "out_features:",
     "unknown key `out_features`, did you mean `units`?"),
    (MNIST, "units: 10", "units: 10, in_features: 9", "in_features:",
     "unknown key `in_features`: input sizes follow from the data, so leave it out"),
    (MNIST, "units: 10", f"units: {10**30}", "1000000000000000000000000000000",
     "this whole number is too large (the largest is 9223372036854775807)"),
    (MNIST, "units: 10", f"units: {10**18}", "1000000000000000000",
     f"`units` must be a whole number from 1 to 1000000, not {10**18}"),
    (MNIST, "filters: 32", "out_channels: 32", "out_channels:",
     "unknown key `out_channels`, did you mean `filters`?"),
    (MNIST, "[3, 3]", "[3, 3, 3]", "[3", "`kernel_size` must be a whole number from 1 to 1024 "
     "or a pair [height, width] of such, not a list of 3"),
    (MNIST, "padding: same", "padding: full", "full",
     '`padding` must be `valid` or `same`, not the text "full"'),
    (MNIST, "- flatten", "- linear", "linear", "unknown layer `linear`, did you mean `dense`?"),
    (MNIST, "- flatten", "- relu", "relu", "unknown layer `relu`: an activation is written "
     "`{type: activation, activation: relu}`, or as `activation: relu` in the layer before it"),
    (MNIST, "- flatten", "- Flatten", "Flatten",
     "unknown layer `Flatten`, did you mean `flatten`?"),
    (MNIST, "- flatten", "- {type: MaxPool2d}", "MaxPool2d",
     "unknown layer `MaxPool2d`, did you mean `max_pooling2d`?"),
    (MNIST, "- flatten", "- {type: 3}", "3",
     f"`type` must be one of {listing(LAYER_CONFIGS)}, not 3"),
    (MNIST, "- flatten", "- {name: a}", "{name:",
     f"this layer has no `type`; available: {listing(LAYER_CONFIGS)}"),
    (MNIST, "- flatten", "- dropout: 0.5", "dropout",
     "this layer has no `type`: write `{type: dropout, rate: 0.5}`"),
    (MNIST, "- flatten", "- Dense: {units: 8, activation: relu, kernel_initializer: {type: zeros}}",
     "Dense", "this layer has no `type`: write `{type: dense, ...}`"),
    (MNIST, "- flatten", "- dense: {units: 8, activation: {type: relu}}", "dense",
     "this layer has no `type`: write `{type: dense, units: 8, activation: ...}`"),
    (MNIST, "- flatten", "- Conv2d: 8", "Conv2d",
     "this layer has no `type`: write `{type: conv2d, filters: 8, kernel_size: ...}`"),
    (MNIST, "- flatten", "- flatten:", "flatten",
     "this layer has no `type`: write `{type: flatten}`"),
    (MNIST, "- flatten", "- activation: relu", "activation",
     "this layer has no `type`: write `{type: activation, activation: relu}`"),
    (MNIST, "- flatten", "- dense: relu", "dense",
     f"this layer has no `type`; available: {listing(LAYER_CONFIGS)}"),
    (MNIST, "- flatten", "- {}", "{}",
     f"this layer has no `type`; available: {listing(LAYER_CONFIGS)}"),
    (MNIST, "learning_rate: 1e-3", "learning_rate: fast", "fast",
     f"`learning_rate` must be a number, or a schedule: {choices(SCHEDULE_CONFIGS)}, "
     'not the text "fast"'),
    (MNIST, "- flatten", "- 7", "7", "`layers[4]` must be a mapping with a `type`, not 7"),
    (MNIST, "- flatten", "- {type: flatten, name: A}", "A", "`name` must be a name of "
     'lower-case letters, digits and `_` that begins with a letter, not the text "A"'),
    (MNIST, "- flatten", "- {type: dense, unitz: 1, activation: {type: elu, aplha: 1}}", "unitz:",
     "unknown key `unitz`, did you mean `units`?"),
    (MNIST, "loss: {type: sparse_categorical_crossentropy}", "loss: cross_entropy", "cross_entropy",
     "unknown loss `cross_entropy`, did you mean `sparse_categorical_crossentropy`?"),
    (MNIST, "type: adam,", "type: sgd, momentum: 0.9,", "momentum:",
     "unknown key `momentum`: `sgd` has no momentum: use `{type: momentum, momentum: 0.9}`"),
    (MNIST, "type: adam,", "type: adam, weight_decay: -1,", "-1",
     "`weight_decay` must be a number at least 0 and at most 1000, not -1"),
    (MNIST, "type: adam,", "type: adam, warmup: 1,", "warmup:",
     "unknown key `warmup`: a rate that changes is written `learning_rate: {type: cosine, peak: "
     "0.1, warmup_epochs: 1}`"),
    (MNIST, "learning_rate: 1e-3", "learning_rate: {type: cosine, peak: 0}", "0}",
     "`peak` must be a number above 0 and at most 1000, not 0"),
    (MNIST, "learning_rate: 1e-3", "learning_rate: cosine", "learning_rate: cosine",
     "the key `peak` is missing: `cosine` needs it"),
    (MNIST, "learning_rate: 1e-3", "learning_rate: {type: MultiStepLR}", "MultiStepLR",
     "unknown schedule `MultiStepLR`, did you mean `step`?"),
    (MNIST, "learning_rate: 1e-3",
     "learning_rate: {type: cosine, peak: 1, warmup_steps: 1, warmup_epochs: 1}", "1}",
     "give `warmup_steps` or `warmup_epochs`, not both"),
    (MNIST, "learning_rate: 1e-3", "learning_rate: {type: exponential, peak: 1, decay_rate: 0.9}",
     "{type: exponential",
     "`decay_rate` needs a time: give `decay_steps` or `decay_epochs`"),
    (MNIST, "learning_rate: 1e-3",
     "learning_rate: {type: step, values: [1, 2], boundaries: [3, 4]}", "[3, 4]",
     "2 values need one boundary less, not 2"),
    (MNIST, "learning_rate: 1e-3",
     "learning_rate: {type: step, values: [3, 2, 1], boundaries: [4, 4]}", "[4, 4]",
     "`boundaries` must grow"),
    (MNIST, "learning_rate: 1e-3",
     "learning_rate: {type: reduce_on_plateau, peak: 1, monitor: val_acuracy}", "val_acuracy",
     "`val_acuracy` cannot be monitored, did you mean `val_accuracy`?"),
    (MNIST, "learning_rate: 1e-3", "clipnorm: 1, clipvalue: 2", "2}",
     "`clipnorm` and `clipvalue` exclude each other; give one"),
    (MNIST, "learning_rate: 1e-3", "clipvalue: 0", "0}",
     "`clipvalue` must be a number above 0 and at most 1e+09, not 0"),
    (MNIST, "learning_rate: 1e-3", "max_grad_norm: 1", "max_grad_norm",
     "unknown key `max_grad_norm`, did you mean `global_clipnorm`?"),
    (MNIST, "epochs: 5", "epochs: 5, lr: 1", "lr:",
     "unknown key `lr`: it belongs under `optimizer`"),
    (MNIST, "epochs: 5", "epochs: 5, metrics: [accuracy]", "metrics:",
     "unknown key `metrics`: it belongs under `evaluation`"),
    (MNIST, "epochs: 5", "epochs: 5, seed: 3", "seed:",
     "unknown key `seed`: it belongs at the top of the file"),
    (MNIST, "seed: 7", "lstm: 7", "lstm:", "unknown key `lstm`; a config takes `version`, `name`, "
     "`seed`, `data`, `model`, `loss`, `optimizer`, `training`, `evaluation`, `deployment` "
     "and `runtime`"),
    (MNIST, "version: 1", "version: 2", "2",
     "`version`, the version of the config language, must be 1, not 2"),
    (MNIST, "[accuracy, precision, recall]", "accuracy", "accuracy",
     '`metrics` must be a list, not the text "accuracy" (write [accuracy])'),
    (MNIST, "precision, recall", "precision, acc", "acc",
     "unknown metric `acc`, did you mean `accuracy`?"),
    (MNIST, "precision, recall", "precision, accuracy", "accuracy", "`accuracy` is listed twice"),
    (MNIST, "precision, recall", "mse", "mse", "the metric `mean_squared_error` does not suit "
     "the classification loss `sparse_categorical_crossentropy`; available: `accuracy`, "
     "`precision`, `recall`, `f1`, `precision_weighted`, `recall_weighted`, `f1_weighted`, "
     "`precision_per_class`, `recall_per_class`, `f1_per_class`, `confusion_matrix`, "
     "`balanced_accuracy`, `matthews`, `top_k_accuracy`, `roc_auc`, `average_precision` and "
     "`log_loss`"),
    (MNIST, "precision, recall", "{type: accuracy}", "{", "`accuracy` is listed twice"),
    (MNIST, "precision, recall", "{type: f1, name: accuracy}", "accuracy",
     "`accuracy` is the word for another metric; choose another name"),
    (MNIST, "precision, recall",
     "{type: recall_per_class, weighted: true, name: recall_per_class}", "recall_per_class}",
     "`recall_per_class` is the name of the unweighted metric; choose another name, such as "
     "`weighted_recall_per_class`"),
    (MNIST, "precision, recall", "{type: f1, name: val_f}", "val_f", "a metric cannot be called "
     "`val_f`, since results have values of that name; choose another name"),
    (MNIST, "precision, recall", "{type: f1, name: step}", "step", "a metric cannot be called "
     "`step`, since results have values of that name; choose another name"),
    (MNIST, "precision, recall", "{type: f1, name: x}, {type: recall, name: x}", "{type: recall",
     "two metrics are called `x`: give one another `name`"),
    (MNIST, "precision, recall", "{type: top_k_accuracy, k: 3}, {type: top_k_accuracy, k: 3}",
     "{type: top_k_accuracy, k: 3}]", "`top_k_accuracy_3` is listed twice"),
    (MNIST, "precision, recall", "{type: f1, name: F}", "F", "`name` must be a name of "
     'lower-case letters, digits and `_` that begins with a letter, not the text "F"'),
    (MNIST, "precision, recall", "{type: top_k_accuracy, k: 0}", "0",
     "`k` must be a whole number from 1 to 1000000, not 0"),
    (MNIST, "precision, recall", "3", "3", "`metrics[1]` must be a mapping with a `type`, not 3"),
    (MNIST, "precision, recall", "{k: 3}", "{", "this metric has no `type`; available: "
     "`accuracy`, `precision`, `recall`, `f1`, `precision_weighted`, `recall_weighted`, "
     "`f1_weighted`, `precision_per_class`, `recall_per_class`, `f1_per_class`, "
     "`confusion_matrix`, `balanced_accuracy`, `matthews`, `top_k_accuracy`, `roc_auc`, "
     "`average_precision`, `log_loss`, `mean_squared_error`, `mean_absolute_error`, `r2`, "
     "`root_mean_squared_error` and `mean_absolute_percentage_error`"),
    (FRIEDMAN, "metrics: [mae, r2]", "metrics: [accuracy]", "accuracy",
     "the metric `accuracy` does not suit the regression loss `mean_squared_error`; available: "
     "`mean_squared_error`, `mean_absolute_error`, `r2`, `root_mean_squared_error` and "
     "`mean_absolute_percentage_error`"),
    (MNIST, "[bundle]", "[tflite]", "tflite",
     "unknown deployment format `tflite`: not supported yet; available: `bundle`, `onnx`, `keras` "
     "and `torch`"),
    (MNIST, "{numerics: portable}", "portable", "portable",
     '`runtime` must be a mapping of keys, not the text "portable"'),
    (MNIST, "validation: 0.1", "validation: 0.1, test: 0.1", "0.1",
     "the source `mnist` has a test part of its own: leave `test` out (or 0)"),
    (CANCER, "test: 0.25", "test: 0.85", "0.15", "`validation` (0.15) and `test` (0.85) must sum "
     "to less than 1, or nothing is left for training"),
    (CANCER, "validation: 0.15, test: 0.25", "validation: 0.8", "0.8", "`validation` (0.8) and "
     "`test` (0.2) must sum to less than 1, or nothing is left for training"),
    (CANCER, "validation: 0.15", "validation: 0", "best", "the best epoch is chosen by "
     "`val_loss`, but `data.split.validation` is 0: give it a fraction, or keep `last`"),
    (DIGITS, "transforms: [standardize]", "split: {validation: 0}", "val_accuracy",
     "`val_accuracy` is monitored, but `data.split.validation` is 0: give it a fraction, "
     "or monitor `accuracy`"),
    (DIGITS, "val_accuracy", "val_acuracy", "val_acuracy",
     "`val_acuracy` cannot be monitored, did you mean `val_accuracy`?"),
    (DIGITS, "val_accuracy", "val_f1", "val_f1", "`val_f1` cannot be monitored: add `f1` to "
     "`evaluation.metrics`, or use `val_loss`, `val_accuracy`, `loss` and `accuracy`"),
    (MNIST, "activation: softmax", "activation: relu", "relu", "the last layer's activation "
     "`relu` does not suit the loss `sparse_categorical_crossentropy`: use `softmax` "
     "(or `linear`, the same here)"),
    (CANCER, "activation: sigmoid", "activation: softmax", "softmax", "the last layer's activation "
     "`softmax` does not suit the loss `binary_crossentropy`: use `sigmoid` "
     "(or `linear`, the same here)"),
    (MNIST, "units: 10", "units: 1", "1", "the loss `sparse_categorical_crossentropy` needs "
     "one unit for each class, at least 2; for one unit use binary_crossentropy"),
    (FRIEDMAN, "units: 1,", "units: 1, activation: softmax,", "1",
     "`softmax` over `units: 1` is always 1: use 2 or more, or `sigmoid`"),
    (MNIST, "activation: softmax}", "activation: softmax}\n    - flatten", "softmax",
     "`softmax` must belong to the last layer with the loss `sparse_categorical_crossentropy`; "
     "`model.layers.6` follows it"),
    (CANCER, "transforms: [{type: min_max, minimum: -1.0}]", "target_transform: standardize",
     "standardize", "classes cannot be scaled, and the loss `binary_crossentropy` is for classes: "
     "leave `target_transform` out"),
    (CANCER, "minimum: -1.0", "minimum: 1", "1",
     "`minimum` (1.0) must be below `maximum` (1.0)"),
    (DIGITS, "- flatten", "- {type: flatten, name: hidden}", "hidden",
     "the layer name `hidden` is taken by model.layers.0; names must be unique"),
    (DIGITS, "- flatten", "- {type: reshape, target_shape: [-1, -1]}", "[-1",
     "`target_shape` may have one -1 only (the length that is worked out)"),
    (DIGITS, "- flatten", "- {type: reshape, target_shape: [8, 0]}", "0",
     "`target_shape[1]` must be a length of 1 or more, or -1 (worked out), not 0"),
    (TABLE, "[area, rooms", "[price, rooms", "price", "the target `price` cannot be a feature too"),
    (TABLE, '";"', '";;"', '";;"', "`delimiter` must be one character, "
     'neither a quote nor a line break, or `blanks`, not the text ";;"'),
    (TABLE, "type: csv\n", "type: npy\n", "path", "unknown key `path`; `npy` takes `type`, "
     "`features`, `target`, `test_features`, `test_target` and "
     "`positive_class`"),
    (TABLE, "target: price", "target: price\n    positive_class: true", "true",
     "`positive_class` must be the name of a class, not the boolean `true` (write it in quotes "
     'and as the data has it, such as "True")'),
    (DIGITS, "[standardize]", "[{type: transpose, dims: [2, 3]}]", "[2",
     "`dims` must hold each of the numbers 1 to 2 once (the axes of a row, counted from 1), "
     "not [2, 3]"),
    (DIGITS, "[standardize]", "[permute]", "permute",
     "unknown transform `permute`, did you mean `transpose`?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "spot", "words"), CASES)
def test_a_mistake_is_told_at_its_place(
    text: str, old: str, new: str, spot: str, words: str
) -> None:
    broken = changed(text, old, new)
    head, source, caret, *_ = message(broken).splitlines()
    shown = source[2:].strip(".")  # of a long line there is a part, with a mark at its ends
    line, column = next(
        (number, len(caret) - 2 + written.index(shown) - source[2:].index(shown))
        for number, written in enumerate(broken.splitlines(), 1)
        if shown in written
    )
    assert max(len(source), len(caret)) <= 80
    assert head == f"x.yaml:{line}:{column}: {words}"
    assert source[len(caret) - 1 :].startswith(spot)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    text = """\
model:
  layers:
    - {type: dense, unit: 3, activation: {type: relu, slope: 1}}
    - {type: dense, units: &a 3}
    - {type: dropout, rate: .nan}
optimizer: {type: adam, lr: 1, lr: 2}
training: {epochs: true}
evaluation: {metrics: [accuracy]}
loss: mse
"""
    assert (
        message(text, "seed=-1", "name")
        == """\
x.yaml:1:1: the key `data` is missing: a config needs it
  model:
  ^
x.yaml:3:21: unknown key `unit`, did you mean `units`?
      - {type: dense, unit: 3, activation: {type: relu, slope: 1}}
                      ^
x.yaml:3:55: unknown key `slope`: `relu` has no slope: use the type `leaky_relu`
      - {type: dense, unit: 3, activation: {type: relu, slope: 1}}
                                                        ^
x.yaml:4:28: anchors (`&a`) are not allowed
      - {type: dense, units: &a 3}
                             ^
x.yaml:5:29: `.nan` is not allowed: numbers are finite
      - {type: dropout, rate: .nan}
                              ^
x.yaml:6:32: duplicate key `lr`: first given on line 6
  optimizer: {type: adam, lr: 1, lr: 2}
                                 ^
x.yaml:7:20: `epochs` must be a whole number, not the boolean `true`
  training: {epochs: true}
                     ^
x.yaml:8:24: the metric `accuracy` does not suit the regression loss `mean_squared_error`; \
available: `mean_squared_error`, `mean_absolute_error`, `r2`, `root_mean_squared_error` and \
`mean_absolute_percentage_error`
  evaluation: {metrics: [accuracy]}
                         ^
--set name: an override is written key.path=value
--set seed=-1: `seed` must be a whole number from 0 to 9223372036854775807, not -1
10 problems in x.yaml"""
    )


def test_a_flood_of_mistakes_is_cut_off() -> None:
    flood = message(MNIST + "".join(f"nonsense{n}: 1\n" for n in range(60)))
    assert flood.endswith("\n... and 10 more problems")
    assert flood.count("unknown key") == 50


def test_missing_keys_of_one_mapping_are_one_problem() -> None:
    assert message("seed: 1").splitlines()[0] == (
        "x.yaml:1:1: the keys `data`, `model`, `loss`, `optimizer` and `training` are missing: "
        "a config needs them"
    )


@pytest.mark.parametrize("name", VALID)
def test_no_message_speaks_the_language_of_the_validation_library(name: str) -> None:
    jargon = ("pydantic", "Input should", "input_value", "validation error", "Extra inputs", "dict")
    for key in ("data", "model", "loss", "optimizer", "training", "evaluation", "runtime"):
        for value in ("3", "[]", "{}", "[{type: x}]", "text", "null", "true", "{type: [1]}"):
            try:
                parse_config(VALID[name], "x", [f"{key}={value}"])
            except ConfigError as error:
                assert not any(word in str(error) for word in jargon)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("area", " (write [area])"),
        ('"area, rooms"', " (write [area, rooms])"),
        ('"living: area"', ' (write ["living: area"])'),
        (r'"\0"', ""),
        ("a" * 60, ""),
        ("a" * 100_000, ""),
    ],
)
def test_names_without_brackets_are_shown_as_they_are_written(written: str, advice: str) -> None:
    def standardized(columns: str) -> str:
        return f"data.transforms=[{{type: standardize, columns: {columns}}}]"

    told = message(TABLE, standardized(written)).splitlines()[0]
    assert told.isprintable() and told.endswith(advice or '"')
    if advice:
        parse_config(TABLE, "x", [standardized(advice.removeprefix(" (write ")[:-1])])
