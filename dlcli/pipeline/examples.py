"""Rows of a data part as the engine wants them: gathered, preprocessed, with ready targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import ONLY, Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.engine.context import Context
from dlcli.engine.inference import Examples
from dlcli.engine.layer import Array


def examples_of(
    part: Part,
    targets: Array,
    preprocessing: Mapping[str, Preprocessing],
    inputs: Sequence[str],
) -> Examples:
    """The examples of one part, for a model of these inputs."""
    each = part.each()
    values = [PartExamples(each[name], targets, preprocessing[name], name) for name in inputs]
    return values[0] if len(values) == 1 else SeveralExamples(values, targets)


class PartExamples:
    """The examples of one part.

    Features stay in storage (uint8, or a memory map) until a shard asks for its rows; then
    they are gathered and preprocessed into the worker's own memory.

    targets: as the loss takes them, one for each row of the part.
    name: of the value, where there are several; it tells the memory of a worker apart.
    """

    def __init__(
        self, part: Part, targets: Array, preprocessing: Preprocessing, name: str = ONLY
    ) -> None:
        self._part, self._targets = part, targets
        self._raw, self._x = ("raw", name), ("x", name)
        self._features, self._preprocessing = part.features, preprocessing
        self._row_shape = preprocessing.out_shape

    def __len__(self) -> int:
        return len(self._part)

    def fetch(self, positions: Array, ctx: Context, /) -> tuple[Array, Array]:
        """Prepared features (n, *row_shape) float32, and targets."""
        return self.features(positions, ctx), self._targets[positions]

    def features(self, positions: Array, ctx: Context) -> Array:
        """Prepared features (n, *row_shape) float32."""
        features = self._features
        rows: Any = self._part.rows(positions)
        count = len(positions)
        raw = ctx.scratch(self._raw, (count, *features.shape[1:]), features.dtype)
        # With mode="raise" NumPy would gather into a buffer first; positions are always valid.
        np.take(features, rows, axis=0, out=raw, mode="clip")
        x = ctx.scratch(self._x, (count, *self._row_shape), np.float32)
        self._preprocessing.apply_into(raw, x)
        return x


class SeveralExamples:
    """The examples of one part of data with several values, in the order of the model's inputs."""

    def __init__(self, values: Sequence[PartExamples], targets: Array) -> None:
        self._values, self._targets = values, targets

    def __len__(self) -> int:
        return len(self._targets)

    def fetch(self, positions: Array, ctx: Context, /) -> tuple[Array, ...]:
        """Prepared features of each value, and targets."""
        return *(one.features(positions, ctx) for one in self._values), self._targets[positions]
