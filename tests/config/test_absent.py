"""Words of the field that dlcli lacks are answered as such, not by a word that is spelled alike."""

import pytest

from dlcli.config import parse_config
from dlcli.config.absent import ABSENT, KEYS, KEYS_OF
from dlcli.config.activations import ACTIVATION_CONFIGS
from dlcli.config.augmentation import AUGMENTATION_CONFIGS
from dlcli.config.deployment import DEPLOYMENT_FORMATS
from dlcli.config.initializers import INITIALIZER_CONFIGS
from dlcli.config.layers import LAYER_CONFIGS
from dlcli.config.metrics import METRIC_ALIASES, METRIC_CONFIGS
from dlcli.config.regularizers import REGULARIZER_CONFIGS
from dlcli.config.sources import SOURCE_CONFIGS
from dlcli.config.training import LOSS_CONFIGS, OPTIMIZER_CONFIGS
from dlcli.config.transforms import TARGET_TRANSFORM_CONFIGS, TRANSFORM_CONFIGS
from dlcli.config.wording import squeeze
from dlcli.errors import ConfigError
from tests.config.models import every_model

KNOWN = {
    "layer": LAYER_CONFIGS,
    "activation": ACTIVATION_CONFIGS,
    "initializer": INITIALIZER_CONFIGS,
    "regularizer": REGULARIZER_CONFIGS,
    "loss": LOSS_CONFIGS,
    "optimizer": OPTIMIZER_CONFIGS,
    "metric": (*METRIC_CONFIGS, *METRIC_ALIASES),
    "augmentation": AUGMENTATION_CONFIGS,
    "transform": TRANSFORM_CONFIGS,
    "target transform": TARGET_TRANSFORM_CONFIGS,
    "data source": SOURCE_CONFIGS,
    "deployment format": DEPLOYMENT_FORMATS,
}

CONFIG = """\
data:
  source: {type: csv, path: t.csv, target: y}
  split: {validation: 0.1, test: 0.2}
  transforms: [{type: rescale, scale: 2}]
  augmentation: [{type: gaussian_noise, stddev: 2}]
  target_transform: standardize
model:
  layers:
    - {type: dense, units: 8, activation: relu, kernel_initializer: zeros}
    - {type: dense, units: 3, activation: softmax, kernel_regularizer: l2}
loss: {type: mae}
optimizer: {type: adam, learning_rate: 0.01}
training: {epochs: 3, batch_size: 32, early_stopping: {monitor: val_loss}}
evaluation: {metrics: [accuracy]}
deployment: {formats: [bundle]}
"""
PLACES = {
    "layer": "{type: dense, units: 3",
    "activation": "activation: relu",
    "initializer": "kernel_initializer: zeros",
    "regularizer": "kernel_regularizer: l2",
    "loss": "{type: mae}",
    "optimizer": "{type: adam",
    "metric": "[accuracy]",
    "augmentation": "[{type: gaussian_noise, stddev: 2}]",
    "transform": "[{type: rescale, scale: 2}]",
    "target transform": "target_transform: standardize",
    "data source": "{type: csv, path: t.csv, target: y}",
    "deployment format": "[bundle]",
}


def said(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml")
    return str(caught.value)


def with_word(noun: str, word: str) -> str:
    place = PLACES[noun]
    old = place.rsplit(" ", 1)[-1] if ":" in place and "{" not in place else place
    if noun == "layer":
        return CONFIG.replace(place, f"{{type: {word}, units: 3")
    if noun == "optimizer":
        return CONFIG.replace(place, f"{{type: {word}")
    new = f"[{word}]" if old.startswith("[") else word
    return CONFIG.replace(place, place.replace(old, new))


@pytest.mark.parametrize("noun", ABSENT)
def test_a_word_that_is_lacking_is_not_taken_for_another(noun: str) -> None:
    assert ABSENT[noun]
    for word, what in ABSENT[noun].items():
        found = said(with_word(noun, word))
        assert f"unknown {noun} `{word}`: {what}; available: " in found
        assert "did you mean" not in found, word


def test_the_lists_name_every_kind_and_no_word_that_is_there() -> None:
    assert ABSENT.keys() == KNOWN.keys()
    for noun, words in ABSENT.items():
        known = {squeeze(name) for name in KNOWN[noun]}
        assert not sorted(known & words.keys()), noun
        assert all(word == squeeze(word) for word in words), noun
    assert all(key == squeeze(key) for key in KEYS)


def test_keys_that_some_section_has_are_no_absent_keys_of_it() -> None:
    models = {model.__name__: model for model in every_model()}
    assert KEYS_OF.keys() <= models.keys()
    for name, keys in KEYS_OF.items():
        assert not {squeeze(field) for field in models[name].model_fields} & keys.keys()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[accuracy]", "[error_rate]", "it is 1 - `accuracy`"),
        ("[accuracy]", "[smape]", "not supported yet"),
        ("[accuracy]", "[{type: top_5_accuracy}]", "write `{type: top_k_accuracy, k: 3}`"),
        ("[accuracy]", "[auc]", "did you mean `roc_auc`?"),
        ("[accuracy]", "[mcc]", "did you mean `matthews`?"),
        ("[accuracy]", "[{type: top_k_accuracy, top: 3}]", "unknown key `top`"),
        ("[accuracy]", "[f1_macro]", "macro means where there are more than two classes"),
        ("{type: dense, units: 3", "{type: conv3d, filters: 3", "unknown layer `conv3d`: not"),
        ("units: 8,", "units: 8, kernel_constraint: x,", "`kernel_constraint`: not supported yet"),
        ("units: 8,", "units: 8, regularizer: l2,", "did you mean `kernel_regularizer`?"),
        ("units: 8,", "units: 8, l2: 0.1,", "`kernel_regularizer: {type: l2, l2: 0.01}`"),
        ("units: 8,", "units: 8, frozen: true,", "by its own `trainable: false`"),
        ("_regularizer: l2", "_regularizer: ridge", "did you mean `l2`?"),
        ("_regularizer: l2", "_regularizer: ElasticNet", "did you mean `l1_l2`?"),
        ("_regularizer: l2", "_regularizer: {type: l2, l1: 0.1}", "unknown key `l1`"),
        ("_regularizer: l2", "_regularizer: {type: l2, l2: -1}", "`l2` must be"),
        ("_regularizer: l2", "_regularizer: 0.01", "must be a mapping with a `type`, not 0.01"),
        ("optimizer: {", "optimizer: {trainable: false, ", "by its own `trainable: false`"),
        ("optimizer: {", "optimizer: {kernel_regularizer: l2, ", "stands in the layer that has"),
        ("{type: dense, units: 3", "{type: GroupNorm, units: 3", "mean `group_normalization`?"),
        ("{type: dense, units: 3", "{type: InstanceNorm2d", "groups: -1}` does the same"),
        ("{type: dense, units: 3", "{type: AdaptiveAvgPool1d", "mean `global_average_pooling1d`?"),
        ("{type: dense, units: 3", "{type: embedding, num_embeddings: 3", "mean `input_dim`?"),
        ("{type: dense, units: 3", "{type: embedding, inputDim: 3", "mean `input_dim`?"),
        ("{type: dense, units: 3", "{type: embedding, padding_idx: 0", "`mask_zero: true` leaves"),
        ("{type: dense, units: 3", "{type: embedding, input_length: 9", "follows from the data"),
        ("{type: dense, units: 8,", "{type: dense, input_dim: 8,", "input sizes follow from the"),
        ("scale: 2}", "scale: 2}, grayscale", "unknown transform `grayscale`: not supported yet"),
        ("target: y", "target: y, dtype: {a: str}", "`kinds` says which columns are text"),
        ("test: 0.2", "test: 0.2, shuffle: false", "with `by: order` the last rows"),
        (
            "test: 0.2",
            "test: 0.2, groupby: a",
            "write `by: order`, or `by: time`, `group` or `column`",
        ),
        ("{type: mae}", "huber", "unknown loss `huber`: not supported yet"),
        ("{type: mae}", "sparse_crossentropy", "mean `sparse_categorical_crossentropy`?"),
        ("{type: mae}", "{type: SparseCrossEntropy}", "mean `sparse_categorical_crossentropy`?"),
        ("{type: adam", "{type: nadam", "unknown optimizer `nadam`: not supported yet"),
        ("0.01}", "0.01, use_ema: true}", "unknown key `use_ema`: not supported yet"),
        ("0.01}", "0.01, lr_scheduler: cosine}", "a rate that changes is written"),
        ("batch_size: 32", "batch_size: 32, class_weights: balanced", "called `class_weight`"),
        ("batch_size: 32", "batch_size: 32, sample_weight: w", "names the weights of its rows"),
        ("val_loss", "val_rmse", "add `root_mean_squared_error` to `evaluation.metrics`"),
        ("activation: relu", "activation: relu6", "unknown activation `relu6`: not supported yet"),
        ("activation: relu", "activation: leaky-relu", "did you mean `leaky_relu`?"),
        ("zeros", "TruncatedNormal", "cut it at two standard deviations"),
        ("[bundle]", "[tflite]", "unknown deployment format `tflite`: not supported yet"),
        ("[accuracy]", "[acuracy]", "did you mean `accuracy`?"),
    ],
)
def test_what_is_said_of_words_from_elsewhere(old: str, new: str, words: str) -> None:
    assert old in CONFIG
    assert words in said(CONFIG.replace(old, new, 1))
