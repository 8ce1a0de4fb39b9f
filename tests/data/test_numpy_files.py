""".npy and .npz files: what is read, and what is refused."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Places, Preprocessing, Split, digests, prepare
from dlcli.data.formats import npy
from dlcli.data.formats.npz import Archive
from dlcli.data.sources import Npy, Npz
from dlcli.data.transforms import Rescale, Standardize
from dlcli.errors import DataError, DlcliError, UsageError

X = np.arange(24.0).reshape(6, 4)
Y = np.array([0, 1, 0, 1, 1, 0])


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "<u2", ">i2", "<i4", "<u4", "<i8", "<f2", ">f4", "<f4", "<f8", ">f8"]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_plain_type_and_order_is_read(dtype: str, order: str, tmp_path: Path) -> None:
    array = np.asarray(X % 2, dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", array)
    read = npy.read(tmp_path / "a.npy")
    assert (read == array).all() and read.dtype == array.dtype
    assert not read.flags.writeable


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a .npy array"),
        (b"PK\x03\x04 and more", "not a .npy array"),
        (b"\x93NUMPY\x09\x00" + bytes(80), "format version 9"),
        (b"\x93NUMPY\x01\x00v", "ends within its header"),
        (header(GOOD)[:40], "ends within its header"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 80, "claims to be"),
        (header("[1, 2"), "header is not"),
        (header("{[]: 1}"), "header is not"),
        (header("{'descr': '<f8'}"), "header is not"),
        (header("(" * 5000), "header is not"),
        (header(GOOD.replace("(2,)", "(-2,)")), "header is not"),
        (header(GOOD.replace("(2,)", "(True,)")), "header is not"),
        (header(GOOD.replace("(2,)", "2")), "header is not"),
        (header(GOOD.replace("(2,)", str((1,) * 40))), "header is not"),
        (header(GOOD.replace("(2,)", "(9223372036854775807, 9)")) + bytes(16), "truncated"),
        (header(GOOD) + bytes(15), "truncated"),
        (header(GOOD) + bytes(17), "after its last element"),
        (npy_bytes(np.array([{"a": 1}], object)), "Python objects"),
        (npy_bytes(np.array(["a"])), "'<U1'"),
        (npy_bytes(np.array([1j])), "'<c16'"),
        (npy_bytes(np.array(["2020-01-01"], "M8[D]")), "'<M8\\[D\\]'"),
        (npy_bytes(np.zeros(2, [("a", "f4")])), "named fields"),
    ],
)
def test_a_malformed_npy_file_is_refused(content: bytes, words: str, places: Places) -> None:
    (places.data / "x.npy").write_bytes(content)
    np.save(places.data / "y.npy", Y)
    with pytest.raises(DataError, match=words) as caught:
        Npy("x.npy", "y.npy").load(places, 0)
    assert str(places.data / "x.npy") in str(caught.value)


@pytest.mark.parametrize(
    ("features", "targets", "words"),
    [
        (X[:5], Y, "has 5 rows but .*y.npy has 6"),
        (X[:0], Y[:0], "no rows"),
        (X[:, :0], Y, "without any number"),
        (np.float64(3.0), Y, "single number"),
        (X, np.float64(3.0), "single number"),
        (np.where(X == 9, np.nan, X), Y, "nan in row 2, column_2"),
        (np.where(X == 9, -np.inf, X), Y, "-inf in row 2, column_2"),
        (X, np.where(Y == 1, np.nan, 0.0), "y.npy holds nan in row 1"),
        (X, np.full(6, 2**64 - 1, np.uint64), "too large for a class id"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(
    features: np.ndarray, targets: np.ndarray, words: str, places: Places
) -> None:
    np.save(places.data / "x.npy", features)
    np.save(places.data / "y.npy", targets)
    with pytest.raises(DataError, match=words):
        Npy("x.npy", "y.npy").load(places, 0)


def test_targets_become_ids_or_numbers(places: Places) -> None:
    np.save(places.data / "x.npy", X)
    for stored, expected in (
        (Y.astype(np.uint8), Y),
        (Y[:, None], Y),
        (Y.astype(bool), Y),
        (Y.astype(np.float32), Y.astype(np.float64)),
        (np.eye(2, dtype=np.uint8)[Y], np.eye(2)[Y]),
    ):
        np.save(places.data / "y.npy", stored)
        found = Npy("x.npy", "y.npy").load(places, 0).parts["all"].targets
        assert found.dtype == expected.dtype and (found == expected).all()


def test_images_get_a_channel_axis_and_a_list_becomes_a_column(places: Places) -> None:
    np.save(places.data / "y.npy", Y)
    for stored, shape in (((6, 3, 2), (3, 2, 1)), ((6,), (1,)), ((6, 3, 2, 3), (3, 2, 3))):
        np.save(places.data / "x.npy", np.zeros(stored, np.uint8))
        assert Npy("x.npy", "y.npy").load(places, 0).parts["all"].features.shape[1:] == shape
        assert Npy("x.npy", "y.npy").declare(places).row_shape == shape


def test_npy_parts_must_be_alike(places: Places) -> None:
    np.save(places.data / "x.npy", X)
    np.save(places.data / "y.npy", Y)
    np.save(places.data / "narrow.npy", X[:, :3])
    np.save(places.data / "bytes.npy", X.astype(np.uint8))
    raw = Npy("x.npy", "y.npy", "x.npy", "y.npy").load(places, 0)
    assert list(raw.parts) == ["train", "test"]
    with pytest.raises(DataError, match="they must be alike"):
        Npy("x.npy", "y.npy", "narrow.npy", "y.npy").load(places, 0)
    with pytest.raises(DataError, match=r"uint8.*float64"):
        Npy("x.npy", "y.npy", "bytes.npy", "y.npy").load(places, 0)
    with pytest.raises(DataError, match="different shapes"):
        Npy("x.npy", "y.npy", "narrow.npy", "y.npy").declare(places)
    with pytest.raises(UsageError, match="both"):
        Npy("x.npy", "y.npy", "x.npy").load(places, 0)
    declared = Npy("x.npy", "gone.npy").declare(places)
    assert declared.rows == {"all": 6} and "gone.npy" in declared.absent[0]


def test_a_large_memory_map_is_never_copied(places: Places) -> None:
    rows = 50_000
    start = npy_bytes(np.zeros((1, 1024), np.float32))[:128].replace(
        b"(1, 1024), ", b"(50000, 1024), "[:11]
    )
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 1024), }}".ljust(117)
    start = header(text + "\n")
    with (places.data / "x.npy").open("wb") as stream:
        stream.write(start)
        stream.truncate(len(start) + rows * 4096)  # 200 MB of zeros that take no room
    np.save(places.data / "y.npy", np.zeros(rows, np.uint8))
    tracemalloc.start()
    try:
        raw = Npy("x.npy", "y.npy").load(places, 0)
        digests(raw)
        dataset = Split().apply(raw, 0)
        whole = Split(0.0, 0.0).apply(raw, 0)
        prepared = prepare(dataset, [Rescale(2.0)])
        prepared.apply(dataset.train.take_features(np.arange(32)))
        prepared.apply(whole.train.take_features(slice(0, 32)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert whole.train.index is None
    assert np.may_share_memory(whole.train.features, raw.parts["all"].features)
    assert peak < 24e6


PARTS = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}


def test_an_archive_brings_the_parts_it_has(places: Places) -> None:
    path = places.data / "a.npz"
    np.savez_compressed(path, **PARTS, x_valid=np.asfortranarray(X), y_valid=Y, notes=np.array("?"))  # type: ignore[arg-type]
    raw = Npz("a.npz").load(places, 0)
    assert list(raw.parts) == ["train", "validation", "test"]
    assert (raw.parts["validation"].features == X).all()
    assert Npz("a.npz").declare(places).rows == {"train": 6, "validation": 6, "test": 6}
    np.savez(path, x=np.zeros((6, 5, 5), np.uint8), y=Y)
    assert Npz("a.npz").load(places, 0).parts["all"].features.shape == (6, 5, 5, 1)
    assert Npz("a.npz").declare(places).row_shape == (5, 5, 1)
    assert "gone.npz" in Npz("gone.npz").declare(places).absent[0]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X}, "'x' but not 'y'"),
        ({**PARTS, "x_val": X}, "'x_val'"),
        ({**PARTS, "x_tset": X}, "is it 'x_test'"),
        ({**PARTS, "x": X, "y": Y}, "not both"),
        ({"a": X}, "must hold the arrays"),
        ({"x_test": X, "y_test": Y}, "must hold the arrays"),
        ({"x": X, "y": np.array([{}] * 6, object)}, "Python objects"),
        ({"x": X, "y": Y[:3]}, "6 rows but .*'y' has 3"),
        ({**PARTS, "x_test": X[:, :2]}, "alike|different"),
    ],
)
def test_archives_with_the_wrong_arrays_are_refused(
    arrays: dict[str, np.ndarray], words: str, places: Places
) -> None:
    np.savez(places.data / "a.npz", **arrays)  # type: ignore[arg-type]
    for action in (lambda: Npz("a.npz").load(places, 0), lambda: Npz("a.npz").declare(places)):
        with pytest.raises(DataError, match=words):
            action()


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    lying = {
        "promises": header(GOOD.replace("(2,)", "(2000000000000,)")) + bytes(16),
        "truncated": header(GOOD) + bytes(8),
        "not a .npy": b"hello",
    }
    for words, content in lying.items():
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
        with pytest.raises(DataError, match=words if words != "truncated" else "promises"):
            Archive(tmp_path / "a.npz").read("x")


def test_a_zip_bomb_is_refused_before_memory_is_allocated(tmp_path: Path) -> None:
    size = 300 << 20
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as member,
    ):
        member.write(header(GOOD.replace("<f8", "|u1").replace("(2,)", f"({size},)")))
        for _ in range(300):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="would expand from"):
            Archive(tmp_path / "a.npz").read("x")
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content, words in (
        (b"", "not an intact .npz"),
        (b"PK\x03\x04", "not an intact .npz"),
        (npy_bytes(X), "use the source `npy`"),
        (b"<!doctype html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "it is a Git LFS pointer"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            Archive(path)
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy_bytes(X))
        archive.writestr("x.npy", npy_bytes(X))
    with pytest.raises(DataError, match="twice"):
        Archive(path)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), packed=st.booleans())
def test_a_changed_byte_of_an_archive_never_raises_a_foreign_exception(
    place: int, value: int, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, x=X, y=Y)
    content = bytearray(stream.getvalue())
    content[place % len(content)] = value
    path = tmp_path_factory.mktemp("fuzz") / "a.npz"
    path.write_bytes(content)
    try:
        archive = Archive(path)
        for name in archive.names:
            archive.read(name)
    except DlcliError as error:
        assert str(path) in str(error)


NAMED = {
    "MedMNIST": (
        ["train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"],
        "features: train_images, target: train_labels, validation_features: val_images, "
        "validation_target: val_labels, test_features: test_images, test_target: test_labels",
    ),
    "scikit-learn": (["data", "target"], "features: data, target: target"),
    "savez": (["arr_0", "arr_1"], "features: arr_0, target: arr_1"),
    "capitals": (
        ["TRAIN_X", "TRAIN_Y", "TEST_X", "TEST_Y"],
        "features: TRAIN_X, target: TRAIN_Y, test_features: TEST_X, test_target: TEST_Y",
    ),
    "inputs": (["inputs", "labels", "extra"], "features: inputs, target: labels"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_arrays_of_other_names_are_advised_and_taken_by_options(kind: str, places: Places) -> None:
    names, advice = NAMED[kind]
    arrays = {n: np.arange(6) if i % 2 else np.eye(6) * (i + 1) for i, n in enumerate(names)}
    np.savez(places.data / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        Npz("a.npz").load(places, 0)
    assert f"{{type: npz, path: ..., {advice}}}" in str(caught.value)
    options = dict(pair.split(": ") for pair in advice.split(", "))
    raw = Npz("a.npz", **options).load(places, 0)
    roles = {"features": "train", "validation_features": "validation", "test_features": "test"}
    if options.keys() == {"features", "target"}:
        roles = {"features": "all"}
    assert raw.parts.keys() == {roles[option] for option in options if option in roles}
    for option, role in roles.items():
        if option in options:
            found = raw.parts[role]  # type: ignore[index]
            assert np.array_equal(found.features, arrays[options[option]])
            assert found.targets.tolist() == list(range(6))
    assert Npz("a.npz", **options).declare(places).rows.keys() == raw.parts.keys()


@pytest.mark.parametrize("x", ["x", "X"])
@pytest.mark.parametrize("valid", ["valid", "val", "validation"])
def test_both_cases_and_every_word_for_validation_are_known(
    x: str, valid: str, places: Places
) -> None:
    names = [f"{x}_train", "y_train", f"{x}_{valid}", f"y_{valid}", f"{x}_test", "y_test"]
    arrays = {n: np.arange(6) if n[0] == "y" else np.eye(6) for n in names}
    np.savez(places.data / "a.npz", **arrays)  # type: ignore[arg-type]
    raw = Npz("a.npz").load(places, 0)
    assert raw.parts.keys() == {"train", "validation", "test"}


def test_two_arrays_for_one_part_are_refused(places: Places) -> None:
    rows, ids = np.eye(6), np.arange(6)
    np.savez(places.data / "a.npz", x_train=rows, y_train=ids, x_val=rows, x_valid=rows, y_val=ids)
    with pytest.raises(DataError, match="only one of them can be meant"):
        Npz("a.npz").load(places, 0)


def test_an_option_that_names_no_array_is_an_error_of_the_config(places: Places) -> None:
    np.savez(places.data / "a.npz", data=np.eye(6), label=np.arange(6))
    with pytest.raises(UsageError, match="no array 'labels'; did you mean 'label'"):
        Npz("a.npz", "data", "labels").load(places, 0)


@pytest.mark.parametrize("types", ["f4 f8 f2", "f8 f4 f4", "u1 i8 i2", "f2 f2 f8"])
def test_parts_may_be_stored_in_other_sizes(types: str, places: Places) -> None:
    draw = np.random.default_rng(3)
    parts = {}
    for kind, part in zip(types.split(), ("train", "valid", "test"), strict=True):
        parts[f"x_{part}"] = draw.integers(0, 100, (20, 3)).astype(kind)
        parts[f"y_{part}"] = draw.integers(0, 2, 20).astype("u1" if part == "train" else "f8")
    np.savez(places.data / "a.npz", **parts)  # type: ignore[arg-type]
    dataset = Split().apply(Npz("a.npz").load(places, 0), 0)
    fitted = Preprocessing.fit(dataset.train, [Standardize()])
    moments = parts["x_train"].astype(float)
    for role, part in dataset.parts().items():
        stored = parts[f"x_{'valid' if role == 'validation' else role}"].astype(float)
        wanted = (stored - moments.mean(axis=0)) / moments.std(axis=0)
        found = fitted.apply(part.take_features(slice(None)))
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


def test_whole_numbers_beside_fractions_are_refused(places: Places) -> None:
    pixels = np.arange(40).reshape(10, 4)
    ids = np.arange(10) % 2
    np.savez(
        places.data / "a.npz",
        x_train=pixels.astype("u1"),
        y_train=ids,
        x_test=pixels / 255,
        y_test=ids,
    )
    with pytest.raises(DataError, match="hardly in the same units"):
        Npz("a.npz").load(places, 0)
