"""Named values of the data: what `data.inputs` may say, and what layers may read."""

import pytest

from dlcli.config import json_schema, parse_config, resolved_text
from dlcli.config.loading import parse_recorded
from dlcli.errors import ConfigError

SOURCE = "{type: npz, path: scenes.npz, target: y}"
INPUTS = "{image: {array: x_image}, facts: {array: x_facts, transforms: [standardize]}}"
LAYERS = """\
    - {type: flatten, input: image, name: seen}
    - {type: dense, input: facts, units: 4, name: known}
    - {type: concatenate, inputs: [seen, known]}
    - {type: dense, units: 3, activation: softmax}
"""


def text(inputs: str = INPUTS, source: str = SOURCE, more: str = "", layers: str = LAYERS) -> str:
    return f"""\
data:
  source: {source}
  inputs: {inputs}
{more}model:
  layers:
{layers}loss: sparse_categorical_crossentropy
optimizer: adam
training: {{epochs: 1}}
"""


def refused(given: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(given, "c.yaml")
    return str(caught.value)


def test_inputs_are_read_by_their_names_and_written_out_in_one_order() -> None:
    one = parse_config(text(), "c.yaml").config
    assert one.data.inputs is not None
    assert list(one.data.inputs) == ["facts", "image"]
    turned = "{facts: {array: x_facts, transforms: [standardize]}, image: {array: x_image}}"
    other = parse_config(text(turned), "c.yaml").config
    written = resolved_text(one)
    assert written == resolved_text(other)
    assert parse_config(written, "c.yaml").config == one


def test_recorded_inputs_load_again_and_what_has_none_says_nothing_of_them() -> None:
    loaded = parse_config(text(), "c.yaml")
    assert parse_recorded(loaded.resolved(), "c").config == loaded.config
    layers = "    - {type: dense, units: 3, activation: softmax}\n"
    plain = text("null", "{type: npz, path: a.npz}", layers=layers)
    without = plain.replace("  inputs: null\n", "")
    for given in (plain, without):
        assert "inputs" not in parse_config(given, "c.yaml").resolved()["data"]


def test_an_input_may_have_the_name_of_an_option_or_of_a_short_key() -> None:
    names = "{lr: {array: a}, transforms: {array: b, transforms: [standardize]}, kinds: {array: c}}"
    layers = """\
    - {type: concatenate, inputs: [lr, transforms, kinds]}
    - {type: dense, units: 3, activation: softmax}
"""
    config = parse_config(text(names, layers=layers), "c.yaml").config
    assert config.data.inputs is not None
    assert list(config.data.inputs) == ["kinds", "lr", "transforms"]
    broken = names.replace("transforms: [standardize]", "transforms: [standardise]")
    assert "c.yaml:3:64: unknown transform `standardise`" in refused(text(broken, layers=layers))


def test_one_input_is_read_by_the_first_layer_without_a_word() -> None:
    layers = "    - {type: dense, units: 3, activation: softmax}\n"
    assert parse_config(text("{facts: {array: x}}", layers=layers), "c.yaml")


CSV = "{type: csv, path: a.csv, target: y}"
DENSE = "    - {type: dense, units: 3, activation: softmax}\n"
PARTS = SOURCE.replace("}", ", test_target: z}")
BOTH = "{image: {array: a, test_array: b}, facts: {array: c, test_array: d}}"

MISTAKES = {
    "no array": (text("{image: {}, facts: {array: b}}"), "3:12", "the key `array` is missing"),
    "no mapping": (text("[image, facts]"), "3:11", "`inputs` must be a mapping of names"),
    "nothing": (text("{}"), "3:11", "`inputs` must have at least one entry, or be left out"),
    "an array alone": (
        text("{image: a, facts: {array: b}}"), "3:19", "`image` must be a mapping of keys"),
    "an odd name": (
        text("{Image: {array: a}, facts: {array: b}}"), "3:19",
        "`Image` must be a name of lower-case letters"),
    "a reserved name": (
        text("{data: {array: a}, facts: {array: b}}"), "3:18", "the name `data` is reserved"),
    "another reserved name": (
        text("{shortcut: {array: a}, facts: {array: b}}"), "3:22", "`shortcut` is reserved"),
    "an unknown key": (
        text("{image: {array: a, path: b}, facts: {array: b}}"), "3:30", "unknown key `path`"),
    "an unknown transform": (
        text("{image: {array: a, transforms: [standard]}, facts: {array: b}}"), "3:43",
        "unknown transform `standard`"),
    "another source": (
        text(source=CSV), "3:11",
        "`inputs` are arrays of the source `npz`; for `csv` they are not supported yet"),
    "several arrays in the source": (
        text(source="{type: npz, path: a.npz, features: [x, z], target: y}"), "2:46",
        "`features` must be the name of an array (arrays that make up a row together are named by"),
    "features in the source": (
        text(source="{type: npz, path: a.npz, features: x, target: y}"), "2:46",
        "with `data.inputs`, the arrays that rows are made of stand there: leave `features` out"),
    "no target": (
        text(source="{type: npz, path: a.npz}"), "2:11",
        "with `data.inputs`, the source needs `target`, the name of the array to learn"),
    "transforms for all": (
        text(more="  transforms: [standardize]\n"), "4:15",
        "with `data.inputs`, each input has its own `transforms`"),
    "the target as an input": (
        text("{image: {array: y}, facts: {array: b}}"), "3:27",
        "the target `y` cannot be an input too"),
    "no test array": (
        text(source=PARTS), "3:44",
        "the input `facts` needs its `test_array`, because the source has `test_target`"),
    "a test array without a target": (
        text(BOTH), "3:", "`test_array` needs `test_target` in the source"),
    "the test target as an input": (
        text(BOTH.replace("d}", "z}"), PARTS), "3:", "the target `z` cannot be an input too"),
    "nothing said about what is read first": (
        text(layers=DENSE), "6:7",
        "the data has several values (`facts` and `image`): say which one is read, by `input`"),
    "an input that nobody reads": (
        text(layers=DENSE.replace("{", "{input: facts, ")), "3:19",
        "no layer reads this value: take it out"),
    "an unknown value": (
        text(layers=LAYERS.replace("input: image", "input: imag")), "6:30",
        "no layer before this one is called `imag`, did you mean `image`?"),
    "a layer of the same name": (
        text(layers=LAYERS.replace("name: known", "name: facts").replace("known", "facts")),
        "7:", "the data has a value of the name `facts`; rename the layer"),
    "a layer that is called so by itself": (
        text("{dense_1: {array: a}}", layers=DENSE), "3:21",
        "`model.layers.0` is called so by itself; choose another name"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_on_its_line(name: str) -> None:
    given, place, words = MISTAKES[name]
    told = refused(given)
    assert f"c.yaml:{place}" in told and words in told, told


def test_inputs_that_are_wrong_make_no_layer_look_wrong() -> None:
    told = refused(text(source=CSV, layers=LAYERS.replace("units: 4", "units: 0")))
    assert told.count("c.yaml:") == 2 and "called" not in told
    assert "units" in told and "not supported yet" in told


def test_named_arrays_without_inputs_need_their_features_as_before() -> None:
    for given, words in (
        ("{type: npz, path: a.npz, target: y}", "2:44: `target` needs `features` beside it"),
        ("{type: npz, path: a.npz, features: x}", "2:46: `features` needs `target` beside it"),
        (
            "{type: npz, path: a.npz, features: x, target: y, test_target: z}",
            "2:73: `test_target` needs `test_features` beside it",
        ),
        (
            "{type: npz, path: a.npz, validation_features: v, validation_target: w}",
            "2:57: `validation_features` needs `features` beside it",
        ),
    ):
        plain = text(source=given, layers=DENSE).replace(f"  inputs: {INPUTS}\n", "")
        assert words in refused(plain)


def test_parts_of_its_own_are_known_from_the_options() -> None:
    split = "  split: {test: 0.2}\n"
    assert "the source `npz` has a test part of its own" in refused(text(BOTH, PARTS, split))
    assert parse_config(text(BOTH, PARTS), "c.yaml").config.data.source.brings_test() is True
    assert parse_config(text(), "c.yaml").config.data.source.brings_test() is False


def test_the_schema_knows_inputs() -> None:
    schema = json_schema()
    (inputs,) = (
        one
        for one in schema["$defs"]["Data"]["properties"]["inputs"]["anyOf"]
        if "type" in one and one["type"] == "object"
    )
    assert inputs["additionalProperties"] == {"$ref": "#/$defs/Input"}
    assert inputs["propertyNames"]["not"] == {"enum": ["data", "shortcut"]}
    assert schema["$defs"]["Input"]["required"] == ["array"]


def test_an_option_of_an_input_can_be_set_on_the_command_line() -> None:
    options = ["data.inputs.image.array=pixels", "data.inputs.facts.transforms.0.type=min_max"]
    given = text().replace("[standardize]", "[{type: standardize}]")
    config = parse_config(given, "c.yaml", options).config
    assert config.data.inputs is not None
    assert config.data.inputs["image"].array == "pixels"
    assert config.data.inputs["facts"].transforms[0].type == "min_max"
