"""The rows that everybody gets: as .npy files, features as stored (uint8 images) and targets.

Images are those of MNIST where the data dir has them, else generated ones of the same shape,
which take the same time. Nothing here needs more than NumPy, so peers can load their rows too.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")
_LAST_FILE = "t10k-labels-idx1-ubyte"


def find_mnist(data_dir: Path | None) -> Path | None:
    """The folder with the four files of MNIST, gzipped or not, if there is one."""
    if data_dir is None:
        return None
    folder = data_dir / "mnist"
    found = all(
        (folder / name).is_file() or (folder / f"{name}.gz").is_file()
        for name in (*_FILES, _LAST_FILE)
    )
    return folder if found else None


def read_mnist(folder: Path) -> tuple[Array, Array, Array, Array]:
    """Training images (60000, 28, 28, 1) uint8 and labels int64, then the 10,000 of the test."""
    x, t, test_x, test_t = (_idx(folder / name) for name in (*_FILES, _LAST_FILE))
    return (
        x[16:].reshape(-1, 28, 28, 1),
        t[8:].astype(np.int64),
        test_x[16:].reshape(-1, 28, 28, 1),
        test_t[8:].astype(np.int64),
    )


def _idx(path: Path) -> Array:
    packed = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
    return np.frombuffer(content, np.uint8)


def generate(rows: int, shape: tuple[int, ...], seed: int) -> tuple[Array, Array]:
    """Random images, dark for the most part as digits are, and random classes of ten."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (rows, *shape), np.uint8)
    x *= rng.random(x.shape, np.float32) < 0.25
    return x, rng.integers(0, 10, rows)


def write_all(folder: Path, mnist: Path | None, rows: int = 32_000) -> None:
    """Write the rows of all cases: a pair of files for each kind of data."""
    x, t = read_mnist(mnist)[:2] if mnist is not None else generate(rows, (28, 28, 1), 0)
    x, t = x[:rows], t[:rows]
    _write(folder, "images", x, t)
    _write(folder, "flat images", x.reshape(len(x), -1), t)
    _write(folder, "colours", *generate(1_280, (32, 32, 3), 1))
    signals, classes = generate(6_400, (256, 1), 2)
    _write(folder, "signals", signals.astype(np.float32) / 255, classes)
    _write(folder, "cells", *_cells())


def _cells() -> tuple[Array, Array]:
    """The package's own breast_cancer rows, standardized, float32."""
    from dlcli.data.places import Places
    from dlcli.data.sources import SOURCES

    table = SOURCES["breast_cancer"]().load(Places(Path()), 0).parts["all"]
    x = np.asarray(table.features, np.float64)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32), table.targets


def _write(folder: Path, kind: str, x: Array, t: Array) -> None:
    features, targets = files(folder, kind)
    np.save(features, x)
    np.save(targets, t.astype(np.int64))


def files(folder: Path, kind: str) -> tuple[Path, Path]:
    """Where features and targets of a kind of data lie."""
    name = kind.replace(" ", "-")
    return folder / f"{name}-x.npy", folder / f"{name}-t.npy"


def load(folder: Path, kind: str, rows: int) -> tuple[Array, Array]:
    """Features float32, images scaled to 0..1, ready in memory as peers like it; targets int64."""
    features, targets = files(folder, kind)
    x, t = np.load(features)[:rows], np.load(targets)[:rows]
    if x.dtype == np.uint8:
        x = x.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(x), t
