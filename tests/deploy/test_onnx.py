"""The format `onnx`: what is written answers in ONNX Runtime as the engine does."""

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from dlcli import __version__
from dlcli.artifacts.tensors import read_tensors
from dlcli.config.loading import LoadedConfig, parse_config
from dlcli.data.dataset import ONLY
from dlcli.data.rows import read_rows
from dlcli.data.strange import codes_of_unknown, takes_missing, takes_unknown
from dlcli.dates import to_seconds
from dlcli.deploy.answer_table import answer_table
from dlcli.deploy.bundle import GOLDEN, Bundle
from dlcli.deploy.exporter import require_near
from dlcli.deploy.onnx import files
from dlcli.deploy.onnx.exporter import OnnxExporter
from dlcli.deploy.onnx.files import model_bytes, network_bytes
from dlcli.deploy.onnx.inputs import feeds
from dlcli.deploy.rows_like import rows_like
from dlcli.errors import ExportError
from tests.cli.calls import dlcli, refused
from tests.cli.small import write
from tests.deploy.onnx_runs import Exported, exported

Array = npt.NDArray[Any]


def parsed(text: str) -> LoadedConfig:
    return parse_config(text + "optimizer: adam\ntraining: {epochs: 1}\n", "net")


def tables_agree(net: Exported, rows: Mapping[str, Array]) -> None:
    """The outputs are those of the table of answers, and so are the labels."""
    answers = net.bundle.predict(rows)
    header, lines = answer_table(net.bundle, answers)
    found = net.run(feeds(net.bundle, rows))
    if header[0] != "class":
        assert list(found) in (["prediction"], ["probabilities"])
        (numbers,) = found.values()
        require_near(numbers, answers, "it")
        return
    assert [str(label) for label in found["label"]] == [str(line[0]) for line in lines]
    wanted = np.array([line[1:] for line in lines])
    if wanted.shape[1] == 1:
        wanted = np.concatenate([1 - wanted, wanted], axis=1)
    require_near(found["probabilities"], wanted, "it")


SHOP = """\
data:
  source: {type: csv, path: shop.csv, target: sold, kinds: {day: date, code: text}}
  transforms:
    - {type: impute, strategy: median, columns: [price, weight], add_indicator: true}
    - {type: impute, strategy: constant, fill_value: nothing, columns: [color]}
    - {type: ordinal, categories: [small, medium, large], handle_unknown: ignore, columns: [size]}
    - {type: impute, strategy: mean, columns: [size]}
    - {type: date_parts, parts: [year, month, weekday, hour, days], cyclic: true}
    - {type: one_hot, columns: [color], handle_unknown: ignore}
    - {type: one_hot, columns: [code], handle_unknown: bucket, min_frequency: 9}
    - {type: category, columns: [town], handle_unknown: bucket, max_categories: 3}
    - {type: hash, columns: [text], num_bins: 5}
    - {type: log1p, columns: [weight]}
    - {type: discretize, columns: [stock], n_bins: 4}
    - {type: quantile, columns: [price], n_quantiles: 20, output_distribution: normal}
    - standardize
model:
  layers:
    - {type: column_embeddings, default_output_dim: 3}
    - {type: dense, units: 16, activation: tanh}
    - {type: dense, units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
"""
HEADER = ["day", "price", "weight", "stock", "color", "size", "code", "town", "text", "label"]
HEADER += ["sold"]
COLORS, TOWNS = ["red", "grün", 'a "b", c', ""], ["Ulm", "Bonn", "Köln", "Trier", "Jena"]


def shop(rows: int, seed: int, strange: bool = False) -> list[list[str]]:
    """Lines of a table; strange: with texts and gaps that training does not have."""
    draw = np.random.default_rng(seed)

    def one(of: Sequence[str], other: str) -> str:
        return other if strange and draw.random() < 0.2 else str(draw.choice(of))

    lines = []
    for row in range(rows):
        gap = draw.random(2) < 0.2
        day = f"{draw.integers(1950, 2040)}-{draw.integers(1, 13):02}-{draw.integers(1, 29):02}"
        lines.append(
            [
                f"{day} {draw.integers(0, 24):02}:30:15.25",
                "" if gap[0] else repr(float(draw.normal() * 50)),
                "" if gap[1] else repr(float(draw.exponential())),
                repr(float(draw.normal())),
                one(COLORS, "blau"),
                one(["small", "large", "medium"], "huge"),
                one(["007", "7", "1e3", *map(str, range(20))], "8.5"),
                one(TOWNS, ""),
                one([f"text {row % 40}", "ü"], f"new {row}"),
                repr(float(draw.integers(0, 5))),
                ["no", "yes", "1"][row % 3],
            ]
        )
    return lines


def write_csv(path: Path, lines: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *lines])


@pytest.fixture(scope="module")
def shopping(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("shop")
    write_csv(folder / "shop.csv", shop(400, 1))
    return exported(parsed(SHOP), folder)


def as_inputs(net: Exported, lines: list[list[str]]) -> dict[str, Array]:
    """Cells as somebody would give them, who knows the schema of the file alone."""
    proto = onnx.load(net.folder / "model.onnx")
    (schema,) = [json.loads(one.value) for one in proto.metadata_props if one.key == "schema"]
    given: dict[str, Array] = {}
    for entry in schema:
        cells = [line[HEADER.index(entry["name"])] for line in lines]
        if entry["kind"] == "text":
            given[entry["name"]] = np.array(cells, object).reshape(-1, 1)
            continue
        number = to_seconds if entry["kind"] == "date" else float
        found = [number(cell) if cell else math.nan for cell in cells]
        given[entry["name"]] = np.array(found, np.float64).reshape(-1, 1)
    return given


def by_predict(bundle: Bundle, path: Path) -> Array:
    """The stored rows of a CSV, as `dlcli predict` reads it."""
    fitted = bundle.preprocessing[ONLY]
    odd = takes_unknown(fitted), takes_missing(fitted), codes_of_unknown(fitted)
    return read_rows(path, fitted.columns, fitted.row_shape, bundle.csv, *odd)


@pytest.mark.parametrize("count", [1, 7, 1000])
@pytest.mark.parametrize("strange", [False, True])
def test_a_table_of_texts_dates_and_gaps_is_answered_as_predict_does(
    shopping: Exported, strange: bool, count: int, tmp_path: Path
) -> None:
    lines = shop(count, 2, strange)
    write_csv(tmp_path / "rows.csv", lines)
    rows = by_predict(shopping.bundle, tmp_path / "rows.csv")
    answers = shopping.bundle.predict(rows)
    found = shopping.run(as_inputs(shopping, lines))
    require_near(found["probabilities"], answers, "it")
    assert found["probabilities"].dtype == np.float32
    names = list(shopping.bundle.classes or ())
    sure = np.sort(answers, axis=1)[:, -1] - np.sort(answers, axis=1)[:, -2] > 1e-5
    wanted = np.array(names, object)[answers.argmax(axis=1)]
    assert found["label_"].shape == (count,) and (found["label_"] == wanted)[sure].all()


def test_the_proof_of_it(shopping: Exported) -> None:
    proof = shopping.prove()
    assert proof.runtime is not None and proof.runtime.startswith("onnxruntime 1.")
    assert proof.rows == 1016 and proof.largest_difference < 1e-5


def test_a_column_may_be_called_like_an_output(shopping: Exported) -> None:
    """The table has a column `label`, and the output makes way."""
    model = onnx.load(shopping.folder / "model.onnx")
    assert [one.name for one in model.graph.input] == HEADER[:-1]
    assert [one.name for one in model.graph.output] == ["label_", "probabilities"]


NETS: dict[str, str] = {
    "binary": """\
data: {source: breast_cancer, transforms: [standardize]}
model: {layers: [{type: dense, units: 8, activation: silu}, {type: dense, units: 1}]}
loss: bce
""",
    "classes by number": """\
data: {source: {type: npz, path: rows.npz, features: flat, target: y}, transforms: [robust]}
model: {layers: [{type: dense, units: 4}]}
loss: sparse_categorical_crossentropy
""",
    "regression": """\
data: {source: friedman1}
model: {layers: [{type: dense, units: 8, activation: gelu}, {type: dense, units: 1}]}
loss: mse
""",
    "labels": """\
data: {source: {type: npz, path: rows.npz, features: flat, target: labels}}
model: {layers: [{type: dense, units: 8, activation: elu}, {type: dense, units: 2}]}
loss: bce
""",
    "several numbers": """\
data:
  source: {type: npz, path: rows.npz, features: flat, target: numbers}
  target_transform: standardize
model: {layers: [{type: dense, units: 8, activation: softplus}, {type: dense, units: 2}]}
loss: mae
""",
    "images": """\
data:
  source: digits
  transforms: [{type: resizing, height: 6, width: 7}, {type: min_max, maximum: 2}]
model:
  layers:
    - {type: conv2d, filters: 6, kernel_size: 3, padding: same, strides: 2}
    - batch_normalization
    - {type: activation, activation: leaky_relu}
    - {type: residual, layers: [{type: conv2d, filters: 6, kernel_size: 3, padding: same}]}
    - {type: max_pooling2d, padding: same}
    - flatten
    - {type: dense, units: 12, activation: softmax}
loss: sparse_categorical_crossentropy
""",
    "pixels of 8 bits": """\
data: {source: {type: npz, path: rows.npz, features: image, target: y}, transforms: [min_max]}
model:
  layers:
    - {type: conv2d, filters: 3, kernel_size: 2}
    - global_average_pooling2d
    - {type: dense, units: 4}
loss: sparse_categorical_crossentropy
""",
    "ids": """\
data: {source: {type: npz, path: rows.npz, features: ids, target: y}}
model:
  layers:
    - {type: embedding, input_dim: 9, output_dim: 4, mask_zero: true}
    - {type: layer_normalization}
    - {type: dense, units: 6, activation: tanh}
    - {type: global_average_pooling1d}
    - {type: dense, units: 4}
loss: sparse_categorical_crossentropy
""",
    "several values": """\
data:
  source: {type: npz, path: rows.npz, target: y}
  inputs:
    picture: {array: image, transforms: [{type: rescale, scale: 0.01}]}
    words: {array: ids}
    facts: {array: flat, transforms: [standardize]}
model:
  layers:
    - {type: conv2d, input: picture, filters: 4, kernel_size: 3, activation: relu}
    - {type: global_max_pooling2d, name: seen}
    - {type: embedding, input: words, input_dim: 9, output_dim: 4, mask_zero: true}
    - {type: global_max_pooling1d, name: read}
    - {type: dense, input: facts, units: 4, name: known}
    - {type: concatenate, inputs: [seen, read, known]}
    - {type: dense, units: 4, activation: softmax}
loss: sparse_categorical_crossentropy
""",
}


def arrays() -> dict[str, Array]:
    draw = np.random.default_rng(4)
    ids = draw.integers(0, 9, (120, 6))
    ids[::3, 4:] = 0
    ids[5] = 0  # a row without a step
    return {
        "flat": draw.normal(size=(120, 5)).astype(np.float32) * 3,
        "image": draw.integers(0, 256, (120, 6, 5, 2)).astype(np.uint8),
        "ids": ids.astype(np.int32),
        "y": np.arange(120) % 4,
        "labels": (draw.random((120, 2)) < 0.4).astype(np.float32),
        "numbers": draw.normal(size=(120, 2)) * 1000 + 5000,
    }


def net_of(name: str, folder: Path) -> Exported:
    np.savez(folder / "rows.npz", **arrays())
    return exported(parsed(NETS[name]), folder)


@pytest.mark.parametrize("name", NETS)
def test_small_networks_of_all_kinds(name: str, tmp_path: Path) -> None:
    net = net_of(name, tmp_path)
    assert net.prove().rows >= 1000
    many = rows_like(net.rows, net.bundle.preprocessing)
    for count in (1, 7, 1000):
        tables_agree(net, {name: rows[:count] for name, rows in many.items()})


@pytest.mark.parametrize("name", ["trees", "prices"])
def test_small_tables(name: str, tmp_path: Path) -> None:
    net = exported(parse_config(write(tmp_path, name).read_text("utf-8"), name), tmp_path)
    net.prove()
    tables_agree(net, net.rows)


@pytest.mark.parametrize(
    "steps",
    [
        "log1p",
        "{type: quantile, n_quantiles: 30}",
        "{type: quantile, output_distribution: normal}",
        "[log1p, {type: min_max, minimum: -2, maximum: 1}, robust]",
    ],
)
def test_every_scale_of_a_target_is_undone(steps: str, tmp_path: Path) -> None:
    text = NETS["regression"].replace(
        "source: friedman1", f"source: friedman1, target_transform: {steps}"
    )
    net = exported(parsed(text), tmp_path)
    assert net.prove().rows == 1016
    found = net.run(feeds(net.bundle, net.rows))["prediction"]
    assert found.dtype == np.float64
    require_near(found, net.bundle.predict(net.rows[ONLY]), "it")


# Rows that dlcli refuses.


def test_what_predict_refuses_is_answered_by_nan_and_no_label(
    shopping: Exported, tmp_path: Path
) -> None:
    good = shop(6, 3)
    odd = [list(line) for line in good]
    odd[1][HEADER.index("stock")] = ""  # had no gap in training
    odd[2][HEADER.index("label")] = "inf"
    odd[3][HEADER.index("label")] = "nan"
    odd[4][HEADER.index("weight")] = "-1.5"  # log1p takes numbers above -1
    found = shopping.run(as_inputs(shopping, odd))
    assert np.isnan(found["probabilities"]).all(axis=1).tolist() == [0, 1, 1, 1, 1, 0]
    assert (found["label_"] == "").tolist() == [0, 1, 1, 1, 1, 0]


STRICT = """\
data:
  source: {type: csv, path: shop.csv, target: sold, features: [color, size, town, label]}
  transforms:
    - {type: one_hot, columns: [color]}
    - {type: ordinal, categories: [small, medium, large], columns: [size]}
    - {type: impute, strategy: constant, columns: [size]}
    - {type: category, columns: [town]}
    - {type: one_hot, columns: [label]}
model: {layers: [{type: column_embeddings, default_output_dim: 2}, {type: dense, units: 3}]}
loss: sparse_categorical_crossentropy
"""


@pytest.mark.parametrize(
    ("column", "cell"),
    [("color", "blau"), ("size", "huge"), ("town", "Rom"), ("town", ""), ("label", "7")],
)
def test_unknown_categories_are_refused_where_they_are_errors(
    column: str, cell: str, tmp_path: Path
) -> None:
    write_csv(tmp_path / "shop.csv", shop(400, 1))
    net = exported(parsed(STRICT), tmp_path)
    net.prove()
    lines = shop(3, 3)
    lines[1][HEADER.index(column)] = cell
    found = net.run(as_inputs(net, lines))
    assert np.isnan(found["probabilities"]).all(axis=1).tolist() == [False, True, False]
    assert (found["label_"] == "").tolist() == [False, True, False]
    write_csv(tmp_path / "rows.csv", lines[1:2])
    with pytest.raises(Exception, match=r"holds|missing"):
        net.bundle.predict(by_predict(net.bundle, tmp_path / "rows.csv"))


@pytest.mark.parametrize("number", [-1, 9, 1000])
def test_what_is_no_id_is_refused(number: int, tmp_path: Path) -> None:
    net = net_of("ids", tmp_path)
    ids = net.rows[ONLY][:3].copy()
    ids[1, 2] = number
    found = net.run({"input": ids})
    assert np.isnan(found["probabilities"]).all(axis=1).tolist() == [False, True, False]
    assert found["label"].tolist()[1] == -1 and min(found["label"][[0, 2]]) >= 0
    found = net.run({"input": ids.astype(np.float32)}, "network.onnx")
    assert np.isnan(found["logits"]).all(axis=1).tolist() == [False, True, False]


# What the files are.


def test_the_versions_are_those_that_are_said(shopping: Exported) -> None:
    model = onnx.load(shopping.folder / "model.onnx")
    assert model.ir_version == 8 and model.producer_name == "dlcli"
    assert model.producer_version == __version__
    domains = {one.domain: one.version for one in model.opset_import}
    assert domains == {"": 18, "ai.onnx.ml": 3, "com.microsoft": 1}  # the last for hashed texts
    own = {node.op_type for node in model.graph.node if node.domain == "com.microsoft"}
    assert own == {"MurmurHash3"}
    plain = onnx.load(shopping.folder / "network.onnx")
    assert {one.domain: one.version for one in plain.opset_import} == {"": 18}
    assert plain.ir_version == 8 and not any(node.domain for node in plain.graph.node)


def test_only_hashed_texts_need_an_operator_of_onnx_runtime(tmp_path: Path) -> None:
    write_csv(tmp_path / "shop.csv", shop(400, 1))
    net = exported(parsed(STRICT), tmp_path)
    model = onnx.load(net.folder / "model.onnx")
    assert {one.domain: one.version for one in model.opset_import} == {"": 18, "ai.onnx.ml": 3}


def test_the_file_says_what_it_is(shopping: Exported) -> None:
    model = onnx.load(shopping.folder / "model.onnx")
    told = {one.key: one.value for one in model.metadata_props}
    assert told.keys() == {"answers", "classes", "dlcli", "loss", "refused", "schema", "weights"}
    assert told["dlcli"] == __version__ and len(told["weights"]) == 64
    assert json.loads(told["classes"]) == ["1", "no", "yes"]
    assert json.loads(told["loss"]) == {"type": "sparse_categorical_crossentropy"}
    assert json.loads(told["answers"])["probabilities"].endswith(
        '["1", "no", "yes"], in this order'
    )
    schema = {entry["name"]: entry for entry in json.loads(told["schema"])}
    assert list(schema) == HEADER[:-1]
    assert schema["day"] == {
        "name": "day", "kind": "date", "dtype": "float64", "shape": [1], "takes_missing": False,
        "missing": "NaN", "unit": "seconds since 1970-01-01 00:00",
    }  # fmt: skip
    assert schema["price"]["takes_missing"] and schema["price"]["kind"] == "numeric"
    assert schema["town"]["categories"] == sorted(TOWNS)
    wanted = {"color": "ignore", "code": "bucket", "town": "bucket", "text": "hash"}
    assert {name: schema[name]["unknown"] for name in wanted} == wanted
    for one in model.graph.input:
        dims = one.type.tensor_type.shape.dim
        assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 1]


def test_the_two_columns_of_a_binary_answer_are_told(tmp_path: Path) -> None:
    net = net_of("binary", tmp_path)
    model = onnx.load(net.folder / "model.onnx")
    told = json.loads({one.key: one.value for one in model.metadata_props}["answers"])
    assert (
        told["probabilities"]
        == 'two columns, [1 - p, p]: of ["benign", "malignant"], in this order'
    )


@pytest.mark.parametrize("name", ["several values", "images"])
def test_the_same_bundle_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    bundle = net_of(name, tmp_path).bundle
    assert model_bytes(bundle) == model_bytes(bundle)
    assert network_bytes(bundle) == network_bytes(bundle)


# What cannot be, and what is found to be wrong.


def test_a_network_of_more_than_two_gigabytes_is_refused(
    shopping: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 400)
    why = OnnxExporter().refuses(shopping.bundle)
    assert why is not None and "one file of ONNX holds at most 400" in why
    monkeypatch.setattr("dlcli.deploy.onnx.serialized.MOST_BYTES", 20_000)
    with pytest.raises(ExportError, match="an ONNX file holds at most 20,000 bytes"):
        model_bytes(shopping.bundle)


@pytest.mark.parametrize("absent", ["onnx", "onnxruntime"])
def test_without_its_packages_it_is_said_what_to_install(
    absent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    config = write(tmp_path, "trees")
    config.write_text(config.read_text() + "\ndeployment: {formats: [bundle, onnx]}\n")
    said = refused(dlcli("validate", config), 2)
    assert f"written and tried by the package {absent}, which is not installed" in said
    assert "pip install 'dlcli[onnx]'" in said


@pytest.mark.parametrize("what", ["answers", "labels", "no model"])
def test_another_answer_is_found(what: str, shopping: Exported, tmp_path: Path) -> None:
    for name in ("model.onnx", "network.onnx", GOLDEN):
        (tmp_path / name).write_bytes((shopping.folder / name).read_bytes())
    model = onnx.load(tmp_path / "model.onnx")
    if what == "answers":
        for tensor in model.graph.initializer:
            if list(tensor.dims) == [3] and tensor.data_type == onnx.TensorProto.FLOAT:
                tensor.raw_data = np.array([0.01, 0, 0], np.float32).tobytes()
    if what == "labels":
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.STRING:
                tensor.string_data[:2] = list(tensor.string_data[:2])[::-1]
    data = model.SerializeToString() if what != "no model" else b"\x08\x08zap"
    (tmp_path / "model.onnx").write_bytes(data)
    told = {
        "answers": "model.onnx in ONNX Runtime does not give the engine's answers",
        "labels": "model.onnx calls row",
        "no model": "is no valid ONNX model",
    }
    with pytest.raises(ExportError, match=told[what]):
        OnnxExporter().prove(shopping.bundle, tmp_path, tmp_path / GOLDEN)


LOUD = """\
data: {source: digits, transforms: [{type: rescale, scale: 300}]}
model:
  layers: [flatten, {type: dense, units: 24}, {type: dense, units: 10, activation: softmax}]
loss: sparse_categorical_crossentropy
"""


def test_raw_outputs_of_thousands_are_compared_as_surely_as_the_engine_knows_them(
    tmp_path: Path,
) -> None:
    """Their last digit decides about probabilities; yet weights that are others are found."""
    net = exported(parsed(LOUD), tmp_path)
    proof = net.prove()
    assert proof.rows == 1016 and proof.largest_difference > 1e-5 and proof.beyond > 0
    assert f"{proof.beyond:,} number" in str(proof.warn())
    noise = 1.0 + 1e-4 * np.random.default_rng(1).normal(size=net.bundle.theta.size)
    moved = replace(net.bundle, theta=(net.bundle.theta * noise).astype(np.float32))
    golden = read_tensors(net.folder / GOLDEN).arrays
    xs = [net.bundle.preprocessing[ONLY].apply(golden["x"])]
    assert np.abs(net.run({"input": xs[0]}, "network.onnx")["logits"]).max() > 1000.0
    with pytest.raises(ExportError, match="does not give the engine's answers"):
        OnnxExporter().prove(moved, net.folder, net.folder / GOLDEN)


def test_a_row_that_overflows_has_no_label(tmp_path: Path) -> None:
    net = exported(parsed(LOUD.replace("scale: 300", "scale: 1e30")), tmp_path)
    theta = net.bundle.theta * np.float32(1e9)
    bundle = replace(net.bundle, theta=theta)
    (tmp_path / "model.onnx").write_bytes(model_bytes(bundle))
    rows = {"input": net.rows[ONLY]}
    with np.errstate(all="ignore"):
        assert np.isnan(bundle.predict(net.rows[ONLY])).all()
    found = Exported(bundle, tmp_path, net.rows).run(rows)
    assert np.isnan(found["probabilities"]).all() and (found["label"] == "").all()


def test_a_training_writes_it(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    config.write_text(config.read_text() + "\ndeployment: {formats: [bundle, onnx]}\n")
    call = dlcli("train", config, "--output-dir", tmp_path / "runs")
    assert call.code == 0, call.err
    (run,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert {path.name for path in (run / "deploy/onnx").iterdir()} == {
        "model.onnx", "network.onnx", GOLDEN,
    }  # fmt: skip
    assert dlcli("verify", run).code == 0
    bundle = Bundle.load(run / "deploy/bundle")
    net = Exported(
        bundle, run / "deploy/onnx", {ONLY: read_tensors(run / "deploy/onnx" / GOLDEN).arrays["x"]}
    )
    tables_agree(net, net.rows)
