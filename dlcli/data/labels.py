"""Labels that are numbers, whichever they are: 1 to K, with gaps, -1 and 1.

A network counts its classes from 0. Labels that are such numbers already stand for themselves;
others are put in ascending order, and keep their digits as names. Scikit-learn's LabelEncoder does
the same.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.checks import class_targets
from dlcli.data.dataset import Array, Dataset, Part
from dlcli.errors import UsageError
from dlcli.frozen import frozen

_MOST = 6
"""How many labels a message shows."""


@frozen
class Labels:
    """Which numbers the labels are, ascending; None where they are class ids as they are."""

    values: Array | None = None

    @property
    def names(self) -> tuple[str, ...] | None:
        """What the classes are called, where the ids do not say it."""
        return None if self.values is None else tuple(str(int(value)) for value in self.values)

    def ids(self, part: Part, classes: int) -> Array:
        """The class ids (n,) of a part whose targets are one label a row."""
        if self.values is None:
            return class_targets(part, classes)
        return np.searchsorted(self.values, part.targets_array).astype(np.int64)


def labels_of(dataset: Dataset, classes: int, layer: str, loss: str) -> Labels:
    """The labels of a data set whose targets are one whole number a row.

    classes: how many the network tells apart. UsageError where there are more labels.
    """
    if dataset.classes is not None:  # ids, and the source names them
        return Labels()
    parts = list(dataset.parts().values())
    targets = [part.targets_array for part in parts]
    values, counts = np.unique(np.concatenate(targets), return_counts=True)
    if values[0] >= 0 and values[-1] < classes:
        return Labels()
    if len(values) > classes:
        rarest = values[counts.argmin()]
        told = f"the layer `{layer}` has {classes} unit{'s' if classes > 1 else ''}"
        todo = f"set `units: {len(values)}`, or choose a loss for numbers, if they are no classes"
        if loss == "binary_crossentropy":
            told = f"`{loss}` tells two apart"
            todo = (
                f"use `sparse_categorical_crossentropy` and a last layer of {len(values)} units "
                "with softmax, or choose a loss for numbers, if they are no classes"
            )
        raise UsageError(
            f"the target holds {len(values):,} different labels ({shown(map(_digits, values))}), "
            f"but {told}: {todo}. The rarest, {_digits(rarest)}, is in {_first(parts, rarest)}"
        )
    return Labels(values)


def surplus_units(
    counts: Sequence[int] | Array, names: Sequence[str] | None, layer: str
) -> tuple[Finding, ...]:
    """A finding where the last layer has units for classes that no row is of.

    counts: how many rows of all parts are of each class, as many numbers as there are units.
    """
    units = len(counts)
    there = [number for number, count in enumerate(counts) if count]
    if len(there) == units or not there:
        return ()
    names = [str(number) for number in range(units)] if names is None else names
    told = shown(names[number] for number in there)
    return (
        Finding(
            "surplus_units",
            f"the layer `{layer}` has {units} units, but the data has {len(there)} classes "
            f"({told}), so {units - len(there)} of its answers can never be right",
            f"set `units: {len(there)}`",
        ),
    )


def shown(names: Iterable[str]) -> str:
    """The first of them, for a message."""
    listed = list(names)
    return ", ".join(listed[:_MOST]) + (", ..." if len(listed) > _MOST else "")


def _digits(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first(parts: Sequence[Part], label: object) -> str:
    """Where the first row with this label is."""
    for part in parts:
        there = part.targets_array == label
        if there.any():
            return part.where(int(np.argmax(there)))
    raise ValueError(f"no row has the label {label}")
