"""What a network answers to the rows of a file, and what a person should know of these rows.

Rows are read, checked and answered some thousand at a time, so memory need not hold the file, nor
its answers. A row's answer depends on no other row, so it does not matter which are together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.data.dataset import ONLY
from dlcli.data.formats.in_blocks import Bad
from dlcli.data.places import expand
from dlcli.data.row_blocks import Asked, Rows, listed, table_rows
from dlcli.data.rows import (
    are_pictures,
    array_rows,
    no_pictures,
    no_table,
    read_named_rows,
    require_file,
)
from dlcli.data.strange import (
    codes_of_unknown,
    empty_buckets,
    missing_cells,
    takes_missing,
    takes_unknown,
    unknown_cells,
)
from dlcli.deploy.answering import Answering, TeamOf, rows_at_once
from dlcli.deploy.network import Network
from dlcli.deploy.standard_input import NAME, standard_input
from dlcli.engine.layer import Array
from dlcli.engine.team.base import Alone
from dlcli.errors import DataError, DivergedError, DlcliError, UsageError, about
from dlcli.frozen import frozen
from dlcli.progress import work

Tell = Callable[[str], None]
"""Hears a sentence that a person should know."""

_PICTURES = 256
"""Pictures that are decoded and answered together, at most."""

_NAMED = 10
"""So many rows that are left out are named."""


@frozen
class Answered:
    """Answers to some rows of a file.

    answers: (n, *out_shape). numbers: which rows they are, counted from 0. cells: of the column
        that was asked for, as it is written.
    """

    answers: Array
    numbers: Array
    cells: Sequence[str] | None


@frozen
class Wishes:
    """How rows are answered.

    id: the column of which the cells are wanted with the answers. skip_bad: rows that cannot be
        read or answered are named and left out. workers: how many decode pictures.
    """

    id: str | None = None
    skip_bad: bool = False
    workers: int = 1


PLAIN = Wishes()

FILE = "file"
"""What the names of pictures are called beside the answers."""


def wishes_for(rows: Path | None, wishes: Wishes = PLAIN) -> Wishes:
    """The same wishes, and the names of the files where the rows are pictures."""
    if rows is None or not are_pictures(expand(rows)):
        return wishes
    if wishes.id not in (None, FILE):
        raise UsageError(
            f"--id {wishes.id}: pictures have no columns; the answers are named by their files",
            file=rows,
        )
    return replace(wishes, id=FILE)


def answer_rows(
    network: Network,
    rows: Path | None,
    tell: Tell = lambda text: None,
    wishes: Wishes = PLAIN,
    team: TeamOf = Alone,
) -> Iterator[Answered]:
    """The answers to the rows of a file (CSV, JSON lines, Parquet, .npy or .npz); None: of standard
    input.

    tell: hears which columns are left aside, how many cells are missing or hold categories that
        training did not meet, and which rows are left out. team: who answers.
    """
    if rows is not None:
        yield from _Asking(network, expand(rows), tell, wishes, team).run()
        return
    with standard_input() as received:

        def named(text: str) -> None:
            tell(text.replace(str(received), NAME))

        yield from _Asking(network, received, named, wishes, team).run()


def answers_of(network: Network, count: int, take: Callable[[slice], Mapping[str, Array]]) -> Array:
    """The answers to so many rows; take: some of them, as stored, by the names of their values."""
    pieces = []
    with network.answering() as answering:
        step = rows_at_once(network.preprocessing)
        for start in range(0, count, step):
            pieces.append(answering(take(slice(start, min(start + step, count))), start))
    return np.concatenate(pieces)


class _Asking:
    """The rows of one file on their way through a network."""

    def __init__(
        self, network: Network, path: Path, tell: Tell, wishes: Wishes, team: TeamOf
    ) -> None:
        self._network, self._path, self._tell, self._wishes = network, path, tell, wishes
        self._team = team
        self._only = network.preprocessing.get(ONLY)
        self._strange = _Strange(network)
        self._bad = 0

    def run(self) -> Iterator[Answered]:
        some = False
        with self._network.answering(self._team) as answering, about(self._path):
            for values, numbers, cells in self._pieces():
                for found in self._answered(answering, values, numbers, cells):
                    some = True
                    yield found
        for text in self._strange.told():
            self._tell(text)
        if self._bad:
            more = self._bad - _NAMED
            if more > 0:
                self._tell(f"... and {more:,} more")
            rows = "1 row" if self._bad == 1 else f"{self._bad:,} rows"
            verb = "is" if self._bad == 1 else "are"
            self._tell(f"warning: {rows} of {self._path} {verb} left out")
        if not some:
            raise DataError(f"{self._path}: no row can be answered.", file=self._path)

    @property
    def _bad_rows(self) -> Bad | None:
        return self._leave_out if self._wishes.skip_bad else None

    def _leave_out(self, row: int, error: DlcliError) -> None:
        self._bad += 1
        if self._bad <= _NAMED:
            self._tell(f"left out: {error}")

    def _answered(
        self,
        answering: Answering,
        values: Mapping[str, Array],
        numbers: Array,
        cells: Sequence[str] | None,
    ) -> Iterator[Answered]:
        """The answers to some rows, and in order; where some are left out, in several pieces."""
        try:
            answers = answering(values, int(numbers[0]), str(self._path))
            self._require_finite(answers, numbers)
        except (DataError, DivergedError) as error:
            if not self._wishes.skip_bad:
                raise
            if len(numbers) == 1:
                self._leave_out(int(numbers[0]), error)
                return
            half = len(numbers) // 2
            for part in (slice(0, half), slice(half, None)):
                some = None if cells is None else cells[part]
                rows = {name: x[part] for name, x in values.items()}
                yield from self._answered(answering, rows, numbers[part], some)
            return
        self._strange.look(values, int(numbers[0]))
        yield Answered(answers, numbers, cells)

    def _require_finite(self, answers: Array, numbers: Array) -> None:
        finite = np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
        if not finite.all():
            raise DivergedError(
                f"{self._path}: row {int(numbers[int(np.argmin(finite))])} (counted from 0) gets "
                "an answer that is not finite: it is far from those that the network was trained "
                "on. Check the rows and their scale",
                file=self._path,
            )

    def _pieces(self) -> Iterator[tuple[dict[str, Array], Array, Sequence[str] | None]]:
        """The stored rows of each value, some at a time, with their numbers and wanted cells."""
        path, only = self._path, self._only
        what = "a .csv, .jsonl, .parquet or .npy file of rows"
        if are_pictures(path):
            yield from self._pictures()
            return
        if only is not None:
            require_file(path, what)
        if only is not None and path.suffix.lower() != ".npy":
            if only.columns is None:
                raise no_table(path, only.row_shape)
            odd = takes_unknown(only), takes_missing(only), codes_of_unknown(only)
            asked = Asked(only.columns, self._network.csv, *odd)
            blocks = table_rows(path, asked, self._wishes.id, self._bad_rows, self._left_aside)
            for rows in _gathered(blocks, rows_at_once(self._network.preprocessing)):
                yield {ONLY: rows.stored}, rows.numbers, rows.cells
            return
        if self._wishes.id is not None:
            raise UsageError(
                f"--id {self._wishes.id}: the rows of {path} have no columns with names", file=path
            )
        if only is not None:
            values = {ONLY: array_rows(path, only.columns, only.row_shape)}
        else:
            shapes = {name: one.row_shape for name, one in self._network.preprocessing.items()}
            held = {name: a for name, a in self._network.arrays.items() if a is not None}
            values = read_named_rows(path, held, shapes)
        count, step = len(next(iter(values.values()))), rows_at_once(self._network.preprocessing)
        with work("answer rows", count) as at:
            for start in range(0, count, step):
                stop = min(start + step, count)
                some = {name: x[start:stop] for name, x in values.items()}
                yield some, np.arange(start, stop), None
                at(stop)

    def _pictures(self) -> Iterator[tuple[dict[str, Array], Array, Sequence[str] | None]]:
        network, path = self._network, self._path
        wanted = network.takes_pictures
        if wanted is None:
            raise no_pictures(path, network.preprocessing)
        from dlcli.data.pictures.rows import picture_rows

        def aside(names: Sequence[str]) -> None:
            if names:
                count = "1 file" if len(names) == 1 else f"{len(names):,} files"
                self._tell(
                    f"note: {count} in {path} left aside, without a name of a picture: "
                    f"{listed(names)}"
                )

        shape, dtype = network.preprocessing[ONLY].row_shape, network.row_dtypes[ONLY]
        at_once = min(_PICTURES, rows_at_once(network.preprocessing))
        for rows in picture_rows(
            path, wanted, shape, dtype, self._bad_rows, aside,
            at_once=at_once, workers=self._wishes.workers,
        ):  # fmt: skip
            yield {ONLY: rows.stored}, rows.numbers, rows.cells

    def _left_aside(self, names: Sequence[str]) -> None:
        if names:
            shown = listed(names)
            columns = "1 column" if len(names) == 1 else f"{len(names)} columns"
            self._tell(
                f"note: {columns} of {self._path} left aside, the model reads others: {shown}"
            )


def _gathered(blocks: Iterator[Rows], step: int) -> Iterator[Rows]:
    """The same rows, so many at a time or a few more."""
    held: list[Rows] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block.numbers)
        if count >= step:
            yield _together(held)
            held, count = [], 0
    if held:
        yield _together(held)


def _together(held: Sequence[Rows]) -> Rows:
    if len(held) == 1:
        return held[0]
    cells = None
    if held[0].cells is not None:
        cells = [cell for rows in held for cell in rows.cells or ()]
    stored = np.concatenate([rows.stored for rows in held])
    return Rows(stored, np.concatenate([rows.numbers for rows in held]), cells)


class _Strange:
    """How many cells of each column are missing, or hold a category that the training part did not
    have."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._rows = 0
        self._missing: dict[tuple[str, str], tuple[int, int]] = {}
        self._unknown: dict[tuple[str, str], tuple[int, int]] = {}
        self._takes = {name: takes_unknown(one) for name, one in network.preprocessing.items()}

    def look(self, values: Mapping[str, Array], first: int) -> None:
        """Count those of some more rows."""
        self._rows += len(next(iter(values.values())))
        for name, one in self._network.preprocessing.items():
            found = [(self._missing, missing_cells(one, values[name]))]
            if self._takes[name]:
                found.append((self._unknown, unknown_cells(one, values[name])))
            for total, cells in found:
                for column, (count, row) in cells.items():
                    before, where = total.get((name, column), (0, first + row))
                    total[name, column] = before + count, where

    def told(self) -> Iterator[str]:
        """A sentence for each column that has some."""
        for name, one in self._network.preprocessing.items():
            for column, found in _of(self._missing, name):
                yield self._cells(
                    name, column, found, "are missing; they are treated as in training"
                )
            buckets = empty_buckets(one) if self._takes[name] else ()
            for column, found in _of(self._unknown, name):
                rare = self._takes[name][column] == "bucket" and column not in buckets
                yield self._cells(
                    name,
                    column,
                    found,
                    "hold categories that the model was not trained on; they are taken as "
                    f"{'rare ones' if rare else 'none of those it knows'}",
                )

    def _cells(self, name: str, column: str, found: tuple[int, int], what: str) -> str:
        where = f"column {column!r}" + (f" of the input {name!r}" if name != ONLY else "")
        count, first = found
        return (
            f"warning: {where}: {count:,} of {self._rows:,} cells, the first in row {first} "
            f"(counted from 0), {what}"
        )


def _of(
    found: Mapping[tuple[str, str], tuple[int, int]], name: str
) -> Iterator[tuple[str, tuple[int, int]]]:
    for (value, column), cells in found.items():
        if value == name:
            yield column, cells
