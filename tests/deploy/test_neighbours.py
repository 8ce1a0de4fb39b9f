"""A row's answer never depends on its neighbours: alone or among others, at any place, the same
bits. Networks, row lengths and batch shapes are chosen to hit the odd ends of BLAS kernels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config import resolved
from dlcli.config.loading import LoadedConfig, parse_config
from dlcli.data.dataset import ONLY
from dlcli.deploy.bundle import Bundle
from dlcli.pipeline import deploy, design, prepare
from tests.cli.small import write
from tests.deploy.neighbours import require_apart

ROWS = 100


def config(layers: str, *, loss: str, source: str, batch: int, **more: str) -> LoadedConfig:
    transforms = more.get("transforms", "[standardize]")
    target = f"  target_transform: {more['target']}\n" if "target" in more else ""
    return parse_config(
        f"data:\n  source: {source}\n  transforms: {transforms}\n{target}"
        f"model: {{layers: [{layers}]}}\n"
        f"loss: {loss}\noptimizer: adam\ntraining: {{epochs: 1, batch_size: {batch}}}\n",
        "net",
    )


CROSS = "sparse_categorical_crossentropy"
DIGITS = {"source": "digits", "loss": CROSS, "transforms": "[{type: rescale, scale: 0.0625}]"}
TABLE = {"source": "{type: friedman1, samples: 200, features: 13}", "loss": "mse"}


def dense(units: int, more: str = "") -> str:
    return f"{{type: dense, units: {units}{more}}}"


def conv(filters: int, kernel: int, more: str = "") -> str:
    return f"{{type: conv2d, filters: {filters}, kernel_size: {kernel}{more}}}"


RELU = ", activation: relu"
NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": (f"flatten, {dense(37, RELU)}, {dense(10)}", DIGITS),
    "dense, wide": (f"flatten, {dense(130, ', activation: gelu')}, {dense(10)}", DIGITS),
    "wide": (f"flatten, {dense(700, RELU)}, {dense(130)}, {dense(300, RELU)}, {dense(10)}", DIGITS),
    "dense on every pixel": (f"{dense(5, ', activation: softmax')}, flatten, {dense(10)}", DIGITS),
    "one output": (f"{dense(33, ', activation: tanh')}, {dense(1)}", TABLE),
    "one output, scaled target": (f"{dense(8)}, {dense(1)}", {**TABLE, "target": "standardize"}),
    "one layer": (dense(1), TABLE),
    "binary": (
        f"{dense(16, ', activation: silu')}, {dense(1, ', activation: sigmoid')}",
        {"source": "breast_cancer", "loss": "bce"},
    ),
    "convolution by planes": (f"{conv(9, 3, RELU)}, max_pooling2d, flatten, {dense(10)}", DIGITS),
    "convolution by Winograd": (
        f"{conv(8, 3, RELU)}, {conv(17, 3, RELU + ', padding: same')}, max_pooling2d, flatten, "
        + dense(10),
        DIGITS,
    ),
    "plain convolution": (
        f"{conv(6, 3, ', strides: 2, padding: same, activation: elu')}, "
        f"{conv(5, 2, ', dilation_rate: 2')}, average_pooling2d, flatten, {dense(10)}",
        DIGITS,
    ),
}


def bundle(loaded: LoadedConfig, folder: Path) -> tuple[Bundle, np.ndarray[Any, Any]]:
    """The deployed network with weights as they are drawn, and rows to ask it about."""
    prepared = prepare.prepare(loaded, prepare.places(folder, None))
    designed = design.design(loaded, prepared)
    theta = designed.recipe.model.layout.initial(loaded.config.seed)
    run = RunDirectory.create(folder, "net")
    deploy.deploy(run, loaded, prepared, designed, theta)
    part = prepared.dataset.train
    return Bundle.load(run.path("deploy/bundle")), part.take_features(slice(0, ROWS))


BATCHES = (1, 24, 100)


@pytest.mark.parametrize(
    ("net", "batch"),
    [
        # Each net with one of them; the others are for those who have the time.
        pytest.param(net, batch, marks=[pytest.mark.thorough] * ((n - k) % len(BATCHES) > 0))
        for n, net in enumerate(NETS)
        for k, batch in enumerate(BATCHES)
    ],
)
def test_an_answer_is_the_same_alone_and_at_every_place(
    net: str, batch: int, tmp_path: Path
) -> None:
    layers, options = NETS[net]
    loaded = config(layers, batch=batch, **options)
    deployed, rows = bundle(loaded, tmp_path)
    assert deployed.tiled == (net in ("wide", "dense, wide"))
    require_apart(deployed, {ONLY: rows})
    together = deployed.predict(rows)
    alone = np.concatenate([deployed.predict(rows[i : i + 1]) for i in range(ROWS)])
    assert together.tobytes() == alone.tobytes()
    assert deployed.predict(rows[::-1])[::-1].tobytes() == together.tobytes()
    for count in (2, 5, 7, 16, 33):
        assert deployed.predict(rows[:count]).tobytes() == together[:count].tobytes()
    # The same row everywhere: there is no place where it gets another answer.
    same = deployed.predict(np.repeat(rows[17:18], ROWS, axis=0))
    assert (same == together[17]).all()
    # Neighbours that overflow or are not numbers stay with themselves.
    if rows.dtype.kind == "f":
        wild = rows.copy()
        wild[::2] = np.inf
        with np.errstate(all="ignore"):
            assert deployed.predict(wild)[1::2].tobytes() == together[1::2].tobytes()


@pytest.mark.parametrize("name", ["trees", "prices"])
def test_text_columns_and_scaled_targets_too(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name)
    loaded = parse_config(path.read_text(encoding="utf-8"), name)
    deployed, rows = bundle(loaded, tmp_path)
    together = deployed.predict(rows)
    for place in range(len(rows)):
        assert deployed.predict(rows[place : place + 1]).tobytes() == together[place].tobytes()
    assert resolved(loaded.config)["name"] == name
