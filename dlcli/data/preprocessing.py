"""The transforms of a run, fitted: from stored rows to the float32 rows a network takes.

What was fitted is saved with the run as JSON and arrays and gives the same bits when restored.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import ONLY, Array, Column, Dataset, Part, Shape, rows_per_chunk
from dlcli.data.encoded import UnseenCategory
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.options import OptionError
from dlcli.data.recorded import shape_of
from dlcli.data.restoring import (
    columns_of,
    entry_of,
    entry_of_column,
    require_alike,
    require_chain,
    step_of,
)
from dlcli.data.statistics import NoValue
from dlcli.errors import ArtifactError, DataError

_DTYPES: dict[str, np.dtype[np.floating]] = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}


UNSEEN = (
    "Say what is done with such categories (`handle_unknown: ignore` or `bucket` of the transform "
    "that encodes the column), correct or remove the row"
)
"""What to do about a category that the training part does not have."""


class MissingCell(DataError):
    """A cell is missing, and nothing fills it in."""


class TransformError(ValueError):
    """The transform at `index` of the list cannot work on what it is given.

    name: of the value whose list it is, where there are several.
    at: the option that is at fault, as a place below the transform.
    """

    def __init__(
        self, index: int, message: str, name: str = ONLY, at: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.index, self.name, self.at = index, name, at


def shape_after(
    transforms: Sequence[Transform], row_shape: Shape, name: str = ONLY
) -> Shape | None:
    """The row shape after all transforms, None where only fitting tells; TransformError.

    name: of the value that they are for.
    """
    shape: Shape | None = row_shape
    for index, transform in enumerate(transforms):
        if shape is None:
            return None
        try:
            shape = transform.shape_after(shape)
        except Misfit as error:
            raise TransformError(index, str(error), name, error.at) from error
    return shape


def work_dtype(stored: npt.DTypeLike) -> np.dtype[np.floating]:
    """float32 for floats of at most 32 bits and integers of at most 16; else float64."""
    dtype = np.dtype(stored)
    if dtype.itemsize <= (4 if dtype.kind == "f" else 2):
        return np.dtype(np.float32)
    return np.dtype(np.float64)


class Preprocessing:
    """Fitted steps, one after the other.

    dtype: what they compute in. row_shape, columns: the stored rows that they take. ready: the
    steps, prepared for `dtype`.
    Nothing changes after construction, so threads may share one.
    """

    def __init__(
        self,
        dtype: np.dtype[np.floating],
        row_shape: Shape,
        columns: Columns,
        steps: Sequence[Fitted] = (),
    ) -> None:
        self.dtype = dtype
        self.row_shape = row_shape
        self.columns = columns
        self.steps = tuple(steps)
        self.ready = [step.prepared(dtype) for step in self.steps]
        # From the last change of size on, steps can write into the caller's memory.
        sizes = [i for i, step in enumerate(self.steps) if step.changes_size]
        self._in_place = sizes[-1] if sizes else 0
        if dtype != np.float32:
            self._in_place = len(self.steps)

    @classmethod
    def fit(cls, part: Part, transforms: Sequence[Transform]) -> "Preprocessing":
        """Fit on the training part.

        TransformError (a ValueError with `index`) where a transform does not suit the rows;
        OptionError where text is left over; DataError for numbers that overflow.
        """
        fitted = cls(work_dtype(part.features.dtype), part.row_shape, part.columns)
        columns = part.columns
        for index, transform in enumerate(transforms):
            rows = TrainingRows(
                fitted.out_shape,
                columns,
                lambda so_far=fitted: so_far._chunks(part),  # type: ignore[misc]
                fitted.dtype,
            )
            try:
                step = transform.fit(rows)
            except Misfit as error:
                raise TransformError(index, str(error), at=error.at) from error
            except NoValue as error:
                name = rows.called(error.position)
                words = f"column {name!r} has no value in the training part: leave it out."
                raise TransformError(index, words) from error
            columns = step.columns_after(columns)
            fitted = cls(fitted.dtype, fitted.row_shape, part.columns, (*fitted.steps, step))
        for column in columns or ():
            if column.categories is not None:
                raise OptionError((), f"Column {column.name!r} holds text: {_about_text(column)}")
            if column.date:
                raise OptionError(
                    (),
                    f"Column {column.name!r} holds dates: take their parts by the transform "
                    "date_parts, or leave the column out by `ignore` in the source.",
                )
        return fitted

    @property
    def out_shape(self) -> Shape:
        """The shape of a row as the network takes it."""
        return self.steps[-1].out_shape if self.steps else self.row_shape

    def columns_after(self) -> Columns:
        """The names of the columns that the network takes, where they still have names."""
        columns = self.columns
        for step in self.steps:
            columns = step.columns_after(columns)
        return columns

    def apply(self, rows: Array, first: int = 0) -> npt.NDArray[np.float32]:
        """The stored rows (n, *row_shape) as new float32 rows (n, *out_shape), C-contiguous.

        first: the number of the first row, for messages.
        """
        out = np.empty((len(rows), *self.out_shape), np.float32)
        self.apply_into(rows, out, first)
        return out

    def apply_into(self, rows: Array, out: npt.NDArray[np.float32], first: int = 0) -> None:
        """`apply` into memory that is there already: (n, *out_shape), C-contiguous.

        DataError for a category that the training part does not have.
        """
        try:
            self._apply(rows, out)
        except UnseenCategory as error:
            raise DataError(
                self._unseen(error, f"Row {first + error.row} (counted from 0)")
            ) from error

    def _apply(self, rows: Array, out: npt.NDArray[np.float32]) -> None:
        if rows.shape[1:] != self.row_shape:
            raise ValueError(f"rows have shape {rows.shape[1:]}, fitted is {self.row_shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            x = self._run(rows, out)
            if not (x.dtype == np.float32 and np.may_share_memory(x, out)):
                np.copyto(out, x.reshape(out.shape), casting="unsafe")

    def check(self, rows: Part | Array, what: str) -> None:
        """Go through all rows once: every category known, every result finite in float32.

        what: how messages call the rows, such as "the test part". DataError names the row as
        its source numbers it; MissingCell (one of them) where a cell is missing.
        """
        part = rows if isinstance(rows, Part) else Part(rows, rows)
        refuses = any(step.refuses for step in self.steps)
        stored = part.features.dtype
        small = stored.kind != "f" and work_dtype(stored) == np.float32
        if not refuses and (small or not (self.steps or stored.itemsize == 8)):
            return
        step = self.rows_per_chunk()
        room = np.empty((min(step, len(part)), *self.out_shape), np.float32)
        for start in range(0, len(part), step):
            stop = min(start + step, len(part))
            try:
                self._apply(part.take_features(slice(start, stop)), room[: stop - start])
            except UnseenCategory as error:
                where = place_of(part, start + error.row, what)
                raise DataError(self._unseen(error, where)) from error
            flat = room[: stop - start].reshape(stop - start, -1)
            finite = np.isfinite(flat).all(axis=1)
            if not finite.all():
                row = int(np.argmin(finite))
                where = place_of(part, start + row, what)
                gap = self._gap(
                    part.take_features(slice(start + row, start + row + 1))[0], flat[row]
                )
                if gap is not None:
                    raise MissingCell(f"{where}: the cell of column {gap!r} is missing.")
                if np.isnan(flat[row]).any():
                    raise DataError(
                        f"{where} has no number after the transforms: log1p takes numbers above "
                        "-1. Correct the row, or leave the column out of the transform."
                    )
                raise DataError(
                    f"{where} is too large for float32 after the transforms. Scale the data, for "
                    "example by standardize."
                )

    def extremes(self, part: Part) -> tuple[float, float]:
        """The least and the largest number of these rows, once prepared."""
        step = self.rows_per_chunk()
        ends = []
        for start in range(0, len(part), step):
            x = self.apply(part.take_features(slice(start, start + step)))
            ends.append((float(x.min()), float(x.max())))
        return min(low for low, _ in ends), max(high for _, high in ends)

    def _gap(self, row: Array, prepared: Array) -> str | None:
        """The column of a missing cell that is still missing in the prepared row; None where there
        is none."""
        if row.ndim != 1 or row.dtype.kind != "f" or not np.isnan(row).any():
            return None
        lost = np.flatnonzero(np.isnan(prepared))
        after = self.columns_after()
        if not len(lost):
            return None
        if after is not None and len(after) == len(prepared):
            return after[int(lost[0])].name
        return str(int(np.flatnonzero(np.isnan(row))[0]))

    def _unseen(self, error: UnseenCategory, where: str) -> str:
        """The sentence about a category that the training part does not have."""
        columns = self.columns
        for step, ready in zip(self.steps, self.ready, strict=True):
            if ready is error.step:
                one = error.step.by_position()[error.position]
                texts = columns[error.position].categories if columns is not None else None
                value = f"{error.value:g}"
                if np.isnan(error.value):
                    value = "a missing cell"
                elif texts is not None:
                    value = repr(dict(enumerate(texts)).get(int(error.value), "another text"))
                known = [*one.names, *one.rare_names]
                shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
                if error.step.given:
                    return (
                        f"{where} holds {value} in column {error.step.names[error.position]!r}, "
                        f"which the order of the transform does not have. Add it to `categories`, "
                        "or set `handle_unknown: ignore`, which leaves such cells missing."
                    )
                return (
                    f"{where} holds {value} in column {error.step.names[error.position]!r}, "
                    f"which the training part does not have; it has {shown}. {UNSEEN}, bring rows "
                    "of it for training, or leave the column out of the source's `features`."
                )
            columns = step.columns_after(columns)
        return str(error)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What `restore` needs: a JSON document and arrays by name."""
        arrays: dict[str, Array] = {}
        steps: list[dict[str, Any]] = []
        for number, step in enumerate(self.steps):
            entry, own = entry_of(number, step)
            steps.append(entry)
            arrays |= own
        document = {
            "dtype": self.dtype.name,
            "row_shape": list(self.row_shape),
            "columns": None
            if self.columns is None
            else [entry_of_column(column) for column in self.columns],
            "steps": steps,
        }
        return document, arrays

    @classmethod
    def restore(cls, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> "Preprocessing":
        """The inverse of `state`; ArtifactError for a document that `state` did not write."""
        try:
            row_shape = shape_of(document["row_shape"])
            columns = columns_of(document["columns"], row_shape)
            steps = [step_of(n, entry, arrays) for n, entry in enumerate(document["steps"])]
            require_chain(row_shape, columns, steps)
            restored = cls(_DTYPES[document["dtype"]], row_shape, columns, steps)
            require_alike((document, arrays), restored.state())
            return restored
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ArtifactError(
                f"The saved preprocessing cannot be restored: {type(error).__name__}: {error}."
            ) from error

    def _chunks(self, part: Part) -> Iterator[Array]:
        """The part's rows after the steps so far, in the working type, in index order."""
        size = self.rows_per_chunk()
        for start in range(0, len(part), size):
            rows = part.take_features(slice(start, min(start + size, len(part))))
            try:
                x = self._run(rows, None)
            except UnseenCategory as error:  # one that a given order does not have
                where = place_of(part, start + error.row, "the training part")
                raise DataError(self._unseen(error, where)) from error
            yield x.astype(self.dtype, copy=False)

    def rows_per_chunk(self) -> int:
        """How many rows are gone through at once."""
        return rows_per_chunk(max(self.row_shape, self.out_shape, key=_elements))

    def _run(self, rows: Array, out: Array | None) -> Array:
        x = rows
        for number, step in enumerate(self.ready):
            room = None
            if out is not None and number >= self._in_place:
                room = out.reshape(len(rows), *step.out_shape)
            x = step.apply(x, self.dtype, room)
        return x


def prepare(dataset: Dataset, transforms: Sequence[Transform]) -> Preprocessing:
    """Fit on the training part, and check that every part can be preprocessed."""
    return prepare_each(dataset, {ONLY: transforms})[ONLY]


def prepare_each(
    dataset: Dataset, transforms: Mapping[str, Sequence[Transform]]
) -> dict[str, Preprocessing]:
    """`prepare` for each value of the data: both by its name."""
    names = {"train": "the training part", "validation": "the validation part"}
    fitted: dict[str, Preprocessing] = {}
    for name, one in dataset.each().items():
        fitted[name] = _fit_one(name, one.train, transforms[name])
        value = "" if name == ONLY else f"the input {name!r} of "
        for role, part in one.parts().items():
            try:
                fitted[name].check(part, value + names.get(role, f"the {role} part"))
            except MissingCell as error:
                at = ("transforms",) if name == ONLY else ("inputs", name, "transforms")
                raise OptionError(at, f"{error} {_FILL}") from error
    return fitted


_FILL = (
    "A network cannot take it: fill such cells in by the transform `impute`, such as `{type: "
    "impute, strategy: median}`, before or behind those of numbers; or leave the column out by "
    "`ignore` in the source"
)


def _fit_one(name: str, part: Part, transforms: Sequence[Transform]) -> Preprocessing:
    """`Preprocessing.fit` for the value of this name; its errors say which one."""
    try:
        return Preprocessing.fit(part, transforms)
    except TransformError as error:
        raise TransformError(error.index, str(error), name, error.at) from error
    except DataError as error:
        if name != ONLY:
            error.args = (f"The input {name!r}: {error}",)
        raise


def place_of(part: Part, position: int, what: str) -> str:
    """How messages call a row: by its line in a table, else by its number."""
    if part.columns is not None and part.place is not None:
        return f"{part.where(position)} (in {what})"
    return f"Row {part.row(position)} of the data (counted from 0, in {what})"


def _about_text(column: Column) -> str:
    """Where the text is, and what to do about it."""
    example = (column.categories or ("",))[0]
    return column.text or f"it has {example!r} and others. Add the transform one_hot."


def _elements(shape: Shape) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
