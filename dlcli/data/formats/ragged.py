"""Lists of whole numbers of different lengths, as NumPy writes an array of them: read, never run.

Such an array has no numbers of its own but Python objects, so NumPy stores a pickle behind the
header of the .npy. A pickle is a program. This reader is none of its machines: it knows the one
shape that the pickle of `[[1, 14, 22], [1, 194], ...]` has, and refuses every other byte.

    frame   what makes an empty array of objects: the opcodes of _FRAME with the words of _WORDS
    lists   ]  ( ... e  a   an outer list, and in it one of numbers for every row of the header
    numbers K x, M xx, J xxxx   one byte, two bytes, four bytes with a sign; little-endian
            LONG1 n x...        n bytes with a sign, n at most 4: a long of Python 2
    end     t b .           nothing behind it

Between them may stand what numbers objects for later use (q, r, MEMOIZE) and, from protocol 4 on,
the lengths of frames. Source of the opcodes: Python, Lib/pickletools.py.
"""

import io
from array import array
from collections.abc import Mapping

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.formats import npy
from dlcli.errors import DataError
from dlcli.frozen import frozen
from dlcli.progress import work

_OPCODES = """
    PROTO FRAME GLOBAL STACK_GLOBAL BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET BININT BININT1
    BININT2 TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE MARK REDUCE BUILD NONE NEWFALSE NEWTRUE
    BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING SHORT_BINBYTES
"""
_FRAME = frozenset(_OPCODES.split())
_WORDS = frozenset(
    [
        "numpy.core.multiarray _reconstruct",
        "numpy._core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
        *("numpy.core.multiarray", "numpy._core.multiarray", "_reconstruct"),
        *("numpy", "ndarray", "dtype", "_codecs", "encode", "latin1", "O8", "O", "b", "|"),
    ]
)
_LONGEST_FRAME = 1000
_MEMO: Mapping[int, int] = {0x71: 2, 0x72: 5, 0x94: 1, 0x95: 9}
"""Opcodes without a meaning for lists, and how many bytes they take: q, r, MEMOIZE, FRAME."""
_LIST, _MARK, _APPENDS, _APPEND, _TUPLE, _BUILD, _STOP = b"](eatb."
_BYTE, _SHORT, _INT, _LONG = b"KMJ\x8a"


@frozen
class Ragged:
    """Rows of different lengths, one after the other.

    flat: (all numbers,) int32. offsets: (rows + 1,) int64: row k is flat[offsets[k]:offsets[k+1]].
    """

    flat: Array
    offsets: Array

    def __len__(self) -> int:
        return len(self.offsets) - 1


def read(content: bytes, where: str) -> Ragged:
    """The rows of a .npy file of lists; DataError for anything else."""
    stream = io.BytesIO(content)
    rows = npy.parse_objects_header(stream, where)
    return _Reader(content, where).read(stream.tell(), rows)


class _Reader:
    """Goes through the bytes once."""

    def __init__(self, content: bytes, where: str) -> None:
        self._content = content
        self._where = where

    def read(self, start: int, rows: int) -> Ragged:
        at = self._frame(start)
        try:
            at, flat, offsets = self._lists(at, rows)
            for wanted in (_TUPLE, _BUILD, _STOP):
                at = self._memo(at)
                if self._content[at] != wanted:
                    raise self._refused(at)
                at += 1
        except IndexError:
            raise DataError(f"{self._where} is truncated: it ends within its lists.") from None
        if at != len(self._content):
            raise DataError(f"{self._where} has bytes after its last list.")
        if len(offsets) - 1 != rows:
            raise DataError(
                f"{self._where} is damaged: its header promises {rows:,} lists, "
                f"{len(offsets) - 1:,} are there."
            )
        numbers = np.frombuffer(flat, np.int32) if len(flat) else np.empty(0, np.int32)
        return Ragged(numbers, np.frombuffer(offsets, np.int64))

    def _frame(self, start: int) -> int:
        """Where the outer list begins."""
        import pickletools  # names opcodes; loads nothing

        head = self._content[start : start + _LONGEST_FRAME]
        try:
            for code, argument, position in pickletools.genops(head):
                assert position is not None
                if code.name == "EMPTY_LIST":
                    return start + position
                if code.name in _FRAME:
                    word = argument.decode("latin-1") if isinstance(argument, bytes) else argument
                    if not isinstance(word, str) or word in _WORDS:
                        continue
                raise self._refused(start + position)
        except (ValueError, UnicodeDecodeError, IndexError):
            pass
        raise DataError(f"{self._where} is no array of lists of whole numbers.")

    def _memo(self, at: int) -> int:
        """Past what only numbers objects."""
        content = self._content
        while (skip := _MEMO.get(content[at])) is not None:
            at += skip
        return at

    def _lists(self, at: int, rows: int) -> tuple[int, "array[int]", "array[int]"]:
        """The outer list: past its end, all numbers, and where each row begins."""
        content = self._content
        flat, offsets = array("i"), array("q", [0])
        if flat.itemsize != 4:
            raise DataError(f"{self._where} cannot be read here: a C int has not 32 bits.")
        at = self._memo(at + 1)
        with work(f"decode {self._where}", len(content), "bytes") as told:
            while True:
                op = content[at]
                if op == _MARK:  # several rows
                    at = self._memo(at + 1)
                    count = 0
                    while content[at] == _LIST:
                        at = self._row(at, flat)
                        offsets.append(len(flat))
                        count += 1
                        told(at)
                    if not count or content[at] != _APPENDS:
                        raise self._refused(at)
                elif op == _LIST:  # one row
                    at = self._row(at, flat)
                    offsets.append(len(flat))
                    if content[at] != _APPEND:
                        raise self._refused(at)
                else:
                    return at, flat, offsets
                if len(offsets) - 1 > rows:
                    raise DataError(f"{self._where} is damaged: it has more than {rows:,} lists.")
                at = self._memo(at + 1)

    def _row(self, at: int, flat: "array[int]") -> int:
        """One list of numbers: past its end."""
        content, append = self._content, flat.append
        at = self._memo(at + 1)
        while True:
            op = content[at]
            if op == _MARK:
                end = _APPENDS
                at += 1
            elif op in (_BYTE, _SHORT, _INT, _LONG):
                end = _APPEND
            else:
                return at
            while True:
                op = content[at]
                if op == _BYTE:
                    append(content[at + 1])
                    at += 2
                elif op == _SHORT:
                    append(content[at + 1] | content[at + 2] << 8)
                    at += 3
                elif op == _INT:
                    number = content[at + 1 : at + 5]
                    if len(number) < 4:
                        raise IndexError
                    append(int.from_bytes(number, "little", signed=True))
                    at += 5
                elif op == _LONG and content[at + 1] <= 4:
                    size = content[at + 1]
                    number = content[at + 2 : at + 2 + size]
                    append(int.from_bytes(number, "little", signed=True))
                    at += 2 + size
                elif op == 0x95:  # a frame may end anywhere
                    at += 9
                    continue
                else:
                    break
                if end == _APPEND:
                    break
            at = self._memo(at) if content[at] == 0x95 else at
            if content[at] != end:
                raise self._refused(at)
            at = self._memo(at + 1)

    def _refused(self, at: int) -> DataError:
        return DataError(
            f"{self._where} holds more than lists of whole numbers: the byte "
            f"{self._content[at]:#04x} at {at:,} is none of theirs. Loading other objects runs "
            "code, so it is not done."
        )
