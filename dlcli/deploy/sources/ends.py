"""What stands before the first step and behind the network, as plain functions, which stand in
written source as they stand here: checks of rows, and what outputs say.

The latter do what `predict` of a loss and `inverse` of a step of a target do.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.portable import expm1, normal_share
from dlcli.data.transforms.curves import TAIL


def stored(rows: Any, shape: Shape, gaps: Collection[int]) -> Array:
    """Rows as an array (n, *shape); ValueError for what is none, or holds Inf or a stray NaN.

    gaps: the columns of a table of which cells may be missing (NaN).
    """
    x = np.asarray(rows)
    if x.dtype.kind == "b":
        x = x.view(np.uint8)
    if x.dtype.kind not in "iuf":
        raise ValueError(f"rows are numbers, not {x.dtype}")
    if (*x.shape[1:], 1) == shape:
        x = x.reshape(-1, *shape)
    if x.shape[1:] != shape or not len(x):
        wanted = ", ".join(map(str, ("n", *shape)))
        raise ValueError(f"rows have shape ({wanted}) with n of at least 1, not {x.shape}")
    if x.dtype.kind == "f":
        wrong = ~np.isfinite(x)
        for position in gaps:
            wrong[..., position] &= np.isinf(x[..., position])
        if wrong.any():
            row, *place = np.argwhere(wrong)[0].tolist()
            raise ValueError(f"row {row} (counted from 0) holds {x[(row, *place)]} at {place}")
    return x


def prepared(x: Array, shape: Shape) -> Array:
    """What the steps have made of rows as float32; ValueError for what is no number any more."""
    found = np.ascontiguousarray(x.reshape(len(x), *shape), np.float32)
    finite = np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"row {int(np.argmin(finite))} (counted from 0) is no number, or too large, once it "
            "is prepared"
        )
    return found


def require_ids(x: Array, count: int) -> None:
    """ValueError where a number is none of 0, 1, ..., count - 1."""
    good = (x >= 0) & (x < count) & (np.floor(x) == x)
    if not good.all():
        row, *place = np.argwhere(~good)[0].tolist()
        raise ValueError(
            f"row {row} (counted from 0) holds {x[(row, *place)]:g} at {place}, where ids are "
            f"whole numbers from 0 to {count - 1}"
        )


def softmax(y: Array) -> Array:
    """The probabilities of classes, (n, classes), of logits."""
    found: Array = np.exp(y - np.maximum.reduce(y, axis=1, keepdims=True))
    found /= np.add.reduce(found, axis=1, keepdims=True)
    return found


def sigmoid(y: Array) -> Array:
    """Probabilities of logits, each on its own."""
    small, one = np.exp(-np.abs(y)), y.dtype.type(1.0)
    found: Array = np.where(y >= 0.0, one, small)
    found /= one + small
    return found


def unscale(y: Array, learned: Mapping[str, Array]) -> Array:
    """y * scale + offset, in float64."""
    return np.asarray(y.astype(np.float64) * learned["scale"] + learned["offset"])


def exponential_less_1(y: Array, learned: Mapping[str, Array]) -> Array:
    """exp(y) - 1, in float64."""
    return expm1(y.astype(np.float64))


def unrank(y: Array, learned: Mapping[str, Array], normal: bool = False) -> Array:
    """The targets of these shares of training's targets, or of normal variables of shares."""
    columns = y.astype(np.float64).reshape(-1, learned["known"].shape[1])
    found = []
    for number, column in enumerate(columns.T):
        known = np.ascontiguousarray(learned["known"][:, number])
        share = np.ascontiguousarray(column)
        if normal:
            share = normal_share(share)
            share = np.where(share <= TAIL, 0.0, np.where(share >= 1.0 - TAIL, 1.0, share))
        shares = np.arange(len(known)) / max(1, len(known) - 1)
        found.append(np.interp(share, shares, known))
    return np.stack(found, axis=1).reshape(y.shape)


def apart(found: Array, wanted: Array) -> tuple[float, bool]:
    """The largest |a - b| of answers a and wanted ones b, and whether each is at most
    1e-5 + 1e-4 |b|; what is not finite must be the same."""
    if found.shape != wanted.shape:
        return float("inf"), False
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        far = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        return float(far.max(initial=0.0)), bool((far <= 1e-5 + 1e-4 * np.abs(b)).all())
