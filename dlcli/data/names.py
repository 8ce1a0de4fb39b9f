"""Names of columns and classes, for messages about one that is not there."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from dlcli.nearest import nearest

_MOST = 12
"""How many names a message shows."""


def same(one: str, other: str) -> bool:
    """Whether two names are equal to a reader: Unicode can write an ö in two ways.

    Compared after normalization to composed form (NFC; Unicode Standard Annex #15).

    >>> same("o\u0308l", "\u00f6l"), same("ol", "\u00f6l")
    (True, False)
    """
    return one == other or unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def place_of(name: str, names: Sequence[str]) -> int | None:
    """Where the name is in the list: as it is written, else in another form of Unicode."""
    if name in names:
        return names.index(name)
    if name.isascii():
        return None
    return next((place for place, other in enumerate(names) if same(name, other)), None)


def suggestion(name: str, known: Sequence[str], these: str = "the columns are") -> str:
    """The nearest known name, or the first of all: the end of a sentence about a missing one.

    >>> suggestion("sail", ["girth", "soil"])
    "; did you mean 'soil'?"
    >>> suggestion("age", ["girth", "soil"])
    "; the columns are 'girth', 'soil'."
    """
    near = nearest(name, known)
    if near is not None:
        return f"; did you mean {near!r}?"
    shown = ", ".join(repr(one) for one in known[:_MOST]) or "none"
    return f"; {these} {shown}{', ...' if len(known) > _MOST else ''}."


def class_name(classes: Sequence[str] | None, number: Any) -> str:
    """How messages call the class of this id: by its name, where it has one.

    >>> class_name(("ash", "beech"), 1), class_name(None, 1.0)
    ("'beech'", '1')
    """
    if classes is not None and 0 <= number < len(classes):
        return repr(classes[int(number)])
    return f"{int(number)}"
