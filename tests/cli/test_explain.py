"""`dlcli list` and `dlcli explain`: what is told, and what is meant by a word that is not known."""

import json

import pytest

from dlcli.reference.words import KINDS
from tests.cli.calls import dlcli


def test_the_kinds_are_listed_with_how_many_words_each_has() -> None:
    lines = dlcli("list").out.splitlines()
    assert [line.split()[:2] for line in lines] == [[k, str(len(v))] for k, v in KINDS.items()]
    assert json.loads(dlcli("list", "--json").out)["kinds"]["losses"] == 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_a_kind_have_a_line_each(kind: str) -> None:
    lines = dlcli("list", kind).out.splitlines()
    words = json.loads(dlcli("list", kind, "--json").out)["words"]
    assert [line.split()[0] for line in lines] == sorted(KINDS[kind])
    assert [line.split(None, 1) for line in lines] == [[w["word"], w["about"]] for w in words]


def test_a_word_is_explained_by_its_full_name_and_by_itself() -> None:
    call = dlcli("explain", "layers.dense")
    assert call.code == 0 and call == dlcli("explain", "dense")
    for part in (
        "  units               whole number from 1 to 1,000,000; required\n",
        "  use_bias            true or false; default true\n",
        "y = x @ kernel + bias",
        "keras.layers.Dense",
        "      - {type: dense, units: 64}\n",
    ):
        assert part in call.out
    told = json.loads(dlcli("explain", "layers.dense", "--json").out)
    assert told["options"][0] == {
        "name": "units", "values": "whole number from 1 to 1,000,000", "required": True,
        "default": None, "about": "how many outputs it has",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["training.keep", "layers.conv2d.strides", "seed"])
def test_an_option_is_explained_alone(name: str) -> None:
    call = dlcli("explain", name)
    assert call.code == 0 and call.out.startswith(f"  {name}  ")
    assert json.loads(dlcli("explain", name, "--json").out)["name"] == name


def test_a_short_word_stands_for_the_long_one() -> None:
    assert dlcli("explain", "losses.bce").out.startswith("losses.binary_crossentropy\n")
    assert dlcli("explain", "rmse").out.startswith("metrics.root_mean_squared_error\n")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("layers.cov2d", "did you mean 'layers.conv2d'?"),
        ("Conv2D", "did you mean 'conv2d'?"),
        ("layer.dense", "did you mean 'layers.dense'?"),
        ("training.epoch", "did you mean 'training.epochs'?"),
        ("layers.dense.unit", "did you mean 'layers.dense.units'?"),
        ("neurons", "did you mean 'units'?"),
        ("mse", "did you mean losses.mean_squared_error or metrics.mean_squared_error?"),
        ("constant", "did you mean initializers.constant or schedules.constant?"),
        ("layers", "`dlcli list layers` shows its words"),
        ("zzzzzz", "`dlcli list` shows the kinds of words"),
    ],
)
def test_of_a_wrong_word_it_says_what_was_meant(word: str, hint: str) -> None:
    call = dlcli("explain", word)
    assert call.code == 2 and call.out == "" and hint in call.err
    assert json.loads(dlcli("explain", word, "--json").out)["error"]["hint"] == hint


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("conv2d.padding", "layers.conv2d.padding"),
        ("adam.lr", "optimizers.adam.learning_rate"),
        ("epochs", "training.epochs"),
        ("split", "data.split"),
        ("units", "layers.dense.units"),
    ],
)
def test_what_only_one_has_is_shown_without_its_full_name(word: str, name: str) -> None:
    call = dlcli("explain", word)
    assert call == dlcli("explain", name) and call.code == 0


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("lr", "'lr' means learning_rate, an option of optimizers."),
        ("optimizer.lr", "'optimizer.lr' means learning_rate, an option of optimizers."),
        ("filters", "'filters' is an option of layers.conv2d, layers.conv1d, "),
        ("layers.padding", "'layers.padding' is an option of layers.conv2d, "),
    ],
)
def test_of_an_option_that_several_have_it_says_whose_it_is(word: str, sentence: str) -> None:
    call = dlcli("explain", word)
    assert call.code == 2 and sentence in call.err
    hint = json.loads(dlcli("explain", word, "--json").out)["error"]["hint"]
    assert dlcli(*hint.split("`")[1].split()[1:]).code == 0


def test_a_wrong_kind_and_wrong_usage_are_told() -> None:
    assert "did you mean 'layers'?" in dlcli("list", "layer").err
    assert "there are layers, activations" in dlcli("list", "zzzzzz").err
    for words in ((), ("dense", "--all")):
        assert dlcli("explain", *words).code == 2


def test_the_page_is_told_as_json_too() -> None:
    page = dlcli("explain", "--all").out
    assert page.startswith("# The config language\n")
    assert json.loads(dlcli("explain", "--all", "--json").out) == {"page": page}
