"""Files of a gzipped tar archive, read by name into memory; nothing is written anywhere.

The names and sizes that are wanted are known beforehand. Whatever else the archive holds is
skipped, and no more is unpacked than what is wanted can take.
"""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from dlcli.data.formats.stored import opened
from dlcli.errors import DataError
from dlcli.progress import work

_SLACK = 1 << 20
"""Bytes for headers and for small files that are not wanted."""


def read_members(path: Path, sizes: Mapping[str, int], exact: bool = True) -> dict[str, bytes]:
    """The members of these names; DataError where one is missing, or no file of that size.

    sizes: the bytes of each, by its name. exact: False where a member may be smaller.
    """
    import tarfile  # lazily: few commands read archives

    found: dict[str, bytes] = {}
    most = sum(sizes.values()) + _SLACK
    try:
        with (
            opened(path) as stream,
            work(f"unpack {path.name}", most, "bytes") as at,
            gzip.GzipFile(fileobj=stream) as unzipped,
            tarfile.open(
                fileobj=cast(BinaryIO, _Bounded(unzipped, path, most)), mode="r|"
            ) as archive,
        ):
            for member in archive:
                size = sizes.get(member.name)
                if size is None:
                    continue
                if not member.isreg() or member.size > size or (exact and member.size < size):
                    raise DataError(
                        f"{path} is damaged: {member.name} has {member.size:,} bytes instead of "
                        f"{size:,}."
                    )
                content = archive.extractfile(member)
                found[member.name] = b"" if content is None else content.read()
                at(member.offset_data + member.size)
                if found.keys() == sizes.keys():
                    break
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}.", file=path) from error
    missing = [name for name in sizes if name not in found]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}.", file=path)
    return found


class _Bounded:
    """A stream that gives so many bytes and no more."""

    def __init__(self, stream: gzip.GzipFile, path: Path, most: int) -> None:
        self._stream, self._path, self._left = stream, path, most

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece = self._stream.read(min(size, self._left + 1))
        self._left -= len(piece)
        if self._left < 0:
            raise DataError(f"{self._path} holds more than it should.", file=self._path)
        return piece
