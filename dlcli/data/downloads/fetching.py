"""The files of a known set, fetched where they are absent.

DLCLI_OFFLINE=1 forbids it. DLCLI_DATA_MIRROR names another place to fetch from, in which a file is
at `<mirror>/<set>/<file name>`; what comes from there is checked by the same digests.
"""

import os
from pathlib import Path

from dlcli import progress
from dlcli.data import storing
from dlcli.data.downloads.files import (
    PINS,
    absence,
    content_digest,
    digest,
    folder_of,
    missing,
    pin_of,
    pinned,
    place,
)
from dlcli.data.downloads.known import KnownSet, RemoteFile
from dlcli.data.downloads.transfer import Wanted, transfer
from dlcli.errors import DataError, UsageError

OFFLINE = "DLCLI_OFFLINE"
MIRROR = "DLCLI_DATA_MIRROR"


def is_offline() -> bool:
    """Whether nothing may be fetched."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def obtain(known: KnownSet, data: Path) -> None:
    """Sees to it that a set is there; DataError, naming files and folder, where it cannot be."""
    if missing(known, data):
        announce(known, data)
        fetch(known, data)


def announce(known: KnownSet, data: Path) -> None:
    """Tells what `fetch` will do, if there is something to fetch."""
    files = missing(known, data)
    if not files or is_offline():
        return
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    size = sum(file.size for file in files)
    much = f", {size / 1e6:,.1f} MB" if size >= 1e5 else f", {size:,} bytes" if size else ""
    source = _address(known, files[0]).split("/")[2].rpartition("@")[2]
    folder = folder_of(known, data)
    progress.tell(f"{known.title} is fetched into {folder}: {count}{much}, from {source}")


def fetch(known: KnownSet, data: Path) -> tuple[Path, ...]:
    """Fetches what is absent of a set; the files that came. What is there is left as it is."""
    if not missing(known, data):
        return ()
    if is_offline():
        raise DataError(f"{absence(known, data)} Nothing is fetched now: {OFFLINE} is set.")
    folder = folder_of(known, data)
    storing.make_folder(folder)
    came = []

    def wait() -> None:
        progress.tell(f"another process writes to {folder}: waiting until it ends")

    with storing.locked(folder, wait):
        for file in missing(known, data):  # once more: another process may have fetched them
            _fetch(known, file, place(known, data, file))
            came.append(folder / file.name)
    for file in known.files:
        if folder / file.name in came and not file.sha256:
            pinned(known, folder / file.name, content_digest(folder / file.name))
    return tuple(came)


def _fetch(known: KnownSet, file: RemoteFile, path: Path) -> None:
    """One file, under its right name when it is whole and checked."""
    part = path.with_name(f"{path.name}.part")
    wanted = Wanted(_address(known, file), part, file.size, file.limit, bool(file.sha256))
    began_anew = not part.exists()
    while True:
        try:
            with progress.work(f"fetch {file.name}", file.size or None, "bytes") as at:
                transfer(wanted, at)
        except DataError as error:
            if part.exists() and not part.stat().st_size:
                storing.discard(part, wanted.tag)
            raise DataError(f"{error}. {_todo(known, path, part)}", file=path) from None
        found = digest(part) if file.sha256 else content_digest(part)
        expected = file.sha256 or pin_of(path)
        if expected in (None, found):
            break
        storing.discard(part, wanted.tag)
        if began_anew:
            whence = known.published if file.sha256 else PINS
            raise DataError(
                f"{wanted.address} does not give the file {file.name} of {known.title}: its "
                f"SHA-256 is {found[:16]}..., expected is {expected[:16]}... ({whence}); what "
                f"came was removed. {_todo(known, path, part)}",
                file=path,
            )
        began_anew = True  # the part may have been of another version
    storing.publish(part, path)
    storing.discard(wanted.tag)


def _address(known: KnownSet, file: RemoteFile) -> str:
    mirror = os.environ.get(MIRROR, "")
    if not mirror:
        return file.address
    if not mirror.startswith(("http://", "https://")):
        raise UsageError(f"{MIRROR} must begin with https:// or http://, not be {mirror!r}")
    return f"{mirror.rstrip('/')}/{known.name}/{file.name}"


def _todo(known: KnownSet, path: Path, part: Path) -> str:
    again = "`dlcli data fetch {}` {}".format(
        known.name, "goes on where it ended" if part.exists() else "tries again"
    )
    return f"{again}; or put {path.name} into {path.parent} by hand."
