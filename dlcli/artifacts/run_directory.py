"""The run directory: where everything of one training run lies, and what each file is called."""

import contextlib
import os
import re
import stat
from collections.abc import Container, Iterator
from pathlib import Path

from dlcli.artifacts import files
from dlcli.artifacts.locks import locked
from dlcli.errors import ArtifactError, LockedError, StorageError, UsageError, reason
from dlcli.frozen import frozen
from dlcli.printable import names_something

CONFIG = "config.yaml"
RESOLVED_CONFIG = "config.resolved.yaml"
MANIFEST = "manifest.json"
ENVIRONMENT = "environment.json"
LOG = "train.log"
REPORT = "report.html"
TRACKING = "tracking"
METRICS = "metrics.jsonl"
ROWS = "rows.safetensors"
CHECKPOINTS = "checkpoints"
CHECKPOINT_INDEX = "checkpoints/index.json"
LAST = "checkpoints/last.safetensors"
BEST = "checkpoints/best.safetensors"
HISTORY = "checkpoints/history.jsonl"
MODEL = "model"
MODEL_WEIGHTS = "model/weights.safetensors"
MODEL_JSON = "model/model.json"
PREPROCESSING = "model/preprocessing.json"
PREPROCESSING_ARRAYS = "model/preprocessing.safetensors"
CLASSES = "model/classes.json"
EVALUATION = "evaluation.json"
EVALUATION_CURVES = "evaluation_curves.json"
DEPLOY = "deploy"
MODEL_CARD = "deploy/MODEL_CARD.md"

PLAN = "many.json"
"""In a directory that holds several runs: what they are."""

SUMMARY = "summary.json"
ANSWERS = "out_of_fold.csv"
"""Beside them, once all are complete."""

RUNS = "runs"
"""The directory that training puts runs into, unless it is told another one."""

LATEST = "latest"
"""The link beside the runs that points at the newest one."""

_UNLISTED = {MANIFEST, ENVIRONMENT, LOG, REPORT}
_SIGNS = (MANIFEST, RESOLVED_CONFIG, CHECKPOINTS)
_BEGINNING = (ENVIRONMENT, CONFIG, ROWS)
_FILES = (CONFIG, RESOLVED_CONFIG, METRICS, ROWS, EVALUATION, EVALUATION_CURVES)
_OF_MANY = (PLAN, CONFIG, ENVIRONMENT, SUMMARY, ANSWERS)
_FOLDERS = (CHECKPOINTS, MODEL, DEPLOY)
_NAME_LIMIT = 200


def is_many(path: Path) -> bool:
    """Whether a directory holds several runs; what cannot be looked at holds none."""
    try:
        return (path / PLAN).is_file()
    except (OSError, ValueError):
        return False


def is_run(path: Path) -> bool:
    """Whether something lies there that a run is known by; OSError where nobody may look."""
    return any((path / sign).exists() for sign in _SIGNS)


def meant(path: Path | str) -> Path | None:
    """What lies in `runs` by this path, which is not there by itself: listings name runs so."""
    place = Path(RUNS, path)
    try:
        return place if ".." not in place.parts and place.exists() else None
    except (OSError, ValueError):  # nobody may look, or nothing can have this name
        return None


def nothing_there(path: Path | str, words: str, otherwise: str = "") -> UsageError:
    """The error about a run that is not there: which one was meant, or else what to do."""
    place = meant(path)
    if place is None:
        return UsageError(f"{words}{otherwise}", file=path)
    return UsageError(f"{words}; did you mean {place}?", file=path, hint=f"did you mean {place}?")


def is_listed(name: str) -> bool:
    """Whether the manifest of a complete run lists a file of this name.

    Not listed are the manifest itself and what may differ from machine to machine.
    """
    return name not in _UNLISTED and not name.startswith(f"{TRACKING}/")


def check_name(name: str) -> str:
    """The name of a file inside a run: relative, with single forward slashes and no `..`.

    >>> check_name("model/weights.safetensors")
    'model/weights.safetensors'
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\x00-\x1f\\:]", name):
        raise ArtifactError(f"{name!r} is not the name of a file inside a run directory")
    return name


@frozen
class RunDirectory:
    """One run's directory. Names of files are relative to it, with forward slashes."""

    root: Path

    @staticmethod
    def create(parent: Path | str, name: str) -> "RunDirectory":
        """Claims `<parent>/<name>-<NNNN>`, the next free number, and points `latest` at it.

        Of many processes that do so at once, each gets a directory of its own.
        """
        check_run_name(name)
        parent = check_output(parent)
        files.make_directory(parent)
        # The lock makes `latest` point at the newest; claiming is safe without it.
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(LockedError, StorageError):
                stack.enter_context(locked(parent, wait=True))
                files.remove_temporary(parent, LATEST)
            number = _last_number(parent, name) + 1
            while not files.claim_directory(parent / f"{name}-{number:04d}"):
                number += 1
            root = parent / f"{name}-{number:04d}"
            latest = parent / LATEST
            if latest.is_symlink() or not latest.exists():
                # Some file systems have no links; the run does not need one.
                with contextlib.suppress(StorageError):
                    files.point(latest, root.name)
        return RunDirectory(root)

    @staticmethod
    def open(path: Path | str) -> "RunDirectory":
        """The run directory at `path`, which may be a link such as `runs/latest`."""
        try:
            root = Path(path).resolve(strict=True)
            is_directory = root.is_dir()
            has_signs = is_directory and is_run(root)
        except FileNotFoundError:
            raise nothing_there(path, f"there is no run directory {path}") from None
        except (OSError, RuntimeError, ValueError) as error:  # loops of links, NUL characters
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"cannot open the run directory {path}: {why}") from None
        if not is_directory:
            raise UsageError(f"{path} is a file; give the run directory that holds it", file=path)
        if not has_signs:
            raise UsageError(
                f"{path} is not a run directory: it has neither {MANIFEST} nor {RESOLVED_CONFIG}. "
                "A run that stopped before it wrote them holds nothing yet: start it again",
                file=path,
            )
        return RunDirectory(root)

    def path(self, name: str) -> Path:
        """Where a file of the run lies. Refuses every name and every link that leads outside."""
        path = self.root
        for part in check_name(name).split("/"):
            path = path / part
            try:
                is_link = path.is_symlink()
            except (OSError, ValueError) as error:
                raise ArtifactError(f"cannot look at {path}: {error}") from error
            if is_link:
                raise ArtifactError(
                    f"{path} is a symbolic link; files of a run are read and written in place only",
                    file=path,
                )
        return path

    def make_directory(self, name: str) -> Path:
        """Makes a directory in the run. One that was removed or renamed is not made anew."""
        path = self.path(name)
        files.make_directory(path, below=self.root)
        return path

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """`with run.lock():` lets nobody else work on the run.

        Raises LockedError if another process does. Forked children do not inherit the lock.
        """
        return locked(self.root)

    def entries(self) -> list[tuple[str, bool]]:
        """The names of all files, sorted, and of each whether it is a plain file.

        Links, pipes and the like are not plain; links are never followed.
        """
        found = [
            (path.relative_to(self.root).as_posix(), is_plain)
            for path, is_plain in _walk(self.root)
        ]
        return sorted(found)

    def is_claimed(self) -> bool:
        """Whether nothing is there but what comes before a run's config, under a run's name: it
        ended before it could be resumed."""
        if not re.search(r".-\d{4,9}\Z", self.root.name):
            return False
        names = set()
        with os.scandir(self.root) as entries:
            for entry in entries:  # of a directory of somebody else's, only the first
                if entry.name not in _BEGINNING and not files.is_temporary(entry.name):
                    return False
                names.add(entry.name)
        return CONFIG not in names or ENVIRONMENT in names

    def foreign(self, listed: Container[str] = ()) -> list[str]:
        """The files that dlcli did not put there, sorted; listed: those of the manifest."""
        return [name for name, _ in self.entries() if not _is_known(name, listed)]

    def remove(self) -> tuple[int, int]:
        """Removes the directory with all that is in it; how many files with how many bytes that
        were. Links are removed, not followed.

        What the run is known by goes last, so that one whose removal was interrupted is known, and
        can be removed again. LockedError where somebody works on it.
        """
        with self.lock():
            sizes = [(self.root / name).lstat().st_size for name, _ in self.entries()]
            with files.storage("remove", self.root):
                entries = sorted(self.root.iterdir(), key=lambda path: path.name in _SIGNS)
            for entry in entries:
                files.remove_tree(entry)
            files.remove_tree(self.root)
        return len(sizes), sum(sizes)

    def remove_strays(self) -> None:
        """Removes the temporary files that interrupted writes left behind."""
        for path, _ in list(_walk(self.root)):
            if files.is_temporary(path.name):
                files.remove(path)


def _is_known(name: str, listed: Container[str]) -> bool:
    return (
        name in listed
        or not is_listed(name)
        or name in _FILES
        or name.partition("/")[0] in _FOLDERS
        or files.is_temporary(name.rpartition("/")[2])
    )


def strange_in_many(root: Path, runs: Container[str]) -> list[str]:
    """In a directory of several runs, what dlcli did not put there: in it, or in one of them."""
    found = []
    for name, _ in RunDirectory(root).entries():
        first, _, rest = name.partition("/")
        ours = first in runs and _is_known(rest, ()) if rest else name in _OF_MANY
        if not ours and not files.is_temporary(name):
            found.append(name)
    return found


def point_latest(parent: Path, newest: str | None) -> None:
    """Turns a `latest` that leads nowhere towards another run, or removes it where there is none.

    One that leads somewhere stays as it is, and so does what is no link.
    """
    with locked(parent, wait=True):  # as whoever makes a run
        latest = parent / LATEST
        if not latest.is_symlink() or latest.exists():
            return
        if newest is None:
            files.remove(latest)
        else:
            files.point(latest, newest)


def check_run_name(name: str) -> None:
    """UsageError for a name that no run directory can have."""
    if not name or name[0] in ".- " or not all(names_something(c) or c in ".- " for c in name):
        raise UsageError(
            f"{name!r} cannot name a run: use letters, digits, '-', '_' and '.', starting with a "
            "letter or digit; see `name:` or --name"
        )
    if len(name.encode()) > _NAME_LIMIT:
        raise UsageError(
            f"{name[:20]!r}... cannot name a run: it has {len(name.encode())} bytes, and at most "
            f"{_NAME_LIMIT} are possible; see `name:` or --name"
        )


def check_output(parent: Path | str) -> Path:
    """The directory in which runs are to be made, absolute; it need not exist yet.

    UsageError where a file is in the way, StorageError where nothing can be written. What is found
    may change before anything is written; then writing says so.
    """
    with files.storage("look at", Path(parent)):  # it may be relative to nowhere
        parent = Path(parent).absolute()
        there = next(path for path in (parent, *parent.parents) if path.exists())
        is_file = not there.is_dir()
        writable = os.access(there, os.W_OK | os.X_OK)
    if is_file:
        which = f"{parent} is a file" if there == parent else f"{there} (of {parent}) is a file"
        raise UsageError(f"{which}, so no run can be put there; see --output-dir")
    if not writable:
        raise StorageError(
            f"nothing can be written into {there}: check who may write there, or give another "
            "--output-dir"
        )
    return parent


def _walk(directory: Path) -> Iterator[tuple[Path, bool]]:
    try:
        entries = list(directory.iterdir())
    except OSError as error:
        raise files.unreadable(directory, error) from error
    for entry in entries:
        try:
            mode = entry.lstat().st_mode
        except FileNotFoundError:  # renamed since, by a training that is going on
            continue
        except OSError as error:
            raise files.unreadable(entry, error) from error
        if stat.S_ISDIR(mode):
            yield from _walk(entry)
        else:
            yield entry, stat.S_ISREG(mode)


def _last_number(parent: Path, name: str) -> int:
    """The highest number that a run of this name has, or 0."""
    pattern = re.compile(re.escape(name) + r"-(\d{4,9})")
    with files.storage("read", parent):
        found = [pattern.fullmatch(entry.name) for entry in parent.iterdir()]
    return max((int(match[1]) for match in found if match), default=0)
