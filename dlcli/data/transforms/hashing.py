"""Texts in a fixed number of bins: `hash`, for columns of so many texts that none is met twice."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, ColumnKind, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import names_of, positions_of
from dlcli.data.transforms.choosing import Chosen, choose, require_table
from dlcli.frozen import frozen

_MASK = 0xFFFFFFFF


def murmur3(text: str) -> int:
    """MurmurHash3 of 32 bits (Austin Appleby, in the public domain) of the text as UTF-8, with the
    seed 0, as scikit-learn's FeatureHasher uses it.

    >>> murmur3(""), murmur3("hello")
    (0, 613153351)
    """
    data, found = text.encode("utf-8", "surrogatepass"), 0
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        found ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        found = (_turned(found, 13) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        found ^= _mixed(int.from_bytes(data[whole:], "little"))
    found ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        found = ((found ^ (found >> shift)) * factor) & _MASK
    return found


def _mixed(word: int) -> int:
    return (_turned((word * 0xCC9E2D51) & _MASK, 15) * 0x1B873593) & _MASK


def _turned(word: int, by: int) -> int:
    return ((word << by) | (word >> (32 - by))) & _MASK


@frozen
class Hashed(Fitted):
    """Each column of texts holds the numbers of their bins, as ids, or becomes a column of 0 and 1
    for each bin. What is missing has the id behind the last, or 0 in all columns.

    names: of all columns. positions: of the columns, ascending. tables: for each of these, the bin
        of each category. A text that is none of the n categories is stored as n + 1 + its bin.
    """

    word = "hash"
    changes_size = True

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    tables: tuple[Array, ...]
    num_bins: int
    one_hot: bool

    @property
    def out_shape(self) -> Shape:
        """A column for each bin where `one_hot`, else the shape stays."""
        more = len(self.positions) * (self.num_bins - 1) if self.one_hot else 0
        return (self.in_shape[0] + more,)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        tables = dict(zip(self.positions, self.tables, strict=True))
        start = 0
        for position in range(self.in_shape[0]):
            if position not in tables:
                room[:, start] = x[:, position]
                start += 1
                continue
            table = tables[position]
            holes = np.isnan(x[:, position])
            codes = np.where(holes, 0.0, x[:, position]).astype(np.int64)
            last = max(0, len(table) - 1)
            known = table[np.minimum(codes, last)] if len(table) else np.zeros(len(codes))
            bins = np.where(codes < len(table), known, codes - len(table) - 1).astype(np.int64)
            bins = np.where(holes | (bins < 0) | (bins >= self.num_bins), self.num_bins, bins)
            if self.one_hot:
                room[:, start : start + self.num_bins] = bins[:, np.newaxis] == np.arange(
                    self.num_bins
                )
                start += self.num_bins
            else:
                room[:, start] = bins
                start += 1
        return room

    def columns_after(self, columns: Columns) -> Columns:
        after: list[Column] = []
        for position, name in enumerate(self.names):
            if position not in self.positions:
                after.append(Column(name) if columns is None else columns[position])
            elif self.one_hot:
                after += [Column(f"{name}#{one}", indicator=True) for one in range(self.num_bins)]
            else:
                after.append(Column(name, ids=self.num_bins))
        return tuple(after)

    def check_columns(self, columns: Columns) -> None:
        if columns is None or list(self.names) != [column.name for column in columns]:
            raise ValueError("the texts are columns of another table")
        for position, table in zip(self.positions, self.tables, strict=True):
            texts = columns[position].categories
            if texts is None or table.tolist() != [murmur3(t) % self.num_bins for t in texts]:
                raise ValueError(f"the texts of column {position} are in other bins")

    def document(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "positions": list(self.positions),
            "num_bins": self.num_bins,
            "one_hot": self.one_hot,
        }

    def arrays(self) -> dict[str, Array]:
        return {f"bins_{p}": table for p, table in zip(self.positions, self.tables, strict=True)}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Hashed":
        names, bins = names_of(entry["names"]), entry["num_bins"]
        positions = positions_of(entry["positions"], len(names))
        tables = tuple(arrays[f"bins_{position}"] for position in positions)
        plain = all(table.dtype == np.float64 and table.ndim == 1 for table in tables)
        if (len(names),) != in_shape or not positions or not plain:
            raise ValueError("texts of another table")
        if type(bins) is not int or not 1 <= bins < 1 << 24 or type(entry["one_hot"]) is not bool:
            raise ValueError("impossible bins")
        return cls(in_shape, names, positions, tables, bins, entry["one_hot"])


@frozen
class Hash(Transform):
    """Texts become the numbers of bins: MurmurHash3 of the text, modulo `num_bins`. Nothing is
    learned, so a text that only new rows have is treated as all others are; texts that share a bin
    are not told apart.

    output_mode: int (ids, for the layer column_embeddings) or one_hot (a column for each bin).
    columns: by default every text column.

    Source: the options are those of keras.layers.Hashing, the function that of scikit-learn's
    FeatureHasher.
    """

    fitted = Hashed

    num_bins: int
    output_mode: str = "int"
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> None:
        """What layers make of it depends on the number of columns of text."""
        if len(shape) != 1:
            raise Misfit(f"hash takes columns of a table, but a row has shape {shape}.")
        require_table(self.columns, shape)

    def fit(self, rows: TrainingRows) -> Hashed:
        self.shape_after(rows.shape)
        kinds: tuple[ColumnKind, ...] = ("text",)
        positions = np.flatnonzero(choose(self.columns, rows, "hash", kinds, kinds)).tolist()
        if not positions or rows.columns is None:
            raise Misfit("there is no text column to hash.")
        texts = [rows.columns[position].categories or () for position in positions]
        tables = tuple(
            np.array([murmur3(text) % self.num_bins for text in known], np.float64)
            for known in texts
        )
        return Hashed(
            rows.shape,
            rows.names,
            tuple(positions),
            tables,
            self.num_bins,
            self.output_mode == "one_hot",
        )
