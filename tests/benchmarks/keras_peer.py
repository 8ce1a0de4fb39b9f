"""Keras on TensorFlow: `fit` and `predict` on arrays, nothing but the loss, default threads."""

import importlib
import os
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import cases, data
from tests.benchmarks.cases import (
    Conv,
    Depthwise,
    GlobalAverage,
    Network,
    NormConv,
    Pool,
    Residual,
    Separable,
    Steps,
)
from tests.benchmarks.timing import SECONDS, measure, summary


def build(keras: Any, network: Network) -> Any:
    """The network as a compiled Sequential model."""
    make = keras.layers
    stack: list[Any] = [make.Input(network.in_shape)]
    for layer in network.layers:
        if isinstance(layer, Conv):
            stack.append(make.Conv2D(layer.filters, 3, padding=network.padding, activation="relu"))
        elif isinstance(layer, NormConv):
            stack += [*_normalized(make, layer.filters, 3, 1, network.padding), make.ReLU()]
        elif isinstance(layer, Residual):
            stack.append(_residual(keras, layer, stack))
        elif isinstance(layer, Separable):
            conv = make.SeparableConv2D(layer.filters, 3, padding="same", activation="relu")
            stack.append(conv)
        elif isinstance(layer, Depthwise):
            options = {"strides": layer.strides, "padding": "same", "use_bias": False}
            stack += [make.DepthwiseConv2D(3, **options), make.BatchNormalization(), make.ReLU()]
            stack += [*_normalized(make, layer.filters, 1, 1, "same"), make.ReLU()]
        elif isinstance(layer, Steps):
            stack.append(make.Conv1D(layer.filters, layer.size, padding="same", activation="relu"))
            stack.append(make.MaxPooling1D(2))
        elif isinstance(layer, GlobalAverage):
            images = len(network.in_shape) == 3
            stack.append((make.GlobalAveragePooling2D if images else make.GlobalAveragePooling1D)())
        elif isinstance(layer, Pool):
            stack.append(make.MaxPooling2D(2))
        else:
            if len(network.in_shape) == 3 and GlobalAverage() not in network.layers:
                stack.append(make.Flatten())
            last = "sigmoid" if network.binary else "softmax"
            activation = last if layer.activation == "linear" else layer.activation
            stack.append(make.Dense(layer.units, activation=activation))
    model = keras.Sequential(stack)
    if network.binary:
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.01)
        model.compile(loss="binary_crossentropy", optimizer=optimizer)
    else:
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return model


def _normalized(make: Any, filters: int, size: int, strides: int, padding: str) -> list[Any]:
    conv = make.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)
    return [conv, make.BatchNormalization()]


def _residual(keras: Any, block: Residual, before: list[Any]) -> Any:
    """The block as a model of its own."""
    make = keras.layers
    given = make.Input(keras.Sequential(before).output_shape[1:])
    same = (block.strides, block.filters) == (1, given.shape[-1])
    inside = shortcut = given
    first = _normalized(make, block.filters, 3, block.strides, "same")
    for layer in [*first, make.ReLU(), *_normalized(make, block.filters, 3, 1, "same")]:
        inside = layer(inside)
    for layer in [] if same else _normalized(make, block.filters, 1, block.strides, "same"):
        shortcut = layer(shortcut)
    return keras.Model(given, make.ReLU()(make.Add()([inside, shortcut])))


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows a second of the case."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    keras = importlib.import_module("keras")
    case = cases.BY_NAME[spec["case"]]
    x, t = data.load(Path(spec["folder"]), case.data, case.rows)
    model = build(keras, case.network)
    if case.task == "train":
        return summary(_epochs(keras, case, model, x, t))

    def step() -> int:
        model.predict(x, batch_size=case.batch, verbose=0)
        return len(x)

    return measure(step)


def _epochs(keras: Any, case: cases.Case, model: Any, x: Any, t: Any) -> list[float]:
    """The rates of the epochs of one `fit`, from each one's beginning to its end.

    The first one builds the graph and does not count; nor does the time between epochs.
    """
    rates: list[float] = []
    began = first = 0.0

    def begin(epoch: int, logs: Any) -> None:
        nonlocal began, first
        began = time.perf_counter()
        first = began if epoch == 1 else first

    def end(epoch: int, logs: Any) -> None:
        now = time.perf_counter()
        if epoch:
            rates.append(len(x) / (now - began))
        if len(rates) >= 2 and now - first >= SECONDS:
            model.stop_training = True

    clock = keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)
    model.fit(x, t, epochs=100_000, batch_size=case.batch, verbose=0, callbacks=[clock])
    return rates
