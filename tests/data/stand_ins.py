"""Small stand-ins for the known data sets: the same formats, names and members, with fewer rows."""

import gzip
import hashlib
import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.downloads.known import KNOWN, KnownSet
from tests.data.conftest import idx_bytes

ROWS: dict[str, dict[str, int]] = {
    "mnist": {"train": 30, "test": 20},
    "fashion_mnist": {"train": 30, "test": 20},
    "cifar10": {"train": 50, "test": 10},
    "cifar100": {"train": 40, "test": 20},
    "california_housing": {"all": 60},
    "imdb": {"train": 40, "test": 30},
    "reuters": {"train": 92, "test": 24},
}


@dataclass(frozen=True)
class StandIn:
    """The registry's row for it, its files by name, and what is in them by our own names."""

    known: KnownSet
    files: Mapping[str, bytes]
    arrays: Mapping[str, Array]
    lists: Mapping[str, list[list[int]]]


def stand_in(name: str) -> StandIn:
    """A small set of the same kind, always the same."""
    rows, draw = ROWS[name], np.random.default_rng(len(name))
    files, arrays, lists = _MAKERS[name](draw, rows)
    known = KNOWN[name]
    remote = tuple(
        replace(
            file,
            size=len(files[file.name]) if file.size else 0,
            sha256=hashlib.sha256(files[file.name]).hexdigest(),
        )
        for file in known.files
    )
    return StandIn(replace(known, rows=rows, files=remote), files, arrays, lists)


Made = tuple[dict[str, bytes], dict[str, Array], dict[str, list[list[int]]]]


def _idx(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    files, arrays = {}, {}
    for role, prefix in (("train", "train"), ("test", "t10k")):
        images = draw.integers(0, 256, (rows[role], 28, 28), np.uint8)
        labels = (np.arange(rows[role]) % 10).astype(np.uint8)
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(images), mtime=0)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(labels), mtime=0)
        arrays |= {f"{role}_images": images[..., np.newaxis], f"{role}_labels": labels}
    return files, arrays, {}


def _records(draw: np.random.Generator, rows: int, classes: tuple[int, ...]) -> Array:
    records = draw.integers(0, 256, (rows, len(classes) + 3072), np.uint8)
    for place, count in enumerate(classes):
        records[:, place] = np.arange(rows) % count
    return records


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """An archive of these files, always the same bytes."""
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        folder = tarfile.TarInfo(next(iter(members)).split("/")[0])
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _pixels(records: Array, labels: int) -> Array:
    """Red, green and blue of each pixel, one by one."""
    pixels = np.zeros((len(records), 32, 32, 3), np.uint8)
    for row in range(32):
        for column in range(32):
            for colour in range(3):
                at = labels + colour * 1024 + row * 32 + column
                pixels[:, row, column, colour] = records[:, at]
    return pixels


def _cifar10(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    train, test = (_records(draw, rows[role], (10,)) for role in ("train", "test"))
    batches = np.split(train, 5)
    folder = "cifar-10-batches-bin"
    members = {f"{folder}/batches.meta.txt": b"airplane\n"}
    members |= {f"{folder}/data_batch_{k}.bin": b.tobytes() for k, b in enumerate(batches, 1)}
    members |= {f"{folder}/test_batch.bin": test.tobytes()}
    arrays = {
        "train_images": _pixels(train, 1),
        "train_labels": train[:, 0],
        "test_images": _pixels(test, 1),
        "test_labels": test[:, 0],
    }
    return {"cifar-10-binary.tar.gz": tar_gz(members)}, arrays, {}


def _cifar100(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    train, test = (_records(draw, rows[role], (20, 100)) for role in ("train", "test"))
    members = {
        "cifar-100-binary/train.bin": train.tobytes(),
        "cifar-100-binary/test.bin": test.tobytes(),
        "cifar-100-binary/fine_label_names.txt": b"apple\n",
    }
    arrays = {
        "train_images": _pixels(train, 2),
        "train_coarse": train[:, 0],
        "train_labels": train[:, 1],
        "test_images": _pixels(test, 2),
        "test_coarse": test[:, 0],
        "test_labels": test[:, 1],
    }
    return {"cifar-100-binary.tar.gz": tar_gz(members)}, arrays, {}


def _housing(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    table = draw.uniform(1.0, 5000.0, (rows["all"], 9)).round(6)
    lines = [",".join(f"{cell:.6f}" for cell in row) for row in table]
    members = {
        "CaliforniaHousing/cal_housing.data": ("\n".join(lines) + "\n").encode(),
        "CaliforniaHousing/cal_housing.domain": b"longitude: continuous.\n",
    }
    # As scikit-learn makes its columns of this text.
    cells = table[:, [8, 7, 2, 3, 4, 5, 6, 1, 0]]
    target, data = cells[:, 0] / 100000.0, cells[:, 1:].copy()
    data[:, 2] /= data[:, 5]
    data[:, 3] /= data[:, 5]
    data[:, 5] = data[:, 4] / data[:, 5]
    return {"cal_housing.tgz": tar_gz(members)}, {"features": data, "target": target}, {}


def texts(draw: np.random.Generator, rows: int, most: int = 40) -> list[list[int]]:
    """Lists of ids of words, some of them large."""
    found = [draw.zipf(1.3, draw.integers(1, most)).clip(max=88_000).tolist() for _ in range(rows)]
    found[0], found[1] = [7], list(range(1, 2003))
    return found


def pickled(lists: list[list[int]], protocol: int = 2) -> bytes:
    """A .npy of lists, as NumPy writes it."""
    array = np.empty(len(lists), object)
    array[:] = lists
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(stream, header)
    pickle.dump(array, stream, protocol)
    return stream.getvalue()


def npy(array: Array) -> bytes:
    """A .npy of numbers."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(members: Mapping[str, bytes]) -> bytes:
    """An archive of .npy files, always the same bytes."""
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _imdb(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    train, test = texts(draw, rows["train"]), texts(draw, rows["test"])
    labels = {role: (np.arange(rows[role]) % 2).astype(np.int64) for role in ("train", "test")}
    members = {
        "x_train": pickled(train),
        "y_train": npy(labels["train"]),
        "x_test": pickled(test, 3),
        "y_test": npy(labels["test"]),
    }
    arrays = {f"{role}_labels": array for role, array in labels.items()}
    return {"imdb.npz": npz(members)}, arrays, {"train": train, "test": test}


def _reuters(draw: np.random.Generator, rows: dict[str, int]) -> Made:
    found = texts(draw, sum(rows.values()))
    labels = (np.arange(len(found)) % 46).astype(np.int64)
    members = {"x": pickled(found), "y": npy(labels)}
    return {"reuters.npz": npz(members)}, {"labels": labels}, {"all": found}


_MAKERS = {
    "mnist": _idx,
    "fashion_mnist": _idx,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "california_housing": _housing,
    "imdb": _imdb,
    "reuters": _reuters,
}
