"""NumPy's files: .npy arrays (memory-mapped) and .npz archives."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from dlcli.data.checks import features_shape, make_table, same_length
from dlcli.data.dataset import Declared, Raw, Role, Shape, Table
from dlcli.data.formats import npy
from dlcli.data.formats.npz import Archive
from dlcli.data.places import Places
from dlcli.data.sources.alike import check_alike
from dlcli.data.sources.base import Source
from dlcli.data.suspicions import large_wholes
from dlcli.errors import DataError, UsageError


@dataclass(frozen=True)
class Npy(Source):
    """Features and targets in .npy files of their own, with or without a test part.

    The files stay on disk: rows are read when a batch takes them.
    """

    features: str
    target: str
    test_features: str | None = None
    test_target: str | None = None
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        parts: dict[Role, Table] = {}
        warnings: list[str] = []
        for role, files in self._files().items():
            features, targets = (places.find(file) for file in files)
            x, y = npy.read(features), npy.read(targets)
            parts[role] = make_table(x, y, str(features), str(targets))
            warnings += (*large_wholes(x, str(features)), *large_wholes(y, str(targets)))
        check_alike(parts)
        return Raw(parts, warnings=tuple(warnings))

    def declare(self, places: Places) -> Declared:
        rows: dict[Role, int | None] = {}
        shapes: list[Shape] = []
        absent: list[str] = []
        for role, files in self._files().items():
            paths = [places.search(file) for file in files]
            absent += [places.miss(f) for f, p in zip(files, paths, strict=True) if p is None]
            found = [None if path is None else npy.read_header(path).shape for path in paths]
            if found[0] is not None:
                shapes.append(features_shape(found[0], str(paths[0]))[1:])
            if found[0] is not None and found[1] is not None:
                same_length(found[0], found[1], str(paths[0]), str(paths[1]))
            rows[role] = next((shape[0] for shape in found if shape), None)
        return Declared(_same(shapes), rows, absent=tuple(absent))

    def _files(self) -> Mapping[Role, tuple[str, str]]:
        if (self.test_features is None) != (self.test_target is None):
            raise UsageError("npy: give both test_features and test_target, or neither.")
        if self.test_features is None or self.test_target is None:
            return {"all": (self.features, self.target)}
        return {
            "train": (self.features, self.target),
            "test": (self.test_features, self.test_target),
        }


_PAIRS: Mapping[Role, tuple[str, str]] = {
    "all": ("x", "y"),
    "train": ("x_train", "y_train"),
    "validation": ("x_valid", "y_valid"),
    "test": ("x_test", "y_test"),
}
_KNOWN = [name for pair in _PAIRS.values() for name in pair]


@dataclass(frozen=True)
class Npz(Source):
    """The arrays x_train, y_train and, where present, x_valid, y_valid, x_test, y_test of an
    .npz archive (as Keras's mnist.npz has them), or x, y.
    """

    path: str
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        archive = Archive(places.find(self.path))
        parts: dict[Role, Table] = {}
        warnings: list[str] = []
        for role, (x, y) in _pairs(archive).items():
            features, targets = archive.read(x), archive.read(y)
            parts[role] = make_table(features, targets, archive.where(x), archive.where(y))
            warnings += large_wholes(features, archive.where(x))
            warnings += large_wholes(targets, archive.where(y))
        check_alike(parts)
        return Raw(parts, warnings=tuple(warnings))

    def declare(self, places: Places) -> Declared:
        found = places.search(self.path)
        if found is None:
            return Declared(None, absent=(places.miss(self.path),))
        archive = Archive(found)
        rows: dict[Role, int | None] = {}
        shapes = []
        for role, (x, y) in _pairs(archive).items():
            features, targets = archive.header(x).shape, archive.header(y).shape
            shapes.append(features_shape(features, archive.where(x))[1:])
            same_length(features, targets, archive.where(x), archive.where(y))
            rows[role] = features[0]
        return Declared(_same(shapes), rows)


def _pairs(archive: Archive) -> dict[Role, tuple[str, str]]:
    """Which parts the archive has; every x with its y, and either x, y or x_train, y_train."""
    names = set(archive.names)
    for name in sorted(names - set(_KNOWN)):
        near = difflib.get_close_matches(name, _KNOWN, 1)
        # Other arrays may lie in an archive, but what looks like a part must not be overlooked.
        if near and name.startswith(("x_", "y_")):
            raise DataError(
                f"{archive.path} has an array {name!r}, which is not a name that is looked for; "
                f"is it {near[0]!r}? The names are {', '.join(_KNOWN)}."
            )
    pairs = {role: pair for role, pair in _PAIRS.items() if names & set(pair)}
    for pair in pairs.values():
        for name in pair:
            if name not in names:
                other = next(one for one in pair if one != name)
                raise DataError(f"{archive.path} has the array {other!r} but not {name!r}.")
    if ("all" in pairs) == ("train" in pairs) or ("all" in pairs and len(pairs) > 1):
        there = ", ".join(archive.names) or "nothing"
        raise DataError(
            f"{archive.path} must hold the arrays x_train and y_train, or x and y (and not "
            f"both); it holds {there}."
        )
    return pairs


def _same(shapes: list[Shape]) -> Shape | None:
    if len(set(shapes)) > 1:
        raise DataError(f"The parts have rows of different shapes: {shapes}.")
    return shapes[0] if shapes else None
