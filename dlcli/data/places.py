"""Where a path of a config is looked for.

A relative path is tried in a fixed order of folders: the YAML's own, the data dir, and beside
the manifest of a run. An absolute path is taken as it is.
"""

import os
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
        for _, candidate in self._candidates(path):
            try:
                if candidate.is_file():
                    return candidate
            except (OSError, ValueError):  # a name that no file can have, or no permission
                continue
        return None

    def miss(self, path: str | Path) -> str:
        """The sentence that says that `path` was not found, and where it was looked for."""
        looked = []
        for label, candidate in self._candidates(path):
            try:
                note = " is a folder, not a file" if candidate.is_dir() else ""
            except (OSError, ValueError):
                note = " cannot be looked at"
            looked.append(f"\n  {candidate} ({label}){note}")
        here = self._here(path)
        if expand(Path(path)).is_absolute():
            todo = "Correct the path."
        elif here is not None:
            todo = here
        else:
            todo = "Put the file in one of these places, correct the path, or give --data-dir."
        return f"The data file {str(path)!r} was not found. Looked at:{''.join(looked)}\n{todo}"

    def search_folder(self, path: str | Path) -> Path | None:
        """The first folder at `path`, or None."""
        for _, candidate in self._candidates(path):
            try:
                if candidate.is_dir():
                    return candidate
            except (OSError, ValueError):
                continue
        return None

    def miss_folder(self, path: str | Path) -> str:
        """As `miss`, for a folder."""
        looked = []
        for label, candidate in self._candidates(path):
            try:
                note = " is a file, not a folder" if candidate.exists() else ""
            except (OSError, ValueError):
                note = " cannot be looked at"
            looked.append(f"\n  {candidate} ({label}){note}")
        todo = "Put the folder in one of these places, correct the path, or give --data-dir."
        if expand(Path(path)).is_absolute():
            todo = "Correct the path."
        return f"The folder {str(path)!r} was not found. Looked at:{''.join(looked)}\n{todo}"

    def _here(self, path: str | Path) -> str | None:
        """What to do where the path leads to a file from the working directory, which is not
        looked at: a config must mean the same wherever a command is given."""
        wanted = expand(Path(path))
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
