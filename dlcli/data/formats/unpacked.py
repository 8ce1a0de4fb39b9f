"""A file's bytes, unpacked where it is compressed: known by its content, whatever its name is.

gzip, bzip2, xz, and zip archives of one member. Nothing is unpacked as a whole: the stream gives
as many bytes as somebody reads.
"""

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from dlcli.data.formats.foreign import START, archive_of, recognise
from dlcli.errors import DataError

_BUFFER = 1 << 16
_AGAIN = "Fetch or write it again."


@contextmanager
def unpacked(path: Path, json: bool = False) -> Iterator[io.BufferedReader]:
    """The content; DataError for a file that cannot be read, is damaged, or is something else.

    json: whether it is to hold JSON, and else is something else where it does.
    """
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            start = raw.peek(START)[:START]
            inner = stack.enter_context(_decompressed(path, raw, start))
            content = raw
            if inner is not None:
                content = io.BufferedReader(cast(io.RawIOBase, inner), _BUFFER)
                start = content.peek(START)[:START]
            what = recognise(start, json)
            if what is not None:
                holds = "is" if inner is None else "holds"
                raise DataError(f"{path} {holds} {what}.", file=path)
            yield content
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError) as e:
        raise DataError(f"{path} is damaged: {e}. {_AGAIN}", file=path) from e
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be read: {reason}.", file=path) from error
    except Exception as error:
        # lzma is imported only where it is needed, and some builds of Python lack it.
        if type(error).__name__ != "LZMAError":
            raise
        raise DataError(f"{path} is damaged: {error}. {_AGAIN}", file=path) from error


def _decompressed(
    path: Path, raw: BinaryIO, start: bytes
) -> contextlib.AbstractContextManager[IO[bytes] | None]:
    """The stream behind the compression, or None where there is none."""
    try:
        if start.startswith(b"\x1f\x8b"):
            return cast(contextlib.AbstractContextManager[IO[bytes]], gzip.GzipFile(fileobj=raw))
        if start.startswith(b"BZh") and start[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
            import bz2

            return bz2.BZ2File(raw)
        if start.startswith(b"\xfd7zXZ\0"):
            import lzma

            return lzma.LZMAFile(raw)
    except ImportError as error:
        raise DataError(
            f"{path} is compressed, and this Python was built without {error.name}: unpack it."
        ) from error
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _only_member(path, raw)
    return contextlib.nullcontext()


@contextmanager
def _only_member(path: Path, raw: BinaryIO) -> Iterator[IO[bytes]]:
    """The one file in a zip archive."""
    with zipfile.ZipFile(raw) as archive:
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        names = [member.filename for member in members]
        what = archive_of(names)
        if what is not None:
            raise DataError(f"{path} is {what}.", file=path)
        if len(members) != 1:
            shown = ", ".join(repr(name) for name in names[:6]) + (", ..." if names[6:] else "")
            held = f"holds {len(names)} files ({shown})" if names else "holds no file"
            raise DataError(
                f"{path} is a zip archive that {held}; it must hold exactly one.", file=path
            )
        if members[0].flag_bits & 1:
            raise DataError(f"{path} is encrypted: unpack it.", file=path)
        with archive.open(members[0]) as stream:
            yield stream
