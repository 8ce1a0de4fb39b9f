"""Golden digests: what small trainings must give on every machine of the portable class.

A change of the engine that changes bits raises `ENGINE` in dlcli/numerics.py and comes with new
golden digests, in a commit of its own. They are written by

    python -m tests.exactness.golden
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from dlcli import numerics
from dlcli.artifacts.digests import digest_document
from dlcli.artifacts.manifest import read_manifest
from tests.exactness.runs import CNN, SMALL, changed, train, write

FILE = Path(__file__).with_name("golden.json")

WIDE: dict[str, Any] = changed(
    CNN,
    name="wide",
    model={
        "layers": [
            {"type": "conv2d", "filters": 16, "kernel_size": 3, "padding": "same"},
            {"type": "activation", "activation": "relu"},
            {"type": "conv2d", "filters": 16, "kernel_size": 3, "activation": "relu"},
            {"type": "max_pooling2d"},
            {
                "type": "conv2d",
                "filters": 8,
                "kernel_size": [2, 1],
                "strides": [1, 2],
                "activation": {"type": "gelu"},
                "kernel_initializer": {"type": "orthogonal"},
            },
            {"type": "average_pooling2d", "pool_size": 2, "strides": 1, "padding": "same"},
            {"type": "flatten"},
            {"type": "dropout", "rate": 0.5},
            {"type": "dense", "units": 24, "activation": "silu"},
            {"type": "dense", "units": 10, "kernel_initializer": {"type": "he_normal"}},
            {"type": "activation", "activation": "softmax"},
        ]
    },
    optimizer={"type": "adamw", "exclude_from_weight_decay": ["bias"]},
    training={"epochs": 1, "batch_size": 32, "max_steps": 12},
)
"""Every kind of convolution that the engine has, and an orthogonal matrix."""

REGRESSION: dict[str, Any] = {
    "name": "regression",
    "data": {
        "source": {"type": "friedman1", "samples": 400},
        "transforms": [{"type": "standardize"}],
        "target_transform": {"type": "standardize"},
    },
    "model": {
        "layers": [
            {"type": "dense", "units": 12, "activation": "elu"},
            {"type": "dense", "units": 12, "activation": "softplus"},
            {"type": "dense", "units": 12, "activation": {"type": "gelu", "approximate": True}},
            {"type": "dense", "units": 1},
        ]
    },
    "loss": {"type": "mean_squared_error"},
    "optimizer": {"type": "rmsprop"},
    "training": {"epochs": 2},
    "evaluation": {"metrics": ["mae", "r2"]},
}

LARGE: dict[str, Any] = changed(
    CNN,
    name="large",
    model={
        "layers": [
            {"type": "flatten"},
            {"type": "dense", "units": 640, "activation": "relu"},
            {"type": "dropout", "rate": 0.5},
            {"type": "dense", "units": 64, "activation": "tanh"},
            {"type": "dense", "units": 10, "activation": "softmax"},
        ]
    },
    optimizer={"type": "adamw", "exclude_from_weight_decay": ["dense_1.kernel"]},
    training={"epochs": 2, "batch_size": 60},
)
"""Kernels so large that their gradients are made piece by piece; batches of several sizes."""

CONFIGS = {config["name"]: config for config in (CNN, WIDE, SMALL, REGRESSION, LARGE)}


def computed(folder: Path, name: str) -> str:
    """The digest of all that one config's epochs are recorded with: tensors and metrics."""
    run = train(write(folder / name, CONFIGS[name]), folder / "runs")
    manifest = read_manifest(run)
    epochs: list[dict[str, Any]] = []
    for epoch in manifest.epochs:
        document = epoch.to_json() | {"tensors": manifest.tensors[epoch.epoch]}
        del document["digest"]  # it follows from the tensors
        epochs.append(document)
    return digest_document(epochs)


def main() -> None:
    """Write the golden digests of this version."""
    assert numerics.numerics_class() == numerics.PORTABLE, numerics.numerics_class()
    with tempfile.TemporaryDirectory() as folder:
        digests = {name: computed(Path(folder), name) for name in CONFIGS}
    document = {"engine": numerics.ENGINE, "digests": digests}
    FILE.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
