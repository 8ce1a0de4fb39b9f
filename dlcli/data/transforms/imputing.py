"""Missing cells filled in: `impute`, in the words of scikit-learn's SimpleImputer."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, ColumnKind, Shape
from dlcli.data.fitted import Columns, OfTable
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import positions_of
from dlcli.data.transforms.choosing import Chosen, choose, require_columns
from dlcli.data.transforms.columnwise import gathered
from dlcli.frozen import frozen

MISSING_VALUE = "missing_value"
"""The text for missing cells of text where none is given, as in scikit-learn."""

_NUMBERS: tuple[ColumnKind, ...] = ("numeric", "date")


@frozen
class Imputed(OfTable):
    """The missing cells of some columns hold a value; behind all columns stands, for some of them,
    one that is 1 where the cell was missing and else 0.

    names: of all columns of the input. positions: of the columns that are filled, ascending.
    values: what is filled in: (positions,) float64, for text its place among the categories.
    flagged: the positions of the columns with an indicator, ascending.
    added: by the position of a column of text, a text that is filled in and was no category
        before: it has a place of its own among the sorted ones, and those behind it move up.
    """

    word = "impute"
    changes_size = True

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]
    values: Array
    flagged: tuple[int, ...] = ()
    added: Mapping[int, str] = field(default_factory=dict)

    @property
    def out_shape(self) -> Shape:
        """One column more for each indicator."""
        return (self.in_shape[0] + len(self.flagged),)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        width = self.in_shape[0]
        holes = {position: np.isnan(x[:, position]) for position in self.positions}
        np.copyto(room[:, :width], x, casting="unsafe")
        for position, value in zip(self.positions, self.values.tolist(), strict=True):
            column = room[:, position]
            if position in self.added:
                column[column >= value] += dtype.type(1)
            column[holes[position]] = value
        for number, position in enumerate(self.flagged):
            room[:, width + number] = holes[position]
        return room

    def columns_after(self, columns: Columns) -> Columns:
        after = list(columns if columns is not None else map(Column, self.names))
        for position, text in self.added.items():
            known = after[position].categories
            assert known is not None
            after[position] = Column(after[position].name, tuple(sorted((*known, text))))
        for position in self.flagged:
            after.append(Column(f"missingindicator_{self.names[position]}", indicator=True))
        return tuple(after)

    def check_columns(self, columns: Columns) -> None:
        super().check_columns(columns)
        for position, value in zip(self.positions, self.values.tolist(), strict=True):
            texts = columns[position].categories if columns is not None else None
            text = self.added.get(position)
            if text is not None and texts is None:
                raise ValueError(f"column {position} holds no text")
            if texts is None:
                continue
            if text is not None and (text in texts or sorted((*texts, text)).index(text) != value):
                raise ValueError(f"{text[:50]!r} has another place in column {position}")
            if text is None and value not in range(len(texts)):
                raise ValueError(f"column {position} is filled by no text")

    def document(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "positions": list(self.positions),
            "flagged": list(self.flagged),
            "added": {str(position): text for position, text in self.added.items()},
        }

    def arrays(self) -> dict[str, Array]:
        return {"values": self.values}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Imputed":
        names = cls.names_in(entry, in_shape)
        positions, flagged = (
            positions_of(entry[key], len(names)) for key in ("positions", "flagged")
        )
        values = arrays["values"]
        plain = values.dtype == np.float64 and values.shape == (len(positions),)
        if not positions or not plain or not np.isfinite(values).all():
            raise ValueError("the values that are filled in are impossible")
        if not set(flagged) <= set(positions):
            raise ValueError("indicators of columns that are not filled")
        added = {int(position): text for position, text in entry["added"].items()}
        texts = all(isinstance(text, str) for text in added.values())
        if not texts or not set(added) <= set(positions):
            raise ValueError("texts that are added to other columns")
        return cls(in_shape, names, positions, values, flagged, added)


@frozen
class Impute(Transform):
    """Missing cells hold what is usual in the training part.

    strategy: mean, median (of the two in the middle, their mean), most_frequent (of equally
        frequent ones the smallest, of texts the first in sorted order), or constant.
    fill_value: the constant; by default 0, and the text `missing_value` in columns of text.
    add_indicator: for each column with missing cells in the training part, one more that is 1 where
        a cell is missing and else 0.
    columns: by default those of numbers and dates, and for most_frequent and constant those of
        text; for a `fill_value` those that can hold it.

    A column without missing cells in the training part is filled just the same in other rows.
    Source: formulas, defaults and names are those of sklearn.impute.SimpleImputer.
    """

    fitted = Imputed

    strategy: str = "mean"
    fill_value: float | str | None = None
    add_indicator: bool = False
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape | None:
        require_columns("impute fills", self.columns, shape)
        return None if self.add_indicator else shape

    def fit(self, rows: TrainingRows) -> Imputed:
        self.shape_after(rows.shape)
        takes = self._takes()
        mask = choose(self.columns, rows, "impute", takes, takes)
        positions = np.flatnonzero(mask).tolist()
        if not positions:
            raise Misfit(f"there is no column that the strategy `{self.strategy}` could fill.")
        table = gathered(rows, positions)
        values, added, flagged = np.empty(len(positions)), {}, []
        for number, position in enumerate(positions):
            cells = table[:, number]
            holes = np.isnan(cells)
            if self.add_indicator and holes.any():
                flagged.append(position)
            texts = None if rows.columns is None else rows.columns[position].categories
            if self.strategy == "constant":
                values[number], text = self._constant(texts)
                if text is not None:
                    added[position] = text
                continue
            if holes.all():
                raise Misfit(
                    f"column {rows.names[position]!r} has no value in the training part, so its "
                    f"{self.strategy.replace('_', ' ')} is not known: leave the column out."
                )
            values[number] = _STATISTICS[self.strategy](cells[~holes])
        return Imputed(rows.shape, rows.names, tuple(positions), values, tuple(flagged), added)

    def _takes(self) -> tuple[ColumnKind, ...]:
        """The kinds of columns that the strategy can fill."""
        if self.strategy in ("mean", "median"):
            return _NUMBERS
        if self.strategy == "constant" and self.fill_value is not None:
            return ("text",) if isinstance(self.fill_value, str) else _NUMBERS
        return (*_NUMBERS, "text")

    def _constant(self, texts: tuple[str, ...] | None) -> tuple[float, str | None]:
        """What is filled in, and the text where it is a new category."""
        if texts is None:
            return 0.0 if self.fill_value is None else float(self.fill_value), None
        text = MISSING_VALUE if self.fill_value is None else str(self.fill_value)
        place = sorted({*texts, text}).index(text)
        return float(place), None if text in texts else text


def _mean(cells: Array) -> float:
    with np.errstate(over="ignore"):
        mean = float(np.add.accumulate(cells)[-1] / len(cells))
    if not np.isfinite(mean):
        raise Misfit("the numbers are so large that their mean overflows; use the median.")
    return mean


def _median(cells: Array) -> float:
    ordered = np.sort(cells, kind="stable")
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low / 2.0 + high / 2.0 if abs(low) > 1e300 or abs(high) > 1e300 else (low + high) / 2.0


def _most_frequent(cells: Array) -> float:
    values, counts = np.unique(cells, return_counts=True)
    return float(values[int(np.argmax(counts))])


_STATISTICS = {"mean": _mean, "median": _median, "most_frequent": _most_frequent}
