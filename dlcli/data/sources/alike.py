"""What the parts of one source have in common."""

from collections.abc import Mapping

from dlcli.data.dataset import Role, Table
from dlcli.errors import DataError


def check_alike(parts: Mapping[Role, Table]) -> None:
    """Parts of one source hold rows and targets of the same shape and type."""
    (first, table), *others = parts.items()
    for role, other in others:
        for what, a, b in (
            ("rows", other.features, table.features),
            ("targets", other.targets, table.targets),
        ):
            if a.shape[1:] != b.shape[1:]:
                raise DataError(
                    f"The {role} {what} have shape {a.shape[1:]}, the {first} {what} "
                    f"{b.shape[1:]}; they must be alike."
                )
            if a.dtype != b.dtype:
                raise DataError(
                    f"The {role} {what} are {a.dtype}, the {first} {what} {b.dtype}; they must be "
                    "stored in the same way."
                )
