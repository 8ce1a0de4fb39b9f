"""Texts in a fixed number of bins: `hash`, for columns of so many texts that none is met twice."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, ColumnKind, Shape
from dlcli.data.fitted import Columns
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.transforms.choosing import Chosen, choose, require_columns
from dlcli.data.transforms.expanding import Expanding
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
class Hashed(Expanding):
    """Each column of texts holds the numbers of their bins, as ids, or becomes a column of 0 and 1
    for each bin. What is missing has the id behind the last, or 0 in all columns.

    names: of all columns. positions: of the columns, ascending. tables: for each of these, the bin
        of each category. A text that is none of the n categories is stored as n + 1 + its bin.
    """

    word = "hash"

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    tables: tuple[Array, ...]
    num_bins: int
    one_hot: bool

    def count(self, number: int) -> int:
        return self.num_bins if self.one_hot else 1

    def made_of(self, name: str, number: int) -> list[Column]:
        if not self.one_hot:
            return [Column(name, ids=self.num_bins)]
        return [Column(f"{name}#{one}", indicator=True) for one in range(self.num_bins)]

    def fill(self, cells: Array, number: int, room: Array) -> None:
        table = self.tables[number]
        holes = np.isnan(cells)
        codes = np.where(holes, 0.0, cells).astype(np.int64)
        known = table[np.minimum(codes, len(table) - 1)] if len(table) else np.zeros(len(codes))
        bins = np.where(codes < len(table), known, codes - len(table) - 1).astype(np.int64)
        bins = np.where(holes | (bins < 0) | (bins >= self.num_bins), self.num_bins, bins)
        if self.one_hot:
            room[...] = bins[:, np.newaxis] == np.arange(self.num_bins)
        else:
            room[:, 0] = bins

    def unknown_codes(self, known: Mapping[str, int]) -> dict[str, Callable[[str], float]]:
        names = [self.names[position] for position in self.positions]
        return {name: partial(_code, known[name], self.num_bins) for name in names}

    def check_columns(self, columns: Columns) -> None:
        super().check_columns(columns)
        for position, table in zip(self.positions, self.tables, strict=True):
            texts = None if columns is None else columns[position].categories
            if texts is None or table.tolist() != [murmur3(t) % self.num_bins for t in texts]:
                raise ValueError(f"the texts of column {position} are in other bins")

    def options(self) -> dict[str, Any]:
        return {"num_bins": self.num_bins, "one_hot": self.one_hot}

    def arrays(self) -> dict[str, Array]:
        return {f"bins_{p}": table for p, table in zip(self.positions, self.tables, strict=True)}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], positions: tuple[int, ...]
    ) -> dict[str, Any]:
        bins, tables = entry["num_bins"], tuple(arrays[f"bins_{p}"] for p in positions)
        plain = all(table.dtype == np.float64 and table.ndim == 1 for table in tables)
        if not plain or type(bins) is not int or not 1 <= bins < 1 << 24:
            raise ValueError("impossible bins")
        if type(entry["one_hot"]) is not bool:
            raise ValueError("one_hot is neither true nor false")
        return {"tables": tables, "num_bins": bins, "one_hot": entry["one_hot"]}


def _code(known: int, bins: int, text: str) -> float:
    return float(known + 1 + murmur3(text) % bins)


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
        require_columns("hash takes", self.columns, shape)

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
