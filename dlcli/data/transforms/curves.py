"""Numbers bent and bounded, each on its own: `clip`, `log1p` and `quantile`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit, TrainingRows
from dlcli.data.portable import log1p, normal_quantile
from dlcli.data.transforms.choosing import Chosen
from dlcli.data.transforms.columnwise import (
    Columnwise,
    OfNumbers,
    ascending,
    chosen_positions,
    gathered,
    quantiles,
)
from dlcli.frozen import frozen

TAIL = 1e-7
"""Nearer to 0 or 1 a probability is taken for this one, as in scikit-learn."""


@frozen
class Clipped(Columnwise):
    """y = min(max(x, minimum), maximum); None: no bound."""

    word = "clip"

    in_shape: Shape
    positions: tuple[int, ...]
    minimum: float | None
    maximum: float | None

    def values(self, x: Array, number: int) -> Array:
        if self.minimum is not None:
            x = np.where(x < self.minimum, self.minimum, x)
        return x if self.maximum is None else np.where(x > self.maximum, self.maximum, x)

    def options(self) -> dict[str, Any]:
        return {"minimum": self.minimum, "maximum": self.maximum}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], count: int
    ) -> dict[str, Any]:
        low, high = entry["minimum"], entry["maximum"]
        given = [bound for bound in (low, high) if bound is not None]
        if not given or not all(type(b) is float and np.isfinite(b) for b in given):
            raise ValueError("impossible bounds")
        return {"minimum": low, "maximum": high}


@frozen
class Clip(OfNumbers):
    """y = min(max(x, minimum), maximum), as numpy.clip; one of the bounds may be left out."""

    fitted = Clipped

    minimum: float | None = None
    maximum: float | None = None
    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Clipped:
        positions = chosen_positions(rows, self.columns, "clip")
        bounds = (None if b is None else float(b) for b in (self.minimum, self.maximum))
        return Clipped(rows.shape, positions, *bounds)


@frozen
class Logged(Columnwise):
    """y = log(1 + x)."""

    word = "log1p"

    in_shape: Shape
    positions: tuple[int, ...]

    def values(self, x: Array, number: int) -> Array:
        return log1p(x)


@frozen
class Log1p(OfNumbers):
    """y = log(1 + x), for amounts that differ by orders of magnitude; x is above -1."""

    fitted = Logged

    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Logged:
        positions = chosen_positions(rows, self.columns, "log1p")
        least = np.full(len(positions), np.inf)
        for chunk in rows.chunks():
            cells = chunk[..., list(positions)].reshape(-1, len(positions))
            least = np.fmin(least, np.fmin.reduce(cells, axis=0))
        if (least <= -1.0).any():
            number = int(np.argmax(least <= -1.0))
            raise Misfit(
                f"column {rows.called(positions[number])!r} holds {least[number]:g} in the "
                "training part, and log1p takes numbers above -1; leave it out by `columns`, or "
                "scale it otherwise.",
                "columns",
            )
        return Logged(rows.shape, positions)


@frozen
class Ranked(Columnwise):
    """The share of training numbers below x, between known ones linear; or the normal variable of
    that share.

    known: (numbers, positions) float64: ascending quantiles of each column, equally far apart in
        share, from the smallest to the largest.
    """

    word = "quantile"

    in_shape: Shape
    positions: tuple[int, ...]
    known: Array
    normal: bool = False

    def values(self, x: Array, number: int) -> Array:
        known = np.ascontiguousarray(self.known[:, number])
        shares = np.arange(len(known)) / max(1, len(known) - 1)
        # Where numbers come again, from both sides: the middle of their shares.
        up = np.interp(x, known, shares)
        down = np.interp(-x, -known[::-1], -shares[::-1])
        share = 0.5 * (up - down)
        share = np.where(x >= known[-1], 1.0, np.where(x <= known[0], 0.0, share))
        if not self.normal:
            return np.asarray(np.where(np.isnan(x), x, share))
        held = np.where(np.isnan(x), 0.5, np.clip(share, TAIL, 1.0 - TAIL))
        return np.asarray(np.where(np.isnan(x), x, normal_quantile(held)))

    def options(self) -> dict[str, Any]:
        return {"normal": self.normal}

    def arrays(self) -> dict[str, Array]:
        return {"known": self.known}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], count: int
    ) -> dict[str, Any]:
        known = arrays["known"]
        good = known.dtype == np.float64 and known.ndim == 2 and known.shape[1] == count
        if not good or not np.isfinite(known).all() or not (np.diff(known, axis=0) >= 0.0).all():
            raise ValueError("impossible quantiles")
        if type(entry["normal"]) is not bool or not len(known):
            raise ValueError("another distribution")
        return {"known": known, "normal": entry["normal"]}


@frozen
class Quantile(OfNumbers):
    """The rank of a number among those of the training part, from 0 to 1; or a normal variable of
    that rank, from -5.2 to 5.2. It makes any distribution even, and outliers harmless.

    n_quantiles: how many numbers are kept to tell ranks by, at most as many as there are rows.
    output_distribution: uniform or normal.

    Source: sklearn.preprocessing.QuantileTransformer, fitted on all rows instead of 10,000 drawn
    ones.
    """

    fitted = Ranked

    n_quantiles: int = 1000
    output_distribution: str = "uniform"
    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Ranked:
        positions = chosen_positions(rows, self.columns, "quantile")
        table = gathered(rows, positions)
        count = min(self.n_quantiles, len(table))
        shares = np.arange(count) / max(1, count - 1)
        known = np.stack(
            [quantiles(values, shares) for values in ascending(table, positions)], axis=1
        )
        return Ranked(
            rows.shape,
            positions,
            np.maximum.accumulate(known, axis=0),
            self.output_distribution == "normal",
        )
