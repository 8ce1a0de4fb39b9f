"""What the parts of one source have in common.

Numbers of other sizes are alike: each part stays as it is stored and becomes float32 for the
network. Whole numbers and fractions are not: pixels of 0 to 255 in one part are beside others of
0 to 1 a mistake.
"""

from collections.abc import Mapping

from dlcli.data.dataset import ONLY, Array, Role, Table
from dlcli.errors import DataError


def check_alike(parts: Mapping[Role, Table]) -> None:
    """DataError unless the parts hold rows and targets of the same shape and kind."""
    (first, table), *others = parts.items()
    for role, other in others:
        of_first = table.each()
        arrays = [
            ("rows" if name == ONLY else f"rows of {name!r}", one.features, of_first[name].features)
            for name, one in other.each().items()
        ]
        for what, a, b in (*arrays, ("targets", other.targets, table.targets)):
            if a.shape[1:] != b.shape[1:]:
                raise DataError(
                    f"The {role} {what} have shape {a.shape[1:]}, the {first} {what} "
                    f"{b.shape[1:]}; they must be alike."
                )
            if _kind(a) != _kind(b) and (what != "targets" or a.ndim > 1):
                raise DataError(
                    f"The {role} {what} are {a.dtype}, the {first} {what} {b.dtype}: whole numbers "
                    "in one and fractions in the other are hardly in the same units. Store them in "
                    "the same way."
                )


def _kind(array: Array) -> str:
    return "fraction" if array.dtype.kind == "f" else "whole"
