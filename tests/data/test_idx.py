"""IDX files: what is read, and what is refused before memory is allocated for it."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Places
from dlcli.data.formats import idx
from dlcli.data.sources import Idx
from dlcli.errors import DataError, DlcliError, UsageError
from tests.data.conftest import NUMBERS, idx_bytes

IMAGES = np.arange(4 * 3 * 3).reshape(4, 3, 3).astype(np.uint8)
LABELS = np.array([0, 1, 2, 1], np.uint8)


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_is_read_packed_or_plain(kind: str, packed: bool, tmp_path: Path) -> None:
    array = (np.arange(24) - 3).reshape(2, 3, 4).astype(kind)
    content = idx_bytes(array)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    read = idx.read(tmp_path / "a")
    assert (read == array).all() and read.dtype.newbyteorder("=") == array.dtype


def test_a_plain_file_is_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(idx_bytes(IMAGES))
    assert not idx.read(tmp_path / "a").flags.writeable


HEADER = struct.pack(">BBBBIII", 0, 0, 8, 3, 4, 3, 3)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG....", "not an IDX file"),
        (b"\0\0\x07\x03" + bytes(48), "not an IDX file"),
        (b"\0\0\x08\x00", "claims 0 axes"),
        (b"\0\0\x08\x09" + bytes(48), "claims 9 axes"),
        (HEADER[:10], "ends within its header"),
        (HEADER + bytes(35), "truncated"),
        (HEADER + bytes(37), "after its last element"),
        (struct.pack(">BBBBIII", 0, 0, 14, 3, *[2**32 - 1] * 3) + bytes(36), "truncated|damaged"),
    ],
)
def test_a_malformed_file_is_refused(
    content: bytes, words: str, packed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=words) as caught:
        idx.read(path)
    assert str(path) in str(caught.value)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(idx_bytes(IMAGES))
    for content in (whole[:-12], whole[:20], whole[:30] + b"\xff" * 20 + whole[50:], whole + b"x"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(DataError, match=r"damaged|truncated|cannot be read"):
            idx.read(tmp_path / "a")


def test_a_packed_file_that_expands_beyond_reason_is_refused(tmp_path: Path) -> None:
    size = (1 << 28) + 1
    start = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, size))
    # Concatenated gzip members make a large honest file of zeros at little cost.
    member = gzip.compress(bytes(1 << 24))
    (tmp_path / "a").write_bytes(start + member * 16 + gzip.compress(b"\0"))
    with pytest.raises(DataError, match="would expand from"):
        idx.read(tmp_path / "a")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 51), value=st.integers(0, 255), packed=st.booleans())
def test_a_changed_byte_never_raises_a_foreign_exception(
    place: int, value: int, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(gzip.compress(idx_bytes(IMAGES)) if packed else idx_bytes(IMAGES))
    content[place % len(content)] = value
    path = tmp_path_factory.mktemp("fuzz") / "a"
    path.write_bytes(content)
    try:
        idx.read(path)
    except DlcliError as error:
        assert str(path) in str(error)


def test_images_and_labels_must_belong_together(places: Places) -> None:
    (places.data / "images").write_bytes(idx_bytes(IMAGES))
    (places.data / "labels").write_bytes(idx_bytes(LABELS))
    (places.data / "short").write_bytes(idx_bytes(LABELS[:3]))
    (places.data / "wide").write_bytes(idx_bytes(np.zeros((4, 3, 2), np.uint8)))
    raw = Idx("images", "labels").load(places, 0)
    assert raw.parts["all"].features.shape == (4, 3, 3, 1)
    assert raw.parts["all"].targets.tolist() == [0, 1, 2, 1]
    for source, words in (
        (Idx("images", "short"), "has 4 rows but .*short has 3"),
        (Idx("labels", "images"), "wrong way round"),
        (Idx("labels", "labels"), "not images"),
        (Idx("images", "labels", "wide", "labels"), "shape"),
        (Idx("images", "images"), "one integer per image"),
    ):
        with pytest.raises(DataError, match=words):
            source.load(places, 0)
        with pytest.raises(DataError, match=words):
            source.declare(places)
    with pytest.raises(UsageError, match="both"):
        Idx("images", "labels", test_images="images").load(places, 0)


def test_declare_reads_headers_and_lists_absent_files(places: Places) -> None:
    (places.data / "images").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    declared = Idx("images", "nowhere").declare(places)
    assert declared.row_shape == (3, 3, 1) and declared.rows == {"all": 4}
    assert len(declared.absent) == 1 and "'nowhere'" in declared.absent[0]
    nothing = Idx("no", "nowhere").declare(places)
    assert nothing.row_shape is None and nothing.rows == {"all": None}
