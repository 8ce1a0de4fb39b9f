"""Rows of ids, on the command line: trained on, asked about, and refused where one is none."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dlcli.deploy.bundle import Bundle
from dlcli.errors import DataError
from tests.cli.calls import dlcli, refused, train
from tests.exactness.runs import assert_same, content

TEXT = """\
name: words
data:
  source: {type: csv, path: words.csv, target: y}
  split: {validation: 0.2, test: 0.2}
model:
  layers:
    - {type: embedding, input_dim: 9, output_dim: 4, mask_zero: true}
    - batch_normalization
    - {type: dense, units: 4, activation: tanh}
    - {type: global_average_pooling1d, keepdims: true}
    - flatten
    - {type: dense, units: 1, activation: sigmoid}
loss: binary_crossentropy
optimizer: {type: adam, learning_rate: 0.02}
training: {epochs: 3, batch_size: 13, shard_size: 4}
"""
STEPS = 5


def ids(count: int, seed: int) -> np.ndarray:
    """Rows of 0 to 5 words, and zeros behind them."""
    draw = np.random.default_rng(seed)
    x = draw.integers(1, 9, (count, STEPS))
    x[np.arange(STEPS) >= draw.integers(0, STEPS + 1, (count, 1))] = 0
    return x


def table(x: np.ndarray, y: np.ndarray | None = None) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*(f"w{step}" for step in range(STEPS)), *(["y"] if y is not None else [])])
    writer.writerows(x if y is None else np.column_stack([x, y]))
    return stream.getvalue()


def written(folder: Path, x: np.ndarray, text: str = TEXT) -> Path:
    y = (x == 3).any(axis=1).astype(int)
    (folder / "words.csv").write_text(table(x, y))
    np.savez(folder / "words.npz", x=x.astype(np.int32), y=y)
    path = folder / "words.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ids")
    return train(written(folder, ids(80, 1)), folder / "runs").run


def by_hand(run: Path, x: np.ndarray) -> np.ndarray:
    """The network as it answers, written out."""
    p = load_file(run / "deploy" / "bundle" / "weights.safetensors")
    y = p["embedding_1.embeddings"][x]
    norm = {name: p[f"batch_normalization_1.{name}"] for name in ("gamma", "beta")}
    mean, variance = (p[f"batch_normalization_1.moving_{n}"] for n in ("mean", "variance"))
    y = norm["gamma"] * (y - mean) / np.sqrt(variance + 1e-3) + norm["beta"]
    y = np.tanh(y @ p["dense_1.kernel"] + p["dense_1.bias"])
    real = (x != 0)[:, :, None]
    y = (y * real).sum(axis=1) / np.maximum(real.sum(axis=1), 1)
    return np.asarray(1 / (1 + np.exp(-(y @ p["dense_2.kernel"] + p["dense_2.bias"]))))[:, 0]


def answers(text: str) -> np.ndarray:
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["class", "p_1"]
    return np.array([float(row[1]) for row in rows])


def test_answers_to_a_table_and_to_arrays_are_those_of_the_network_by_hand(
    run: Path, tmp_path: Path
) -> None:
    x = ids(30, 2)
    (tmp_path / "new.csv").write_text(table(x))
    for kind in ("int64", "uint8", "float32"):
        np.save(tmp_path / f"{kind}.npy", x.astype(kind))
    found = dlcli("predict", run, tmp_path / "new.csv")
    np.testing.assert_allclose(answers(found.out), by_hand(run, x), atol=1e-6)
    for kind in ("int64", "uint8", "float32"):
        assert dlcli("predict", run, tmp_path / f"{kind}.npy").out == found.out


def test_an_answer_is_the_same_with_its_padding_before_and_behind(run: Path) -> None:
    bundle = Bundle.load(run / "deploy" / "bundle")
    x = ids(40, 3)
    turned = np.array([np.concatenate([row[row == 0], row[row != 0]]) for row in x])
    assert (turned != x).any()
    np.testing.assert_allclose(bundle.predict(turned), bundle.predict(x), rtol=1e-6)


def test_workers_a_stop_and_a_proof_change_nothing(run: Path, tmp_path: Path) -> None:
    config = run.parent.parent / "words.yaml"
    other = dlcli("train", config, "--output-dir", tmp_path, "--workers", "2").run
    assert_same(content(other), content(run))
    assert dlcli("reproduce", run).code == 0


def test_a_row_with_an_id_too_many_gets_no_answer(run: Path, tmp_path: Path) -> None:
    x = ids(1500, 4)  # more than are answered at once
    x[1200, 3] = 9
    (tmp_path / "new.csv").write_text(table(x))
    said = refused(dlcli("predict", run, tmp_path / "new.csv"), 3)
    assert "Row 1200 of the data (counted from 0, in " in said
    assert "holds 9 (column 'w3'), but the layer `embedding_1` takes ids, whole numbers" in said
    assert "input_dim" not in said
    told = json.loads(dlcli("predict", run, tmp_path / "new.csv", "--json").out)["error"]
    assert (told["column"], told["kind"]) == ("w3", "data")
    with pytest.raises(DataError, match=r"Row 1200 .*holds 9"):
        Bundle.load(run / "deploy" / "bundle").predict(x)
    np.save(tmp_path / "half.npy", ids(3, 5) + 0.5)
    said = refused(dlcli("predict", run, tmp_path / "half.npy"), 3)
    assert "Row 0 of the data" in said and ".5 (column" in said


@pytest.mark.parametrize("command", ["validate", "train"])
@pytest.mark.parametrize("wrong", [-1, 9, 70_000])
def test_an_id_too_many_is_found_before_training(command: str, wrong: int, tmp_path: Path) -> None:
    x = ids(80, 1)
    x[41, 2] = wrong
    config = written(tmp_path, x)
    rest = ["--output-dir", tmp_path / "runs"] if command == "train" else []
    said = refused(dlcli(command, config, *rest), 3)
    assert "words.csv, line 43 (in the t" in said
    assert f"holds {wrong} (column 'w2')" in said
    assert ("a larger `input_dim`" in said) == (wrong > 0)
    assert not (tmp_path / "runs").exists()


def test_ids_that_are_one_of_several_values(tmp_path: Path) -> None:
    text = TEXT.replace(
        "{type: csv, path: words.csv, target: y}",
        "{type: npz, path: words.npz, target: y}\n  inputs: {words: {array: x}}",
    )
    assert dlcli("validate", written(tmp_path, ids(80, 1), text)).code == 0
    x = ids(80, 1)
    x[3, 3] = 12
    said = refused(dlcli("validate", written(tmp_path, x, text)), 3)
    assert "in the input 'words' of the t" in said and "holds 12 (column_4)" in said


def test_validate_says_where_a_mask_is_made_and_where_it_ends(tmp_path: Path) -> None:
    config = written(tmp_path, ids(80, 1))
    layers = json.loads(dlcli("validate", config, "--json").out)["layers"]
    assert {row["name"]: row.get("mask") for row in layers} == {
        "embedding_1": "made",
        "batch_normalization_1": "used, passed on",
        "dense_1": "passed on",
        "dense_1.activation": "passed on",
        "global_average_pooling1d_1": "used, ends",
        "flatten_1": None,
        "dense_2": None,
    }
    shown = dlcli("validate", config).out
    assert "mask" in shown and "used, ends" in shown
    config.write_text(TEXT.replace(", mask_zero: true", ""))
    assert "mask" not in dlcli("validate", config).out


def test_ids_are_not_changed_at_random(tmp_path: Path) -> None:
    noise = "\n  augmentation: [{type: gaussian_noise, stddev: 0.1}]\nmodel:"
    config = written(tmp_path, ids(80, 1), TEXT.replace("\nmodel:", noise))
    said = refused(dlcli("validate", config), 2)
    assert "words.yaml:5:18: the layer `embedding_1` takes these numbers for ids" in said
