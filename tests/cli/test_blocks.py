"""Networks of blocks and paths, as a person uses them."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.cli.calls import dlcli

HEAD = """\
data: {source: digits, transforms: [{type: rescale, scale: 0.0625}]}
loss: sparse_categorical_crossentropy
optimizer: {type: momentum, nesterov: true, weight_decay: 5e-4,
            learning_rate: {type: cosine, peak: 0.05, warmup_epochs: 1}}
training: {epochs: 4, batch_size: 64}
model:
  layers:
"""
NET = """\
    - {type: conv2d, filters: 8, kernel_size: 3, padding: same, use_bias: false}
    - {type: batch_normalization, momentum: 0.9}
    - {type: activation, activation: relu, name: stem}
    - type: repeat
      times: 2
      layers:
        - type: residual
          activation: relu
          layers:
            - {type: conv2d, filters: 8, kernel_size: 3, padding: same, use_bias: false}
            - {type: batch_normalization, momentum: 0.9}
    - {type: branches, branches: [[max_pooling2d], [average_pooling2d]]}
    - {type: max_pooling2d, input: stem, name: side}
    - {type: concatenate, inputs: [branches_1, side]}
    - global_average_pooling2d
    - {type: dense, units: 10, activation: softmax}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "net.yaml").write_text(HEAD + NET)
    call = dlcli("train", folder / "net.yaml", "--output-dir", folder / "runs")
    assert call.code == 0, call.err
    return call.run


def test_the_table_says_what_is_read_where_that_is_not_what_stands_above(run: Path) -> None:
    found = dlcli("validate", run.parents[1] / "net.yaml")
    assert found.code == 0
    lines = {line.split()[1]: line for line in found.out.splitlines() if "\u2502" in line}
    assert "above, stem" in lines["repeat_1.1.residual_1"]
    assert "above, repeat_1.1.residual_1.activation" in lines["repeat_1.2.residual_1"]
    assert "branches_1, above" in lines["concatenate_1"]
    assert "stem" in lines["side"]


def test_arrays_are_named_by_the_path_to_their_layer_and_moving_ones_have_moved(run: Path) -> None:
    arrays = load_file(run / "model/weights.safetensors")
    own = "repeat_1.2.residual_1.batch_normalization_1"
    assert {f"{own}.{slot}" for slot in ("gamma", "beta", "moving_mean", "moving_variance")} <= set(
        arrays
    )
    assert "repeat_1.1.residual_1.conv2d_1.kernel" in arrays
    assert np.abs(arrays[f"{own}.moving_mean"]).max() > 0.01


def test_it_learns_and_everything_that_follows_takes_it(run: Path) -> None:
    assert dlcli("verify", run).code == 0
    assert dlcli("evaluate", run, "--expect", "accuracy>0.8").code == 0
    assert dlcli("reproduce", run, "--workers", "1").code == 0
    rows = run.parent / "rows.npy"
    np.save(rows, np.zeros((3, 8, 8, 1)))
    answers = dlcli("predict", run, rows)
    assert answers.code == 0
    assert len(answers.out.splitlines()) == 4


@pytest.mark.parametrize(
    ("layers", "line", "words"),
    [
        ("    - flatten\n    - {type: residual, layers: [{type: dense, units: 8}]}\n", 9,
         "all inputs must have rows of one shape, but they have (8,) and (64,)"),
        ("    - {type: branches, branches: [[flatten], []]}\n", 8,
         "may differ in their last axis only, but they have rows of (64,) and (8, 8, 1)"),
        ("    - flatten\n    - type: repeat\n      times: 2\n      layers:\n"
         "        - {type: reshape, target_shape: [8, 8]}\n        - global_average_pooling2d\n",
         13, "(8, 8)"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_go_together_are_told_on_the_line_with_both(
    layers: str, line: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "net.yaml").write_text(
        HEAD + layers + "    - {type: dense, units: 10, activation: softmax}\n"
    )
    call = dlcli("validate", tmp_path / "net.yaml")
    assert call.code == 2
    assert f"net.yaml:{line}:" in call.err
    assert words in call.err.replace("\n", " ")


def test_more_epochs_are_refused_where_the_rate_falls_over_the_whole_run(run: Path) -> None:
    call = dlcli("train", "--resume", run, "--set", "training.epochs=6")
    assert call.code == 2
    assert "falls over the whole run" in call.err
