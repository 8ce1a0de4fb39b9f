"""Who is looked on at: a run, several in one directory one after the other, the newest at work."""

from pathlib import Path
from typing import Any

from dlcli.artifacts import locks
from dlcli.artifacts.run_directory import LATEST, SUMMARY, is_many, is_run
from dlcli.errors import DlcliError
from dlcli.frozen import frozen
from dlcli.pipeline.many_plan import Plan
from dlcli.pipeline.seen import started_at
from dlcli.pipeline.watch import State, Watched


@frozen
class Choice:
    """A run to look on at, and the others in its directory at which a process is at work, too."""

    path: Path
    others: tuple[Path, ...] = ()


def chosen(path: Path) -> Choice:
    """The run that is meant: `path` itself, or of a directory of runs the newest one at work; where
    none is, the newest."""
    try:
        is_folder = path.is_dir() and not is_many(path) and not is_run(path)
        entries = [one for one in path.iterdir() if _may_be_run(one)] if is_folder else []
    except (OSError, ValueError):  # who opens it will say why
        return Choice(path)
    if not entries:
        return Choice(path)
    latest = path / LATEST
    newest = latest.resolve() if latest.is_symlink() else None
    at_work = sorted(
        filter(_is_at_work, entries),
        key=lambda one: (one.resolve() == newest, _begun(one), one.name),
        reverse=True,
    )
    if at_work:
        return Choice(at_work[0], tuple(at_work[1:]))
    return Choice(latest) if latest.exists() else Choice(path)


def _may_be_run(path: Path) -> bool:
    is_folder = path.is_dir() and not path.is_symlink()
    return is_folder and (is_many(path) or is_run(path))


def _begun(path: Path) -> float:
    """When; long ago where nobody knows."""
    try:
        return started_at(path) or 0.0
    except DlcliError:
        return 0.0


def _is_at_work(path: Path) -> bool:
    """Whether a process works on a run, or on one of several; as far as the system tells."""
    try:
        if locks.works_on(path):
            return True
        runs = Plan.read(path).runs if is_many(path) else ()
        return any((path / name).is_dir() and locks.works_on(path / name) for name in runs)
    except DlcliError:
        return False


class WatchedMany:
    """Several runs in one directory, of which one is trained after the other.

    Begins with the first that is not complete, or with the last. now: the run that is followed;
    None as long as it has not begun. several: what all of them are called.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._plan = Plan.read(self.root)
        self._names = [*self._plan.runs]
        self.several = f"{len(self._names)} {self._plan.kind}"
        self.now: Watched | None = None
        self._place = 0
        while self._of_now() == "complete" and not self._is_last:
            self._go_on()

    @property
    def title(self) -> str:
        """Which run is followed."""
        of = f"{self._place + 1} of {self.several}"
        return f"{self.root.name}/{self._names[self._place]} ({of})"

    @property
    def head(self) -> str:
        """What stands in front of the lines of a run."""
        return f"{self._names[self._place]}  "

    @property
    def _is_last(self) -> bool:
        return self._place == len(self._names) - 1

    def _go_on(self) -> None:
        self._place, self.now = self._place + 1, None

    def _of_now(self) -> State:
        """Read what is new of the run that is followed; before it has begun, it is at work."""
        place = self.root / self._names[self._place]
        if self.now is None and is_run(place):
            self.now = Watched(place)
        self._state: State = "at work" if self.now is None else self.now.look()
        return self._state

    def look(self) -> State:
        """Read what is new: of the next run, when the one before was complete at the last look."""
        if self._state == "complete" and not self._is_last:
            self._go_on()
        # As with one run: what was written before the process was seen to be gone is seen.
        is_at_work = _is_at_work(self.root)
        is_summed_up = (self.root / SUMMARY).exists()
        state = self._of_now()
        if is_at_work or (not self._is_last and state == "complete"):
            return "at work"
        if state == "complete" and is_summed_up:
            return "complete"
        return "stopped" if locks.can_tell() else "at work"

    def to_json(self, state: State) -> dict[str, Any]:
        """For programs: all runs that have begun."""
        begun = [name for name in self._names if is_run(self.root / name)]
        runs = []
        for name in begun:
            one = Watched(self.root / name)
            runs.append({"name": name, **one.to_json(one.look())})
        return {"run": str(self.root), "state": state, "planned": len(self._names), "runs": runs}


def watching(path: Path) -> Watched | WatchedMany:
    """Whom to ask about a run, or several in one directory. UsageError for what is neither."""
    return WatchedMany(path) if is_many(path) else Watched(path)
