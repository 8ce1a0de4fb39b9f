"""NumPy's archives, several arrays a file: a zip of .npy members, read without pickle.

A member's header says how many bytes follow; that must be what the archive says, and no more
than its compressed bytes can hold, before memory is allocated for it.
"""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from dlcli.data.dataset import Array
from dlcli.data.formats import npy
from dlcli.data.formats.foreign import NPZ, START, archive_of, recognise
from dlcli.data.formats.stored import check_expansion, opened, read_array
from dlcli.errors import DataError


class Archive:
    """An .npz file: which arrays it has, their headers, and the arrays themselves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, zipfile.ZipInfo] = {}
        with opened(path) as stream:
            what = recognise(stream.read(START))
        if what is not None:
            raise DataError(f"{path} is not an .npz archive: it is {what}.", file=path)
        with self._opened() as archive:
            what = archive_of(archive.namelist())
            if what not in (None, NPZ):
                raise DataError(f"{path} is not an .npz archive: it is {what}.", file=path)
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in self._members:
                    raise DataError(f"{path} holds the array {name!r} twice.", file=path)
                self._members[name] = member

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, in the archive's order."""
        return tuple(self._members)

    def header(self, name: str) -> npy.Header:
        """The header of one array, checked against the archive's own sizes."""
        with self._opened() as archive:
            return self._header(archive, name)

    def read(self, name: str) -> Array:
        """One array; its checksum is compared by the archive reader."""
        with self._opened() as archive:
            header = self._header(archive, name)
            with archive.open(self._members[name]) as stream:
                stream.read(header.length)
                shape = header.shape[::-1] if header.fortran else header.shape
                array = read_array(cast(BinaryIO, stream), header.dtype, shape, self.where(name))
        return array.T if header.fortran else array

    def content(self, name: str, most: int) -> bytes:
        """A member as it is, of at most so many bytes; its checksum is compared."""
        with self._opened() as archive:
            member = self._members[name]
            self._readable(member, self.where(name))
            check_expansion(member.file_size, member.compress_size, self.where(name))
            if member.file_size > most:
                raise DataError(
                    f"{self.where(name)} has {member.file_size:,} bytes, more than {most:,}."
                )
            with archive.open(member) as stream:
                return stream.read(most + 1)

    def where(self, name: str) -> str:
        """How messages call one array."""
        return f"{self.path}, array {name!r}"

    def _header(self, archive: zipfile.ZipFile, name: str) -> npy.Header:
        member = self._members[name]
        where = self.where(name)
        self._readable(member, where)
        with archive.open(member) as stream:
            header = npy.parse_header(cast(BinaryIO, stream), where)
        if header.length + header.size != member.file_size:
            raise DataError(
                f"{where} is damaged: its header promises {header.size:,} bytes of numbers, the "
                f"archive has {member.file_size - header.length:,}. Fetch or write it again."
            )
        if member.compress_type == zipfile.ZIP_STORED and member.compress_size < member.file_size:
            raise DataError(f"{where} is truncated. Fetch or write it again.")
        check_expansion(header.size, member.compress_size, where)
        return header

    def _readable(self, member: zipfile.ZipInfo, where: str) -> None:
        if member.flag_bits & 1:
            raise DataError(f"{where} is encrypted.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{where} is compressed by a method that NumPy does not write.")

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with opened(self.path) as stream, zipfile.ZipFile(stream) as archive:
                yield archive
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            struct.error,
            OverflowError,
            RuntimeError,
            ValueError,
        ) as error:
            raise DataError(
                f"{self.path} is not an intact .npz archive: {error}. Fetch or write it again."
            ) from error
