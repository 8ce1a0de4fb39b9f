"""A run whose digests are right but whose contents were put together by hand.

Every value of every document of a bundle, and every array, is forged in turn, with the digests
that belong to it. What comes is a refusal with code 4, or the very same answers; never a bug, and
never other answers without a word.
"""

import copy
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.digests import digest_bytes, readable_json
from dlcli.artifacts.manifest import record_file
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import encode_tensors, read_tensors
from tests.cli.calls import dlcli, train
from tests.data.scenes import scenes
from tests.exactness.runs import a_part, edit_manifest

FOLDER = "deploy/bundle"
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    3,
    10**9,
    0.5,
    "x",
    "",
    [],
    [1],
    ["x", "x"],
    {},
    {"a": 1},
]


def _write(folder: Path) -> Path:
    lines = ["a,colour,b,kind,price"]
    for row in range(60):
        colour, kind = ("red", "green", "blue")[row % 3], ("no", "yes")[row * 7 % 5 % 2]
        lines.append(f"{row * 7 % 11},{colour},{row * 5 % 13},{kind},{1000 + row * 3 % 17}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    for name, target, features, last, loss in (
        ("kinds", "kind", ["a", "colour", "b"], {"units": 2, "activation": "softmax"}, None),
        ("prices", "price", ["b", "a"], {"units": 1}, "mse"),
    ):
        config: dict[str, Any] = {
            "version": 1,
            "data": {
                "source": {
                    "type": "csv", "path": "t.csv", "target": target, "features": features,
                },
                "transforms": ["one_hot", "standardize"] if loss is None else ["min_max"],
                "target_transform": None if loss is None else "standardize",
            },
            "model": {"layers": [{"type": "dense", "units": 3}, {"type": "dense", **last}]},
            "loss": loss or "sparse_categorical_crossentropy",
            "optimizer": "sgd",
            "training": {"epochs": 1},
        }  # fmt: skip
        (folder / f"{name}.yaml").write_text(json.dumps(config))
    for name in ("kinds", "prices"):
        (folder / f"{name}.csv").write_text("a,colour,b\n1,red,2\n3,blue,9\n")
    _write_scenes(folder)
    _write_unnamed(folder)
    _write_ids(folder)
    return folder


def _write_ids(folder: Path) -> None:
    """A table with ids of categories, of which some are rare."""
    config = json.loads((folder / "kinds.yaml").read_text())
    encode = {"type": "category", "handle_unknown": "bucket", "max_categories": 3}
    config["data"]["transforms"] = [encode, {"type": "standardize", "columns": ["b"]}]
    config["model"]["layers"].insert(0, {"type": "column_embeddings", "default_output_dim": 2})
    (folder / "ids.yaml").write_text(json.dumps(config))
    (folder / "ids.csv").write_text("a,colour,b\n1,red,2\n3,violet,9\n")


def _write_unnamed(folder: Path) -> None:
    """A table without a header, of which every column is read."""
    rows = [f"{row * 7 % 11};{row * 5 % 13},5;{1000 + row * 3 % 17}" for row in range(60)]
    (folder / "u.csv").write_text("\n".join(rows) + "\n")
    (folder / "unnamed.csv").write_text("\n".join(rows[:2]) + "\n")
    source = {"type": "csv", "path": "u.csv", "target": "column_1", "header": False,
              "delimiter": ";", "decimal": ","}  # fmt: skip
    config = {
        "version": 1,
        "data": {"source": source, "transforms": ["standardize"]},
        "model": {
            "layers": [
                {"type": "dense", "units": 3, "activation": {"type": "elu", "alpha": 0.5}},
                {"type": "residual", "layers": [{"type": "dense", "units": 3}]},
                {"type": "dense", "units": 1},
            ]
        },
        "loss": "mae",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    (folder / "unnamed.yaml").write_text(json.dumps(config))


def _write_scenes(folder: Path) -> None:
    """Two values a row, and rows of them."""
    arrays = scenes(60)
    np.savez(folder / "scenes.npz", **arrays)
    rows = {name: arrays[name][:2] for name in ("x_image", "x_facts")}
    with (folder / "scenes.rows").open("wb") as file:
        np.savez(file, **rows)
    config = {
        "version": 1,
        "data": {
            "source": {"type": "npz", "path": "scenes.npz", "target": "y"},
            "inputs": {
                "image": {"array": "x_image", "transforms": ["min_max"]},
                "facts": {"array": "x_facts", "transforms": ["standardize"]},
            },
        },
        "model": {
            "layers": [
                {"type": "dense", "input": "facts", "units": 3, "name": "known"},
                {"type": "flatten", "input": "image"},
                {"type": "dense", "units": 2},
                {"type": "concatenate", "inputs": ["known", "dense_2"]},
                {"type": "dense", "units": 3, "activation": "softmax"},
            ]
        },
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    (folder / "scenes.yaml").write_text(json.dumps(config))


def _rows(run: Path) -> Path:
    """A file of rows that the run can answer, beside its data."""
    name = run.name.removesuffix("-0001")
    return run.parents[1] / (f"{name}.rows" if name == "scenes" else f"{name}.csv")


SECOND = Path(__file__).parents[1] / "fixtures" / "schema_2"
"""Runs whose bundles have schema 1: of a table without a header, and of several values."""


THOROUGH = ("scenes", "prices", "ids", "unnamed", "earlier prices", "earlier scenes")


def _earlier(name: str, folder: Path) -> Path:
    shutil.copy(SECOND / f"{name}.rows.{'npz' if name == 'scenes' else 'csv'}", folder)
    for end in ("npz", "csv"):
        if (rows := folder / f"{name}.rows.{end}").exists():
            rows.rename(folder / (f"{name}.rows" if name == "scenes" else f"{name}.csv"))
    return Path(shutil.copytree(SECOND / f"{name}-0001", folder / "runs" / f"{name}-0001"))


@pytest.fixture(
    scope="module",
    params=[
        "kinds",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in THOROUGH),
    ],
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forged")
    if request.param.startswith("earlier "):
        return _earlier(request.param.removeprefix("earlier "), folder)
    _write(folder)
    return train(folder / f"{request.param}.yaml", folder / "runs").run


def _forged(value: Any) -> Iterator[Any]:
    """The document with one thing in it changed, everywhere and in every way."""
    for other in VALUES:
        if json.dumps(other) != json.dumps(value):
            yield other
    if isinstance(value, dict):
        for key in value:
            for other in _forged(value[key]):
                yield {**value, key: other}
            yield {name: value[name] for name in value if name != key}
        yield {**value, "another": 1}
    elif isinstance(value, list) and value:
        for place in range(len(value)):
            for other in _forged(value[place]):
                yield [*value[:place], other, *value[place + 1 :]]
        yield value[:-1]
        yield [*value, value[-1]]
        yield value[::-1]
    elif isinstance(value, str):
        yield value + "x"
    elif isinstance(value, int | float):
        yield value + 1
        yield -value


def _install(run: Path, name: str, data: bytes) -> None:
    (run / name).write_bytes(data)
    record = record_file(RunDirectory(run), name)
    assert record.sha256 == digest_bytes(data)

    def change(document: dict[str, Any]) -> None:
        document["files"][name] = {"size": record.size, "sha256": record.sha256}

    edit_manifest(run / "manifest.json", change)


def _judge(run: Path, rows: Path, expected: str, what: str) -> bool:
    """Whether it was refused."""
    call = dlcli("predict", run, rows)
    assert call.code in (0, 4), f"{what}: exit {call.code}: {call.err}"
    assert call.code == 4 or call.out == expected, f"{what}: other answers"
    return call.code == 4


PARTS = 8
"""What is forged is dealt out to so many tests; there are 15 values, so each part tries each of
them somewhere."""


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize("name", ["model.json", "preprocessing.json", "classes.json"])
def test_no_forged_document_gives_other_answers(
    name: str, part: int, run: Path, tmp_path: Path
) -> None:
    expected = dlcli("predict", run, _rows(run)).out
    copied = tmp_path / "runs" / "copy"
    shutil.copytree(run, copied)
    file = f"{FOLDER}/{name}"
    document = json.loads((run / file).read_bytes())
    # Of a config it is asked what it says of the network, so of that a few values are forged below.
    config = document.get("config")
    if config is not None:
        document = {**document, "config": 0}
    refused = tried = 0
    for forged in itertools.islice(_forged(document), part, None, PARTS):
        if config is not None and isinstance(forged, dict) and forged.get("config") == 0:
            forged = {**forged, "config": config}
        _install(copied, file, readable_json(forged))
        refused += _judge(copied, _rows(run), expected, f"{name}: {str(forged)[:300]}")
        tried += 1
    assert tried >= 30 // PARTS
    if document != {"classes": None}:
        assert refused > tried / 2


def test_no_forged_model_gives_other_answers(run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "runs" / "copy"
    shutil.copytree(run, copied)
    file = f"{FOLDER}/model.json"
    document = json.loads((run / file).read_bytes())
    if "config" in document:
        _judge_configs(copied, run, document)
        return
    several = run.name.startswith("scenes")
    other = {"prices": "mean_absolute_error", "unnamed": "mean_squared_error"}
    changes: list[tuple[tuple[Any, ...], Any]] = [
        (("layers", int(run.name.startswith("ids")), "units"), 4),
        (("layers", int(run.name.startswith("ids")), "units"), 10**6),
        (("layers", int(run.name.startswith("ids")), "units"), 10**30),
        (("layers", 0, "columns"), [[1, 3, 4]]),
        (("layers", 0, "type"), "lstm"),
        (("layers", 0, "type"), "activation"),
        (("layers", 0, "type"), "residual"),
        (("layers", 0, "activation"), "relu"),
        (("layers", 0, "activation"), {"type": "relu"}),
        (("layers", 0, "kernel_initializer"), "zeros"),
        (("layers", 0, "name"), "kernel"),
        (("layers", 0, "inputs"), ["nowhere"]),
        (("layers", 0, "inputs"), [document["layers"][0]["name"]]),
        (("layers", 0, "inputs"), [document["layers"][-1]["name"]]),
        (("layers", 0, "inputs"), document["layers"][0]["inputs"] * 2),
        (("loss", "type"), other.get(run.name.removesuffix("-0001"), "categorical_crossentropy")),
        (("csv", "target"), "column_3"),
        (("csv", "delimiter"), "|"),
        (("csv", "decimal"), "x"),
        (("csv", "thousands"), "_"),
        (("csv", "header"), not document["csv"]["header"]),
        (("csv", "comment"), "#"),
        (("schema",), 1),
        (("schema",), 3),
        (("schema",), True),
        (("schema",), "2"),
    ]
    if several:
        changes += [
            (("values", "image", "array"), "x_facts"),
            (("values", "image", "array"), None),
            (("values", "facts"), document["values"]["image"]),
            (("layers", 1, "inputs"), ["facts"]),
            (("layers", 3, "inputs"), document["layers"][3]["inputs"][::-1]),
            (("layers", 3, "inputs"), document["layers"][3]["inputs"] * 60),
            (("layers", 3, "type"), "add"),
        ]
    for path, value in changes:
        forged = copy.deepcopy(document)
        section: Any = forged
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value
        _install(copied, file, readable_json(forged))
        assert _judge(copied, _rows(run), "", f"{path} = {str(value)[:80]}")


def _judge_configs(copied: Path, run: Path, document: dict[str, Any]) -> None:
    """The same for a bundle of schema 1, in which the whole config stands."""
    for path, value in (
        (("model", "layers", 0, "units"), 4),
        (("model", "layers", 0, "filters"), 4),
        (("model", "layers", 0, "activation", "type"), "silu"),
        (("model", "layers", 0, "type"), "lstm"),
        (("model", "layers"), []),
        (("loss", "type"), "mean_absolute_error"),
        (("loss",), "huber"),
        (("data", "transforms"), ["min_max"]),
        (("data", "inputs", "facts"), {"array": "x_facts"}),
        (("data", "inputs", "image", "array"), "x_facts"),
        (("data", "target_transform"), None),
        (("data", "source", "delimiter"), ","),
        (("data", "source", "decimal"), "."),
        (("data", "source", "header"), True),
        (("data", "source", "target"), "column_2"),
        (("model", "layers", 3, "input"), "image"),
    ):
        forged = copy.deepcopy(document)
        section: Any = forged["config"]
        for key in path[:-1]:
            if key not in (section if isinstance(section, dict) else range(len(section))):
                break
            section = section[key]
        else:
            known = isinstance(section, dict) and section.get(path[-1]) not in (None, value)
            if not known or (path[-1] in ("transforms", "target") and run.name[0] == "s"):
                continue  # of another run, or of no consequence where arrays are named
            section[path[-1]] = value
            _install(copied, f"{FOLDER}/model.json", readable_json(forged))
            assert _judge(copied, _rows(run), "", str(path))


@pytest.mark.parametrize("name", ["weights", "preprocessing"])
def test_no_forged_array_is_spread_over_others(name: str, run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "runs" / "copy"
    shutil.copytree(run, copied)
    file = f"{FOLDER}/{name}.safetensors"
    expected = dlcli("predict", run, _rows(run)).out
    arrays, words = read_tensors(run / file)
    for key, array in arrays.items():
        flat = array.reshape(-1)
        others = [flat[:1], flat[:0], np.concatenate([flat, flat]), array[np.newaxis]]
        others += [array.astype(np.float16), array.astype(np.int64)]
        others += [np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)]
        for other in others:
            if other.shape == array.shape and other.dtype == array.dtype and other is array:
                continue
            if np.array_equal(other, array) and other.dtype == array.dtype:
                continue
            _install(copied, file, encode_tensors({**arrays, key: other}, words))
            # A constant for all columns means the same as one for the only column.
            same = expected if array.shape == () and other.shape == (1,) else ""
            what = f"{key} as {other.dtype} of shape {other.shape}"
            assert _judge(copied, _rows(run), same, what) or same
        rest = {other: arrays[other] for other in arrays if other != key}
        _install(copied, file, encode_tensors(rest, words))
        assert _judge(copied, _rows(run), "", f"without {key}")
        _install(copied, file, encode_tensors({**arrays, f"{key}x": array}, words))
        assert _judge(copied, _rows(run), "", f"with {key} twice")


@pytest.mark.parametrize("kind", [np.int64, np.float16, np.float64])
def test_no_evaluation_takes_numbers_of_another_type(kind: Any, tmp_path: Path) -> None:
    run = train(_write(tmp_path) / "kinds.yaml", tmp_path / "runs").run
    assert dlcli("evaluate", run).code == 0
    file = "model/weights.safetensors"
    arrays, words = read_tensors(run / file)
    _install(run, file, encode_tensors({name: a.astype(kind) for name, a in arrays.items()}, words))
    call = dlcli("evaluate", run)
    assert call.code == 4 and "weights.safetensors" in call.err and "type" in call.err


def test_no_evaluation_takes_the_weights_of_another_model(tmp_path: Path) -> None:
    run = train(_write(tmp_path) / "kinds.yaml", tmp_path / "runs").run
    document = json.loads((run / "model/model.json").read_bytes())
    document["layers"].insert(1, {"name": "a", "type": "relu", "inputs": ["dense_1"]})
    document["layers"][2]["inputs"] = ["a"]
    _install(run, "model/model.json", readable_json(document))
    call = dlcli("evaluate", run)
    assert call.code == 4 and "other layers than the config" in call.err
