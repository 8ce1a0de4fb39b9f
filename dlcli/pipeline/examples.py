"""Rows of a data part as the engine wants them: gathered, preprocessed, with ready targets."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from dlcli.data.augmentation import Augmentations, Augmented, Others
from dlcli.data.dataset import Part
from dlcli.data.preprocessing import Preprocessing
from dlcli.engine.batch import Batch
from dlcli.engine.context import Context
from dlcli.engine.layer import Array
from dlcli.frozen import frozen
from dlcli.pipeline.mixed import mixed


@frozen
class Learned:
    """What the rows of a part are learned from, beside their features.

    targets: as the loss takes them, one for each row; None: the prepared features, as they are
        before anything is done to them at random.
    weights: (n,) float32, how much each row counts when it is judged; None: each counts 1.
    training_weights: the same when it is learned from, with the weight of its class.
    original: the targets as the data has them, float64, where `targets` are scaled.
    classes: how many there are, where `targets` are ids of more than two.
    """

    targets: Array | None
    weights: Array | None = None
    training_weights: Array | None = None
    original: Array | None = None
    classes: int | None = None


class PartExamples:
    """The examples of one part.

    inputs: the names of the values that the model reads, in its order.
    augmentations: what is done to the rows of a value when they are learned from, by its name.
    """

    def __init__(
        self,
        part: Part,
        learned: Learned,
        preprocessing: Mapping[str, Preprocessing],
        inputs: Sequence[str],
        augmentations: Mapping[str, Augmentations],
    ) -> None:
        each = part.each()
        self._learned, self._count = learned, len(part)
        self._values = [
            _Value(each[name], preprocessing[name], augmentations.get(name), name)
            for name in inputs
        ]

    def __len__(self) -> int:
        return self._count

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        """Prepared features (n, *row_shape) float32 of each value, targets, and weights."""
        learned = self._learned
        weights = learned.weights if epoch is None else learned.training_weights
        found = [value.rows(positions, ctx, epoch) for value in self._values]
        values = [one.x for one in found]
        weighed = None if weights is None else weights[positions]
        if learned.targets is None:
            (only,) = self._values
            changed = epoch is not None and only.is_changed
            return Batch(values, only.plain(positions, ctx) if changed else values[0], weighed)
        blend = next((one.blend for one in found if one.blend is not None), None)
        if blend is not None:
            return Batch(values, *mixed(blend, learned.targets, weights, learned.classes))
        return Batch(
            values,
            learned.targets[positions],
            weighed,
            None if learned.original is None else learned.original[positions],
        )


class _Value:
    """One value of every row.

    It stays in storage (uint8, or a memory map) until a shard asks for its rows; then they are
    gathered and preprocessed into the worker's own memory.
    """

    def __init__(
        self,
        part: Part,
        preprocessing: Preprocessing,
        augmentations: Augmentations | None,
        name: str,
    ) -> None:
        self._part = part
        self._raw, self._x = ("raw", name), ("x", name)  # the name tells a worker's memory apart
        self._features, self._preprocessing = part.features, preprocessing
        self._row_shape = preprocessing.out_shape
        self._augmentations = augmentations

    @property
    def is_changed(self) -> bool:
        """Whether anything is done to its rows at random."""
        return self._augmentations is not None

    def plain(self, positions: Array, ctx: Context) -> Array:
        """Prepared features as they are, in memory of their own."""
        return self._prepared(positions, ctx, -1)

    def rows(self, positions: Array, ctx: Context, epoch: int | None) -> Augmented:
        """Prepared features (n, *row_shape) float32; augmented in an epoch of training."""
        x = self._prepared(positions, ctx, 0)
        if epoch is None or self._augmentations is None:
            return Augmented(x, None)
        others = Others(len(self._part), partial(self._next, ctx, count(1)))
        return self._augmentations.apply(x, positions, epoch, others)

    def _next(self, ctx: Context, numbers: Iterator[int], positions: Array) -> Array:
        """Other rows, in memory of their own."""
        return self._prepared(positions, ctx, next(numbers))

    def _prepared(self, positions: Array, ctx: Context, number: int) -> Array:
        """Prepared features (n, *row_shape) float32. number: tells apart what is fetched at the
        same time."""
        features = self._features
        rows: Any = self._part.rows(positions)
        size = len(positions)
        raw = ctx.scratch(self._raw, (size, *features.shape[1:]), features.dtype)
        # With mode="raise" NumPy would gather into a buffer first; positions are always valid.
        np.take(features, rows, axis=0, out=raw, mode="clip")
        x = ctx.scratch((*self._x, number), (size, *self._row_shape), np.float32)
        self._preprocessing.apply_into(raw, x)
        return x
