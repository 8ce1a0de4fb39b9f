"""Which arrays of an .npz archive are the features and targets of which part, by their names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dlcli.data.checks import make_weights
from dlcli.data.dataset import Role, Table
from dlcli.data.formats.npz import Archive
from dlcli.data.names import suggestion
from dlcli.data.options import OptionError
from dlcli.errors import DataError
from dlcli.nearest import nearest

_ENDS: Mapping[Role, tuple[str, ...]] = {
    "all": ("",),
    "train": ("_train",),
    "validation": ("_valid", "_val", "_validation"),
    "test": ("_test",),
}
_KNOWN = [f"{letter}{end}" for ends in _ENDS.values() for end in ends for letter in "xyX"]
_MEANT = "x, y, x_train, y_train, x_valid, y_valid, x_test, y_test"

_FEATURES = ("images", "image", "features", "feature", "data", "inputs", "input", "x", "arr_0")
_TARGETS = ("labels", "label", "targets", "target", "classes", "outputs", "y", "arr_1")
_ROLES: Mapping[str, tuple[str, ...]] = {
    "": ("train", "training", ""),
    "validation_": ("val", "valid", "validation", "dev"),
    "test_": ("test", "testing", "eval"),
}


def known_pairs(archive: Archive) -> dict[Role, tuple[str, str]]:
    """Which parts the archive has, by the names that are known without being told.

    DataError where they are not there, or do not belong together: every x has its y, and there is
    either x, y or x_train, y_train.
    """
    names = archive.names
    _refuse_near_misses(archive)
    # Beside x, an X is some other array.
    x = "x" if any(f"x{end}" in names for ends in _ENDS.values() for end in ends) else "X"
    pairs: dict[Role, tuple[str, str]] = {}
    for role, ends in _ENDS.items():
        found = [[name for end in ends if (name := letter + end) in names] for letter in (x, "y")]
        for several in found:
            if len(several) > 1:
                raise DataError(
                    f"{archive.path} has the arrays {several[0]!r} and {several[1]!r}, and only "
                    f"one of them can be meant{_advice(names)}."
                )
        if any(found) and not all(found):
            there, other = (found[0] or found[1])[0], "y" if found[0] else x
            raise DataError(
                f"{archive.path} has the array {there!r} but not {other + there[1:]!r}."
            )
        if all(found):
            pairs[role] = (found[0][0], found[1][0])
    if ("all" in pairs) == ("train" in pairs) or ("all" in pairs and len(pairs) > 1):
        raise DataError(
            f"{archive.path} must hold the arrays x_train and y_train, or x and y (and not both); "
            f"it holds {', '.join(names) or 'nothing'}{_advice(names)}."
        )
    return pairs


PREFIX: Mapping[Role, str] = {"all": "", "train": "", "validation": "validation_", "test": "test_"}
"""What the options of a part begin with."""


def weight_arrays(
    archive: Archive, roles: Iterable[Role], given: Mapping[str, str | None]
) -> dict[Role, str]:
    """The arrays of weights of these parts; none where `given`, by option, names none.

    OptionError where one part has weights and another has not, or an array is not there.
    """
    named = {option: array for option, array in given.items() if array is not None}
    if not named:
        return {}
    found = {role: f"{PREFIX[role]}weight" for role in roles}
    for option in sorted(set(named) - set(found.values())):
        part = option.removesuffix("_weight")
        words = f"is given, but {archive.path} has no {part} part of its own"
        raise OptionError(("source", option), f"`{option}` {words}; leave it out")
    for role, option in found.items():
        if option not in named:
            raise OptionError(
                ("source",),
                f"some rows of {archive.path} have weights, but those of its {role} part have "
                f"none: name their array by `{option}`",
            )
        require_array(archive, named[option], ("source", option))
    return {role: named[option] for role, option in found.items()}


def with_weights(
    archive: Archive, parts: Mapping[Role, Table], arrays: Mapping[Role, str]
) -> dict[Role, Table]:
    """The parts with the weights of their rows, from these arrays."""
    found = dict(parts)
    for role, array in arrays.items():
        where = archive.where(array)
        weights = make_weights(
            archive.read(array), len(parts[role]), where, f"{where}, row {{}} (from 0)".format
        )
        found[role] = replace(parts[role], weights=weights)
    return found


def _refuse_near_misses(archive: Archive) -> None:
    """Other arrays may lie in an archive, but what looks like a part must not be overlooked."""
    others = sorted(set(archive.names) - set(_KNOWN))
    several = ""
    if sum(name.startswith(("x_", "X_")) for name in others) > 1:
        several = " Arrays that make up a row together are named by `data.inputs`."
    for name in others:
        near = nearest(name, _KNOWN)
        if name.startswith(("x_", "y_", "X_")) and (near is not None or several):
            maybe = "" if near is None else f"; is it {near!r}?"
            raise DataError(
                f"{archive.path} has an array {name!r}, which is not a name that is looked for"
                f"{maybe or '.'} The names are {_MEANT}.{several}"
            )


def _advice(names: Sequence[str]) -> str:
    """The options that probably say what the arrays are; "" where none can be told."""
    options = dict(_options(names))
    if "features" not in options or "target" not in options:
        if len(names) < 2:
            return ""
        return ". Say which arrays are meant by `features` and `target` in the source"
    listed = ", ".join(f"{option}: {name}" for option, name in options.items())
    return f". Say which arrays are meant: {{type: npz, path: ..., {listed}}}"


def _options(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    words = {name: _words(name) for name in names}
    for option, roles in _ROLES.items():
        pair = [
            next(
                (
                    name
                    for kind in kinds
                    for role in roles
                    for name in names
                    if words[name] in ({kind, role}, {kind} if role == "" else None)
                ),
                None,
            )
            for kinds in (_FEATURES, _TARGETS)
        ]
        if pair[0] is not None and pair[1] is not None:
            yield f"{option}features", pair[0]
            yield f"{option}target", pair[1]


def _words(name: str) -> set[str]:
    """train_images -> {"train", "images"}; arr_0 stays one word."""
    lower = name.lower()
    return {lower} if lower.startswith("arr_") else set(lower.replace("-", "_").split("_"))


def require_array(archive: Archive, name: str, at: tuple[str, ...]) -> None:
    """OptionError with the nearest name where there is no such array; at: where it is named."""
    if name not in archive.names:
        there = suggestion(name, archive.names, "it holds")
        raise OptionError(at, f"{archive.path} has no array {name!r}{there}")
