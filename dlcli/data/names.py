"""Names of columns, for messages about one that is not there."""

import difflib
from collections.abc import Sequence

_MOST = 12
"""How many names a message shows."""


def suggestion(name: str, known: Sequence[str]) -> str:
    """The nearest known name, or the first of all: the end of a sentence about a missing one.

    >>> suggestion("sail", ["girth", "soil"])
    "; did you mean 'soil'?"
    >>> suggestion("age", ["girth", "soil"])
    "; the columns are 'girth', 'soil'."
    """
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = ", ".join(repr(one) for one in known[:_MOST])
    return f"; the columns are {shown}{', ...' if len(known) > _MOST else ''}."
