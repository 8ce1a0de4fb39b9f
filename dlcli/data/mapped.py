"""Files that are read while the network trains: whether they still are what was digested.

A memory map shows whatever is in its file at the moment. The digest of the data is taken once,
before training, so a file that somebody writes into afterwards would be trained on under the
digest of what it was. A file that is replaced as a whole (written beside, then renamed, as most
programs do) is no danger: the map keeps the old one.
"""

from pathlib import Path

import numpy as np

from dlcli.data.dataset import Array, Raw
from dlcli.errors import DataError
from dlcli.frozen import frozen


@frozen
class MappedFile:
    """A file as it was when it was mapped."""

    path: Path
    inode: int
    size: int
    modified: int

    @staticmethod
    def of(path: Path) -> "MappedFile":
        """The file as it is now; OSError where it cannot be looked at."""
        status = path.stat()
        return MappedFile(path, status.st_ino, status.st_size, status.st_mtime_ns)

    def require_unchanged(self) -> None:
        """DataError if somebody has written into the file since."""
        try:
            now = MappedFile.of(self.path)
        except OSError:  # removed or renamed: the map still holds it
            return
        if now.inode == self.inode and now != self:
            raise DataError(
                f"{self.path} was changed while the network was being trained on it. Restore it "
                "and go on with `dlcli train --resume`, or train anew on a file that stays as it is"
            )


def mapped_files(raw: Raw) -> tuple[MappedFile, ...]:
    """The files that tables of the source are memory maps of."""
    tables = [table for one in raw.each().values() for table in one.parts.values()]
    arrays = [array for table in tables for array in (table.features, table.targets)]
    paths = dict.fromkeys(path for array in arrays if (path := _file(array)) is not None)
    return tuple(MappedFile.of(path) for path in paths)


def _file(array: Array | None) -> Path | None:
    """The file behind a memory map, or behind a view of one."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.filename is not None:
            return Path(array.filename)
        array = array.base
    return None
