"""Rows as JSON objects, one on a line (JSON Lines): the cells of a table, as text.

Numbers keep the digits that they are written with, `true` and `false` are these words, `null` and a
key that a row does not have are a missing cell. So everything that holds for cells of a CSV holds
for them: kinds, marks of missing values, messages with line and column.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dlcli.data.names import place_of
from dlcli.errors import DataError

LOOKED_AT = 1000
"""Rows whose keys are the columns."""


def json_rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[list[str]]:
    """The names of the columns, and then the rows.

    lines: with their numbers, blank ones among them. DataError for a line that is no object, or
    that has a key which none of the first rows has.
    """
    filled = ((number, line) for number, line in lines if line.strip())
    held: list[dict[str, str]] = []
    names: dict[str, None] = {}
    for number, line in filled:
        held.append(_record(path, number, line))
        names.update(dict.fromkeys(held[-1]))
        if len(held) == LOOKED_AT:
            break
    if not held:
        return
    yield _checked(path, list(names))
    for record in held:
        yield [record.get(name, "") for name in names]
    held.clear()
    for number, line in filled:
        record = _record(path, number, line)
        new = next((name for name in record if name not in names), None)
        if new is not None:
            raise _fault(
                path,
                number,
                f"has the key {new!r}, which none of the first {LOOKED_AT:,} rows has; write it as "
                "null in one of them",
            )
        yield [record.get(name, "") for name in names]


def _checked(path: Path, names: Sequence[str]) -> list[str]:
    stripped = [name.strip() for name in names]
    for place, name in enumerate(stripped):
        if not name:
            raise DataError(f"{path} has rows with an empty key; name it.", file=path)
        other = place_of(name, stripped[:place])
        if other is not None:
            raise DataError(
                f"{path} has the keys {names[other]!r} and {names[place]!r}, which are one column; "
                "rename one of them.",
                file=path,
            )
    return stripped


def _record(path: Path, number: int, line: str) -> dict[str, str]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise _fault(path, number, f"has the key {twice!r} twice")
        return found

    try:
        record = json.loads(
            line, object_pairs_hook=once, parse_float=_Digits, parse_int=_Digits,
            parse_constant=_Digits,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.colno}"
        raise _fault(path, number, f"is no JSON: {why}") from None
    except RecursionError:
        raise _fault(path, number, "is nested too deeply") from None
    if not isinstance(record, dict):
        raise _fault(path, number, 'is no JSON object, such as {"height": 1.5, "kind": "oak"}')
    return {key: _cell(value) for key, value in record.items()}


class _Digits(str):
    """A number as it is written."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fault(path: Path, line: int, what: str) -> DataError:
    return DataError(f"{path}, line {line} {what}.", file=path, line=line)
