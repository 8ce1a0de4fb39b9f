"""NumPy's files: .npy arrays (memory-mapped) and .npz archives."""

from collections.abc import Mapping

from dlcli.data.audit import Finding
from dlcli.data.checks import features_shape, make_table, same_length
from dlcli.data.dataset import Declared, Raw, Role, Sampled, Shape, Table
from dlcli.data.formats import npy
from dlcli.data.formats.npz import Archive
from dlcli.data.places import Places
from dlcli.data.sources.alike import check_alike
from dlcli.data.sources.array_names import (
    PREFIX,
    known_pairs,
    require_array,
    weight_arrays,
    with_weights,
)
from dlcli.data.sources.base import FEW_BYTES, Source
from dlcli.data.suspicions import large_wholes
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen


@frozen
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
        findings: list[Finding] = []
        for role, files in self._files().items():
            features, targets = (places.find(file) for file in files)
            x, y = npy.read(features), npy.read(targets)
            parts[role] = make_table(x, y, str(features), str(targets))
            findings += (*large_wholes(x, str(features)), *large_wholes(y, str(targets)))
        check_alike(parts)
        return Raw(parts, findings=tuple(findings))

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

    def sample(self, places: Places, seed: int) -> Sampled | str:
        """The first rows of each file: those that a memory map has in its first megabytes."""
        parts: dict[Role, Table] = {}
        findings: list[Finding] = []
        unread: list[str] = []
        for role, files in self._files().items():
            features, targets = (places.find(file) for file in files)
            x, y = npy.read(features), npy.read(targets)
            same_length(x.shape, y.shape, str(features), str(targets))
            few = max(1000, FEW_BYTES // max(1, x.nbytes // max(1, len(x))))
            if len(x) > few:
                unread.append(f"{features}: the rows behind the first {few:,}.")
            parts[role] = make_table(x[:few], y[:few], str(features), str(targets))
            findings += (*large_wholes(x[:few], str(features)), *large_wholes(y, str(targets)))
        check_alike(parts)
        return Sampled(Raw(parts, findings=tuple(findings)), tuple(unread))

    def _files(self) -> Mapping[Role, tuple[str, str]]:
        if (self.test_features is None) != (self.test_target is None):
            raise UsageError("npy: give both test_features and test_target, or neither.")
        if self.test_features is None or self.test_target is None:
            return {"all": (self.features, self.target)}
        return {
            "train": (self.features, self.target),
            "test": (self.test_features, self.test_target),
        }


Pairs = Mapping[Role, tuple[str, str]]


@frozen
class Npz(Source):
    """The arrays of an .npz archive.

    x_train, y_train and, where present, x_valid, y_valid, x_test, y_test (as Keras's mnist.npz has
    them), or x, y; also X for x, and val or validation for valid. Arrays of other names are taken
    by the options.
    """

    path: str
    features: str | None = None
    target: str | None = None
    validation_features: str | None = None
    validation_target: str | None = None
    test_features: str | None = None
    test_target: str | None = None
    weight: str | None = None
    validation_weight: str | None = None
    test_weight: str | None = None
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        archive = Archive(places.find(self.path))
        parts: dict[Role, Table] = {}
        findings: list[Finding] = []
        for role, (x, y) in self._pairs(archive).items():
            features, targets = archive.read(x), archive.read(y)
            parts[role] = make_table(features, targets, archive.where(x), archive.where(y))
            findings += large_wholes(features, archive.where(x))
            findings += large_wholes(targets, archive.where(y))
        check_alike(parts)
        parts = with_weights(archive, parts, self._weights(archive))
        return Raw(parts, findings=tuple(findings))

    def declare(self, places: Places) -> Declared:
        found = places.search(self.path)
        if found is None:
            return Declared(None, absent=(places.miss(self.path),))
        archive = Archive(found)
        rows: dict[Role, int | None] = {}
        shapes = []
        for role, (x, y) in self._pairs(archive).items():
            features, targets = archive.header(x).shape, archive.header(y).shape
            shapes.append(features_shape(features, archive.where(x))[1:])
            same_length(features, targets, archive.where(x), archive.where(y))
            rows[role] = features[0]
        self._weights(archive)
        return Declared(_same(shapes), rows)

    def sample(self, places: Places, seed: int) -> Sampled | str:
        path = places.find(self.path)
        archive = Archive(path)
        names = [name for pair in self._pairs(archive).values() for name in pair]
        names += self._weights(archive).values()
        if sum(archive.header(name).size for name in names) <= FEW_BYTES:
            return Sampled(self.load(places, seed))
        return f"{path}: the numbers in its arrays; only their headers were read."

    def _weights(self, archive: Archive) -> Mapping[Role, str]:
        options = ("weight", "validation_weight", "test_weight")
        given = {option: getattr(self, option) for option in options}
        return weight_arrays(archive, self._pairs(archive), given)

    def _pairs(self, archive: Archive) -> Pairs:
        if self.features is None:
            return known_pairs(archive)
        named: dict[Role, tuple[str, str]] = {}
        roles: tuple[Role, ...] = ("train", "validation", "test")
        for role in roles:
            options = f"{PREFIX[role]}features", f"{PREFIX[role]}target"
            x, y = (getattr(self, option) for option in options)
            if x is None or y is None:
                continue
            for option, array in zip(options, (x, y), strict=True):
                require_array(archive, array, ("source", option))
            named[role] = (x, y)
        if named.keys() == {"train"}:
            return {"all": named["train"]}
        return named


def _same(shapes: list[Shape]) -> Shape | None:
    if len(set(shapes)) > 1:
        raise DataError(f"The parts have rows of different shapes: {shapes}.")
    return shapes[0] if shapes else None
