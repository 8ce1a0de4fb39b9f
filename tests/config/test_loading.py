"""From a file to a complete config, and back to text."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcli.config import (
    Config,
    config_from_dict,
    load_config,
    parse_config,
    resolved,
    resolved_text,
)
from dlcli.errors import ConfigError
from tests.config.mutations import CANCER, DIGITS, FRIEDMAN, MNIST, TABLE, VALID


def config(text: str, *overrides: str) -> Config:
    return parse_config(text, "some file.yaml", overrides).config


@pytest.mark.parametrize("name", VALID)
def test_the_resolved_text_loads_to_an_equal_config_and_equal_text(name: str) -> None:
    first = config(VALID[name])
    again = parse_config(resolved_text(first), "other.yaml").config
    assert again == first
    assert resolved_text(again) == resolved_text(first)


@pytest.mark.parametrize("name", VALID)
def test_the_resolved_data_survives_json(name: str) -> None:
    first = config(VALID[name])
    assert config_from_dict(json.loads(json.dumps(resolved(first)))) == first


def test_resolved_data_that_was_edited_is_refused_with_the_path() -> None:
    data = resolved(config(MNIST))
    data["optimizer"]["lerning_rate"] = 3
    data["training"]["epochs"] = float("nan")
    with pytest.raises(ConfigError) as caught:
        config_from_dict(data, "manifest.json")
    assert str(caught.value) == (
        "manifest.json: optimizer.lerning_rate: unknown key `lerning_rate`, "
        "did you mean `learning_rate`?\n"
        "manifest.json: training.epochs: `epochs` must be a whole number, not nan\n"
        "2 problems in manifest.json"
    )


def test_the_resolved_text_has_every_default() -> None:
    assert (
        resolved_text(config(CANCER))
        == """\
version: 1
name: "breast cancer"
seed: 0
data:
  source: {type: breast_cancer, positive_class: null}
  split:
    validation: 0.15
    test: 0.25
    stratify: true
    keep_rare: true
  transforms:
    - type: min_max
      minimum: -1.0
      maximum: 1.0
  augmentation: []
  target_transform: null
model:
  layers:
    - type: dense
      name: dense_1
      units: 16
      activation: {type: tanh}
      use_bias: true
      kernel_initializer: {type: glorot_uniform}
      bias_initializer: {type: zeros}
    - type: dense
      name: dense_2
      units: 1
      activation: {type: sigmoid}
      use_bias: true
      kernel_initializer: {type: glorot_uniform}
      bias_initializer: {type: zeros}
  initial_weights: null
loss: {type: binary_crossentropy, label_smoothing: 0.0}
optimizer:
  type: momentum
  learning_rate: 0.05
  weight_decay: 0.0
  exclude_from_weight_decay: []
  clipnorm: null
  global_clipnorm: null
  clipvalue: null
  gradient_accumulation_steps: 1
  momentum: 0.9
  nesterov: true
training:
  epochs: 4
  batch_size: 32
  shuffle: true
  shard_size: null
  max_steps: null
  early_stopping: null
  checkpoint:
    every_epochs: 1
    every_steps: null
    every_seconds: null
  keep: best
  class_weight: null
evaluation:
  metrics: [accuracy, f1, confusion_matrix]
deployment:
  formats: [bundle]
runtime:
  numerics: portable
"""
    )


def names(layers: str) -> list[str | None]:
    loss = "data: digits\nloss: mse\noptimizer: sgd\ntraining: {epochs: 1}\n"
    text = loss.replace("data: digits", "data: {source: digits}") + f"model: {{layers: [{layers}]}}"
    return [layer.name for layer in config(text).model.layers]


def test_layers_are_named_by_type_and_number() -> None:
    assert names("flatten, {type: dense, units: 1}, flatten, {type: dense, units: 1}") == [
        "flatten_1", "dense_1", "flatten_2", "dense_2",
    ]  # fmt: skip


def test_naming_a_layer_renames_no_other() -> None:
    assert names("flatten, {type: flatten, name: mine}, flatten") == [
        "flatten_1", "mine", "flatten_3",
    ]  # fmt: skip


def test_a_given_name_that_looks_automatic_is_skipped() -> None:
    assert names("{type: flatten, name: flatten_2}, flatten, flatten") == [
        "flatten_2", "flatten_3", "flatten_4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "canonical", "mode"),
    [("val_loss", "val_loss", "min"), ("val_accuracy", "val_accuracy", "max"),
     ("loss", "loss", "min"), ("accuracy", "accuracy", "max")],
)  # fmt: skip
def test_the_mode_follows_from_the_monitor(monitor: str, canonical: str, mode: str) -> None:
    stopping = config(DIGITS, f"training.early_stopping.monitor={monitor}").training.early_stopping
    assert stopping is not None
    assert (stopping.monitor, stopping.mode) == (canonical, mode)


def test_a_monitor_may_be_an_alias() -> None:
    stopping = config(FRIEDMAN, "training.early_stopping.monitor=val_mae").training.early_stopping
    assert stopping is not None
    assert (stopping.monitor, stopping.mode) == ("val_mean_absolute_error", "min")


def test_the_weights_to_keep_follow_from_early_stopping() -> None:
    assert config(DIGITS).training.keep == "best"
    assert config(MNIST).training.keep == "last"
    assert config(DIGITS, "training.keep=last").training.keep == "last"


def test_the_metrics_follow_from_the_loss() -> None:
    assert config(DIGITS).evaluation.metrics == ("accuracy",)
    assert config(TABLE).evaluation.metrics == ("mean_absolute_error", "r2")
    assert config(MNIST, "evaluation.metrics=[]").evaluation.metrics == ()


def test_the_fractions_of_a_split_stay_open_where_they_are_not_given() -> None:
    split = config(MNIST).data.split
    assert (split.validation, split.test) == (0.1, None)


def test_sizes_become_pairs() -> None:
    layer: Any = config(MNIST).model.layers[0]
    assert (layer.kernel_size, layer.strides) == ((3, 3), (1, 1))


def test_a_whole_number_may_stand_for_a_number() -> None:
    optimizer: Any = config(MNIST, "optimizer.learning_rate=1").optimizer
    assert type(optimizer.learning_rate) is float


def test_columns_to_encode_may_be_numbered() -> None:
    transform: Any = config(TABLE, "data.transforms.0.columns=[0, name]").data.transforms[0]
    assert transform.columns == ("0", "name")


def test_the_name_is_the_files_unless_given_and_fit_for_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "my net (2).yaml"
    path.write_text(DIGITS)
    assert load_config(path).name == load_config(path).config.name == "my-net-2"
    loaded = load_config(path, ["name=../a b/c"])
    assert (loaded.config.name, loaded.name) == ("../a b/c", "a-b-c")


def test_a_source_that_may_bring_validation_rows_is_not_judged_early() -> None:
    changes = ["data.source={type: npz, path: a.npz}", "data.split.validation=0"]
    assert config(DIGITS, *changes).data.split.validation == 0


def test_importing_the_config_room_imports_no_numpy() -> None:
    code = "import sys, dlcli.config; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
