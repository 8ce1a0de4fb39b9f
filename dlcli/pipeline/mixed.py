"""Targets and weights of rows that are mixed of several; see dlcli/data/augmentation/mixing.py."""

import numpy as np

from dlcli.data.augmentation import Blend
from dlcli.engine.layer import Array


def mixed(
    blend: Blend, targets: Array, weights: Array | None, classes: int | None
) -> tuple[Array, Array | None]:
    """The targets and the weights of rows that are made of others.

    targets, weights: of the training part. classes: how many there are where targets are their ids,
    which become one-hot rows. With shares s, weights w and targets t of what a row is made of, its
    weight is W = sum(s w), and its target sum(s w t) / W.
    """
    shares, total = blend.shares, None
    if weights is not None:
        counted = shares * weights[blend.rows]
        total = _added(counted)
        there = (total > 0.0)[:, np.newaxis]
        counted = counted / np.where(there, total[:, np.newaxis], np.float32(1.0))
        shares = np.where(there, counted, shares)
    target: Array | None = None
    for column in range(shares.shape[1]):
        part = _told_apart(targets[blend.rows[:, column]], classes)
        part = part * shares[:, column].reshape(-1, *(1,) * (part.ndim - 1))
        target = part if target is None else target + part
    assert target is not None
    return target, total


def _told_apart(targets: Array, classes: int | None) -> Array:
    """Targets that can be mixed: floats, of class ids the one-hot rows."""
    if classes is not None:
        rows = np.zeros((len(targets), classes), np.float32)
        rows[np.arange(len(targets)), targets] = 1.0
        return rows
    return targets if targets.dtype.kind == "f" else targets.astype(np.float32)


def _added(numbers: Array) -> Array:
    """The sum of each row, from left to right."""
    total = numbers[:, 0]
    for column in range(1, numbers.shape[1]):
        total = total + numbers[:, column]
    return total
