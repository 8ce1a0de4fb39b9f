"""Data that is not what a run was trained on: which file, and where in it, as far as can be told.

The digests in the manifest decide. What else is told comes from `rows.safetensors`, the prints of
the rows (data/prints.py) and the names of columns and classes: deterministic, free of paths, and
listed as any other file of a finished run, but nothing more than help. A run of an earlier version
has none, and a manifest that lies alone has none beside it: then that is said.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.digests import Array, digest_document, digest_tensors
from dlcli.artifacts.manifest import Manifest
from dlcli.artifacts.run_directory import ROWS, RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.artifacts.verification import check_file
from dlcli.data.prints import Brought, Prints, together
from dlcli.errors import ArtifactError, DataError
from dlcli.frozen import frozen

_LIMIT = 16 << 20
"""Bytes that the file of prints may have."""

_MOST_NAMES = 4096
"""Names of columns, and of classes, that are kept."""

_SHOWN = 5
_LATER = ("classes", "initial_weights")
"""Roles that may come of the design and not of the source."""

_ADVICE = "Restore the original data, or train anew"


@frozen
class _Kept:
    """What is known of the data that the run was trained on; or else why it is not."""

    brought: Brought | None
    why_not: str = ""


def write_rows(run: RunDirectory, brought: Brought) -> None:
    """Write what tells later which row is another."""
    arrays: dict[str, Array] = {role: part.values for role, part in brought.prints.items()}
    parts = {
        role: {
            "rows": part.rows,
            "together": part.together,
            "features": part.features,
            "targets": part.targets,
        }
        for role, part in brought.prints.items()
    }
    words = {
        "parts": parts,
        "columns": _names(brought.columns),
        "classes": _names(brought.classes),
        "roles": sorted(brought.digests),
        "data": digest_document(dict(brought.digests)),
        "prints": digest_document(digest_tensors(arrays)),
    }
    documents.write_tensors(run, ROWS, arrays, words)


def _names(names: Sequence[str] | None) -> list[str] | None:
    return list(names) if names is not None and len(names) <= _MOST_NAMES else None


def check_against(recorded: Manifest, run: RunDirectory | None) -> Callable[[Brought], None]:
    """Raises DataError for data that is not what the run was trained on, before anything is made
    of it. run: where the manifest lies, if not alone."""

    def check(brought: Brought) -> None:
        changed = sorted(
            [role for role, digest in brought.digests.items() if recorded.data.get(role) != digest]
            + [role for role in recorded.data if role not in {*brought.digests, *_LATER}]
        )
        if changed:
            raise _error(changed, brought, _read(recorded, run))

    return check


def require_same_data(recorded: Manifest, digests: Mapping[str, str]) -> None:
    """DataError naming the roles whose content differs: for what came of the design, too."""
    changed = sorted(
        role
        for role in recorded.data.keys() | digests.keys()
        if recorded.data.get(role) != digests.get(role)
    )
    if changed:
        raise DataError(
            f"the data is not what the run was trained on: {', '.join(changed)} changed. {_ADVICE}"
        )


def _error(changed: Sequence[str], brought: Brought, kept: _Kept) -> DataError:
    """The error that says all that can be told."""
    head = f"the data is not what the run was trained on: {', '.join(changed)} changed"
    told: list[str] = []
    file = line = None
    before = kept.brought or Brought()
    for kind, old, new in (
        ("columns", before.columns, brought.columns),
        ("classes", before.classes, brought.classes),
    ):
        if kind in changed:
            told.append(_about_names(kind, old, new))
    for role, now in brought.prints.items():
        # Of several values, each array has prints of its own, by the role that its digest has.
        features = f"{role}.features" in changed or (now.features != "" and role in changed)
        targets = f"{role}.targets" in changed or (now.targets != "" and role in changed)
        weights = f"{role.removesuffix('.targets')}.weights" in changed and now.targets != ""
        if not features and not targets and not weights:
            continue
        name = _files(role, now, features, targets, weights)
        file = file or re.sub(r", (column|array) '.*", "", name.split(" and ")[0], flags=re.S)
        old_part = before.prints.get(role)
        if old_part is None:
            told.append(f"{name}: which row is another cannot be told, because {kept.why_not}")
            continue
        row, place = _first(old_part, now, features)
        shown = place.removeprefix(f"{name}, ").removeprefix(f"{now.files[1]}, ")
        told.append(f"{name}: {'; '.join(_about(old_part, now, row, shown))}")
        found = re.fullmatch(r".*, line (\d+)", place, flags=re.S)
        line = line or (int(found[1]) if found else None)
    text = "\n".join(f"  {sentence}" for sentence in told)
    known = file if any(part.files[0] for part in brought.prints.values()) else None
    return DataError(
        f"{head}\n{text}\n{_ADVICE}" if told else f"{head}. {_ADVICE}", file=known, line=line
    )


def _files(role: str, now: Prints, features: bool, targets: bool, weights: bool) -> str:
    """What messages call the files that changed."""
    names = [now.files[0]] if features else []
    if weights and not features and not targets:  # a column of the same file, or another array
        one = now.files[1].startswith(f"{now.files[0]}, column")
        names.append(now.files[0] if one else f"the weights beside {now.files[1]}")
    if targets and not (features and now.files[1].startswith(now.files[0])):
        names.append(now.files[1])
    known = [name for name in names if name]
    return " and ".join(known) or f"the {role} rows"


def _first(old: Prints, now: Prints, features: bool) -> tuple[int | None, str]:
    """The first row that is another (of those that have a print together, the first), and what
    messages call it; None where that cannot be told."""
    if old.together != now.together or old.features != now.features:
        return None, ""
    if old.targets.partition(" ")[2] != now.targets.partition(" ")[2]:
        return None, ""
    whole = len(old.values) if old.rows == now.rows else min(old.rows, now.rows) // old.together
    others = np.flatnonzero(old.values[:whole] != now.values[:whole])
    if not len(others):
        return None, ""
    row = int(others[0]) * old.together
    return row, _place(now, row, features)


def _place(now: Prints, row: int, features: bool) -> str:
    read = now.place(row) if now.place is not None else ""
    if read and (not features or read.startswith(now.files[0])):
        return read
    plain = f"row {row} (counted from 0)"
    return f"{now.files[0]}, {plain}" if now.files[0] else plain


def _about(old: Prints, now: Prints, row: int | None, place: str) -> Iterator[str]:
    """What is another about the rows of one table."""
    for what, before, after in (
        ("features", old.features, now.features),
        ("targets", old.targets, now.targets),
    ):
        if before != after:
            yield f"the {what} of a row are {after} now, they were {before}"
    if old.rows != now.rows:
        yield f"it has {now.rows:,} rows now, it had {old.rows:,}"
    if row is not None and old.together == 1:
        yield f"the first row that differs is {place}"
    elif row is not None:
        last = min(row + old.together, old.rows, now.rows) - 1
        yield (
            f"the first row that differs is among {last - row + 1} from {place} on (rows {row:,} "
            f"to {last:,}, counted from 0)"
        )
    elif old.features == now.features and old.together == now.together:
        same = min(old.rows, now.rows) // old.together * old.together
        if old.rows != now.rows and same:
            yield f"the first {same:,} rows are as they were"
        elif old.rows == now.rows and old.targets == now.targets:
            yield "which row is another cannot be told from the record of the run"


def _about_names(kind: str, before: Sequence[str] | None, after: Sequence[str] | None) -> str:
    """What is another about the names of columns or classes."""
    if before is None or after is None:
        return f"{kind}: their names, or the texts that they stand for, are others"
    if tuple(before) == tuple(after):
        return f"{kind}: their names are as they were, but the texts in them are others"
    new = [name for name in after if name not in set(before)]
    gone = [name for name in before if name not in set(after)]
    if not new and not gone:
        return f"{kind}: the same names in another order"
    found = [
        f"{word} {', '.join(map(repr, names[:_SHOWN]))}"
        + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        for word, names in (("new:", new), ("gone:", gone))
        if names
    ]
    return f"{kind}: {'; '.join(found)}"


def _read(recorded: Manifest, run: RunDirectory | None) -> _Kept:
    """What the run has kept of its data."""
    if run is None:
        return _Kept(None, f"the record of the rows, {ROWS}, lies with the run, not here")
    try:
        path = run.path(ROWS)
        if not path.exists():
            return _Kept(None, f"the run has no record of its rows ({ROWS})")
        if ROWS in recorded.files:
            check_file(run, recorded, ROWS)
        arrays, words = read_tensors(path, _LIMIT)
        source = {role: digest for role, digest in recorded.data.items() if role in words["roles"]}
        if words["data"] != digest_document(source):
            raise ValueError
        if words["prints"] != digest_document(digest_tensors(arrays)):
            raise ValueError
        prints = {role: _prints(words["parts"][role], values) for role, values in arrays.items()}
        columns, classes = _texts(words["columns"]), _texts(words["classes"])
        return _Kept(Brought({}, prints, columns, classes))
    except (ArtifactError, LookupError, TypeError, ValueError, AttributeError):
        return _Kept(None, f"the record of its rows ({ROWS}) is damaged or was edited")


def _prints(words: Any, values: Any) -> Prints:
    """The prints of one table; an error where they cannot be that."""
    part = Prints(words["rows"], words["together"], values, words["features"], words["targets"])
    good = type(part.rows) is int and part.rows >= 0 and part.together == together(part.rows)
    good = good and isinstance(part.features, str) and isinstance(part.targets, str)
    if not good or values.dtype != np.uint32 or values.shape != (-(-part.rows // part.together),):
        raise ValueError
    return replace(part, values=np.array(values))


def _texts(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError
    return tuple(names)
