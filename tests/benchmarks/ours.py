"""dlcli as it is measured: its own pipeline from a config to a running training."""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks import cases
from tests.benchmarks.cases import (
    Case,
    Conv,
    Depthwise,
    GlobalAverage,
    NormConv,
    Pool,
    Residual,
    Separable,
    Steps,
)

if TYPE_CHECKING:
    from dlcli.pipeline.job import Job

SAME_AFTER = 20
"""Steps after which the parameters are compared between different numbers of workers."""


def config(case: Case, folder: Path) -> dict[str, Any]:
    """The case as a config; rows are stored ones, and no part is kept from training."""
    from tests.benchmarks import data

    features, target = (str(path) for path in data.files(folder, case.data))
    network = case.network
    layers: list[Any] = []
    channels = network.in_shape[-1]
    for layer in network.layers:
        if isinstance(layer, Conv):
            conv = {"type": "conv2d", "filters": layer.filters, "kernel_size": 3}
            layers.append(conv | {"padding": network.padding, "activation": "relu"})
        elif isinstance(layer, NormConv):
            layers += [*_normalized(layer.filters, 3, 1, network.padding), _RELU]
        elif isinstance(layer, Residual):
            layers.append(_residual(layer, channels))
        elif isinstance(layer, Separable):
            conv = {"type": "separable_conv2d", "filters": layer.filters, "kernel_size": 3}
            layers.append(conv | {"padding": "same", "activation": "relu"})
        elif isinstance(layer, Depthwise):
            conv = {"type": "depthwise_conv2d", "kernel_size": 3, "strides": layer.strides}
            layers += [conv | {"padding": "same", "use_bias": False}, "batch_normalization", _RELU]
            layers += [*_normalized(layer.filters, 1, 1), _RELU]
        elif isinstance(layer, Steps):
            conv = {"type": "conv1d", "filters": layer.filters, "kernel_size": layer.size}
            layers += [conv | {"padding": "same", "activation": "relu"}, "max_pooling1d"]
        elif isinstance(layer, GlobalAverage):
            layers.append(f"global_average_pooling{len(network.in_shape) - 1}d")
        elif isinstance(layer, Pool):
            layers.append("max_pooling2d")
        else:
            if len(network.in_shape) == 3 and layers[-1] != "global_average_pooling2d":
                layers.append("flatten")
            layers.append({"type": "dense", "units": layer.units, "activation": layer.activation})
        channels = getattr(layer, "filters", channels)
    layers[-1]["activation"] = "sigmoid" if network.binary else "softmax"
    transforms: list[Any] = [{"type": "rescale", "scale": 1 / 255}]
    if case.data == "signals":
        transforms = [{"type": "reshape", "target_shape": list(network.in_shape)}]
    elif case.data == "cells":
        transforms = []
    return {
        "version": 1,
        "seed": 1,
        "data": {
            "source": {"type": "npy", "features": features, "target": target},
            "split": {"validation": 0, "test": 0},
            "transforms": transforms,
        },
        "model": {"layers": layers},
        "loss": "binary_crossentropy" if network.binary else "sparse_categorical_crossentropy",
        "optimizer": {"type": "adamw", "learning_rate": 0.01, "weight_decay": 0.01}
        if network.binary
        else "adam",
        "training": {"epochs": 1_000_000, "batch_size": case.batch},
        "evaluation": {"metrics": ["accuracy"]},
    }


_RELU = {"type": "activation", "activation": "relu"}


def _normalized(filters: int, size: int, strides: int, padding: str = "same") -> list[Any]:
    """A convolution without a bias and batch normalization."""
    conv = {"type": "conv2d", "filters": filters, "kernel_size": size, "strides": strides}
    return [conv | {"padding": padding, "use_bias": False}, "batch_normalization"]


def _residual(block: Residual, channels: int) -> dict[str, Any]:
    first = _normalized(block.filters, 3, block.strides)
    written = {
        "type": "residual",
        "activation": "relu",
        "layers": [*first, _RELU, *_normalized(block.filters, 3, 1)],
    }
    if (block.strides, block.filters) != (1, channels):
        written["shortcut"] = _normalized(block.filters, 1, block.strides)
    return written


def ready(case: Case, folder: Path) -> "Job":
    """Stages 1 and 2 of the case, with as many rows an epoch as peers get."""
    from dlcli.config import parse_config
    from dlcli.pipeline import prepare
    from dlcli.pipeline.job import Job
    from dlcli.pipeline.progress import NullReporter

    loaded = parse_config(json.dumps(config(case, folder)), "benchmark.yaml")
    made = Job.ready(loaded, prepare.places(folder, None), NullReporter())
    made.examples = {"train": Fewer(made.examples["train"], case.rows)}
    return made


class Fewer:
    """The first rows of some examples."""

    def __init__(self, examples: Any, rows: int) -> None:
        self._rows = min(rows, len(examples))
        self.fetch = examples.fetch

    def __len__(self) -> int:
        return self._rows


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows a second of the case, in the way that the name in `spec` says."""
    from dlcli import numerics

    numerics.pin("native" if spec["who"] == cases.NATIVE else "portable")
    case, folder = cases.BY_NAME[spec["case"]], Path(spec["folder"])
    made = ready(case, folder)
    workers = 1 if spec["who"] == cases.ALONE else processors()
    if case.task == "train":
        result = _train(made, workers)
    elif spec["who"] == cases.EVALUATE:
        result = _evaluate(made, workers)
    else:
        result = _predict(made)
    shard = made.design.recipe.shard_size
    return {**result, "shard": shard, "numerics": numerics.numerics_class()}


def _train(made: "Job", workers: int) -> dict[str, Any]:
    """Training as `dlcli train` does it, with what it keeps account of, but without files."""
    from dlcli.engine.team import team
    from dlcli.engine.training import StepReport
    from tests.benchmarks.timing import measure

    session = made.session
    training = session.training
    with team(training.phases, workers) as crew:
        reports = session.run(crew)

        def step() -> int:
            before = training.progress.rows
            report = next(reports)
            while not isinstance(report, StepReport):
                before = 0
                report = next(reports)
            return report.rows - before

        for _ in range(SAME_AFTER):
            step()
        digest = hashlib.sha256(training.theta.tobytes()).hexdigest()
        return {**measure(step), "workers": workers, "parameters": digest}


def _predict(made: "Job") -> dict[str, Any]:
    """Answers to prepared rows, as `dlcli predict` and the deployed bundle give them."""
    import numpy as np

    from dlcli.engine.context import Context
    from dlcli.engine.inference import predict
    from tests.benchmarks.timing import measure

    recipe, examples = made.design.recipe, made.examples["train"]
    theta = recipe.model.layout.initial(recipe.seed)
    (x,), *_ = examples.fetch(np.arange(len(examples)), Context())

    def step() -> int:
        predict(recipe.model, recipe.loss, theta, x)
        return len(x)

    return {**measure(step), "workers": 1}


def _evaluate(made: "Job", workers: int) -> dict[str, Any]:
    """Fetching, forward, loss and metrics by the whole team, as `dlcli evaluate` does it."""
    from dlcli.engine.evaluation import Evaluator
    from dlcli.engine.team import team
    from tests.benchmarks.timing import measure

    recipe = made.design.recipe
    theta = recipe.model.layout.initial(recipe.seed)
    evaluation = Evaluator(
        recipe.model, recipe.loss, recipe.metrics, theta, made.examples, recipe.shard_size
    )
    rows = len(made.examples["train"])
    with team(evaluation.phases, workers) as crew:

        def step() -> int:
            evaluation.run(crew, "train")
            return rows

        return {**measure(step), "workers": workers}
