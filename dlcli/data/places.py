"""Where a path of a config is looked for.

A relative path is tried in a fixed order of folders: the YAML's own, the data dir, and beside
the manifest of a run. An absolute path is taken as it is.
"""

import os
from collections.abc import Callable
from pathlib import Path

from dlcli.errors import DataError
from dlcli.frozen import frozen


def data_dir(option: Path | None = None) -> Path:
    """The folder for data sets: the option, else DLCLI_DATA_DIR, else the user's cache."""
    if option is not None:
        return expand(option)
    variable = os.environ.get("DLCLI_DATA_DIR")
    if variable:
        return expand(Path(variable))
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(cache) if Path(cache).is_absolute() else expand(Path("~/.cache"))
    return base / "dlcli"


def expand(path: Path) -> Path:
    """`path` with a leading ~ replaced by the home folder, where there is one."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


@frozen
class Places:
    """The folders in which a relative path is looked for, in order, each with its label.

    data: the data dir, also the home of the known sources (`<data>/mnist/`).
    config: the YAML's folder. manifest: the folder of a run's manifest.
    """

    data: Path
    config: Path | None = None
    manifest: Path | None = None

    @property
    def folders(self) -> tuple[tuple[str, Path], ...]:
        """(label, folder) in the order in which they are looked at."""
        every = (
            ("the config's folder", self.config),
            ("the data dir", self.data),
            ("beside the manifest", self.manifest),
        )
        return tuple((label, folder) for label, folder in every if folder is not None)

    def find(self, path: str | Path) -> Path:
        """The first file at `path`; DataError, listing every place, where there is none."""
        found = self.search(path)
        if found is None:
            raise DataError(self.miss(path), file=path)
        return found

    def search(self, path: str | Path) -> Path | None:
        """The first file at `path`, or None."""
        return self._first(path, Path.is_file)

    def search_folder(self, path: str | Path) -> Path | None:
        """The first folder at `path`, or None."""
        return self._first(path, Path.is_dir)

    def miss(self, path: str | Path) -> str:
        """The sentence that says that `path` was not found, and where it was looked for."""
        looked = self._looked_at(path, Path.is_dir, "a folder, not a file")
        return f"The data file {str(path)!r} was not found. {looked}\n" + (
            self._here(path) or _todo(path, "file")
        )

    def miss_folder(self, path: str | Path) -> str:
        """As `miss`, for a folder."""
        looked = self._looked_at(path, Path.exists, "a file, not a folder")
        return f"The folder {str(path)!r} was not found. {looked}\n{_todo(path, 'folder')}"

    def _first(self, path: str | Path, is_it: Callable[[Path], bool]) -> Path | None:
        for _, candidate in self._candidates(path):
            try:
                if is_it(candidate):
                    return candidate
            except (OSError, ValueError):  # a name that no file can have, or no permission
                continue
        return None

    def _looked_at(self, path: str | Path, is_other: Callable[[Path], bool], other: str) -> str:
        """Every place, a line each, with what is there instead."""
        lines = ["Looked at:"]
        for label, candidate in self._candidates(path):
            try:
                note = f" is {other}" if is_other(candidate) else ""
            except (OSError, ValueError):
                note = " cannot be looked at"
            lines.append(f"  {candidate} ({label}){note}")
        return "\n".join(lines)

    def _here(self, path: str | Path) -> str | None:
        """What to do where the path leads to a file from the working directory, which is not
        looked at: a config must mean the same wherever a command is given."""
        wanted = expand(Path(path))
        if wanted.is_absolute():
            return None
        try:
            found = Path.cwd() / wanted
            if not found.is_file():
                return None
            written = found if self.config is None else os.path.relpath(found, self.config)
        except (OSError, ValueError):
            return None
        return (
            f"{wanted} exists in the working directory ({Path.cwd()}), but paths of a config are "
            f"relative to the config. Write {str(written)!r}, or give --data-dir ."
        )

    def _candidates(self, path: str | Path) -> list[tuple[str, Path]]:
        wanted = expand(Path(path))
        if wanted.is_absolute():
            return [("an absolute path", wanted)]
        return [(label, folder / wanted) for label, folder in self.folders]


def _todo(path: str | Path, what: str) -> str:
    if expand(Path(path)).is_absolute():
        return "Correct the path."
    return f"Put the {what} in one of these places, correct the path, or give --data-dir."
