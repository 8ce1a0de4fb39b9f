"""Sums and means that have one possible order; those of np.sum are NumPy's to choose."""

import math
from collections.abc import Sequence

import numpy as np

from dlcli.engine.layer import Array


def ratio(above: float, below: float) -> float:
    """above / below, and 0 where there is nothing to divide by."""
    return above / below if below else 0.0


def weighted_mean(scores: Sequence[float], weights: Sequence[float]) -> float:
    """The mean of the scores; fsum rounds once, while Python's sum differs between versions."""
    products = [score * weight for score, weight in zip(scores, weights, strict=True)]
    return ratio(math.fsum(products), math.fsum(weights))


def mean(scores: Sequence[float]) -> float:
    """The plain mean; 0 of nothing."""
    return ratio(math.fsum(scores), len(scores))


def total(counts: Array) -> float:
    """The sum of counts of rows, or of their weights."""
    return int(counts.sum()) if counts.dtype.kind == "i" else math.fsum(counts.reshape(-1).tolist())


def along(counts: Array, axis: int) -> Array:
    """The sums of counts, or of weights, along an axis."""
    if counts.dtype.kind == "i":
        return np.asarray(np.add.reduce(counts, axis=axis))
    return np.asarray(np.add.accumulate(counts, axis=axis).take(-1, axis))
