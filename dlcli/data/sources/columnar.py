"""Tables with named columns, however they are stored: from columns to what a run works with.

A source of this kind says how a file is opened and its columns are read; here is what every such
table has in common: which columns are features, target, weight and keys of the split, how text
becomes classes or categories over all files, and what is done with missing cells.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import make_table, make_weights
from dlcli.data.dataset import Array, Column, Declared, Key, Raw, Role, Sampled, Shape, Table
from dlcli.data.formats.columns import DECLARED, NUMBER, TEXT, ReadColumns
from dlcli.data.formats.findings import TextColumn, two_forms
from dlcli.data.options import OptionError
from dlcli.data.places import Places
from dlcli.data.sources.base import Source
from dlcli.data.sources.codes import as_ids, merge, sort_codes
from dlcli.errors import DataError, UsageError

FEW = 10_000
"""Rows that are read to be looked at."""
_WEIGHTS = "it is the column of weights"
_SEVERAL = "it is one of several targets, which are numbers"


class Opened(Protocol):
    """A file whose columns are known, but not its rows."""

    @property
    def path(self) -> Path: ...
    @property
    def names(self) -> tuple[str, ...]:
        """Of its columns, in order; "" for one that is left out."""

    @property
    def width(self) -> int | None:
        """How many columns there are where they are known by their places only."""

    @property
    def left_out(self) -> tuple[Finding, ...]:
        """A finding about each column that is left out."""

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""

    def place(self, row: int) -> str:
        """Where a row (from 0) is, for messages: "trees.csv, line 14"."""


class ColumnarSource(Source):
    """What tables with named columns have in common; the fields are those of the sources."""

    path: str
    test_path: str | None
    validation_path: str | None
    target: str | tuple[str, ...]
    features: tuple[str, ...] | None
    ignore: tuple[str, ...]
    kinds: Mapping[str, str]
    weight: str | None
    missing_target: str
    keys: tuple[str, ...]

    word: str
    """The name of the source, for messages."""

    def paths(self) -> dict[Role, str]:
        """The files, by what their rows are for."""
        given: dict[Role, str | None] = {
            "train": self.path, "validation": self.validation_path, "test": self.test_path
        }  # fmt: skip
        return {role: path for role, path in given.items() if path is not None}

    @abstractmethod
    def header_of(self, path: Path) -> Opened:
        """The file, with the names of its columns; the methods below get it as their `file`."""

    @abstractmethod
    def read(
        self,
        file: Any,
        wanted: Sequence[str],
        kinds: Mapping[str, str],
        reasons: Mapping[str, str],
        most: int | None,
    ) -> ReadColumns:
        """The wanted columns of at most so many rows; kinds, reasons: as for `read_columns`."""

    @abstractmethod
    def look(self, file: Any, texts: Sequence[str], codes: Array) -> TextColumn:
        """What a column of text looks like; codes: the place of each row in the distinct texts."""

    @abstractmethod
    def odd(self, file: Any, wanted: Sequence[str], read: ReadColumns) -> tuple[Finding, ...]:
        """A finding about each number that was not kept as it is written."""

    @abstractmethod
    def first_look(self, file: Any, name: str, kind: str | None) -> TextColumn | None:
        """What a column looks like by its first rows; None where it is no text."""

    @abstractmethod
    def check_together(self, files: Sequence[Any]) -> None:
        """DataError unless the last of the files has the columns of the first."""

    def with_keys(self, keys: tuple[str, ...]) -> "ColumnarSource":
        return replace(cast(Any, self), keys=keys) if keys else self

    def load(self, places: Places, seed: int) -> Raw:
        return self._read(places)[0]

    def sample(self, places: Places, seed: int) -> Sampled | str:
        raw, longer = self._read(places, FEW)
        unread = (
            f"{path}: the cells behind the first {FEW:,} rows (gaps, cells of another kind, "
            "categories and classes that are seen there first)."
            for path in longer
        )
        return Sampled(raw, tuple(unread))

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to learn."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    def _read(self, places: Places, most: int | None = None) -> tuple[Raw, list[Path]]:
        """The rows, or the first of them; and the files that have more."""
        files: list[Opened] = []
        for path in self.paths().values():
            files.append(self.header_of(places.find(path)))
            self.check_together(files)
        first = files[0]
        names = self._features(first)
        wanted = tuple(dict.fromkeys((*names, *self._beside(), *self.targets)))
        declared, reasons = self._declared(first, wanted)
        read = [self.read(first, wanted, declared, reasons, most)]
        # What a column holds, the first file says, unless it is empty there.
        numbers = (not np.isnan(read[0].numbers[:, j]).all() for j in range(len(wanted)))
        known = {
            name: TEXT if name in read[0].texts else declared.get(name, NUMBER)
            for name, filled in zip(wanted, numbers, strict=True)
            if filled or name in declared
        }
        read += [self.read(file, wanted, known, reasons, most) for file in files[1:]]
        return self._raw(files, names, wanted, declared, read), [
            file.path
            for file, columns in zip(files, read, strict=True)
            if len(columns.numbers) == most
        ]

    def _raw(
        self,
        files: Sequence[Opened],
        names: Sequence[str],
        wanted: Sequence[str],
        declared: Mapping[str, str],
        read: Sequence[ReadColumns],
    ) -> Raw:
        first = files[0]
        findings = [
            finding
            for file, columns in zip(files, read, strict=True)
            for finding in (*file.left_out, *self.odd(file, wanted, columns))
        ]
        looks = {
            name: self.look(first, read[0].texts[name], read[0].numbers[:, j])
            for j, name in enumerate(wanted)
            if read[0].texts.get(name)
        }
        findings += [
            text.as_words(name)
            for name, text in looks.items()
            if text.numeric and name not in declared
        ]
        vocabularies = merge(read, wanted)
        findings += [s for name, known in vocabularies.items() for s in two_forms(name, known)]
        for columns in read:
            sort_codes(columns, wanted, vocabularies)
        features = tuple(
            self._column(name, vocabularies, looks, declared.get(name)) for name in names
        )
        tables: dict[Role, Table] = {}
        for role, file, found in zip(self.paths(), files, read, strict=True):
            tables[role], told = self._table(file, features, wanted, found.numbers, vocabularies)
            findings += told
        if tables.keys() == {"train"}:
            tables = {"all": tables["train"]}
        target, classes = self.targets[0], None
        if len(self.targets) == 1:
            tables, classes = as_ids(tables), vocabularies.get(target)
        about = _about_target(target, looks[target]) if target in looks else None
        return Raw(tables, classes, features, tuple(findings), about, first.width)

    def _column(
        self,
        name: str,
        vocabularies: Mapping[str, tuple[str, ...]],
        looks: Mapping[str, TextColumn],
        kind: str | None,
    ) -> Column:
        if name in vocabularies:
            look = looks.get(name)
            text = "" if look is None else f"{look.where}. {look.for_feature}"
            return Column(name, vocabularies[name], text)
        if kind in (None, NUMBER):
            return Column(name)
        assert kind is not None
        return Column(name, date=True, written=kind)

    def _table(
        self,
        file: Opened,
        columns: Sequence[Column],
        wanted: Sequence[str],
        numbers: Array,
        vocabularies: Mapping[str, tuple[str, ...]],
    ) -> tuple[Table, list[Finding]]:
        """The table of one file, and what a person should know of it."""
        at = {name: j for j, name in enumerate(wanted)}
        place: Callable[[int], str] = file.place
        told = []
        gaps = np.isnan(numbers[:, [at[name] for name in self.targets]])
        if gaps.any():
            numbers, place, finding = self._without_gaps(file, numbers, gaps)
            told.append(finding)
        for name in self.keys:
            _require_filled(
                numbers[:, at[name]],
                place,
                name,
                ", but rows are split by it. Fill it in, or remove the row.",
            )
        targets = numbers[:, [at[name] for name in self.targets]]
        where = f"{file.path}, column {self.targets[0]!r}"
        if len(self.targets) > 1:
            where = f"{file.path}, columns {', '.join(map(repr, self.targets[:5]))}"
        table = make_table(
            np.ascontiguousarray(numbers[:, : len(columns)]),
            np.ascontiguousarray(targets) if len(self.targets) > 1 else targets[:, 0].copy(),
            str(file.path),
            where,
            columns,
            place,
            gaps=True,
        )
        keys = {
            name: Key(numbers[:, at[name]].copy(), vocabularies.get(name)) for name in self.keys
        }
        weights = None
        if self.weight is not None:
            column, cells = f"column {self.weight!r}", numbers[:, at[self.weight]]
            _require_filled(
                cells,
                place,
                self.weight,
                ": every row needs a weight. Fill it in; a row that shall not count has the weight "
                "0.",
            )
            weights = make_weights(
                cells,
                len(numbers),
                f"{file.path}, {column}",
                lambda row: f"{place(row)}, {column}",
            )
        return replace(table, keys=keys, weights=weights), told

    def _without_gaps(
        self, file: Opened, numbers: Array, gaps: Array
    ) -> tuple[Array, Callable[[int], str], Finding]:
        """Without the rows whose target is missing; OptionError unless that is allowed."""
        lost: Array = np.asarray(gaps.any(axis=1))
        row = int(np.argmax(lost))
        column = self.targets[int(np.argmax(gaps[row]))]
        where = f"{file.place(row)}, column {column!r}"
        if self.missing_target != "drop":
            raise OptionError(
                ("source",),
                f"{where} is missing, and a row without a target can neither be learned from nor "
                "judged: fill it in, or set `missing_target: drop` to leave such rows out (there "
                f"{'is' if lost.sum() == 1 else 'are'} {int(lost.sum()):,})",
            )
        if lost.all():
            raise DataError(f"{file.path} has no row with a target.", file=file.path)
        kept = np.flatnonzero(~lost)
        count = int(lost.sum())
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        finding = Finding(
            "rows_left_out",
            f"{file.path}: {rows} no target (the first: {where}) and "
            f"{'is' if count == 1 else 'are'} left out of {len(lost):,}",
            "fill them in to learn from them",
        )
        return numbers[kept], partial(_kept_place, file, kept), finding

    def declare(self, places: Places) -> Declared:
        absent: list[str] = []
        shape: Shape | None = None
        columns: tuple[Column, ...] | None = None
        about: str | None = None
        files: list[Opened] = []
        for role, path in self.paths().items():
            found = places.search(path)
            if found is None:
                absent.append(places.miss(path))
                continue
            file = self.header_of(found)
            files.append(file)
            self.check_together(files)
            names = [c.name for c in columns] if columns else self._features(file)
            for name in (*names, *self._beside(), *self.targets):
                file.position(name)
            columns = tuple(Column(name) for name in names)
            shape = (len(names),)
            if role == "train" and len(self.targets) == 1:
                known = self._declared(file, (*names, *self.targets))[0]
                text = self.first_look(file, self.targets[0], known.get(self.targets[0]))
                about = about if text is None else _about_target(self.targets[0], text)
        roles = self.paths().keys()
        rows: dict[Role, int | None] = dict.fromkeys(("all",) if len(roles) == 1 else roles)
        return Declared(shape, rows, columns=columns, absent=tuple(absent), text_target=about)

    def _beside(self) -> tuple[str, ...]:
        """The columns that are read beside features and target."""
        return (*(() if self.weight is None else (self.weight,)), *self.keys)

    def _declared(
        self, file: Opened, wanted: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """What a wanted column holds, where that is said; and by what it is said."""
        places = {file.position(name): name for name in self.kinds}
        found = {name: places.get(file.position(name)) for name in wanted}
        kinds = {name: self.kinds[key] for name, key in found.items() if key is not None}
        reasons = dict.fromkeys(kinds, DECLARED)
        if self.weight is not None:
            kinds[self.weight], reasons[self.weight] = NUMBER, _WEIGHTS
        if len(self.targets) > 1:
            for name in self.targets:
                kinds.setdefault(name, NUMBER)
                reasons.setdefault(name, _SEVERAL)
        return kinds, reasons

    def _features(self, file: Opened) -> tuple[str, ...]:
        """The columns to learn from. UsageError for options that name what is not there, or one
        column as two things."""
        taken = {file.position(name): f"the target {name!r}" for name in self.targets}
        others = [(name, "ignored", "ignored") for name in self.ignore]
        if self.weight is not None:
            others.insert(0, (self.weight, "the weight", f"the weight {self.weight!r}"))
        for name, what, told in others:
            place = file.position(name)
            if place in taken:
                raise UsageError(
                    f"{self.word}: {name!r} is {taken[place]} and cannot be {what} too."
                )
            taken[place] = told
        keys = {file.position(name) for name in self.keys}
        if self.features is None:
            names = tuple(
                n for place, n in enumerate(file.names) if n and place not in taken.keys() | keys
            )
            if not names:
                raise DataError(
                    f"{file.path} has only the column {self.targets[0]!r}: no features."
                    if len(file.names) == 1
                    else f"{file.path} has no column left that could be a feature."
                )
            return names
        places = [file.position(name) for name in self.features]
        for name, place in zip(self.features, places, strict=True):
            if place in taken:
                raise UsageError(
                    f"{self.word}: {name!r} is {taken[place]} and cannot be a feature too."
                )
        if len(set(places)) < len(places) or not places:
            raise UsageError(
                f"{self.word}: features must name at least one column, and none twice."
            )
        return tuple(self.features)


def _require_filled(cells: Array, place: Callable[[int], str], name: str, why: str) -> None:
    """DataError where a cell of the column is missing; why: the sentence from there on."""
    holes = np.isnan(cells)
    if holes.any():
        raise DataError(f"{place(int(np.argmax(holes)))}, column {name!r} is missing{why}")


def _kept_place(file: Opened, kept: Array, row: int) -> str:
    return file.place(int(kept[row]))


def _about_target(name: str, text: TextColumn) -> str:
    return f"column {name!r} holds text: {text.where}. {text.for_target}"
