"""The sources that need no file of the user's, checked against published facts."""

import gzip
import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from dlcli.data import Places, Raw, data_dir, digests
from dlcli.data.sources import SOURCES, BreastCancer, Digits, Friedman1, Idx, Mnist
from dlcli.errors import DataError, UsageError
from tests.data.conftest import idx_bytes


def test_digits_are_the_published_1797_images(places: Places) -> None:
    table = Digits().load(places, 0).parts["all"]
    assert table.features.shape == (1797, 8, 8, 1) and table.features.dtype == np.uint8
    assert (int(table.features.min()), int(table.features.max())) == (0, 16)
    assert np.bincount(table.targets).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    assert table.features[0, 0, :, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert table.targets.dtype == np.int64


def test_breast_cancer_has_212_malignant_rows_as_second_class(places: Places) -> None:
    raw = BreastCancer().load(places, 0)
    table = raw.parts["all"]
    assert raw.classes == ("benign", "malignant")
    assert np.bincount(table.targets).tolist() == [357, 212]
    assert table.features.shape == (569, 30) and table.features.dtype == np.float64
    assert table.features[0, :3].tolist() == [17.99, 10.38, 122.8] and table.targets[0] == 1
    header = gzip.decompress(
        resources.files("dlcli.data").joinpath("embedded", "breast_cancer.csv.gz").read_bytes()
    ).splitlines()[0]
    assert raw.columns is not None
    assert [c.name for c in raw.columns] == header.decode().split(",")[:-1]


def test_embedded_data_names_its_authors_and_licence() -> None:
    text = resources.files("dlcli.data").joinpath("embedded", "ATTRIBUTION.md").read_text()
    for word in (
        "Alpaydin",
        "Kaynak",
        "1998",
        "Wolberg",
        "Mangasarian",
        "1993",
        "Fisher",
        "CC BY 4.0",
    ):
        assert word in text


def test_friedman1_follows_its_formula(places: Places) -> None:
    quiet = Friedman1(samples=500, noise=0.0).load(places, 3)
    table = quiet.parts["all"]
    x = table.features.astype(np.float64)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4]
    np.testing.assert_allclose(table.targets, y, atol=1e-5)
    assert table.features.dtype == np.float32 and table.targets.dtype == np.float64
    noisy = Friedman1(samples=500).load(places, 3).parts["all"]
    assert (noisy.features == table.features).all()
    assert 0.85 < float(np.std(noisy.targets - table.targets)) < 1.15


def test_friedman1_depends_on_the_seed_and_on_nothing_else(places: Places) -> None:
    one, same, other = (digests(Friedman1().load(places, seed)) for seed in (1, 1, 2))
    assert one == same and one["all.features"] != other["all.features"]
    with pytest.raises(UsageError, match="at least 5 features"):
        Friedman1(features=4).load(places, 0)


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "iris", "friedman1"])
def test_what_is_declared_is_what_is_loaded(name: str, places: Places) -> None:
    source = SOURCES[name]()
    declared, raw = source.declare(places), source.load(places, 0)
    table = raw.parts["all"]
    assert declared.row_shape == table.features.shape[1:]
    assert declared.rows == {"all": len(table)}
    assert declared.columns == raw.columns and declared.class_names == raw.classes
    assert not declared.absent


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Raw, bool]]:
    """MNIST where it is at hand, else IDX files of the same kind with fewer rows."""
    folder = data_dir()
    if not Mnist().declare(Places(folder)).absent:
        yield Mnist().load(Places(folder), 0), True
        return
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.RandomState(0)
    for part, count in (("train", 600), ("test", 100)):
        pixels = rng.randint(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{part}-images.gz").write_bytes(gzip.compress(idx_bytes(pixels)))
        (folder / f"{part}-labels.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    source = Idx("train-images.gz", "train-labels.gz", "test-images.gz", "test-labels.gz")
    yield source.load(Places(folder), 0), False


def test_images_have_a_channel_axis_and_the_counts_of_their_archive(
    images: tuple[Raw, bool],
) -> None:
    raw, real = images
    train, test = raw.parts["train"], raw.parts["test"]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949] if real else [60] * 10
    assert np.bincount(train.targets).tolist() == counts
    assert train.features.shape == (60_000 if real else 600, 28, 28, 1)
    assert test.features.shape == (10_000 if real else 100, 28, 28, 1)
    assert train.features.dtype == np.uint8
    mean = float(train.features.sum(dtype=np.int64)) / train.features.size / 255
    assert abs(mean - (0.13066 if real else 0.5)) < (5e-6 if real else 5e-3)


def test_absent_mnist_says_where_it_looked_and_what_to_do(places: Places) -> None:
    with pytest.raises(DataError) as caught:
        Mnist().load(places, 0)
    for words in (str(places.data / "mnist"), "t10k-labels-idx1-ubyte", "--data-dir"):
        assert words in str(caught.value)
    declared = Mnist().declare(places)
    assert declared.row_shape == (28, 28, 1) and declared.classes == 10
    assert declared.rows == {"train": 60_000, "test": 10_000} and len(declared.absent) == 1


def test_mnist_is_known_by_its_content_packed_or_not(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.data / "mnist").mkdir()
    contents = {
        "train-images-idx3-ubyte": idx_bytes(np.zeros((20, 28, 28), np.uint8)),
        "train-labels-idx1-ubyte": idx_bytes(np.arange(20).astype(np.uint8) % 10),
        "t10k-images-idx3-ubyte": idx_bytes(np.ones((10, 28, 28), np.uint8)),
        "t10k-labels-idx1-ubyte": idx_bytes(np.arange(10).astype(np.uint8)),
    }
    for number, (name, content) in enumerate(contents.items()):
        packed = number % 2 == 0
        path = places.data / "mnist" / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match="is not the MNIST file of that name"):
        Mnist().load(places, 0)
    known = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr("dlcli.data.sources.images._MNIST", known)
    raw = Mnist().load(places, 0)
    assert raw.parts["train"].features.shape == (20, 28, 28, 1)
    assert raw.classes == tuple("0123456789")


def test_the_data_dir_is_the_option_then_the_variable_then_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DLCLI_DATA_DIR", "/from/variable")
    assert data_dir(Path("/from/option")) == Path("/from/option")
    assert data_dir() == Path("/from/variable")
    monkeypatch.delenv("DLCLI_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_dir() == Path("/cache/dlcli")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_dir() == Path("/home/someone/.cache/dlcli")
