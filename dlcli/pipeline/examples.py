"""Rows of a data part as the engine wants them: gathered, preprocessed, with ready targets."""

from typing import Any

import numpy as np

from dlcli.data.dataset import Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Shape


class PartExamples:
    """The examples of one part.

    Features stay in storage (uint8, or a memory map) until a shard asks for its rows; then
    they are gathered and preprocessed into the worker's own memory.

    targets: as the loss takes them, one for each row of the part.
    """

    def __init__(
        self, part: Part, targets: Array, preprocessing: Preprocessing, row_shape: Shape
    ) -> None:
        self._part, self._targets = part, targets
        self._preprocessing, self._row_shape = preprocessing, row_shape

    def __len__(self) -> int:
        return len(self._part)

    def fetch(self, positions: Array, ctx: Context, /) -> tuple[Array, Array]:
        """Prepared features (n, *row_shape) float32, and targets."""
        features = self._part.features
        rows: Any = self._part.rows(positions)
        count = len(positions)
        raw = ctx.scratch("raw", (count, *features.shape[1:]), features.dtype)
        # With mode="raise" NumPy would gather into a buffer first; positions are always valid.
        np.take(features, rows, axis=0, out=raw, mode="clip")
        x = ctx.scratch("x", (count, *self._row_shape), np.float32)
        self._preprocessing.apply_into(raw, x)
        return x, self._targets[positions]
