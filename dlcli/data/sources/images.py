"""Image sets as IDX files: any, and MNIST and Fashion-MNIST under their own names."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from dlcli.data.checks import features_shape, make_table, same_length
from dlcli.data.dataset import Array, Declared, Raw, Role, Sampled, Table
from dlcli.data.downloads.files import place, require_intact
from dlcli.data.formats import idx
from dlcli.data.places import Places
from dlcli.data.sources.alike import check_alike
from dlcli.data.sources.base import FEW_BYTES, Source
from dlcli.data.sources.known import KnownSource
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen

# SHA-256 of the uncompressed files, which whoever unpacked or packed them anew has, too.
_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def _check_headers(
    images: idx.Header, labels: idx.Header, images_path: Path, labels_path: Path
) -> None:
    if len(labels.shape) != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{labels_path} holds {labels.dtype} numbers of shape {labels.shape}; labels are one "
            "integer per image. Are images and labels the wrong way round?"
        )
    if len(images.shape) < 2:
        raise DataError(f"{images_path} has shape {images.shape}: these are not images.")
    same_length(images.shape, labels.shape, str(images_path), str(labels_path))


def _pair(images_path: Path, labels_path: Path) -> Table:
    _check_headers(
        idx.read_header(images_path), idx.read_header(labels_path), images_path, labels_path
    )
    return make_table(
        idx.read(images_path), idx.read(labels_path), str(images_path), str(labels_path)
    )


@frozen
class Idx(Source):
    """Images and labels in IDX files, gzipped or not, with or without a test part."""

    images: str
    labels: str
    test_images: str | None = None
    test_labels: str | None = None
    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        parts = {
            role: _pair(places.find(images), places.find(labels))
            for role, (images, labels) in self._files().items()
        }
        check_alike(parts)
        return Raw(parts)

    def declare(self, places: Places) -> Declared:
        rows: dict[Role, int | None] = {}
        shapes = []
        absent = []
        for role, (images, labels) in self._files().items():
            paths = [places.search(images), places.search(labels)]
            absent += [
                places.miss(f) for f, p in zip((images, labels), paths, strict=True) if not p
            ]
            headers = [None if path is None else idx.read_header(path) for path in paths]
            rows[role] = next((header.shape[0] for header in headers if header), None)
            if paths[0] and paths[1] and headers[0] and headers[1]:
                _check_headers(headers[0], headers[1], paths[0], paths[1])
            if headers[0]:
                shapes.append(features_shape(headers[0].shape, images)[1:])
        if len(set(shapes)) > 1:
            raise DataError(f"The test images have shape {shapes[1]}, the others {shapes[0]}.")
        return Declared(shapes[0] if shapes else None, rows, target="classes", absent=tuple(absent))

    def sample(self, places: Places, seed: int) -> Sampled | str:
        paths = [places.find(name) for pair in self._files().values() for name in pair]
        if sum(path.stat().st_size for path in paths) <= FEW_BYTES:
            return Sampled(self.load(places, seed))
        return "The labels and pixels: only the headers of the files were read."

    def _files(self) -> Mapping[Role, tuple[str, str]]:
        if (self.test_images is None) != (self.test_labels is None):
            raise UsageError("idx: give both test_images and test_labels, or neither.")
        if self.test_images is None or self.test_labels is None:
            return {"all": (self.images, self.labels)}
        return {
            "train": (self.images, self.labels),
            "test": (self.test_images, self.test_labels),
        }


class _KnownIdx(KnownSource):
    """Four IDX files under the names of MNIST's archive, with or without .gz.

    Images (n, 28, 28, 1) uint8, ten classes.
    """

    class_names: ClassVar[tuple[str, ...]]

    def load(self, places: Places, seed: int) -> Raw:
        known = self.obtained(places)
        paths = [place(known, places.data, file) for file in known.files]
        arrays = [self._intact(path, number) for number, path in enumerate(paths)]
        train = make_table(arrays[0], arrays[1], str(paths[0]), str(paths[1]))
        test = make_table(arrays[2], arrays[3], str(paths[2]), str(paths[3]))
        return Raw({"train": train, "test": test}, self.class_names)

    def declare(self, places: Places) -> Declared:
        return self.declared(places, (28, 28, 1), self.class_names)

    def check(self, places: Places) -> None:
        known = self.known()
        for number, file in enumerate(known.files):
            self._intact(place(known, places.data, file), number)

    def _intact(self, path: Path, number: int) -> Array:
        """The array of one of the four files, which must be the published one."""
        known = self.known()
        require_intact(known, known.files[number], path)
        return idx.read(path)


@frozen
class Mnist(_KnownIdx):
    """MNIST: 60,000 and 10,000 images of 28x28x1 uint8, ten classes.

    Looked for in `<data dir>/mnist/` under the archive's own file names, with or without .gz,
    and known by the digest of their uncompressed content.
    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
    """

    word: ClassVar[str] = "mnist"
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def _intact(self, path: Path, number: int) -> Array:
        return _known(path, tuple(_MNIST.values())[number])


@frozen
class FashionMnist(_KnownIdx):
    """Fashion-MNIST: 60,000 and 10,000 images of 28x28x1 uint8, ten classes.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", 2017.
    """

    word: ClassVar[str] = "fashion_mnist"
    class_names: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


def _known(path: Path, sha: str) -> Array:
    array = idx.read(path)
    found = idx.content_digest(idx.read_header(path), array)
    if found != sha:
        raise DataError(
            f"{path} is not the MNIST file of that name: its uncompressed content has the SHA-256 "
            f"{found[:16]}..., expected is {sha[:16]}... . Fetch it again; to train on other "
            "images, use the source idx."
        )
    return array
