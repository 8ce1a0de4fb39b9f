"""No network is judged on a class that it was never shown.

A class may be missing from the training part by bad luck of the draw, or because only the test
file has it. Then no row of it can be answered right, and the metrics say so without saying why.
"""

from collections.abc import Mapping

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import position
from dlcli.data.dataset import Array, Dataset, Part
from dlcli.data.names import class_name
from dlcli.errors import DataError

_MOST = 5
"""How many classes a message names."""


def require_known(
    dataset: Dataset, targets: Mapping[str, Array], classes: int, stratified: bool = False
) -> None:
    """DataError where a part has rows of a class of which the training part has none.

    targets: by role, class ids (n,) below `classes`, or one-hot rows (n, classes).
    stratified: whether the parts were drawn class by class, for the advice.
    """
    trained = class_counts(targets["train"], classes) > 0
    for role, part in dataset.parts().items():
        counts = class_counts(targets[role], classes)
        unknown = np.flatnonzero((counts > 0) & ~trained)
        if not len(unknown):
            continue
        first = int(np.argmax(_is(targets[role], int(unknown[0]))))
        number = int(counts[unknown[0]])
        rows = "1 row" if number == 1 else f"{number:,} rows, the first"
        more = ""
        if len(unknown) > 1:
            names = [class_name(dataset.classes, one) for one in unknown[1 : _MOST + 1]]
            dots = ", ..." if len(unknown) > _MOST + 1 else ""
            more = f" The same holds for the classes {', '.join(names)}{dots}."
        raise DataError(
            f"The training part has no row of the class {class_name(dataset.classes, unknown[0])}, "
            f"but the {role} part has {rows} in {part.where(first)}: no network can learn a class "
            f"that it is never shown.{more} {_advice(part, targets[role], stratified)}"
        )
    for number, name in enumerate(dataset.classes or ()):
        if number < classes and not trained[number]:
            raise DataError(
                f"The training part has no row of the class {name!r}, which the data names: no "
                "network can learn a class that it is never shown. Bring rows of it."
            )


def single_class(dataset: Dataset, trained: Array) -> tuple[Finding, ...]:
    """A finding where all rows of the training part are of one class.

    trained: class ids (n,), or one-hot rows (n, classes).
    """
    if not (trained == trained[0]).all():
        return ()
    number = trained[0] if trained.ndim == 1 else np.argmax(trained[0])
    return (
        Finding(
            "single_class",
            "every row of the training part is of the class "
            f"{class_name(dataset.classes, number)}, so there is nothing to tell apart",
            "bring rows of another class",
        ),
    )


def unknown_labels(dataset: Dataset, targets: Mapping[str, Array]) -> tuple[Finding, ...]:
    """A finding about labels (columns of several) that are never 1 in the training part, but
    are in another one.

    targets: by role, (n, k) of 0 and 1.
    """
    trained = targets["train"].any(axis=0)
    told = []
    for role, part in dataset.parts().items():
        values = targets[role]
        unknown = np.flatnonzero(values.any(axis=0) & ~trained)
        if len(unknown):
            first = int(np.argmax(values[:, unknown[0]]))
            shown = ", ".join(position((number,)) for number in unknown[:_MOST])
            dots = ", ..." if len(unknown) > _MOST else ""
            told.append(
                Finding(
                    "unknown_labels",
                    f"the training part has no 1 in {shown}{dots} of the target, but the {role} "
                    f"part has ({position((unknown[0],))}: {part.where(first)}), so no such answer "
                    "can be learned",
                    "bring more rows, or leave the columns out",
                )
            )
    return tuple(told)


def class_counts(targets: Array, classes: int) -> Array:
    """How many rows are of each class; targets: class ids (n,), or one-hot rows (n, classes)."""
    if targets.ndim > 1:
        return np.asarray(np.count_nonzero(targets, axis=0))
    return np.bincount(targets, minlength=classes)


def _is(targets: Array, number: int) -> Array:
    return np.asarray(targets[:, number] != 0 if targets.ndim > 1 else targets == number)


def _advice(part: Part, targets: Array, stratified: bool) -> str:
    if part.index is None:
        return "Bring rows of it for training, or take these out."
    if targets.ndim > 1:
        return "Bring more rows of it, or draw with another seed."
    option = "keep_rare" if stratified else "stratify"
    return (
        f"Set data.split.{option} to true, which keeps a row of every class in the training part, "
        "or bring more rows of it."
    )
