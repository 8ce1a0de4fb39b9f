"""Forward passes over many rows: prediction, and what evaluation (evaluation.py) does as well.

Rows run in shards of one fixed shape, the last one padded with zeros, because a matrix
product's bits depend on its shape: so a row's answer never depends on its neighbours, and
training's own validation, `dlcli evaluate` and `dlcli predict` all give the same bits.
"""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.context import Context, Moment
from dlcli.engine.folding import Inference
from dlcli.engine.layer import Array
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model, Pass


class Forward:
    """One worker's padded forward pass."""

    def __init__(self, model: Model, theta: Array, rows: int) -> None:
        self._rows = rows
        self._pass = Pass(model, model.layout.views(theta), Moment(training=False))
        self._padding = Context("padding")

    def __call__(self, *xs: Array) -> Array:
        """The raw outputs of at most `rows` rows; xs: one array for each of the model's inputs."""
        count = len(xs[0])
        if count < self._rows:
            xs = tuple(self._padded(f"x {place}", x) for place, x in enumerate(xs))
        return self._pass.forward(*xs)[:count]

    def _padded(self, name: str, x: Array) -> Array:
        padded = self._padding.scratch(name, (self._rows, *x.shape[1:]), x.dtype)
        padded[: len(x)] = x
        padded[len(x) :] = 0
        return padded


def predict(model: Model, loss: Loss, theta: Array, x: Array | Sequence[Array], rows: int) -> Array:
    """The model's answers (n, *out_shape) for prepared features: probabilities or values.

    x: the features, or those of each of the model's inputs, in their order.
    """
    xs = (x,) if isinstance(x, np.ndarray) else x
    inference = Inference(model, theta)
    inference.refresh()
    forward = Forward(inference.model, inference.theta, rows)
    answers = np.empty((len(xs[0]), *model.out_shape), np.float32)
    for start in range(0, len(answers), rows):
        y = forward(*(one[start : start + rows] for one in xs))
        answers[start : start + rows] = loss.predict(y)
    return answers
