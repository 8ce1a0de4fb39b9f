"""Several arrays of an .npz archive that make up a row together: an image beside a table."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from dlcli.data.audit import Finding
from dlcli.data.checks import features_shape, make_features, make_table, same_length
from dlcli.data.dataset import Declared, Raw, Role, Sampled, Shape, Table
from dlcli.data.formats.npz import Archive
from dlcli.data.places import Places
from dlcli.data.sources.alike import check_alike
from dlcli.data.sources.array_names import PREFIX, require_array, weight_arrays, with_weights
from dlcli.data.sources.base import FEW_BYTES, Source
from dlcli.data.suspicions import large_wholes
from dlcli.errors import DataError
from dlcli.frozen import frozen


@frozen
class NamedArrays(Source):
    """Values of a row by their names, each an array of the archive, and what is to be learned.

    inputs: for each value, its array in each part; targets: the array of the target in each part.
    weights: the arrays of the weights of rows, by the options that name them.
    The parts are "all", or "train" and others.
    """

    path: str
    inputs: Mapping[str, Mapping[Role, str]]
    targets: Mapping[Role, str]
    weights: Mapping[str, str | None] = field(default_factory=dict)
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        archive = Archive(places.find(self.path))
        self._require_arrays(archive)
        parts: dict[Role, Table] = {}
        findings: list[Finding] = []
        for role, target in self.targets.items():
            targets, values, files = archive.read(target), {}, []
            made: Table | None = None
            for name, arrays in self.inputs.items():
                where = archive.where(arrays[role])
                array = archive.read(arrays[role])
                findings += large_wholes(array, where)
                if made is None:
                    made = make_table(array, targets, where, archive.where(target))
                    values[name] = made.features
                else:
                    features_shape(array.shape, where)
                    same_length(array.shape, targets.shape, where, archive.where(target))
                    values[name] = make_features(array, where)
                files.append(where)
            assert made is not None
            findings += large_wholes(targets, archive.where(target))
            files.append(archive.where(target))
            parts[role] = Table(values, made.targets, made.place, tuple(files))
        check_alike(parts)
        parts = with_weights(archive, parts, self._weights(archive))
        return Raw(parts, findings=tuple(findings))

    def declare(self, places: Places) -> Declared:
        found = places.search(self.path)
        if found is None:
            return Declared(None, absent=(places.miss(self.path),))
        archive = Archive(found)
        self._require_arrays(archive)
        rows: dict[Role, int | None] = {}
        shapes: dict[str, Shape] = {}
        for role, target in self.targets.items():
            targets = archive.header(target).shape
            for name, arrays in self.inputs.items():
                where = archive.where(arrays[role])
                shape = features_shape(archive.header(arrays[role]).shape, where)
                same_length(shape, targets, where, archive.where(target))
                if shapes.setdefault(name, shape[1:]) != shape[1:]:
                    raise DataError(
                        f"{where} has rows of shape {shape[1:]}, but the input {name!r} has rows "
                        f"of shape {shapes[name]} in another part; they must be alike."
                    )
                rows[role] = shape[0]
        self._weights(archive)
        return Declared(shapes, rows)

    def sample(self, places: Places, seed: int) -> Sampled | str:
        path = places.find(self.path)
        archive = Archive(path)
        self._require_arrays(archive)
        names = {array for _, array in self._arrays()} | {*self._weights(archive).values()}
        if sum(archive.header(name).size for name in names) <= FEW_BYTES:
            return Sampled(self.load(places, seed))
        return f"{path}: the numbers in its arrays; only their headers were read."

    def _weights(self, archive: Archive) -> Mapping[Role, str]:
        return weight_arrays(archive, self.targets, self.weights)

    def _arrays(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every array that is named, with the place of the option that names it."""
        for role, array in self.targets.items():
            yield ("source", f"{PREFIX[role]}target"), array
        for name, arrays in self.inputs.items():
            for role, array in arrays.items():
                yield ("inputs", name, f"{PREFIX[role]}array"), array

    def _require_arrays(self, archive: Archive) -> None:
        for at, array in self._arrays():
            require_array(archive, array, at)
