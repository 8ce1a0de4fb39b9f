"""Numbers in bins: `discretize`, in the words of scikit-learn's KBinsDiscretizer."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitting import TrainingRows, Transform
from dlcli.data.transforms.choosing import Chosen, require_columns
from dlcli.data.transforms.columnwise import ascending, chosen_positions, gathered
from dlcli.data.transforms.expanding import Expanding
from dlcli.frozen import frozen

_NARROW = 1e-8
"""A bin that is no wider joins the one before it, as in scikit-learn."""


@frozen
class Binned(Expanding):
    """The number of the bin of each number, from 0; or a column of 0 and 1 for each bin.

    names: of all columns. positions: of the columns, ascending. inner: for each of these, the
        ascending edges between its bins; a number that equals one is in the bin above it.
    """

    word = "discretize"

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    inner: tuple[Array, ...]
    one_hot: bool

    def count(self, number: int) -> int:
        return len(self.inner[number]) + 1 if self.one_hot else 1

    def made_of(self, name: str, number: int) -> list[Column]:
        if not self.one_hot:
            return [Column(name)]
        ends = ["-inf", *(f"{edge:g}" for edge in self.inner[number].tolist()), "inf"]
        return [Column(f"{name}=[{low}, {high})", indicator=True) for low, high in pairwise(ends)]

    def fill(self, cells: Array, number: int, room: Array) -> None:
        numbers = cells.astype(np.float64)
        bins = np.searchsorted(self.inner[number], numbers, side="right")
        if self.one_hot:
            room[...] = bins[:, np.newaxis] == np.arange(self.count(number))
        else:
            room[:, 0] = bins
        room[np.isnan(numbers)] = np.nan

    def options(self) -> dict[str, Any]:
        return {"one_hot": self.one_hot}

    def arrays(self) -> dict[str, Array]:
        return {f"inner_{p}": e for p, e in zip(self.positions, self.inner, strict=True)}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], positions: tuple[int, ...]
    ) -> dict[str, Any]:
        if type(entry["one_hot"]) is not bool:
            raise ValueError("one_hot is neither true nor false")
        inner = tuple(arrays[f"inner_{position}"] for position in positions)
        for edges in inner:
            plain = edges.dtype == np.float64 and edges.ndim == 1 and np.isfinite(edges).all()
            if not plain or not (np.diff(edges) > 0.0).all():
                raise ValueError("impossible edges of bins")
        return {"inner": inner, "one_hot": entry["one_hot"]}


@frozen
class Discretize(Transform):
    """Numbers become the bins that they are in.

    n_bins: how many. strategy: quantile (about equally many training rows in each; bins that would
        be empty are left out) or uniform (equally wide ones, between the extremes).
    encode: one_hot (a column of 0 and 1 for each bin) or ordinal (the number of the bin).
    A number outside of what training had is in the first or the last bin.

    Source: sklearn.preprocessing.KBinsDiscretizer of version 1.9, fitted on all rows; there,
    one_hot is called onehot. Quantiles are the averaged inverse of the distribution function, of
    exact shares.
    """

    fitted = Binned

    n_bins: int = 5
    strategy: str = "quantile"
    encode: str = "one_hot"
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape | None:
        require_columns("discretize takes", self.columns, shape)
        return None if self.encode == "one_hot" else shape

    def fit(self, rows: TrainingRows) -> Binned:
        self.shape_after(rows.shape)
        positions = chosen_positions(rows, self.columns, "discretize")
        inner = tuple(map(self._inner, ascending(gathered(rows, positions), positions)))
        return Binned(rows.shape, rows.names, positions, inner, self.encode == "one_hot")

    def _inner(self, ordered: Array) -> Array:
        """The edges between the bins."""
        if self.strategy == "uniform":
            low, high = ordered[0], ordered[-1]
            edges = low + np.arange(self.n_bins + 1) * ((high - low) / self.n_bins)
        else:
            last = len(ordered) - 1
            found = []
            for share in range(self.n_bins + 1):
                j, rest = divmod(len(ordered) * share, self.n_bins)
                between = (ordered[max(0, j - 1)] + ordered[min(j, last)]) / 2.0
                found.append(ordered[j] if rest else between)
            edges = np.array(found)
        wide = np.concatenate([[True], np.diff(edges) > _NARROW])
        return np.asarray(edges[wide][1:-1])
