"""`--set key.path=value`."""

from typing import Any

import pytest

from dlcli.config import Config, parse_config
from dlcli.errors import ConfigError
from tests.config.mutations import DIGITS, MNIST


def config(*overrides: str, text: str = MNIST) -> Config:
    return parse_config(text, "x.yaml", overrides).config


def message(*overrides: str, text: str = MNIST) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "x.yaml", overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=010", "seed", 10),
        ("seed = 0x10", "seed", 16),
        ("name=1e3x", "name", "1e3x"),
        ("name='1e3'", "name", "1e3"),
        ("name=a=b", "name", "a=b"),
        ("name=no", "name", "no"),
    ],
)
def test_values_follow_the_rules_of_the_file(override: str, key: str, value: Any) -> None:
    assert getattr(config(override), key) == value


def test_a_key_below_a_mapping_is_changed() -> None:
    changed: Any = config("optimizer.learning_rate=0.01", "training.epochs=2")
    assert (changed.optimizer.learning_rate, changed.training.epochs) == (0.01, 2)


def test_a_list_is_indexed_by_number_and_bare_text_becomes_a_mapping() -> None:
    layers: Any = config("model.layers.0.filters=8", "model.layers.4.name=flat").model.layers
    assert (layers[0].filters, layers[4].type, layers[4].name) == (8, "flatten", "flat")


def test_missing_mappings_are_created() -> None:
    changed = config("training.checkpoint.every_steps=5", "training.early_stopping.patience=3")
    assert changed.training.checkpoint.every_steps == 5
    assert changed.training.early_stopping is not None
    assert changed.training.early_stopping.patience == 3


def test_an_alias_and_its_meaning_are_the_same_key() -> None:
    for text, key in ((MNIST, "lr"), (DIGITS, "learning_rate")):
        optimizer: Any = config(f"optimizer.{key}=0.5", text=text).optimizer
        assert optimizer.learning_rate == 0.5


def test_later_options_win() -> None:
    assert config("seed=1", "seed=2").seed == 2
    assert config("optimizer.lr=x", "optimizer=sgd").optimizer.type == "sgd"


def test_lists_and_mappings_can_be_given() -> None:
    changed = config("evaluation.metrics=[f1]", "loss={type: sparse_categorical_crossentropy}")
    assert [metric.called for metric in changed.evaluation.metrics or ()] == ["f1"]


def test_a_broken_value_of_the_file_can_be_overridden_but_is_still_told() -> None:
    broken = MNIST.replace("seed: 7", "seed: .nan")
    assert message("seed=3", text=broken).startswith("x.yaml:4:7: `.nan` is not allowed")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimizer.learning_rat=1", "unknown key `learning_rat`, did you mean `learning_rate`?"),
        ("optimizer.lr=-1", "`lr` must be a number above 0 and at most 1000, not -1"),
        ("training.epochs='3'", "`epochs` must be a whole number, "
         'not the text "3" (a number is written without quotes)'),
        ("loss=huber", "unknown loss `huber`: not supported yet; available: `mean_squared_error`, "
         "`mean_absolute_error`, `binary_crossentropy`, `categorical_crossentropy` and "
         "`sparse_categorical_crossentropy`"),
        ("training.checkpoint={every_step: 1}",
         "unknown key `every_step`, did you mean `every_steps`?"),
        ("seed", "an override is written key.path=value"),
        ("=3", "an override is written key.path=value"),
        ("a..b=3", "an override is written key.path=value"),
        ("seed.x=3", "`seed` is a single value: nothing below"),
        ("model.layers.7.units=3",
         "`model.layers` has 6 entries, numbered from 0; there is no `7`"),
        ("model.layers.-1.units=3",
         "`model.layers` is a list: number its entries from 0, not `-1`"),
        ("name=&a b", "anchors (`&a`) are not allowed"),
        ("seed=.inf", "`.inf` is not allowed: numbers are finite"),
        ("name=[", "the YAML is broken here: expected the node content, "
         "but found '<stream end>' (while parsing a flow node, begun on line 1)"),
    ],
)  # fmt: skip
def test_an_error_cites_the_option(override: str, words: str) -> None:
    assert message(override) == f"--set {override}: {words}"


def test_a_rule_that_an_override_breaks_cites_the_option() -> None:
    assert message("model.layers.5.activation=relu").startswith(
        "--set model.layers.5.activation=relu: the last layer's activation `relu`"
    )


def test_errors_after_loading_cite_the_option_or_the_line() -> None:
    loaded = parse_config(MNIST, "x.yaml", ["model.layers.2.filters=8"])
    assert str(loaded.error(("model", "layers", 2, "filters"), "too few")) == (
        "--set model.layers.2.filters=8: too few"
    )
    assert str(loaded.error(("model", "layers", 4), "what?")) == (
        "x.yaml:16:7: what?\n      - flatten\n        ^"
    )
    both = loaded.errors([(("model", "layers", 4), "b"), (("seed",), "a")])
    assert [line for line in str(both).splitlines() if "x.yaml" in line] == [
        "x.yaml:4:7: a", "x.yaml:16:7: b", "2 problems in x.yaml",
    ]  # fmt: skip


def test_an_error_at_a_default_points_at_the_mapping_that_would_hold_it() -> None:
    loaded = parse_config(MNIST, "x.yaml")
    assert str(loaded.error(("model", "layers", 5, "use_bias"), "x")).startswith("x.yaml:17:7: x\n")
    assert str(loaded.error(("training", "keep"), "x")).startswith("x.yaml:20:1: x\n")
