"""Which files of a known set are in the data dir, and whether they are what they should be.

A set's files are in `<data dir>/<set>/`, under the names that they are published under, whoever
put them there. A file is known by the SHA-256 that is published for it. One for which none is
published (or which lies there unpacked, where only that of the archive is) is known from its first
use on: the digest of its uncompressed content is pinned in `pinned.sha256` beside it, and that is
said.
"""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from dlcli import progress
from dlcli.data import storing
from dlcli.data.downloads.known import KnownSet, RemoteFile
from dlcli.data.formats.stored import CHUNK, DEFLATE_LIMIT, opened
from dlcli.errors import DataError, StorageError

PINS = "pinned.sha256"
_MOST_PINS = 1 << 16
_MARK = b"\x1f\x8b"


def folder_of(known: KnownSet, data: Path) -> Path:
    """Where the files of a set are."""
    return data / known.name


def place(known: KnownSet, data: Path, file: RemoteFile) -> Path:
    """Where a file is, or would be: under its own name, or unpacked."""
    path = folder_of(known, data) / file.name
    plain = path.with_name(file.name.removesuffix(".gz"))
    return plain if known.unpacked and plain.is_file() else path


def missing(known: KnownSet, data: Path) -> tuple[RemoteFile, ...]:
    """The files that are not there."""
    return tuple(file for file in known.files if not place(known, data, file).is_file())


def absence(known: KnownSet, data: Path) -> str:
    """The sentences that say that a set was not found, and what to do; empty where it is there."""
    lacking = missing(known, data)
    if not lacking:
        return ""
    names = [file.name.removesuffix(".gz") if known.unpacked else file.name for file in lacking]
    packed = " (with or without .gz)" if known.unpacked else ""
    them = "it" if len(names) == 1 else "them"
    return (
        f"{known.title} was not found: {folder_of(known, data)} lacks {', '.join(names)}{packed}. "
        f"`dlcli data fetch {known.name}` gets {them}; or put {them} there by hand, or name the "
        f"folder that has {known.name}/ in it by --data-dir or the variable DLCLI_DATA_DIR."
    )


def digest(path: Path) -> str:
    """SHA-256 of a file as it is."""
    with opened(path) as stream:
        return _digest(stream, path, path.stat().st_size)


def content_digest(path: Path) -> str:
    """SHA-256 of a file's content, uncompressed where it is gzipped."""
    with opened(path) as stream:
        packed = stream.read(2) == _MARK
        stream.seek(0)
        size = path.stat().st_size
        if not packed:
            return _digest(stream, path, size)
        with gzip.GzipFile(fileobj=stream) as unzipped:
            try:
                return _digest(cast(BinaryIO, unzipped), path, size * DEFLATE_LIMIT + 4096)
            except (EOFError, zlib.error) as error:
                raise DataError(f"{path} is damaged: {error}.", file=path) from error


def _digest(stream: BinaryIO, path: Path, most: int) -> str:
    sha = hashlib.sha256()
    done = 0
    with progress.work(f"check {path.name}", path.stat().st_size, "bytes") as at:
        while piece := stream.read(CHUNK):
            sha.update(piece)
            done += len(piece)
            if done > most:
                raise DataError(f"{path} is damaged: it goes on after {most:,} bytes.", file=path)
            at(min(done, most))
    return sha.hexdigest()


def require_intact(known: KnownSet, file: RemoteFile, path: Path) -> str:
    """The digest that a file is known by; DataError where it is another file."""
    if path.name == file.name and file.sha256:
        found = digest(path)
        if found != file.sha256:
            raise another(known, path, found, file.sha256, f"SHA-256 ({known.published})")
        return found
    return pinned(known, path, content_digest(path))


def another(known: KnownSet, path: Path, found: str, expected: str, what: str) -> DataError:
    """The error of a file that is not the one of its name."""
    return DataError(
        f"{path} is not the {known.title} file of that name: its {what} is {found[:16]}..., "
        f"expected is {expected[:16]}... . Remove it, and `dlcli data fetch {known.name}` gets it "
        "again.",
        file=path,
    )


def pinned(known: KnownSet, path: Path, found: str) -> str:
    """The digest of a file's content, which must be the pinned one; pinned if it is the first."""
    expected = pin_of(path)
    if expected is None:
        try:
            with storing.locked(path.parent, lambda: None):
                pins = {path.name: found} | _pins(path.parent)
                lines = "".join(f"{sha}  {name}\n" for name, sha in sorted(pins.items()))
                storing.put(path.parent / PINS, [lines.encode()])
        except StorageError as error:
            progress.tell(f"no digest of {path} is published, and it is not pinned: {error}")
            return found
        progress.tell(
            f"no digest of {path} is published: it is known by {pins[path.name][:16]}... from now "
            f"on, the SHA-256 of its uncompressed content ({PINS})"
        )
        expected = pins[path.name]
    if expected != found:
        raise another(known, path, found, expected, f"uncompressed content's SHA-256 ({PINS})")
    return found


def pin_of(path: Path) -> str | None:
    """The pinned digest of a file's content, where it has been used before."""
    return _pins(path.parent).get(path.name)


def _pins(folder: Path) -> dict[str, str]:
    """The digests by the names of files, from lines of `sha256sum`."""
    path = folder / PINS
    if not path.is_file():
        return {}
    with opened(path) as stream:
        text = stream.read(_MOST_PINS).decode(errors="replace")
    pins = {}
    for line in text.splitlines():
        sha, *names = line.split("  ", 1)
        if len(sha) != 64 or names in ([], [""]):
            raise DataError(f"{path} is damaged: {line[:80]!r} is no digest of a file.", file=path)
        pins[names[0]] = sha
    return pins
