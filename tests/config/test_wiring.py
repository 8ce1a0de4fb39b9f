"""Blocks written out, what each layer reads, and what cannot be read."""

import pytest

from dlcli.config import parse_config
from dlcli.config.wiring import MOST, write_out
from dlcli.errors import ConfigError

HEAD = """\
data: {source: digits}
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 1}
model:
  layers:
"""
TAIL = "    - {type: dense, units: 10, activation: softmax}\n"


def wires(layers: str) -> dict[str, tuple[str, ...]]:
    """What each layer of this list reads, with all blocks written out."""
    config = parse_config(HEAD + layers + TAIL, "c.yaml").config
    found = write_out(config.model.layers, ("",))
    assert not found.complaints
    return {wire.name: wire.inputs for wire in found.wires[:-1]}


def test_a_chain_reads_one_after_the_other() -> None:
    assert wires("    - flatten\n    - {type: dense, units: 3, name: a}\n") == {
        "flatten_1": ("",),
        "a": ("flatten_1",),
    }


def test_a_residual_adds_its_two_sides() -> None:
    layers = """\
    - flatten
    - {type: residual, layers: [{type: dense, units: 64}, layer_normalization]}
    - {type: residual, activation: relu, layers: [{type: dense, units: 5}],
       shortcut: [{type: dense, units: 5}]}
"""
    assert wires(layers) == {
        "flatten_1": ("",),
        "residual_1.dense_1": ("flatten_1",),
        "residual_1.layer_normalization_1": ("residual_1.dense_1",),
        "residual_1": ("residual_1.layer_normalization_1", "flatten_1"),
        "residual_2.dense_1": ("residual_1",),
        "residual_2.shortcut.dense_1": ("residual_1",),
        "residual_2": ("residual_2.dense_1", "residual_2.shortcut.dense_1"),
        "residual_2.activation": ("residual_2",),
    }


def test_branches_see_the_same_and_an_empty_one_is_the_value_itself() -> None:
    layers = """\
    - flatten
    - {type: branches, merge: maximum,
       branches: [[], [{type: dense, units: 64, name: a}], [flatten]]}
"""
    assert wires(layers) == {
        "flatten_1": ("",),
        "branches_1.2.a": ("flatten_1",),
        "branches_1.3.flatten_1": ("flatten_1",),
        "branches_1": ("flatten_1", "branches_1.2.a", "branches_1.3.flatten_1"),
    }


def test_a_repeat_is_written_out_turn_by_turn_and_blocks_hold_blocks() -> None:
    layers = """\
    - flatten
    - type: repeat
      times: 2
      layers:
        - {type: residual, activation: relu, layers: [{type: dense, units: 64}]}
        - {type: activation, activation: tanh}
    - {type: add, inputs: [repeat_1, flatten_1]}
"""
    assert wires(layers) == {
        "flatten_1": ("",),
        "repeat_1.1.residual_1.dense_1": ("flatten_1",),
        "repeat_1.1.residual_1": ("repeat_1.1.residual_1.dense_1", "flatten_1"),
        "repeat_1.1.residual_1.activation": ("repeat_1.1.residual_1",),
        "repeat_1.1.activation_1": ("repeat_1.1.residual_1.activation",),
        "repeat_1.2.residual_1.dense_1": ("repeat_1.1.activation_1",),
        "repeat_1.2.residual_1": ("repeat_1.2.residual_1.dense_1", "repeat_1.1.activation_1"),
        "repeat_1.2.residual_1.activation": ("repeat_1.2.residual_1",),
        "repeat_1.2.activation_1": ("repeat_1.2.residual_1.activation",),
        "add_1": ("repeat_1.2.activation_1", "flatten_1"),
    }


def test_names_are_looked_for_in_the_own_list_first_then_around_it() -> None:
    layers = """\
    - {type: flatten, name: a}
    - {type: dense, units: 64, name: b}
    - type: repeat
      times: 2
      layers:
        - {type: dense, units: 64, name: a}
        - {type: multiply, inputs: [a, b]}
        - {type: dense, input: b, units: 64}
        - {type: add, inputs: [dense_2, multiply_1]}
    - {type: add, inputs: [a, repeat_1]}
"""
    found = wires(layers)
    assert found["repeat_1.1.multiply_1"] == ("repeat_1.1.a", "b")
    assert found["repeat_1.2.multiply_1"] == ("repeat_1.2.a", "b")
    assert found["repeat_1.2.a"] == ("repeat_1.1.add_1",)
    assert found["repeat_1.2.dense_2"] == ("b",)
    assert found["add_1"] == ("a", "repeat_1.2.add_1")


def test_the_input_of_a_block_is_what_all_its_parts_see() -> None:
    layers = """\
    - {type: flatten, name: a}
    - {type: dense, units: 64, name: b}
    - {type: residual, input: a, layers: [{type: dense, units: 64}], name: r}
    - {type: branches, input: b, branches: [[], []], name: s}
    - {type: repeat, input: r, times: 2, layers: [{type: dense, units: 3}], name: t}
    - {type: concatenate, inputs: [s, t]}
"""
    found = wires(layers)
    assert found["r"] == ("r.dense_1", "a")
    assert found["s"] == ("b", "b")
    assert found["t.1.dense_1"] == ("r",)
    assert found["t.2.dense_1"] == ("t.1.dense_1",)


@pytest.mark.parametrize(
    ("layers", "line", "words"),
    [
        ("    - {type: dense, units: 3, input: nothing}\n", 7,
         "no layer before this one is called `nothing`"),
        ("    - flatten\n    - {type: dense, units: 3, input: flaten_1}\n", 8,
         "no layer before this one is called `flaten_1`, did you mean `flatten_1`?"),
        ("    - flatten\n    - {type: add, inputs: [flatten_1, later]}\n"
         "    - {type: dense, units: 3, name: later}\n", 8,
         "`later` comes later; a layer can read only what stands before it"),
        ("    - {type: flatten, input: flatten_1}\n", 7, "`flatten_1` comes later"),
        ("    - flatten\n    - {type: add, inputs: [flatten_1]}\n", 8,
         "`inputs` must have at least 2 entries, not 1"),
        ("    - flatten\n    - add\n", 8, "the key `inputs` is missing: `add` needs it"),
        ("    - flatten\n    - {type: residual, layers: []}\n", 8,
         "`layers` must not be an empty list"),
        ("    - flatten\n    - {type: branches, branches: [[]]}\n", 8,
         "`branches` must have at least 2 entries, not 1"),
        ("    - flatten\n    - {type: branches, branches: [[], flatten]}\n", 8,
         "`branches[1]` must be a list, not the text \"flatten\" (write [flatten])"),
        ("    - flatten\n    - {type: repeat, times: 0, layers: [flatten]}\n", 8,
         "`times` must be a whole number from 1 to 1000, not 0"),
        ("    - flatten\n    - {type: residual, layers: [{type: flatten, name: shortcut}]}\n", 8,
         "no layer inside of a block can be called `shortcut`"),
        ("    - {type: flatten, name: a}\n"
         "    - {type: residual, layers: [{type: flatten, name: b}, {type: flatten, name: b}]}\n",
         8, "the layer name `b` is taken by model.layers.1.layers.0; names must be unique"),
        ("    - flatten\n    - {type: residual, layers: [{type: dense, unit: 3}]}\n", 8,
         "unknown key `unit`, did you mean `units`?"),
        ("    - flatten\n    - {type: residual, layers: [{type: conv}]}\n", 8,
         "unknown layer `conv`, did you mean `conv2d`?"),
        ("    - {type: flatten, name: a}\n    - {type: dense, units: 2}\n"
         "    - {type: dense, units: 3, input: a}\n", 8,
         "no later layer reads what this one gives: take it out"),
        ("    - flatten\n    - {type: dot, inputs: [flatten_1, flatten_1], axes: 0}\n", 8,
         "`axes` must be an axis of the rows"),
        ("    - flatten\n    - {type: dot, inputs: [flatten_1, flatten_1], axes: [1, 2, 3]}\n", 8,
         "`axes` must be an axis of the rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_on_its_line(layers: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(HEAD + layers + TAIL, "c.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"c.yaml:{line}:")


def test_blocks_in_blocks_cannot_become_more_layers_than_anybody_can_train() -> None:
    inner = "{type: dense, units: 64}"
    for _ in range(3):
        inner = f"{{type: repeat, times: 100, layers: [{inner}]}}"
    with pytest.raises(ConfigError, match=f"{MOST:,} layers at most"):
        parse_config(f"{HEAD}    - flatten\n    - {inner}\n{TAIL}", "c.yaml")


def test_a_wrong_last_activation_is_seen_behind_a_block_and_in_it() -> None:
    for last in (
        "{type: residual, activation: sigmoid, layers: [{type: dense, units: 64}]}",
        "{type: repeat, times: 1, layers: [{type: dense, units: 3, activation: relu}]}",
    ):
        with pytest.raises(ConfigError, match="does not suit the loss"):
            parse_config(f"{HEAD}    - flatten\n    - {last}\n", "c.yaml")


def test_a_chain_is_written_out_as_before_there_were_inputs() -> None:
    text = HEAD + "    - flatten\n" + TAIL
    assert "input" not in str(parse_config(text, "c.yaml").resolved()["model"])
    read = HEAD + "    - flatten\n    - {type: dense, units: 3, input: flatten_1}\n" + TAIL
    loaded = parse_config(read, "c.yaml")
    assert loaded.resolved()["model"]["layers"][1]["input"] == "flatten_1"
