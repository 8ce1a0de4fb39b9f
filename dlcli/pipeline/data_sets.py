"""The data sets that are known by name: which there are, where they are, and getting them."""

from pathlib import Path
from typing import Any

from dlcli.data import SOURCES, data_dir
from dlcli.data.downloads.fetching import announce, fetch
from dlcli.data.downloads.files import folder_of, missing
from dlcli.data.downloads.known import KNOWN
from dlcli.data.places import Places
from dlcli.data.sources.known import KnownSource
from dlcli.frozen import frozen

EMBEDDED = {
    "digits": "8x8x1, 10 classes",
    "breast_cancer": "30 columns, 2 classes",
    "iris": "4 columns, 3 classes",
}
"""Those that come with dlcli: rows and targets, in a few words."""


@frozen
class DataSet:
    """A known set, as it is in the data dir.

    size: the bytes of its files, 0 where nobody publishes them. folder: None where it comes with
    dlcli. missing: the files that are not there.
    """

    name: str
    about: str
    rows: dict[str, int]
    size: int
    folder: Path | None
    missing: tuple[str, ...]

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.folder is None:
            return "built in"
        return "absent" if self.missing else "present"

    @property
    def rows_told(self) -> str:
        """All rows, or those of each part."""
        return " + ".join(f"{count:,}" for count in self.rows.values())

    @property
    def size_told(self) -> str:
        """For people."""
        return f"{self.size / 1e6:.1f} MB" if self.size else ""

    def to_json(self) -> dict[str, Any]:
        """For programs; a size that is not known is null."""
        return {
            "name": self.name,
            "about": self.about,
            "rows": self.rows,
            "bytes": self.size or None,
            "state": self.state,
            "folder": None if self.folder is None else str(self.folder),
            "missing": list(self.missing),
        }


@frozen
class Fetched:
    """What came of a set; folder: None where it comes with dlcli."""

    name: str
    folder: Path | None
    files: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        folder = None if self.folder is None else str(self.folder)
        return {"name": self.name, "folder": folder, "fetched": [path.name for path in self.files]}


def fetchable() -> tuple[str, ...]:
    """The names of the sets that have files."""
    return tuple(KNOWN)


def survey(data_dir_option: Path | None) -> tuple[DataSet, ...]:
    """Every known set. Nothing is fetched, and no file is read."""
    folder = data_dir(data_dir_option)
    found = []
    for name, about in EMBEDDED.items():
        declared = SOURCES[name]().declare(Places(folder)).rows
        rows = {str(role): count for role, count in declared.items() if count is not None}
        found.append(DataSet(name, about, rows, 0, None, ()))
    for known in KNOWN.values():
        absent = tuple(file.name for file in missing(known, folder))
        rows = {str(role): count for role, count in known.rows.items()}
        where = folder_of(known, folder)
        found.append(DataSet(known.name, known.about, rows, known.size, where, absent))
    return tuple(found)


def fetch_set(name: str, data_dir_option: Path | None) -> Fetched:
    """Gets what is absent of a set; DataError where what is there is not the published one."""
    if name in EMBEDDED:
        return Fetched(name, None, ())
    known, folder = KNOWN[name], data_dir(data_dir_option)
    announce(known, folder)
    came = fetch(known, folder)
    source = SOURCES[name]()
    if len(came) < len(known.files) and isinstance(source, KnownSource):
        source.check(Places(folder))
    return Fetched(name, folder_of(known, folder), came)
