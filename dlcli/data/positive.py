"""Which of two classes is the positive one: the second, with id 1.

Sources number classes in sorted order, so without a choice "normal" is the positive class beside
"attack". The choice puts the two in the other order; names, ids and everything that follows from
them (precision, recall, the columns of predictions) then agree by themselves. Digests of the data
are those of the rows as the source brought them: the choice is recorded with the config.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dlcli.data.dataset import Raw
from dlcli.errors import UsageError
from dlcli.nearest import nearest

_MOST = 12
"""How many classes a message shows."""


def with_positive(raw: Raw, chosen: str | None) -> Raw:
    """The same rows with `chosen` as class 1 and the other class as 0; None changes nothing.

    chosen: the name of a class; labels that are whole numbers are named by their digits.
    UsageError where there are not exactly two classes, or none of this name.
    """
    if chosen is None:
        return raw
    targets = [table.targets for table in raw.parts.values()]
    if any(values.ndim > 1 for values in targets):
        raise UsageError(
            f"positive_class is {chosen!r}, but the target has several columns; it is for one "
            "column of two classes. Leave the option out."
        )
    if raw.classes is not None:
        names, ids = raw.classes, np.arange(len(raw.classes))
    else:
        ids = np.unique(np.concatenate([np.unique(values) for values in targets]))
        broken = np.floor(ids) != ids
        if broken.any():
            raise UsageError(
                f"positive_class is {chosen!r}, but the target holds numbers such as "
                f"{ids[broken][0]:g}; it is for two classes. Leave the option out."
            )
        # Only as many as a message shows: a target of numbers may have millions.
        names = tuple(str(int(value)) for value in ids[: _MOST + 1])
    order = positive_last(names, chosen, len(ids))
    positive = ids[names.index(chosen)]
    parts = {
        role: replace(table, targets=(table.targets == positive).astype(np.int64))
        for role, table in raw.parts.items()
    }
    return replace(raw, parts=parts, classes=order)


def positive_last(names: Sequence[str], chosen: str, count: int | None = None) -> tuple[str, str]:
    """The two names with the chosen one second; UsageError where that cannot be.

    count: how many classes there are, where `names` are only the first of them.
    """
    count = len(names) if count is None else count
    if count != 2:
        shown = ", ".join(repr(name) for name in names[:_MOST])
        what = f"{count} classes ({shown}{', ...' if count > _MOST else ''})"
        if count == 1:
            what = f"one class only ({shown})"
        raise UsageError(
            f"positive_class is {chosen!r}, but the target has {what}; a positive class is one "
            "of exactly two. Leave the option out."
        )
    if chosen not in names:
        near = nearest(chosen, names)
        hint = "." if near is None else f"; did you mean {near!r}?"
        raise UsageError(
            f"positive_class is {chosen!r}, which is not one of the two classes {names[0]!r} and "
            f"{names[1]!r}{hint}"
        )
    other = names[0] if names[1] == chosen else names[1]
    return other, chosen
