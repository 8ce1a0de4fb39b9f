"""Numbers in bins: `discretize`, in the words of scikit-learn's KBinsDiscretizer."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import names_of, positions_of
from dlcli.data.transforms.choosing import Chosen, require_table
from dlcli.data.transforms.columnwise import chosen_positions, column_values
from dlcli.frozen import frozen

_NARROW = 1e-8
"""A bin that is no wider joins the one before it, as in scikit-learn."""


@frozen
class Binned(Fitted):
    """The number of the bin of each number, from 0; or a column of 0 and 1 for each bin.

    names: of all columns. positions: of the columns, ascending. inner: for each of these, the
        ascending edges between its bins; a number that equals one is in the bin above it.
    """

    word = "discretize"
    changes_size = True

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    inner: tuple[Array, ...]
    one_hot: bool

    @property
    def out_shape(self) -> Shape:
        """A column for each bin where `one_hot`, else the shape stays."""
        bins = sum(len(edges) for edges in self.inner) if self.one_hot else 0
        return (self.in_shape[0] + bins,)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        edges = dict(zip(self.positions, self.inner, strict=True))
        start = 0
        for position in range(self.in_shape[0]):
            cells = x[:, position]
            if position not in edges:
                room[:, start] = cells
                start += 1
                continue
            numbers = cells.astype(np.float64)
            holes = np.isnan(numbers)
            bins = np.searchsorted(edges[position], numbers, side="right")
            if not self.one_hot:
                room[:, start] = np.where(holes, np.nan, bins)
                start += 1
                continue
            count = len(edges[position]) + 1
            room[:, start : start + count] = bins[:, np.newaxis] == np.arange(count)
            room[holes, start : start + count] = np.nan
            start += count
        return room

    def columns_after(self, columns: Columns) -> Columns:
        edges = dict(zip(self.positions, self.inner, strict=True))
        after: list[Column] = []
        for position, name in enumerate(self.names):
            if position not in edges:
                after.append(Column(name) if columns is None else columns[position])
            elif not self.one_hot:
                after.append(Column(name))
            else:
                ends = ["-inf", *(f"{edge:g}" for edge in edges[position].tolist()), "inf"]
                after += [
                    Column(f"{name}=[{low}, {high})", indicator=True)
                    for low, high in pairwise(ends)
                ]
        return tuple(after)

    def check_columns(self, columns: Columns) -> None:
        known = [str(j) for j in range(len(self.names))]
        if columns is not None:
            known = [column.name for column in columns]
        if list(self.names) != known:
            raise ValueError(f"the columns are called {known[:9]}, not {list(self.names[:9])}")

    def document(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "positions": list(self.positions),
            "one_hot": self.one_hot,
        }

    def arrays(self) -> dict[str, Array]:
        return {f"inner_{p}": e for p, e in zip(self.positions, self.inner, strict=True)}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Binned":
        names = names_of(entry["names"])
        positions = positions_of(entry["positions"], len(names))
        if (len(names),) != in_shape or not positions or type(entry["one_hot"]) is not bool:
            raise ValueError("bins of another table")
        inner = tuple(arrays[f"inner_{position}"] for position in positions)
        for edges in inner:
            plain = edges.dtype == np.float64 and edges.ndim == 1 and np.isfinite(edges).all()
            if not plain or not (np.diff(edges) > 0.0).all():
                raise ValueError("impossible edges of bins")
        return cls(in_shape, names, positions, inner, entry["one_hot"])


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
        if len(shape) != 1:
            raise Misfit(f"discretize takes columns of a table, but a row has shape {shape}.")
        require_table(self.columns, shape)
        return None if self.encode == "one_hot" else shape

    def fit(self, rows: TrainingRows) -> Binned:
        self.shape_after(rows.shape)
        positions = chosen_positions(rows, self.columns, "discretize")
        inner = tuple(self._inner(column_values(rows, position)) for position in positions)
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
