"""Frozen layers and penalties, as a person uses them: from the table to the deployed model."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dlcli.config import parse_config, resolved_text
from tests.cli.calls import Call, dlcli

HEAD = """\
data: {source: digits, transforms: [{type: rescale, scale: 0.0625}]}
loss: sparse_categorical_crossentropy
optimizer: {type: adamw, weight_decay: 0.1, clipnorm: 1.0}
training: {epochs: 2, batch_size: 64, keep: best}
model:
  initial_weights: start.safetensors
  layers:
"""
BODY = """\
    - type: residual
      trainable: false
      shortcut: [{type: conv2d, filters: 4, kernel_size: 1, name: side}]
      layers:
        - {type: conv2d, filters: 4, kernel_size: 3, padding: same, kernel_regularizer: l2}
        - batch_normalization
    - {type: flatten, trainable: false}
    - {type: dense, units: 8, activation: relu, bias_regularizer: {type: l1, l1: 0.5}}
"""
END = "    - {type: dense, units: 10, kernel_regularizer: {type: l2, l2: 0.05}}\n"
FROZEN = "residual_1"


def written(folder: Path, text: str, *, initial: bool = True) -> Path:
    path = folder / "net.yaml"
    path.write_text(text if initial else text.replace("  initial_weights: start.safetensors\n", ""))
    return path


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the config, and with weights of which none is as it would be drawn."""
    folder = tmp_path_factory.mktemp("frozen")
    drawn = written(folder, HEAD.replace("epochs: 2", "epochs: 1") + BODY + END, initial=False)
    call = dlcli("train", drawn, "--output-dir", folder / "first")
    assert call.code == 0, call.err
    weights = load_file(call.run / "model/weights.safetensors")
    draw = np.random.default_rng(0)
    arrays = {
        name: (draw.uniform(0.1, 0.4, size=array.shape)).astype(np.float32)
        for name, array in weights.items()
    }
    save_file(arrays, folder / "start.safetensors")
    written(folder, HEAD + BODY + END)
    return folder


@pytest.fixture(scope="module")
def run(start: Path) -> Call:
    call = dlcli("train", start / "net.yaml", "--output-dir", start / "runs", "--workers", "1")
    assert call.code == 0, call.err
    return call


def test_frozen_arrays_are_those_of_the_initial_weights_to_the_bit(start: Path, run: Call) -> None:
    before = load_file(start / "start.safetensors")
    after = load_file(run.run / "model/weights.safetensors")
    assert before.keys() == after.keys()
    for name, array in before.items():
        stays = name.startswith(FROZEN)
        assert (array.tobytes() == after[name].tobytes()) == stays, name
    assert sum(name.startswith(FROZEN) for name in after) == 8


def test_they_are_in_checkpoints_and_digests_but_not_among_what_the_optimizer_keeps(
    run: Call,
) -> None:
    epochs = json.loads((run.run / "manifest.json").read_text())["tensors"]
    for tensors in epochs.values():
        assert f"{FROZEN}.conv2d_1.kernel" in tensors
        assert f"{FROZEN}.batch_normalization_1.moving_mean" in tensors
        kept = [name for name in tensors if name.startswith("optimizer.")]
        assert kept and not any(FROZEN in name for name in kept)


def test_the_loss_has_the_penalties_of_what_learns(run: Call) -> None:
    found = json.loads((run.run / "evaluation.json").read_text())["validation"]["metrics"]
    lines = (run.run / "metrics.jsonl").read_text().splitlines()
    assert found["loss"] == min(json.loads(line)["val_loss"] for line in lines)
    arrays = load_file(run.run / "model/weights.safetensors")
    penalty = 0.5 * np.abs(arrays["dense_1.bias"].astype(np.float64)).sum()
    penalty += 0.05 * (arrays["dense_2.kernel"].astype(np.float64) ** 2).sum()
    assert penalty > 0.1
    # The same weights, asked without any penalty, and learning nothing.
    folder = run.run.parents[1]
    save_file(arrays, folder / "kept.safetensors")
    text = (HEAD + BODY + END).replace("start.s", "kept.s").replace(", kernel_regularizer: l2", "")
    text = text.replace(", bias_regularizer: {type: l1, l1: 0.5}", "")
    text = text.replace(", kernel_regularizer: {type: l2, l2: 0.05}", "")
    text = text.replace("optimizer: {type: adamw, weight_decay: 0.1, clipnorm: 1.0}",
                        "optimizer: {type: sgd, learning_rate: 1e-30}")  # fmt: skip
    assert "regularizer" not in text
    plain = folder / "plain.yaml"
    plain.write_text(text)
    call = dlcli("train", plain, "--output-dir", folder / "plain")
    assert call.code == 0, call.err
    bare = json.loads((call.run / "evaluation.json").read_text())["validation"]["metrics"]["loss"]
    assert found["loss"] == pytest.approx(bare + penalty, rel=1e-12)


def test_everything_that_follows_takes_it(run: Call) -> None:
    assert dlcli("verify", run.run).code == 0
    again = dlcli("reproduce", run.run, "--workers", "2")
    assert again.code == 0, again.err
    evaluated = dlcli("evaluate", run.run, "--json")
    result = json.loads((run.run / "evaluation.json").read_text())["test"]["metrics"]
    assert json.loads(evaluated.out)["metrics"]["loss"] == result["loss"]
    model = (run.run / "deploy/bundle/model.json").read_text()
    assert "regularizer" not in model and "trainable" not in model


def test_the_table_shows_what_is_frozen_and_what_learns(start: Path) -> None:
    found = dlcli("validate", start / "net.yaml")
    assert found.code == 0, found.err
    lines = {line.split()[1]: line.split() for line in found.out.splitlines() if "│" in line}
    assert lines["residual_1.conv2d_1"].count("frozen") == 1
    assert lines["residual_1.batch_normalization_1"].count("frozen") == 1
    assert "frozen" not in lines["flatten_1"]  # it has nothing to learn
    learning = 256 * 8 + 8 + 8 * 10 + 10
    assert f"{learning:,}" in lines["total"]
    whole = json.loads(dlcli("validate", start / "net.yaml", "--json").out)
    assert whole["trainable_parameters"] == learning
    assert whole["parameters"] == learning + (9 * 4 + 4) + (4 + 4) + 16
    assert [row["name"] for row in whole["layers"] if row["frozen"]] == [
        "residual_1.conv2d_1", "residual_1.batch_normalization_1", "residual_1.shortcut.side",
    ]  # fmt: skip
    trained = dlcli("train", start / "net.yaml", "--output-dir", start / "more")
    assert f"({learning:,} trainable)" in trained.err


def test_without_frozen_layers_there_is_no_such_column(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "    - flatten\n" + END, initial=False)
    found = dlcli("validate", path)
    assert found.code == 0, found.err
    (header,) = (line for line in found.out.splitlines() if "output" in line)
    assert [word for word in header.split() if word.isalpha()] == [
        "layer", "type", "output", "parameters", "FLOPs", "a", "row",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "line", "column"),
    [
        ("    - flatten\n    - {type: dense, units: 10, trainable: false}\n", 8, 43),
        ("    - flatten\n    - type: repeat\n      times: 2\n      trainable: false\n"
         "      layers: [{type: dense, units: 10}]\n", 10, 18),
        # A normalization without gamma and beta only observes.
        ("    - flatten\n    - {type: batch_normalization, center: false, scale: false}\n"
         "    - {type: dense, units: 10, trainable: false}\n", 9, 43),
    ],
)  # fmt: skip
def test_a_model_that_learns_nothing_is_refused_where_it_is_frozen(
    layers: str, line: int, column: int, tmp_path: Path
) -> None:
    path = written(tmp_path, HEAD + layers, initial=False)
    for command in (("validate", path), ("train", path, "--output-dir", tmp_path / "runs")):
        call = dlcli(*command)
        assert call.code == 2
        assert f"net.yaml:{line}:{column}: every layer with parameters is frozen" in call.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("trainable: 1", "`trainable` must be"),
        ("kernel_regularizer: {type: l2, l2: -0.1}", "`l2` must be"),
        ("kernel_regularizer: l3", "unknown regularizer `l3`"),
        ("gamma_regularizer: l2", "unknown key `gamma_regularizer`"),
    ],
)
def test_what_cannot_be_is_refused(option: str, words: str, tmp_path: Path) -> None:
    text = HEAD + f"    - flatten\n    - {{type: dense, units: 10, {option}}}\n"
    call = dlcli("validate", written(tmp_path, text, initial=False))
    assert call.code == 2
    assert words in call.err


def test_what_does_not_use_them_is_written_as_it_always_was() -> None:
    text = HEAD + "    - flatten\n    - batch_normalization\n" + END.split(", kernel_r")[0] + "}\n"
    plain = parse_config(text, "net.yaml").config
    usual = text.replace("units: 10", "units: 10, trainable: true, kernel_regularizer: null")
    assert resolved_text(plain) == resolved_text(parse_config(usual, "net.yaml").config)
    assert "trainable" not in resolved_text(plain) and "regularizer" not in resolved_text(plain)


def test_what_uses_them_is_read_again() -> None:
    config = parse_config(HEAD + BODY + END, "net.yaml").config
    assert parse_config(resolved_text(config), "net.yaml").config == config
    assert resolved_text(config).count("trainable: false") == 2
    assert resolved_text(config).count("_regularizer: {type: ") == 3
