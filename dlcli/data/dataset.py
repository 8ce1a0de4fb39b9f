"""What data is, once read: tables, parts, a dataset.

Rows stay as they are stored (uint8 images, float64 tables, a read-only memory map of a large
file) until a batch is taken; only then are they gathered and preprocessed. So a data set larger
than memory costs no more than its index.

    Table    one file, or pair of files, as read: features and targets of the same length
    Sampled  the first rows of it, and what was not read
    Raw      what a source brings: tables by role, and the names of classes and columns
    Part     the rows of one role after splitting: a table and which of its rows
    Dataset  the parts that a run works with
"""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dlcli.data.audit import Finding
from dlcli.frozen import frozen

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Role = Literal["all", "train", "validation", "test"]
ONLY = ""
"""The name of the value of data that has one only."""


ColumnKind = Literal["numeric", "text", "date", "category", "indicator"]


@frozen
class Column:
    """A named feature column. A cell that is missing is NaN, whatever the column holds.

    categories: None for a column of numbers. A column of text holds positions in this sorted
    tuple of its distinct texts.
    text: for a column of text, where its first text is and what to do: two sentences.
    ids: of how many categories a column holds the ids, which the transform `category` made; 0 for
        any other column.
    indicator: whether it is a column of 0 and 1 that a transform made, such as `one_hot`.
    date: whether its numbers are dates: seconds since 1970-01-01 00:00, without a time zone.
    written: how its dates are written in a file of text: see dlcli/dates.py.
    """

    name: str
    categories: tuple[str, ...] | None = None
    text: str = field(default="", compare=False, repr=False)
    ids: int = 0
    indicator: bool = False
    date: bool = False
    written: str = "date"

    @property
    def kind(self) -> ColumnKind:
        """What it holds: numbers that were read as such, text, dates, ids of categories, or 0 and
        1."""
        if self.categories is not None:
            return "text"
        if self.date:
            return "date"
        if self.ids:
            return "category"
        return "indicator" if self.indicator else "numeric"


@frozen
class Key:
    """A column that says how rows are split.

    values: (n,) float64. texts: where they are positions in these: its distinct texts, sorted.
    """

    values: Array
    texts: tuple[str, ...] | None = None


@frozen
class Table:
    """features (n, *shape) in storage dtype; targets (n,) int64 or float64, or (n, ...) float.

    values: the features, or those of each value by its name.
    weights: (n,) float64, how much each row counts in the loss; None where the source has none.
    place: where the target of a row was read, for messages: "trees.csv, line 14".
    files: what messages call the features (of each value) and, last, the targets; empty where they
        are in no file.
    keys: the columns by which rows are to be split, by their names.
    """

    values: Array | Mapping[str, Array]
    targets: Array
    place: Callable[[int], str] | None = None
    files: tuple[str, ...] = ("", "")
    weights: Array | None = None
    keys: Mapping[str, Key] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def features(self) -> Array:
        """The features of data that has one value."""
        return _only(self.values)

    def each(self) -> dict[str, "Table"]:
        """The table of each value, by its name."""
        if not isinstance(self.values, Mapping):
            return {ONLY: self}
        return {
            name: replace(self, values=array, files=(file, self.files[-1]))
            for (name, array), file in zip(self.values.items(), self.files, strict=False)
        }


@frozen
class Raw:
    """What a source brings.

    parts: one table under "all" (to be split), or tables under "train" and, where the source
        has them, "validation" and "test".
    classes: the names of the classes by id, or None where the source names none.
    columns: the feature columns, or None where the rows are not a table with names.
    findings: what is odd, but not wrong.
    text_target: where the target holds text: which column, where the first one is, what to do.
    width: where columns are known by their place in the file: how many it has, target included.
    """

    parts: Mapping[Role, Table]
    classes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    findings: tuple[Finding, ...] = ()
    text_target: str | None = None
    width: int | None = None

    def each(self) -> dict[str, "Raw"]:
        """What it brings of each value, by its name."""
        tables = {role: table.each() for role, table in self.parts.items()}
        names = next(iter(tables.values()))
        return {
            name: replace(self, parts={role: tables[role][name] for role in tables})
            for name in names
        }


@frozen
class Declared:
    """What is known about a source without reading its rows.

    row_shape: the shape of one feature row (or that of each value by its name), or None where its
        file is absent.
    rows: how many rows each role has; a value is None where only reading tells.
    classes, class_names: as far as known beforehand.
    target: "classes" or "numbers" where that is known.
    columns: the feature columns by name (whether one holds text is known after reading).
    absent: one sentence per file that was not found, saying where it was looked for.
    text_target: as that of Raw, where a look at the first rows tells.
    """

    row_shape: Shape | Mapping[str, Shape] | None
    rows: Mapping[Role, int | None] = field(default_factory=dict)
    classes: int | None = None
    class_names: tuple[str, ...] | None = None
    target: Literal["classes", "numbers"] | None = None
    columns: tuple[Column, ...] | None = None
    absent: tuple[str, ...] = ()
    text_target: str | None = None

    @property
    def row_shapes(self) -> Mapping[str, Shape] | None:
        """The shape of one row of each value, by its name."""
        return {ONLY: self.row_shape} if isinstance(self.row_shape, tuple) else self.row_shape


@frozen
class Sampled:
    """The first rows of a source, to look at.

    raw: as a source brings it. unread: a sentence for everything that was not looked at; with
        none, the rows are all that there are.
    """

    raw: Raw
    unread: tuple[str, ...] = ()


@frozen
class Part:
    """The rows of one role: a base table and the rows of it that belong to the part.

    values, weights, place: as those of the base table.
    index: int64 row numbers in ascending order, or None for every row. Nothing is copied
    before `take`.
    first: the number of the first row, where these are some of many.
    """

    values: Array | Mapping[str, Array]
    targets: Array
    index: npt.NDArray[np.int64] | None = None
    columns: tuple[Column, ...] | None = None
    place: Callable[[int], str] | None = None
    weights: Array | None = None
    first: int = 0

    def __len__(self) -> int:
        return len(self.targets) if self.index is None else len(self.index)

    @property
    def features(self) -> Array:
        """The features of the base table, of data that has one value."""
        return _only(self.values)

    def each(self) -> dict[str, "Part"]:
        """The part of each value, by its name."""
        if not isinstance(self.values, Mapping):
            return {ONLY: self}
        return {name: replace(self, values=array) for name, array in self.values.items()}

    @property
    def row_shape(self) -> Shape:
        """The shape of one feature row as stored."""
        return tuple(self.features.shape[1:])

    @property
    def targets_array(self) -> Array:
        """The targets of all rows of the part, in order."""
        return self.targets if self.index is None else self.targets[self.index]

    @property
    def weights_array(self) -> Array | None:
        """The weights of all rows of the part, in order, where they have any."""
        if self.weights is None or self.index is None:
            return self.weights
        return self.weights[self.index]

    def rows(self, positions: Array | slice) -> Array | slice:
        """The row numbers in the base table at these positions of the part."""
        return positions if self.index is None else self.index[positions]

    def row(self, position: int) -> int:
        """The row number in the base table at one position of the part."""
        return self.first + position if self.index is None else int(self.index[position])

    def where(self, position: int) -> str:
        """Where the row at one position of the part was read, for messages."""
        row = self.row(position)
        return f"row {row}, counted from 0" if self.place is None else self.place(row)

    def take_features(self, positions: Array | slice) -> Array:
        """A copy of the feature rows at these positions, in storage dtype."""
        return _gather(self.features, self.rows(positions))

    def take_each(self, positions: Array | slice) -> dict[str, Array]:
        """`take_features` of each value, by its name."""
        return {name: one.take_features(positions) for name, one in self.each().items()}

    def take_targets(self, positions: Array | slice) -> Array:
        """A copy of the targets at these positions."""
        return _gather(self.targets, self.rows(positions))

    def take(self, positions: Array | slice) -> tuple[Array, Array]:
        """Copies of the feature rows and targets at these positions of the part."""
        rows = self.rows(positions)
        return _gather(self.features, rows), _gather(self.targets, rows)


def _only(values: Array | Mapping[str, Array]) -> Array:
    if isinstance(values, Mapping):
        raise TypeError(f"there are several values, {', '.join(values)}: take them one by one")
    return values


def _gather(array: Array, rows: Array | slice) -> Array:
    if isinstance(rows, slice):
        return np.array(array[rows], order="C")
    return np.take(array, rows, axis=0)


@frozen
class Dataset:
    """The parts a run works with; validation and test may be missing.

    The other fields are those of Raw.
    """

    train: Part
    validation: Part | None = None
    test: Part | None = None
    classes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    text_target: str | None = None
    width: int | None = None
    findings: tuple[Finding, ...] = ()

    def each(self) -> dict[str, "Dataset"]:
        """The parts of each value, by its name."""
        parts = {role: part.each() for role, part in self.parts().items()}
        return {
            name: replace(
                self,
                train=one,
                validation=parts["validation"][name] if "validation" in parts else None,
                test=parts["test"][name] if "test" in parts else None,
            )
            for name, one in parts["train"].items()
        }

    def parts(self) -> dict[Role, Part]:
        """The parts that there are, by role."""
        found: dict[Role, Part] = {"train": self.train}
        if self.validation is not None:
            found["validation"] = self.validation
        if self.test is not None:
            found["test"] = self.test
        return found


def rows_per_chunk(shape: Shape, elements: int = 1 << 20) -> int:
    """How many rows of this shape make a chunk of about `elements`; at least one.

    It depends on the shape alone, so sums over chunks are the same on every machine.
    """
    size = 1
    for length in shape:
        size *= length
    return max(1, elements // max(1, size))
