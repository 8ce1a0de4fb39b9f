"""Rows that are learned themselves: `data.target: features`, as autoencoders do.

The target of a row is what the transforms make of it, float32, before anything is done to it at
random: so a network that learns from rows with noise learns to take it away. Nothing is kept of
these targets; they are worked out with the rows.
"""

from collections.abc import Iterator

import numpy as np

from dlcli.config import LoadedConfig
from dlcli.data.dataset import ONLY, Dataset, Part, rows_per_chunk
from dlcli.data.preprocessing import Preprocessing
from dlcli.engine.arrays import Array, Shape
from dlcli.errors import DataError
from dlcli.pipeline.examples import Learned
from dlcli.pipeline.measures import About, about_these
from dlcli.pipeline.prepare import Prepared
from dlcli.progress import work


def rebuilds(loaded: LoadedConfig) -> bool:
    """Whether rows are learned themselves."""
    return loaded.config.data.target == "features"


def shape_error(out_shape: Shape, row_shape: Shape) -> str:
    """What is wrong with a last layer whose rows have another shape than the features."""
    words = (
        f"with `data.target: features` the last layer must give rows of shape {row_shape}, which "
        f"the transforms leave; it gives rows of shape {out_shape}"
    )
    if np.prod(out_shape) == np.prod(row_shape):
        return f"{words}: put a `reshape` layer with target_shape {list(row_shape)} behind it"
    return words


def learned_from_features(
    loaded: LoadedConfig, prepared: Prepared
) -> tuple[dict[str, Learned], About]:
    """What the rows of each part are learned from, and where their numbers lie, for the metrics.

    DataError for numbers that the loss cannot take.
    """
    dataset, preprocessing = prepared.dataset, prepared.preprocessing[ONLY]
    if loaded.config.loss.type == "binary_crossentropy":
        _require_shares(dataset, preprocessing)
    learned = {}
    for role, part in dataset.parts().items():
        weights = None if part.weights_array is None else part.weights_array.astype(np.float32)
        learned[str(role)] = Learned(None, weights, weights)
    return learned, _about(dataset.train, preprocessing)


def _chunks(part: Part, preprocessing: Preprocessing) -> Iterator[tuple[int, Array]]:
    """The prepared rows of a part as (n, numbers), each time with the position of the first."""
    step = rows_per_chunk(preprocessing.out_shape)
    with work("look at the features", len(part)) as at:
        for start in range(0, len(part), step):
            at(start)
            some = slice(start, min(start + step, len(part)))
            rows = preprocessing.apply(part.take_features(some))
            yield start, rows.reshape(len(rows), -1)


def _require_shares(dataset: Dataset, preprocessing: Preprocessing) -> None:
    for role, part in dataset.parts().items():
        for start, rows in _chunks(part, preprocessing):
            good = ((rows >= 0.0) & (rows <= 1.0)).all(axis=1)
            if good.all():
                continue
            place = int(np.argmin(good))
            row = rows[place]
            value = row[~((row >= 0.0) & (row <= 1.0))][0]
            raise DataError(
                f"the features hold {value:g} behind the transforms, in the "
                f"{'training' if role == 'train' else role} part "
                f"({part.where(start + place)}): `binary_crossentropy` with `data.target: "
                "features` learns numbers from 0 to 1. Bring them there by a transform (`rescale`, "
                "`min_max` and `clip`), or use `mean_squared_error`"
            )


def _about(part: Part, preprocessing: Preprocessing) -> About:
    """The mean of each number of a row, and how far others are from it at most."""
    total: Array | None = None
    low = high = np.zeros(0)
    for _, rows in _chunks(part, preprocessing):
        if total is None:
            total = np.zeros(rows.shape[1])
            low, high = np.full(rows.shape[1], np.inf), np.full(rows.shape[1], -np.inf)
        total += rows.sum(axis=0, dtype=np.float64)
        np.minimum(low, rows.min(axis=0), out=low)
        np.maximum(high, rows.max(axis=0), out=high)
    assert total is not None
    mean = total / len(part)
    return about_these(mean, np.maximum(high - mean, mean - low))
