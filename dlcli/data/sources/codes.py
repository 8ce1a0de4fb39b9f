"""Texts of columns as numbers: positions in one sorted vocabulary over all files of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dlcli.data.dataset import Array, Role, Table
from dlcli.data.formats.columns import ReadColumns


def merge(read: Sequence[ReadColumns], wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The sorted distinct texts of every text column over all files."""
    return {
        name: tuple(sorted({text for columns in read for text in columns.texts.get(name, ())}))
        for name in wanted
        if any(name in columns.texts for columns in read)
    }


def sort_codes(
    columns: ReadColumns, wanted: Sequence[str], vocabularies: Mapping[str, tuple[str, ...]]
) -> None:
    """Change the codes of text columns to positions in the sorted texts; gaps stay."""
    for j, name in enumerate(wanted):
        if name in vocabularies:
            place = {text: float(i) for i, text in enumerate(vocabularies[name])}
            codes = np.array([*(place[text] for text in columns.texts.get(name, ())), np.nan])
            found = columns.numbers[:, j]
            found[...] = codes[np.where(np.isnan(found), len(codes) - 1, found).astype(np.int64)]


def as_ids(tables: Mapping[Role, Table]) -> dict[Role, Table]:
    """Targets that are whole numbers in every part as int64, which may be ids of classes."""
    if not all(_whole(table.targets) for table in tables.values()):
        return dict(tables)
    return {role: replace(t, targets=t.targets.astype(np.int64)) for role, t in tables.items()}


def _whole(values: Array) -> bool:
    return bool(((np.floor(values) == values) & (np.abs(values) < 2.0**53)).all())
