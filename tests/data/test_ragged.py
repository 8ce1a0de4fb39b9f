"""Lists of numbers inside a pickle: read as data, and everything else refused."""

import contextlib
import io
import itertools
import os
import pickletools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.formats import ragged
from dlcli.errors import DataError
from tests.data.stand_ins import pickled

NUMBERS = st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=12), max_size=12)


def same(found: ragged.Ragged, lists: list[list[int]]) -> bool:
    ends = found.offsets.tolist()
    return [found.flat[a:b].tolist() for a, b in itertools.pairwise(ends)] == lists


@given(lists=NUMBERS, protocol=st.integers(2, 5))
def test_what_numpy_writes_is_read(lists: list[list[int]], protocol: int) -> None:
    assert same(ragged.read(pickled(lists, protocol), "x"), lists)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("length", [0, 1, 2, 999, 1000, 1001, 2000, 2001, 70_000])
def test_batches_of_a_pickle_end_anywhere(length: int, protocol: int) -> None:
    long = [k % 300 for k in range(length)]
    lists = [[1], long, [], [70_000], *([3] for _ in range(length % 5000))]
    assert same(ragged.read(pickled(lists, protocol), "x"), lists)


def test_numpy_save_itself_is_read() -> None:
    array = np.empty(3, object)
    array[:] = [[1, 300, 70_000], [], [2]]
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    assert same(ragged.read(stream.getvalue(), "x"), [[1, 300, 70_000], [], [2]])


def test_python_2_wrote_its_words_and_longs_in_another_way() -> None:
    """Protocol 2 of Python 2: SHORT_BINSTRING in place of BINUNICODE, LONG1 for a long."""
    frame = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b"
        b"\x87Rq\x03(K\x01K\x02\x85cnumpy\ndtype\nq\x04U\x02O8K\x00K\x01\x87Rq\x05(K\x03U\x01|NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89"
    )
    lists = b"]q\x06(]q\x07(K\x07M\x2c\x01\x8a\x03\x70\x11\x01e]q\x08K\x05aetb."
    head = pickled([[1], [2]])
    content = head[: head.index(b"\x80\x02")] + frame + lists
    assert list(pickletools.genops(frame + lists))
    assert same(ragged.read(content, "x"), [[7, 300, 70_000], [5]])


class _Runs:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("deep", [False, True])
def test_a_pickle_that_runs_code_is_refused_and_not_run(
    deep: bool, protocol: int, tmp_path: object
) -> None:
    path = f"{tmp_path}/made"
    lists: list[object] = [[1, _Runs(path)] if deep else _Runs(path), [2]]
    with pytest.raises(DataError, match=r"holds more than lists|no array of lists"):
        ragged.read(pickled(lists, protocol), "x")  # type: ignore[arg-type]
    assert not os.path.exists(path)  # noqa: PTH110


@pytest.mark.parametrize(
    "lists",
    [[[1, "a"]], [[1.5]], [[None]], [[True]], [[2**40]], ["abc"], [(1, 2)], [[[1]]], [{1: 2}]],
)
def test_other_objects_are_refused(lists: list[list[int]]) -> None:
    with pytest.raises(DataError):
        ragged.read(pickled(lists), "x")


def test_the_same_list_twice_is_refused() -> None:
    """A pickle refers to the first one; nothing is looked up here."""
    one = [1, 2]
    with pytest.raises(DataError, match="more than lists"):
        ragged.read(pickled([one, one]), "x")


def test_every_cut_and_every_changed_byte_is_read_or_refused() -> None:
    """Never another error, whatever a byte becomes; a cut file is always refused."""
    content = pickled([[1, 2, 300], [5], [], [70_000, 3]])
    for end in range(len(content)):
        with pytest.raises(DataError):
            ragged.read(content[:end], "x")
    for place in range(len(content)):
        for byte in (0, 0x2E, 0x4A, 0x4B, 0x52, 0x5D, 0x61, 0x65, 0x63, 0x8A, 0x95, 255):
            with contextlib.suppress(DataError):
                ragged.read(content[:place] + bytes([byte]) + content[place + 1 :], "x")


def test_counts_are_those_of_the_header() -> None:
    content = pickled([[1], [2], [3]])
    for rows, said in ((b"(2,)", "has more than 2|promises 2"), (b"(4,)", "promises 4")):
        with pytest.raises(DataError, match=said):
            ragged.read(content.replace(b"(3,)", rows, 1), "x")
    with pytest.raises(DataError, match="bytes after its last list"):
        ragged.read(content + b"\0", "x")
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    with pytest.raises(DataError, match="no array of lists"):
        ragged.read(stream.getvalue(), "x")
