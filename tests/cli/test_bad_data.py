"""Mistakes in data, through the command line: exit 3 (or 2 where the fix is in the YAML), one
sentence that names the place, and no run directory left behind."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.calls import dlcli, refused, train
from tests.cli.small import TREES, trees
from tests.data.conftest import idx_bytes

NET = """\
model: {{layers: [flatten, {{type: dense, units: {units}}}]}}
loss: {loss}
optimizer: sgd
training: {{epochs: 1}}
"""
CLASSES = NET.format(units=3, loss="sparse_categorical_crossentropy")

Case = tuple[str, int, str]


def check(config: Path, code: int, words: str, *arguments: str | Path) -> None:
    output = config.parent / "runs"
    message = refused(train(config, output, *arguments), code)
    assert words in message, message
    assert not output.exists()
    checked = dlcli("validate", config, *arguments)
    assert checked.code in (0, code), checked.err
    assert "Traceback" not in checked.err


LINES = trees().splitlines()


def changed(line: int, old: str, new: str) -> str:
    lines = [*LINES]
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    return "\n".join(lines)


KIND = LINES[40].rsplit(",", 1)[1]
SOIL = LINES[40].split(",")[2]

CSV: dict[str, Case] = {
    "a column has another name": (changed(1, "girth", "gitrh"), 2, "did you mean 'gitrh'"),
    "the target is missing": (changed(1, "kind", "sort"), 2, "no column 'kind'"),
    "text in a number column": (
        changed(41, f",{SOIL}", f" m,{SOIL}"),
        3,
        "line 41, column 'height'",
    ),
    "a cell too many": (changed(41, SOIL, f"{SOIL},1"), 3, "line 41 has 6 cells"),
    "a cell too few": (changed(41, f",{SOIL}", ""), 3, "line 41 has 4 cells"),
    "a missing number": (changed(41, LINES[40].split(",")[1], ""), 2, "line 41 (in the"),
    "NaN": (changed(41, LINES[40].split(",")[1], "NaN"), 2, "column 'height' is missing"),
    "a missing class": (changed(41, KIND, " "), 2, "line 41, column 'kind' is missing"),
    "a blank line inside": (changed(41, LINES[40], ""), 3, "line 41 is blank"),
    "an open quote": (changed(41, SOIL, f'"{SOIL}'), 3, "line"),
    "a NUL byte": (changed(41, SOIL, "\0"), 3, "line 41 holds a NUL byte"),
    "nothing": ("", 3, "is empty"),
    "a header only": (LINES[0], 3, "no rows"),
    "no header": (
        "\n".join(LINES[1:]),
        3,
        "line 1 looks like data (3 of 5 cells are numbers), not like names",
    ),
    "a column without a name": (changed(1, "girth", ""), 3, "column 4 has no name"),
    "a column twice": (changed(1, "id", "soil"), 3, "two columns are called 'soil'"),
    "another delimiter": ("\n".join(LINES).replace(",", ";"), 2, 'set `delimiter: ";"`?'),
    "one row": ("\n".join(LINES[:2]), 3, "would have no rows: 0.2 of 1 rows"),
    "a row a class": ("\n".join(LINES[:4]), 3, "the training part does not have"),
    "numbers too large": (changed(41, LINES[40].split(",")[1], "1e308"), 3, "overflow"),
    "a class too many": (changed(41, KIND, "doum"), 2, "4 classes"),
    "one class only": (
        "\n".join(LINES).replace("beech", "ash").replace("cédre", "ash"), 3, "of the class 'ash'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CSV)
def test_a_bad_csv(case: str, tmp_path: Path) -> None:
    text, code, words = CSV[case]
    (tmp_path / "trees.csv").write_text(text, encoding="utf-8")
    config = tmp_path / "trees.yaml"
    config.write_text(TREES, encoding="utf-8")
    check(config, code, words)


def test_a_csv_in_another_encoding(tmp_path: Path) -> None:
    config = tmp_path / "trees.yaml"
    config.write_text(TREES)
    for encoding, words in (("latin-1", "is not UTF-8 text"), ("utf-16", "UTF-16")):
        (tmp_path / "trees.csv").write_text(trees(), encoding=encoding)
        check(config, 3, words)


def test_a_csv_that_is_not_there_or_is_a_directory(tmp_path: Path) -> None:
    config = tmp_path / "trees.yaml"
    config.write_text(TREES)
    output = tmp_path / "runs"
    message = refused(train(config, output, "--data-dir", tmp_path / "data"), 3)
    assert f"{tmp_path / 'trees.csv'} (the config's folder)" in message
    assert f"{tmp_path / 'data' / 'trees.csv'} (the data dir)" in message
    (tmp_path / "trees.csv").mkdir()
    assert "is a folder, not a file" in refused(train(config, output), 3)
    assert not output.exists()


def test_text_without_one_hot_is_a_mistake_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "trees.csv").write_text(trees(), encoding="utf-8")
    config = tmp_path / "trees.yaml"
    config.write_text(TREES.replace("- {type: one_hot, columns: [soil]}", "- standardize"))
    check(config, 2, "trees.csv, line 2 holds 'sand'. Add the transform one_hot")


IMAGES = np.zeros((40, 4, 4), np.uint8)
LABELS = (np.arange(40) % 3).astype(np.uint8)


def idx_files(images: bytes, labels: bytes) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "images").write_bytes(images)
        (folder / "labels").write_bytes(labels)
        return "{type: idx, images: images, labels: labels}"

    return write


GOOD_IMAGES, GOOD_LABELS = idx_bytes(IMAGES), idx_bytes(LABELS)
IDX: dict[str, tuple[Callable[[Path], str], str]] = {
    "truncated": (idx_files(GOOD_IMAGES[:-1], GOOD_LABELS), "truncated"),
    "a header cut short": (idx_files(GOOD_IMAGES[:9], GOOD_LABELS), "images"),
    "too long": (idx_files(GOOD_IMAGES + b"\0", GOOD_LABELS), "images"),
    "empty": (idx_files(b"", GOOD_LABELS), "images"),
    "wrong magic": (idx_files(b"\x01" + GOOD_IMAGES[1:], GOOD_LABELS), "images"),
    "an unknown type of numbers": (idx_files(b"\0\0\x07\x03" + GOOD_IMAGES[4:], GOOD_LABELS), "07"),
    "lengths that lie": (idx_files(b"\0\0\x08\x03" + b"\xff" * 12, GOOD_LABELS), "images"),
    "one label less": (idx_files(GOOD_IMAGES, idx_bytes(LABELS[:-1])), "40 rows"),
    "the wrong way round": (idx_files(GOOD_LABELS, GOOD_IMAGES), "wrong way round"),
    "no images": (idx_files(idx_bytes(IMAGES[:0]), idx_bytes(LABELS[:0])), "no rows"),
    "text": (idx_files(b"id,height\n1,2\n", GOOD_LABELS), "images"),
    "gzip cut short": (idx_files(gzip.compress(GOOD_IMAGES)[:-9], GOOD_LABELS), "images"),
    "gzip with a flipped bit": (
        idx_files(gzip.compress(GOOD_IMAGES)[:-6] + b"......", GOOD_LABELS), "images",
    ),
    "gzip of nothing": (idx_files(gzip.compress(b""), GOOD_LABELS), "images"),
}  # fmt: skip


def npz_bytes(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def npz_file(content: bytes) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "data.npz").write_bytes(content)
        return "{type: npz, path: data.npz}"

    return write


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


X, Y = np.random.default_rng(0).normal(size=(40, 6)), LABELS.astype(np.int64)
ONE_HOT = np.eye(3)[Y]
GOOD_NPZ = npz_bytes(x=X, y=Y)
NPZ: dict[str, tuple[Callable[[Path], str], str]] = {
    "objects": (npz_file(npz_bytes(x=np.array([{}] * 40, object), y=Y)), "Python objects"),
    "text labels": (npz_file(npz_bytes(x=X, y=Y.astype(str))), "array 'y'"),
    "complex numbers": (npz_file(npz_bytes(x=X * 1j, y=Y)), "array 'x'"),
    "missing values": (npz_file(npz_bytes(x=np.where(X > 2, np.nan, X), y=Y)), "holds nan in row"),
    "lengths that differ": (npz_file(npz_bytes(x=X, y=Y[:-1])), "39"),
    "no labels": (npz_file(npz_bytes(x=X)), "has the array 'x' but not 'y'"),
    "unknown names": (npz_file(npz_bytes(features=X, labels=Y)), "features, labels"),
    "nearly the right names": (npz_file(npz_bytes(x_train=X, y_tain=Y)), "is it 'y_train'?"),
    "both kinds of names": (npz_file(npz_bytes(x=X, y=Y, x_train=X, y_train=Y)), "not both"),
    "parts of other shapes": (
        npz_file(npz_bytes(x_train=X, y_train=Y, x_test=X[:, :5], y_test=Y)), "(5,)",
    ),
    "no rows": (npz_file(npz_bytes(x=X[:0], y=Y[:0])), "no rows"),
    "a single number": (npz_file(npz_bytes(x=np.array(1.0), y=Y)), "axis of rows"),
    "truncated": (npz_file(GOOD_NPZ[:-40]), "not an intact .npz archive"),
    "cut in the middle": (npz_file(GOOD_NPZ[: len(GOOD_NPZ) // 2]), "not an intact .npz archive"),
    "no archive": (npz_file(b"hello"), "not an intact .npz archive"),
    "empty": (npz_file(b""), "data.npz"),
    "a damaged member": (npz_file(flipped(GOOD_NPZ, 600)), "data.npz"),
    "a member that is no array": (npz_file(zipped(x=b"hi", y=b"ho")), "not a .npy array"),
    "a huge shape": (
        npz_file(
            zipped(
                x=b"\x93NUMPY\x01\x00\x76\x00"
                + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 6), }".ljust(
                    117
                )
                + b"\n",
                y=b"",
            )
        ),
        "data.npz",
    ),
}  # fmt: skip


def npy_files(x: Any, y: Any) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        for name, content in (("x.npy", x), ("y.npy", y)):
            if isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                np.save(folder / name, content, allow_pickle=True)
        return "{type: npy, features: x.npy, target: y.npy}"

    return write


def npy_bytes(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


NPY: dict[str, tuple[Callable[[Path], str], str]] = {
    "objects": (npy_files(X, np.array([None] * 40, object)), "Python objects"),
    "truncated": (npy_files(npy_bytes(X)[:-8], Y), "truncated"),
    "too long": (npy_files(npy_bytes(X) + b"\0", Y), "x.npy"),
    "wrong magic": (npy_files(b"\x92NUMPY" + npy_bytes(X)[6:], Y), "not a .npy array"),
    "empty": (npy_files(b"", Y), "not a .npy array"),
    "lengths that differ": (npy_files(X, Y[:-1]), "40 rows"),
    "infinite": (npy_files(np.where(X > 2, np.inf, X), Y), "holds inf in row"),
    "labels of two axes": (npy_files(X, np.stack([Y, Y], 1)), "one class id a row"),
    "records": (npy_files(X, np.zeros(40, [("a", "i4")])), "records with named fields"),
    "dates": (npy_files(X, np.zeros(40, "M8[s]")), "values of type"),
}

ARRAYS = {
    f"{kind}, {name}": case
    for kind, cases in (("idx", IDX), ("npz", NPZ), ("npy", NPY))
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", ARRAYS)
def test_a_bad_file_of_arrays(case: str, tmp_path: Path) -> None:
    write, words = ARRAYS[case]
    source = write(tmp_path)
    config = tmp_path / "net.yaml"
    config.write_text(f"data: {{source: {source}}}\n{CLASSES}")
    # Labels with two columns can be put right by another loss or by other data: see the message.
    check(config, 2 if "two axes" in case else 3, words)


def test_the_good_files_are_good(tmp_path: Path) -> None:
    """So that every case above fails for its own reason."""
    writers = [
        idx_files(GOOD_IMAGES, GOOD_LABELS),
        idx_files(gzip.compress(GOOD_IMAGES), GOOD_LABELS),
        npz_file(GOOD_NPZ),
        npy_files(X, Y),
    ]
    for write in writers:
        config = tmp_path / "net.yaml"
        config.write_text(f"data: {{source: {write(tmp_path)}}}\n{CLASSES}")
        assert train(config, tmp_path / "runs").run


ONE_HOT_NET = NET.format(units=3, loss="categorical_crossentropy")


@pytest.mark.parametrize(
    ("y", "net", "code", "words"),
    [
        (ONE_HOT * 2, ONE_HOT_NET, 3, "row 0 (counted from 0) must hold exactly one 1"),
        (np.ones((40, 3)), ONE_HOT_NET, 3, "exactly one 1"),
        (np.eye(4)[Y], ONE_HOT_NET, 2, "targets have rows of shape (4,)"),
        (X[:, 0], CLASSES, 2, "`sparse_categorical_crossentropy` is for classes, but the target"),
        (X[:, 0], NET.format(units=1, loss="bce"), 2, "use a loss for numbers"),
        (X[:, :3], NET.format(units=3, loss="bce"), 3, "must hold only 0 and 1"),
        (Y, NET.format(units=1, loss="bce"), 2, "`binary_crossentropy` tells two apart"),
        (Y * 9 - 9, NET.format(units=2, loss="sparse_categorical_crossentropy"), 2, "units: 3"),
        (Y, NET.format(units=3, loss="mse"), 2, "mean_squared_error"),
        (X, NET.format(units=2, loss="mse"), 2, "mean_squared_error"),
        (X[:, 0] * 1e39, NET.format(units=1, loss="mse"), 3, "too large for float32 in row"),
    ],
)
def test_targets_that_do_not_suit_the_loss(
    y: Any, net: str, code: int, words: str, tmp_path: Path
) -> None:
    config = tmp_path / "net.yaml"
    config.write_text(f"data: {{source: {npy_files(X, y)(tmp_path)}}}\n{net}")
    check(config, code, words)


def test_a_source_that_brings_numbers_is_known_before_anything_is_read(tmp_path: Path) -> None:
    config = tmp_path / "net.yaml"
    config.write_text(f"data: {{source: friedman1}}\n{CLASSES}")
    message = refused(dlcli("validate", config), 2)
    assert "net.yaml:3:" in message and "the source `friedman1` brings numbers" in message
    config.write_text(f"data: {{source: digits}}\n{CLASSES}")
    assert "10" in refused(dlcli("validate", config), 2)
