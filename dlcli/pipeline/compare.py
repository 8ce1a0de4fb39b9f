"""What differs between two documents, in words."""

from collections.abc import Iterator
from typing import Any


def differences(before: Any, after: Any, most: int = 20) -> list[str]:
    """One line for every value that differs: `training.epochs: 5, now 6`.

    >>> differences({"a": {"b": 1}, "c": [1, 2]}, {"a": {"b": 2}, "c": [1]})
    ['a.b: 1, now 2', 'c.1: 2, now missing']
    """
    lines = list(_walk("", before, after))
    return lines[:most] + ([f"... and {len(lines) - most} more"] if len(lines) > most else [])


class _Missing:
    def __repr__(self) -> str:
        return "missing"


_MISSING = _Missing()


def _walk(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys: list[Any] = [*before, *(key for key in after if key not in before)]
        pairs = [(key, before.get(key, _MISSING), after.get(key, _MISSING)) for key in keys]
    elif isinstance(before, list) and isinstance(after, list):
        longest = max(len(before), len(after))
        pairs = [
            (
                index,
                before[index] if index < len(before) else _MISSING,
                after[index] if index < len(after) else _MISSING,
            )
            for index in range(longest)
        ]
    else:
        if before != after or type(before) is not type(after):
            yield f"{path}: {before!r}, now {after!r}"
        return
    for key, old, new in pairs:
        yield from _walk(f"{path}.{key}" if path else str(key), old, new)
