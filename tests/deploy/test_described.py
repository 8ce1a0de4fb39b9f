"""A graph that is written down is built again: every word, and whatever the words make together.

What is no such graph is refused in a sentence, before any room is made for it.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from dlcli import builder
from dlcli.artifacts.reading import parse_json
from dlcli.artifacts.tensors import encode_tensors, read_tensors
from dlcli.config import (
    ACTIVATION_CONFIGS,
    LOSS_CONFIGS,
    answering_from_dict,
    load_config,
    parse_config,
    resolved,
)
from dlcli.config.training import Training
from dlcli.data.fitted import Columns
from dlcli.data.places import Places
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.said import Said
from dlcli.engine.described import describe, written
from dlcli.engine.graph import Link
from dlcli.engine.initializers import Initializer
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.engine.losses import LOSSES
from dlcli.engine.merges import MERGES
from dlcli.engine.regularizers import Regularizer
from dlcli.errors import ArtifactError, ConfigError
from dlcli.pipeline import prepare
from tests.cli.calls import dlcli, train
from tests.cli.small import write
from tests.drawn.dice import Dice
from tests.drawn.drawing import draw
from tests.drawn.options import component
from tests.exactness.runs import edit_manifest


def through_json(value: Any) -> Any:
    """As it is written into a file, and read."""
    return parse_json(json.dumps({"value": value}).encode(), "model.json")["value"]


def bare(link: Any) -> Link:
    """A layer in its place, whatever its arrays began with and kept them small."""
    layer = link.layer
    usual = {
        field.name: field.default
        for field in dataclasses.fields(layer)
        if isinstance(getattr(layer, field.name), Initializer | Regularizer)
    }
    return Link(link.name, replace(layer, **usual), tuple(link.inputs or ()))


def columns_of(seed: int) -> dict[str, Columns]:
    """The columns that layers of a drawn config are about."""
    with TemporaryDirectory() as folder:
        loaded = load_config(draw(seed).write(Path(folder)))
        return prepare.prepare(loaded, Places(Path(folder), Path(folder))).columns


@pytest.mark.parametrize("seed", range(150))
def test_what_a_drawn_config_makes_is_built_again(seed: int) -> None:
    loaded = parse_config(draw(seed).text, "drawn.yaml")
    loss = builder.loss(loaded.config)
    columns = columns_of(seed) if "column_embeddings" in draw(seed).text else {}
    built = builder.layers(loaded.config, loss, columns)
    described = through_json(describe(built))
    assert builder.links(described) == [bare(one) for one in built]
    assert describe(builder.links(described)) == described
    # What a loss does in training is of no interest to who only answers.
    answering = type(loss)()
    assert builder.loss_of(through_json(written(loss, LOSSES))) == answering
    # The sections that decide the answers say the same without the others.
    data = through_json(resolved(loaded.config))
    said = Said.by(answering_from_dict(data, "config"), columns)
    assert said == Said.by(loaded.config, columns)


WORDS = sorted({*LAYERS, *ACTIVATIONS, *MERGES})


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("seed", range(5))
def test_every_word_is_built_again_whatever_its_options(word: str, seed: int) -> None:
    table = {**LAYERS, **ACTIVATIONS, **MERGES}
    configs = ACTIVATION_CONFIGS if word in ACTIVATIONS else builder.DESCRIBED
    required: dict[str, Any] = {
        "kernel_size": 3 if word == "conv1d" else [2, 3],
        "units": 3, "filters": 2, "target_shape": [3, -1], "rate": 0.5,
        "inputs": ["a", "b"], "columns": [[0, 3, 2], [2, 1, 5]], "input_dim": 5,
        "output_dim": 2,
    }  # fmt: skip
    kind = configs[word]
    given = {k: v for k, v in required.items() if k in kind.model_fields}
    drawn = component(Dice(seed), ACTIVATION_CONFIGS, word) if word in ACTIVATIONS else given
    options = {"type": drawn} if isinstance(drawn, str) else {"type": word, **drawn}
    layer = builder.build(kind.model_validate(options), table)
    inputs = ("a", "b") if word in MERGES else ("",)
    links = [Link("it", layer, inputs)]
    assert builder.links(through_json(describe(links))) == [bare(one) for one in links]


def test_no_word_means_two_things_and_no_option_is_called_as_what_all_layers_have() -> None:
    words = [*LAYERS, *ACTIVATIONS, *MERGES]
    assert len(words) == len(set(words))
    for table in (LAYERS, ACTIVATIONS, MERGES, LOSSES):
        for kind in table.values():
            names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
            assert not names & {"name", "type", "inputs"}


def test_an_option_that_lacks_is_as_it_was_before_there_was_a_choice() -> None:
    entry = {"name": "a", "type": "dense", "inputs": [""], "units": 3}
    (link,) = builder.links([entry])
    assert link.layer == LAYERS["dense"](units=3)  # type: ignore[call-arg]


DENSE: dict[str, Any] = {
    "name": "a", "type": "dense", "inputs": [""], "units": 3, "use_bias": True,
}  # fmt: skip
IDS: dict[str, Any] = {
    "name": "a", "type": "column_embeddings", "inputs": [""], "columns": [[0, 3, 2]],
}  # fmt: skip
CONV: dict[str, Any] = {
    "name": "a", "type": "conv2d", "inputs": [""], "filters": 2, "kernel_size": [3, 3],
}  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (None, "must be a list of 1"),
        ([], "must be a list of 1"),
        ({}, "must be a list of 1"),
        ([DENSE] * 20_001, "must be a list of 1"),
        (["dense"], "must be a mapping"),
        ([{**DENSE, "name": None}], "is no name of a layer"),
        ([{**DENSE, "name": "A b"}], "is no name of a layer"),
        ([{**DENSE, "name": "../a"}], "is no name of a layer"),
        ([{**DENSE, "type": "lstm"}], "has the type 'lstm', which is not known"),
        ([{**DENSE, "type": ["dense"]}], "which is not known"),
        ([{**DENSE, "type": "repeat"}], "which is not known"),
        ([{**DENSE, "inputs": None}], "must be a list of names"),
        ([{**DENSE, "inputs": []}], "must be a list of names"),
        ([{**DENSE, "inputs": [3]}], "must be a list of names"),
        ([{**DENSE, "inputs": "a"}], "must be a list of names"),
        ([{**DENSE, "units": 0}], "whole number from 1"),
        ([{**DENSE, "units": 10**7}], "whole number from 1"),
        ([{**DENSE, "units": "3"}], "must be a whole number"),
        ([{**DENSE, "units": True}], "must be a whole number"),
        ([{**DENSE, "units": None}], "must be a whole number"),
        ([{key: DENSE[key] for key in DENSE if key != "units"}], "`units` is missing"),
        ([{**DENSE, "use_bias": 1}], "must be `true` or `false`"),
        ([{**DENSE, "activation": "relu"}], "'activation', which is no option of dense"),
        ([{**DENSE, "input": "b"}], "'input', which is no option of dense"),
        ([{**DENSE, "kernel_initializer": "zeros"}], "which is no option of dense"),
        ([{**DENSE, "rate": 0.5}], "'rate', which is no option of dense"),
        ([{**CONV, "kernel_size": 3}], "written in another way"),
        ([{**CONV, "kernel_size": [3, 10**6]}], "pair"),
        ([{**CONV, "kernel_size": [3, 3, 3]}], "pair"),
        ([{**CONV, "padding": "full"}], "must be"),
        ([{"name": "a", "type": "dropout", "inputs": [""], "rate": 0}], "written in another way"),
        ([{"name": "a", "type": "add", "inputs": [""]}], "at least 2 entries"),
        ([{**IDS, "columns": []}], "must not be an empty list"),
        ([{**IDS, "columns": [3]}], "a list of three whole numbers"),
        ([{**IDS, "columns": [[0, 3]]}], "a list of three whole numbers"),
        ([{**IDS, "columns": [[0, 0, 3]]}], "whole number from 1"),
        ([{**IDS, "columns": [[0, 2**24, 3]]}], "whole number from 1"),
        ([{**IDS, "columns": [[-1, 3, 3]]}], "whole number from 0"),
        ([{**IDS, "columns": [[0, 3, 2.0]]}], "must be a whole number"),
        ([{**IDS, "output_dim": {"a": 3}}], "'output_dim', which is no option"),
        ([{"name": "a", "type": "add", "inputs": [""] * 101}], "at most 100 entries"),
    ],
)
def test_what_is_no_graph_is_refused_in_a_sentence(entries: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        builder.links(entries)
    assert words in str(caught.value) and "pydantic" not in str(caught.value)


@pytest.mark.parametrize("loss", [None, "mse", {}, {"type": "mse"}, {"type": []}, {"type": 3},
                                  {"type": "mean_squared_error", "delta": 1}])  # fmt: skip
def test_what_is_no_loss_is_refused(loss: Any) -> None:
    with pytest.raises(ValueError):
        builder.loss_of(loss)


def test_every_loss_is_built_again() -> None:
    assert LOSSES.keys() == LOSS_CONFIGS.keys()
    for kind in LOSSES.values():
        assert type(builder.loss_of(written(kind(), LOSSES))) is kind


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    return train(write(folder, "trees"), folder / "runs").run


@pytest.fixture
def folder(trees: Path, tmp_path: Path) -> Path:
    """A bundle alone."""
    (tmp_path / "bundle").mkdir()
    for path in (trees / "deploy" / "bundle").iterdir():
        (tmp_path / "bundle" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "bundle"


@pytest.fixture
def copied(trees: Path, tmp_path: Path) -> Path:
    shutil.copy(trees.parents[1] / "trees.csv", tmp_path)
    return Path(shutil.copytree(trees, tmp_path / "runs" / "copy"))


def test_a_bundle_says_nothing_of_training(trees: Path) -> None:
    text = (trees / "deploy" / "bundle" / "model.json").read_text()
    assert set(json.loads(text)) == {
        "schema", "layers", "loss", "values", "target_scale", "csv",
    }  # fmt: skip
    for word in ("adam", "epochs", "batch", "split", "trees.csv", "initializer", "seed", "keep"):
        assert word not in text


def test_answering_loads_neither_the_optimizers_nor_the_training(trees: Path) -> None:
    program = """
import sys
from pathlib import Path
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.fitted import Columns
from dlcli.data.places import Places
from dlcli.deploy.bundle import Bundle
folder = Path(sys.argv[1])
golden = read_tensors(folder / "golden.safetensors").arrays
assert Bundle.load(folder).predict(golden["x"]).shape == golden["y"].shape
own = [name for name in sys.modules if name.startswith("dlcli.")]
print(*own)
"""
    call = [sys.executable, "-c", program, str(trees / "deploy" / "bundle")]
    root = Path(__file__).parents[2]
    loaded = subprocess.run(call, capture_output=True, text=True, check=True, cwd=root).stdout
    found = set(loaded.split())
    assert "dlcli.engine.inference" in found
    assert not found & {
        "dlcli.engine.training", "dlcli.engine.optimizers", "dlcli.engine.schedules",
        "dlcli.engine.updates", "dlcli.engine.gradients", "dlcli.pipeline",
    }  # fmt: skip


def test_a_run_predicts_though_its_optimizer_and_its_training_are_not_known(
    trees: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(document: dict[str, Any]) -> None:
        document["config"]["optimizer"] = {"type": "lion", "learning_rate": "fast"}
        document["config"]["training"] = {"epochs": "many"}
        document["config"]["data"]["split"] = {"by": "time"}
        document["config"]["evaluation"] = 3

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the training is of no interest here")

    rows = trees.parents[1] / "trees.csv"
    expected = dlcli("predict", trees, rows)
    assert expected.code == 0
    edit_manifest(copied / "manifest.json", change)
    monkeypatch.setattr(Training, "model_validate", refuse)
    found = dlcli("predict", copied, rows)
    assert (found.code, found.out) == (0, expected.out), found.err


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("model", "layers", 0, "units"), 8, "other layers than the config"),
        (("model", "layers", 0, "activation", "type"), "tanh", "other layers than the config"),
        (("model", "layers", 0, "type"), "lstm", "cannot tell what network was trained"),
        (("model", "layers", 0, "kernel_initializer", "type"), "ones", None),
        (("model",), None, "cannot tell what network was trained"),
        (("loss", "type"), "categorical_crossentropy", "other loss than the config"),
        (("data", "transforms"), [], "other steps of preprocessing than the config"),
        (("data", "target_transform"), {"type": "standardize"}, "other scale of the target"),
        (("data", "source", "target"), "girths", "other notation of rows than the config"),
        (("data", "source", "delimiter"), ";", "other notation of rows than the config"),
        (("data", "source", "comment"), "#", "other notation of rows than the config"),
        (("data", "source", "header"), False, "other notation of rows than the config"),
        (("data", "source", "type"), "parquet", "cannot tell what network was trained"),
        (("data", "source", "path"), "elsewhere.csv", None),
        (("seed",), 99, None),
    ],
)
def test_a_bundle_is_what_the_recorded_config_says_and_of_the_rest_nothing_is_asked(
    path: tuple[Any, ...], value: Any, words: str | None, copied: Path
) -> None:
    def change(document: dict[str, Any]) -> None:
        section = document["config"]
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value

    edit_manifest(copied / "manifest.json", change)
    call = dlcli("predict", copied, copied.parents[1] / "trees.csv")
    assert call.code == (0 if words is None else 4), call.err
    assert words is None or words in call.err


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = folder / "model.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    return folder


def _grown(document: dict[str, Any]) -> None:
    """The last layer, a hundred times beside itself, and so on: a row as large as no memory."""
    name = document["layers"][-1]["name"]
    for turn in range(10):
        entry = {"name": f"more_{turn}", "type": "concatenate", "inputs": [name] * 100}
        document["layers"].append(entry)
        name = f"more_{turn}"


def _crossed(document: dict[str, Any]) -> None:
    first, second = document["layers"][:2]
    first["inputs"] = [second["name"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=4), "has schema 4"),
        (lambda d: d.update(schema=3), "has other keys"),
        (lambda d: d.update(schema=3, tiled=True), "has other keys"),
        (lambda d: d.update(schema=3, pictures=None), "has other keys"),
        (lambda d: d.update(schema=3, tiled=1, pictures=None), "whether dense layers multiply"),
        (lambda d: d.update(schema=3, tiled=False, pictures=None), "nothing in it that schema 2"),
        (lambda d: d.update(schema=3, tiled=False, pictures={}), "said in another way"),
        (lambda d: d.update(schema=3, tiled=True, pictures=None), "no layer is so wide"),
        (lambda d: d.update(schema=0), "has schema 0"),
        (lambda d: d.update(schema=None), "has schema None"),
        (lambda d: d.update(schema=1), "is not a bundle that dlcli wrote"),
        (lambda d: d.update(schema=2.0), "has schema 2.0"),
        (lambda d: d.update(config={}), "other keys"),
        (lambda d: d.pop("loss"), "other keys"),
        (lambda d: d.update(layers=[]), "must be a list of 1"),
        (lambda d: d["layers"].pop(), "holds other arrays"),
        (lambda d: d["layers"].append(dict(d["layers"][0])), "given twice"),
        (lambda d: d["layers"].reverse(), "there is no value"),
        (_crossed, "there is no value"),
        (_grown, "gives rows of shape"),
        (lambda d: d["layers"][0].update(inputs=["x"]), "there is no value 'x'"),
        (lambda d: d["layers"][0].update(inputs=["", ""]), "takes one input, not 2"),
        (lambda d: d["layers"][0].update(units=1_000_000), "has shape"),
        (lambda d: d["layers"][0].update(units=8), "has shape"),
        (lambda d: d["layers"][0].update(name="dense_9"), "there is no value"),
        (lambda d: d["layers"][0].update(name="golden"), "there is no value"),
        (lambda d: d["loss"].update(type="huber"), "is no loss"),
        (lambda d: d.update(loss="mean_squared_error"), "is no loss"),
        (lambda d: d["values"][""].update(more=1), "other keys"),
        (lambda d: d.update(values={}), "cannot be called"),
        (lambda d: d.update(values=[]), "not a mapping"),
        (lambda d: d.update(values={"a": d["values"][""]}), "must be"),
        (lambda d: d["values"][""].update(row_shape=[10**30]), "other shapes"),
        (lambda d: d["csv"].pop("comment"), "said in another way"),
        (lambda d: d.update(csv=None), "said in another way"),
        (lambda d: d["csv"].update(header=1), "must be `true` or `false`"),
        (lambda d: d["csv"].update(header=None), "has a header"),
    ],
)
def test_a_model_that_was_put_together_by_hand_is_refused_in_a_sentence(
    change: Callable[[dict[str, Any]], Any], words: str, folder: Path
) -> None:
    with pytest.raises(ArtifactError) as caught:
        Bundle.load(edited(folder, change))
    assert words in str(caught.value) and "pydantic" not in str(caught.value)


def test_a_bundle_alone_answers_as_among_its_run(folder: Path) -> None:
    golden = read_tensors(folder / "golden.safetensors").arrays
    (folder / "golden.safetensors").unlink()
    assert Bundle.load(folder).predict(golden["x"]).tobytes() == golden["y"].tobytes()


def test_a_regression_on_labels_that_have_names_is_a_bundle_too(tmp_path: Path) -> None:
    config = write(tmp_path, "images")
    text = config.read_text().replace("units: 10, activation: softmax", "units: 1")
    text = text.replace("sparse_categorical_crossentropy", "mse").replace("[accuracy]", "[r2]")
    config.write_text(text)
    run = train(config, tmp_path / "runs", "--set", "training.max_steps=2").run
    np.save(tmp_path / "rows.npy", np.zeros((2, 8, 8, 1), np.uint8))
    call = dlcli("predict", run, tmp_path / "rows.npy")
    assert call.code == 0 and call.out.startswith("value\n"), call.err


def test_arrays_that_are_not_finite_are_refused(folder: Path) -> None:
    path = folder / "weights.safetensors"
    arrays = dict(read_tensors(path).arrays)
    arrays["dense_1.bias"] = np.full_like(arrays["dense_1.bias"], np.nan)
    path.write_bytes(encode_tensors(arrays))
    with pytest.raises(ArtifactError, match="holds NaN or Inf values"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"data": 3},
        {"data": {}, "model": [], "loss": {}},
        {"data": {"inputs": {"": {}}}, "model": {"layers": 1}},
    ],
)
def test_a_recorded_config_that_says_nothing_of_a_network_is_refused(config: Any) -> None:
    with pytest.raises(ConfigError):
        answering_from_dict(config, "the config")
