"""Runs that are removed: those that are named, or all but the best.

Nothing is asked, so nothing is taken that dlcli did not write: a directory that is no run, and a
run into which somebody has put files, are refused. Everything is looked at before the first is
removed.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dlcli.artifacts.digests import digest_document
from dlcli.artifacts.locks import is_locked
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import (
    LATEST,
    MANIFEST,
    RunDirectory,
    is_many,
    is_run,
    nothing_there,
    point_latest,
    strange_in_many,
)
from dlcli.errors import DlcliError, LockedError, StorageError, UsageError, reason
from dlcli.frozen import frozen
from dlcli.pipeline.many_plan import Plan
from dlcli.pipeline.ranking import check_measured, ranked
from dlcli.pipeline.seen import Seen, direction, is_ours, look_into

_SHOWN = 5


@frozen
class Removed:
    """A run that is gone, or would be."""

    path: Path
    files: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"run": str(self.path), "files": self.files, "bytes": self.bytes}


@frozen
class Pruned:
    """What `prune` did. metric: what was compared. skipped: left alone, and why."""

    metric: str
    removed: tuple[Removed, ...]
    kept: tuple[Path, ...]
    skipped: tuple[tuple[Path, str], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "by": self.metric,
            "removed": [one.to_json() for one in self.removed],
            "kept": [str(path) for path in self.kept],
            "skipped": [{"run": str(path), "why": why} for path, why in self.skipped],
        }


def remove(paths: Sequence[Path], dry: bool = False) -> list[Removed]:
    """Remove these runs. A link such as `runs/latest` means the run that it points at."""
    roots = list(dict.fromkeys(removable(path) for path in paths))
    removed: list[Removed] = []
    with _then_repaired(removed, dry):
        for root in roots:
            removed.append(_measured(root) if dry else _remove(root))
    return removed


@contextlib.contextmanager
def _then_repaired(removed: Sequence[Removed], dry: bool) -> Iterator[None]:
    """Links to what was removed are turned at the end, and an error tells what was removed."""
    try:
        yield
    except DlcliError as error:
        error.result = {"removed": [one.to_json() for one in removed]}
        raise
    finally:
        if not dry:
            _repair({one.path.parent for one in removed})


def prune(folder: Path, count: int, metric: str, dry: bool = False) -> Pruned:
    """Remove the complete runs of a folder but for the `count` best of those that are comparable:
    that learned from the same data and, where a loss is compared, with the same loss."""
    everything = look_into(folder)
    check_measured(metric, everything, "--by")
    if metric in {name for run in everything for name in run.metrics} and (
        direction(metric, everything) is None
    ):
        raise UsageError(f"--by {metric}: it is not known which of its values are better")
    best = ranked(everything, metric)
    alike: dict[str, list[Seen]] = {}
    for seen in best:
        if seen.status == "complete" and metric in seen.metrics:
            alike.setdefault(_subject(seen, metric), []).append(seen)
    kept = [seen.path for some in alike.values() for seen in some[:count]]
    others = [seen.path for some in alike.values() for seen in some[count:]]
    skipped = [
        (seen.path, seen.status if seen.status != "complete" else f"it has no {metric}")
        for seen in everything
        if seen.path not in {*kept, *others}
    ]
    removed: list[Removed] = []
    with _then_repaired(removed, dry):
        for path in others:
            try:
                root = removable(path)
                removed.append(_measured(root) if dry else _remove(root))
            except (UsageError, LockedError) as error:
                skipped.append((path, str(error)))
    return Pruned(metric, tuple(removed), tuple(kept), tuple(skipped))


def _subject(seen: Seen, metric: str) -> str:
    """What two runs must have in common for their metrics to be compared."""
    loss = {}
    if metric in ("loss", "val_loss", "test_loss"):
        loss = {k: v for k, v in (seen.settings or {}).items() if k.partition(".")[0] == "loss"}
    return digest_document([dict(seen.data), loss])


def removable(path: Path) -> Path:
    """The directory of a run that may be removed; UsageError or LockedError where it may not."""
    try:
        root = path.resolve(strict=True)
        is_directory = root.is_dir()
    except FileNotFoundError:
        raise nothing_there(path, f"there is no run directory {path}") from None
    except (OSError, RuntimeError, ValueError) as error:  # loops of links, NUL characters
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot open the run directory {path}: {why}", file=path) from None
    if not is_directory:
        raise UsageError(f"{path} is a file; give the run directory that holds it", file=path)
    if is_many(root.parent):
        raise UsageError(
            f"{path} is one of the runs of {root.parent}, which are no whole without it; remove "
            f"them together: `dlcli runs rm {root.parent}`",
            file=path,
        )
    strange = _strange_in(root, path)
    if strange:
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        raise UsageError(
            f"{path} is not removed: dlcli did not write {', '.join(strange[:_SHOWN])}{more} in "
            "it; move that away first",
            file=path,
            details={"files": strange},
        )
    for one in (root, *_members(root)):
        if is_locked(one):
            raise LockedError(f"{one} is in use by another process; wait until it ends", file=one)
    return root


def _strange_in(root: Path, path: Path) -> list[str]:
    """What somebody else has put into a run; UsageError where it is none."""
    directory = RunDirectory(root)
    try:
        if is_many(root):
            return strange_in_many(root, Plan.read(root).runs)
        if is_run(root) and is_ours(root):
            listed: Iterable[str] = ()
            with contextlib.suppress(DlcliError):  # of a damaged run only the names are known
                listed = read_manifest(root / MANIFEST).files
            return directory.foreign({*listed})
        if directory.is_claimed():
            return []
    except RecursionError:
        raise UsageError(f"{path} holds directories in directories without end") from None
    except OSError as error:
        raise StorageError(f"cannot look into {path}: {reason(error)}", file=path) from error
    raise UsageError(
        f"{path} is not removed: it is no run directory of dlcli; `dlcli runs list` shows which "
        "there are",
        file=path,
    )


def _members(root: Path) -> list[Path]:
    """Of several runs, those that have begun."""
    if not is_many(root):
        return []
    return [root / name for name in Plan.read(root).runs if (root / name).is_dir()]


def _measured(root: Path) -> Removed:
    sizes = [(root / name).lstat().st_size for name, _ in RunDirectory(root).entries()]
    return Removed(root, len(sizes), sum(sizes))


def _remove(root: Path) -> Removed:
    with contextlib.ExitStack() as stack:
        for member in _members(root):
            stack.enter_context(RunDirectory(member).lock())
        try:
            return Removed(root, *RunDirectory(root).remove())
        except RecursionError:
            raise StorageError(
                f"cannot remove {root}: it holds directories in directories without end", file=root
            ) from None


def _repair(parents: Iterable[Path]) -> None:
    """Point each `latest` that leads nowhere at the run that was begun last."""
    for parent in parents:
        # The runs are gone; a link that nobody may change takes nothing from that.
        with contextlib.suppress(DlcliError, OSError):
            if (parent / LATEST).exists():
                continue
            left = [seen for seen in look_into(parent) if seen.status != "foreign"]
            newest = max(left, key=lambda seen: (seen.started or 0.0, seen.name), default=None)
            point_latest(parent, None if newest is None else newest.name)
