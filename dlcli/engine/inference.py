"""Answers: forward passes for rows that come alone or with others, at any place.

Rows are kept apart (see products.py), so a block may have any number of them.
"""

import math
from collections.abc import Sequence

import numpy as np

from dlcli.engine.context import Moment
from dlcli.engine.folding import Inference
from dlcli.engine.layer import Array
from dlcli.engine.layers.dense import Dense
from dlcli.engine.losses import Loss
from dlcli.engine.model import Model, Pass
from dlcli.engine.products import DOZEN, WIDE

BLOCK_BYTES = 13 << 18
"""What the values of a block's rows may take, so that they stay in a processor's own cache."""

MOST = 40 * DOZEN
"""Rows of a block, at most."""


class Answers:
    """A model's answers to prepared rows, each as if the row were alone, to the bit.

    tiled: whether dense layers multiply rows in tiles; see products.py. If not, a row has the bits
        of a pass of one row.
    block: how many rows are worth to be asked at once; changes no answer.

    Several workers may use it at the same time.
    """

    def __init__(self, model: Model, loss: Loss, theta: Array, *, tiled: bool) -> None:
        inference = Inference(model, theta)
        inference.refresh()
        self._model, self._theta, self._loss = inference.model, inference.theta, loss
        self._tiled = tiled
        self._passes: dict[int, Pass] = {}
        self.block = _block(model)

    def answer(self, worker: int, *xs: Array) -> Array:
        """The answers (n, *out_shape), probabilities or values, of a block of rows.

        They last until the worker's next block.

        worker: its number; no two use the same one at a time.
        xs: the features of each of the model's inputs, in their order.
        """
        way = self._passes.get(worker)
        if way is None:
            views = self._model.layout.views(self._theta)
            way = Pass(self._model, views, Moment(apart=True, tiled=self._tiled, fixed=True))
            self._passes[worker] = way
        return self._loss.predict(way.forward(*xs))


def _block(model: Model) -> int:
    numbers = sum(math.prod(node.out_shape) for node in model.plain)
    rows = max(1, min(BLOCK_BYTES // (4 * numbers), MOST))
    return rows - rows % DOZEN if rows > DOZEN else rows


def is_tiled(model: Model) -> bool:
    """Whether there is a product in the model for which tiles are worth it."""
    return any(
        isinstance(node.layer, Dense)
        and math.prod(node.in_shape[:-1]) == 1
        and node.in_shape[-1] * node.layer.units >= WIDE
        for node in model.plain
    )


def predict(
    model: Model, loss: Loss, theta: Array, x: Array | Sequence[Array], *, tiled: bool = False
) -> Array:
    """The model's answers (n, *out_shape) for prepared features: probabilities or values.

    x: the features, or those of each of the model's inputs, in their order.
    """
    xs = (x,) if isinstance(x, np.ndarray) else x
    answers = Answers(model, loss, theta, tiled=tiled)
    found = np.empty((len(xs[0]), *model.out_shape), np.float32)
    for start in range(0, len(found), answers.block):
        some = slice(start, start + answers.block)
        found[some] = answers.answer(0, *(one[some] for one in xs))
    return found
