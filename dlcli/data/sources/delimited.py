"""Tables in delimited text files."""

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from dlcli.data.checks import make_table
from dlcli.data.dataset import Array, Column, Declared, Raw, Role, Shape
from dlcli.data.formats.text import Columns, Text, line_of, read_columns, read_header
from dlcli.data.places import Places
from dlcli.data.sources.base import Source
from dlcli.errors import DataError, UsageError


@dataclass(frozen=True)
class Csv(Source):
    """A table with a header line.

    target: the column to learn. Text becomes classes in sorted order, whole numbers int64,
        other numbers float64.
    features: the columns to learn from, in this order; by default all others in file order.
    test_path: a second file with the same columns for the test part.
    """

    path: str
    target: str
    features: tuple[str, ...] | None = None
    delimiter: str = ","
    test_path: str | None = None
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        files = [read_header(places.find(self.path), self.delimiter)]
        if self.test_path is not None:
            files.append(read_header(places.find(self.test_path), self.delimiter))
        names = self._features(files[0])
        wanted = (*names, self.target)
        read = [read_columns(files[0], wanted)]
        kinds = {name: name in read[0].texts for name in wanted}
        read += [read_columns(file, wanted, kinds) for file in files[1:]]
        vocabularies = _merge(read, wanted)
        numbers = [_in_sorted_order(columns, wanted, vocabularies) for columns in read]
        columns = tuple(Column(name, vocabularies.get(name)) for name in names)
        classes = vocabularies.get(self.target)
        targets = [table[:, -1] for table in numbers]
        if classes is not None or all(_whole(target) for target in targets):
            targets = [target.astype(np.int64) for target in targets]
        roles: tuple[Role, ...] = ("all",) if self.test_path is None else ("train", "test")
        parts = {
            role: make_table(
                np.ascontiguousarray(table[:, :-1]),
                target,
                str(file.path),
                f"{file.path}, column {self.target!r}",
                columns,
                partial(_line, file),
            )
            for role, table, target, file in zip(roles, numbers, targets, files, strict=True)
        }
        return Raw(parts, classes, columns)

    def declare(self, places: Places) -> Declared:
        absent: list[str] = []
        shape: Shape | None = None
        columns: tuple[Column, ...] | None = None
        roles: tuple[Role, ...] = ("all",) if self.test_path is None else ("train", "test")
        for path in (self.path, self.test_path):
            if path is None:
                continue
            found = places.search(path)
            if found is None:
                absent.append(places.miss(path))
                continue
            file = read_header(found, self.delimiter)
            names = [c.name for c in columns] if columns else self._features(file)
            for name in (*names, self.target):
                file.position(name)
            columns = tuple(Column(name) for name in names)
            shape = (len(names),)
        rows: dict[Role, int | None] = dict.fromkeys(roles)
        return Declared(shape, rows, columns=columns, absent=tuple(absent))

    def _features(self, file: Text) -> tuple[str, ...]:
        file.position(self.target)
        if self.features is None:
            names = tuple(name for name in file.names if name != self.target)
            if not names:
                raise DataError(f"{file.path} has only the column {self.target!r}: no features.")
            return names
        if self.target in self.features:
            raise UsageError(f"csv: {self.target!r} is the target and cannot be a feature too.")
        if len(set(self.features)) < len(self.features) or not self.features:
            raise UsageError("csv: features must name at least one column, and none twice.")
        for name in self.features:
            file.position(name)
        return tuple(self.features)


def _merge(read: list[Columns], wanted: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The sorted distinct texts of every text column over all files."""
    return {
        name: tuple(sorted({text for columns in read for text in columns.texts[name]}))
        for name in wanted
        if name in read[0].texts
    }


def _in_sorted_order(
    columns: Columns, wanted: tuple[str, ...], vocabularies: dict[str, tuple[str, ...]]
) -> Array:
    """The numbers, with the codes of text columns changed to positions in the sorted texts."""
    for j, name in enumerate(wanted):
        if name in vocabularies:
            place = {text: float(i) for i, text in enumerate(vocabularies[name])}
            codes = np.array([place[text] for text in columns.texts[name]])
            columns.numbers[:, j] = codes[columns.numbers[:, j].astype(np.int64)]
    return cast(Array, columns.numbers)


def _line(file: Text, row: int) -> str:
    return f"{file.path}, line {line_of(file, row)}"


def _whole(values: Array) -> bool:
    return bool(((np.floor(values) == values) & (np.abs(values) < 2.0**53)).all())
