"""Tables in delimited text files."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from dlcli.data.checks import make_table, make_weights
from dlcli.data.dataset import Array, Column, Declared, Raw, Role, Sampled, Shape
from dlcli.data.formats.columns import DECLARED, ReadColumns, read_columns
from dlcli.data.formats.findings import TextColumn, first_texts, quantised, text_column, two_forms
from dlcli.data.formats.notation import Format
from dlcli.data.formats.text import Text, line_of, read_header
from dlcli.data.places import Places
from dlcli.data.sources.base import Source
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen

_WEIGHTS = "it is the column of weights"
FEW = 10_000
"""Rows that are read to be looked at."""


@frozen
class Csv(Source):
    """A table in a delimited text file.

    Compressed by gzip, bzip2 or xz, or in a zip archive of one member, it is read all the same.

    delimiter, header, decimal, thousands, comment: how it is written; see Format.
    target: the column to learn. Text becomes classes in sorted order, whole numbers int64,
        other numbers float64.
    weight: the column of the weights of rows.
    kinds: "text" or "number" for columns whose look misleads, such as codes that begin with digits.
    features: the columns to learn from, in this order; by default all others in file order.
    test_path: a second file with the same columns for the test part.
    """

    path: str
    target: str
    features: tuple[str, ...] | None = None
    delimiter: str = ","
    header: bool | None = None
    decimal: str = "."
    thousands: str | None = None
    comment: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    test_path: str | None = None
    positive_class: str | None = None

    @property
    def format(self) -> Format:
        """How the file is written."""
        return Format(self.delimiter, self.header, self.decimal, self.thousands, self.comment)

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

    def _read(self, places: Places, most: int | None = None) -> tuple[Raw, list[Path]]:
        """The rows, or the first of them; and the files that have more."""
        files = [read_header(places.find(self.path), self.format)]
        if self.test_path is not None:
            files.append(read_header(places.find(self.test_path), self.format))
            _same_width(files)
        names = self._features(files[0])
        wanted = (*names, *self._weight, self.target)
        declared = self._declared(files[0], wanted)
        reasons = dict.fromkeys(declared, DECLARED)
        if self.weight is not None:
            declared[self.weight], reasons[self.weight] = False, _WEIGHTS
        read = [read_columns(files[0], wanted, declared, reasons, most)]
        kinds = {name: name in read[0].texts for name in wanted}
        read += [read_columns(file, wanted, kinds, reasons, most) for file in files[1:]]
        warnings = [
            sentence
            for file, columns in zip(files, read, strict=True)
            for sentence in (*file.left_out, *quantised(file, wanted, columns))
        ]
        texts = {
            name: text_column(files[0], read[0].texts[name], read[0].numbers[:, j])
            for j, name in enumerate(wanted)
            if name in read[0].texts
        }
        warnings += [
            _nonsense(name, text)
            for name, text in texts.items()
            if text.numeric and name not in declared
        ]
        vocabularies = _merge(read, wanted)
        warnings += [s for name, known in vocabularies.items() for s in two_forms(name, known)]
        numbers = [_in_sorted_order(columns, wanted, vocabularies) for columns in read]
        columns = tuple(
            Column(name, vocabularies[name], f"{texts[name].where}. {texts[name].for_feature}")
            if name in texts
            else Column(name)
            for name in names
        )
        classes = vocabularies.get(self.target)
        targets = [table[:, -1] for table in numbers]
        if classes is not None or all(_whole(target) for target in targets):
            targets = [target.astype(np.int64) for target in targets]
        roles: tuple[Role, ...] = ("all",) if self.test_path is None else ("train", "test")
        parts = {
            role: make_table(
                np.ascontiguousarray(table[:, : len(names)]),
                target,
                str(file.path),
                f"{file.path}, column {self.target!r}",
                columns,
                partial(_line, file),
            )
            for role, table, target, file in zip(roles, numbers, targets, files, strict=True)
        }
        if self.weight is not None:
            parts = {
                role: replace(table, weights=self._weights(file, read[:, len(names)]))
                for (role, table), read, file in zip(parts.items(), numbers, files, strict=True)
            }
        about = _about_target(self.target, texts[self.target]) if self.target in texts else None
        width = None if files[0].header else len(files[0].names)
        raw = Raw(parts, classes, columns, tuple(warnings), about, width)
        longer = [f.path for f, c in zip(files, read, strict=True) if len(c.numbers) == most]
        return raw, longer

    def declare(self, places: Places) -> Declared:
        absent: list[str] = []
        shape: Shape | None = None
        columns: tuple[Column, ...] | None = None
        about: str | None = None
        roles: tuple[Role, ...] = ("all",) if self.test_path is None else ("train", "test")
        files: list[Text] = []
        for path in (self.path, self.test_path):
            if path is None:
                continue
            found = places.search(path)
            if found is None:
                absent.append(places.miss(path))
                continue
            file = read_header(found, self.format)
            files.append(file)
            _same_width(files)
            names = [c.name for c in columns] if columns else self._features(file)
            for name in (*names, *self._weight, self.target):
                file.position(name)
            columns = tuple(Column(name) for name in names)
            shape = (len(names),)
            kinds = self._declared(file, (*names, self.target))
            known = kinds.get(self.target)
            text = first_texts(file, self.target, known) if path == self.path else None
            about = about if text is None else _about_target(self.target, text)
        rows: dict[Role, int | None] = dict.fromkeys(roles)
        return Declared(shape, rows, columns=columns, absent=tuple(absent), text_target=about)

    @property
    def _weight(self) -> tuple[str, ...]:
        return () if self.weight is None else (self.weight,)

    def _weights(self, file: Text, weights: Array) -> Array:
        column = f"column {self.weight!r}"
        where = f"{file.path}, {column}"
        return make_weights(weights, len(weights), where, lambda r: f"{_line(file, r)}, {column}")

    def _declared(self, file: Text, wanted: Sequence[str]) -> dict[str, bool]:
        """Whether a wanted column holds text, where `kinds` says it."""
        places = {file.position(name): name for name in self.kinds}
        found = {name: places.get(file.position(name)) for name in wanted}
        return {name: self.kinds[key] == "text" for name, key in found.items() if key is not None}

    def _features(self, file: Text) -> tuple[str, ...]:
        target = file.position(self.target)
        others = [file.position(name) for name in (*self._weight, self.target)]
        if len(set(others)) < len(others):
            raise UsageError(f"csv: {self.target!r} is the target and cannot be the weight too.")
        if self.features is None:
            names = tuple(n for place, n in enumerate(file.names) if n and place not in others)
            if not names:
                raise DataError(f"{file.path} has only the column {self.target!r}: no features.")
            return names
        places = [file.position(name) for name in self.features]
        if target in places:
            raise UsageError(f"csv: {self.target!r} is the target and cannot be a feature too.")
        if set(places) & set(others):
            raise UsageError(f"csv: {self.weight!r} is the weight and cannot be a feature too.")
        if len(set(places)) < len(places) or not places:
            raise UsageError("csv: features must name at least one column, and none twice.")
        return tuple(self.features)


def _about_target(name: str, text: TextColumn) -> str:
    return f"column {name!r} holds text: {text.where}. {text.for_target}"


def _nonsense(name: str, text: TextColumn) -> str:
    """The warning about numbers that are about to be learned as words."""
    return (
        f"column {name!r} is taken for text, each of its texts for a category of its own: "
        f"{text.where}. {text.for_target.removesuffix('.')}"
    )


def _same_width(files: list[Text]) -> None:
    """Without a header the columns are known by their places, so all files must have as many."""
    first, last = files[0], files[-1]
    if not first.header and len(first.names) != len(last.names):
        raise DataError(
            f"{last.path}, line {last.line} has {len(last.names)} cells, but {first.path} has "
            f"{len(first.names)}: without a header both must have the same columns."
        )


def _merge(read: list[ReadColumns], wanted: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The sorted distinct texts of every text column over all files."""
    return {
        name: tuple(sorted({text for columns in read for text in columns.texts[name]}))
        for name in wanted
        if name in read[0].texts
    }


def _in_sorted_order(
    columns: ReadColumns, wanted: tuple[str, ...], vocabularies: dict[str, tuple[str, ...]]
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
