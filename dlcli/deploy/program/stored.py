"""Zip files that hold their files as they are, one after the other: the same bytes for the same
files, whichever library and machine writes them, and no second copy of what is large."""

import struct
import zlib
from collections.abc import Mapping, Sequence

from dlcli.artifacts.files import Buffer

MOST = (1 << 32) - 1
"""Bytes that such a file may have: places in it are written down in 32 bits."""

_DATE = 0x21  # 1980-01-01, the first that there is
_UTF_8 = 0x800  # how names are written; else readers load a table of an old encoding for them
_PLAIN_FILE = 0o100644 << 16
_VERSION = 20
_UNIX = 3 << 8


def stored_zip(files: Mapping[str, Sequence[Buffer]]) -> list[Buffer] | None:
    """A zip file of these files, each given in pieces, as pieces itself; sorted by name. None
    where it would be larger than MOST.

    Source: PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16.
    """
    pieces: list[Buffer] = []
    listed = b""
    place = 0
    for name in sorted(files):
        called = name.encode("ascii")
        size, crc = 0, 0
        for piece in files[name]:
            size += memoryview(piece).nbytes
            crc = zlib.crc32(piece, crc)
        if place + size > MOST:
            return None
        about = struct.pack("<4H3IH", _UTF_8, 0, 0, _DATE, crc, size, size, len(called))
        head = b"PK\x03\x04" + struct.pack("<H", _VERSION) + about + struct.pack("<H", 0) + called
        listed += (
            b"PK\x01\x02"
            + struct.pack("<2H", _UNIX | _VERSION, _VERSION)
            + about
            + struct.pack("<4H2I", 0, 0, 0, 0, _PLAIN_FILE, place)
            + called
        )
        pieces += [head, *files[name]]
        place += len(head) + size
    if place + len(listed) + 22 > MOST:
        return None
    count = len(files)
    end = struct.pack("<4H2IH", 0, 0, count, count, len(listed), place, 0)
    return [*pieces, listed, b"PK\x05\x06" + end]
