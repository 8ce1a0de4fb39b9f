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
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Role = Literal["all", "train", "validation", "test"]


@dataclass(frozen=True)
class Column:
    """A named feature column.

    categories: None for a column of numbers. A column of text holds positions in this sorted
    tuple of its distinct texts.
    text: for a column of text, where its first text is and what to do: two sentences.
    """

    name: str
    categories: tuple[str, ...] | None = None
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Table:
    """features (n, *shape) in storage dtype; targets (n,) int64 or float64, or (n, ...) float.

    place: where the target of a row was read, for messages: "trees.csv, line 14".
    files: what messages call the features and the targets; empty where they are in no file.
    """

    features: Array
    targets: Array
    place: Callable[[int], str] | None = None
    files: tuple[str, str] = ("", "")

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Raw:
    """What a source brings.

    parts: one table under "all" (to be split), or tables under "train" and, where the source
        has them, "validation" and "test".
    classes: the names of the classes by id, or None where the source names none.
    columns: the feature columns, or None where the rows are not a table with names.
    warnings: sentences about what is odd, but not wrong.
    text_target: where the target holds text: which column, where the first one is, what to do.
    width: where columns are known by their place in the file: how many it has, target included.
    """

    parts: Mapping[Role, Table]
    classes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    warnings: tuple[str, ...] = ()
    text_target: str | None = None
    width: int | None = None


@dataclass(frozen=True)
class Declared:
    """What is known about a source without reading its rows.

    row_shape: the shape of one feature row, or None where its file is absent.
    rows: how many rows each role has; a value is None where only reading tells.
    classes, class_names: as far as known beforehand.
    target: "classes" or "numbers" where that is known.
    columns: the feature columns by name (whether one holds text is known after reading).
    absent: one sentence per file that was not found, saying where it was looked for.
    text_target: as that of Raw, where a look at the first rows tells.
    """

    row_shape: Shape | None
    rows: Mapping[Role, int | None] = field(default_factory=dict)
    classes: int | None = None
    class_names: tuple[str, ...] | None = None
    target: Literal["classes", "numbers"] | None = None
    columns: tuple[Column, ...] | None = None
    absent: tuple[str, ...] = ()
    text_target: str | None = None


@dataclass(frozen=True)
class Sampled:
    """The first rows of a source, to look at.

    raw: as a source brings it. unread: a sentence for everything that was not looked at; with
        none, the rows are all that there are.
    """

    raw: Raw
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """The rows of one role: a base table and the rows of it that belong to the part.

    index: int64 row numbers in ascending order, or None for every row. Nothing is copied
    before `take`.
    place: where the target of a row of the base table was read, for messages.
    """

    features: Array
    targets: Array
    index: npt.NDArray[np.int64] | None = None
    columns: tuple[Column, ...] | None = None
    place: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return len(self.features) if self.index is None else len(self.index)

    @property
    def row_shape(self) -> Shape:
        """The shape of one feature row as stored."""
        return tuple(self.features.shape[1:])

    @property
    def targets_array(self) -> Array:
        """The targets of all rows of the part, in order."""
        return self.targets if self.index is None else self.targets[self.index]

    def rows(self, positions: Array | slice) -> Array | slice:
        """The row numbers in the base table at these positions of the part."""
        return positions if self.index is None else self.index[positions]

    def row(self, position: int) -> int:
        """The row number in the base table at one position of the part."""
        return position if self.index is None else int(self.index[position])

    def where(self, position: int) -> str:
        """Where the row at one position of the part was read, for messages."""
        row = self.row(position)
        return f"row {row}, counted from 0" if self.place is None else self.place(row)

    def take_features(self, positions: Array | slice) -> Array:
        """A copy of the feature rows at these positions, in storage dtype."""
        return _gather(self.features, self.rows(positions))

    def take_targets(self, positions: Array | slice) -> Array:
        """A copy of the targets at these positions."""
        return _gather(self.targets, self.rows(positions))

    def take(self, positions: Array | slice) -> tuple[Array, Array]:
        """Copies of the feature rows and targets at these positions of the part."""
        rows = self.rows(positions)
        return _gather(self.features, rows), _gather(self.targets, rows)


def _gather(array: Array, rows: Array | slice) -> Array:
    if isinstance(rows, slice):
        return np.array(array[rows], order="C")
    return np.take(array, rows, axis=0)


@dataclass(frozen=True)
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
    warnings: tuple[str, ...] = ()

    @property
    def row_shape(self) -> Shape:
        """The shape of one feature row as stored."""
        return self.train.row_shape

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
