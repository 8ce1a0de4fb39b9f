"""What can be seen of a run at a glance, whatever state it is in.

A listing looks at hundreds of runs, so nothing is hashed but the manifest and the evaluation, files
are only measured, and of a run that is not finished the end of `metrics.jsonl` is read. Whatever is
wrong with one run is said of that run. `dlcli verify` looks at every byte.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts.digests import digest_bytes
from dlcli.artifacts.history import Epoch, read_last_row
from dlcli.artifacts.locks import is_locked
from dlcli.artifacts.manifest import Manifest, read_manifest
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.artifacts.run_directory import (
    CHECKPOINT_INDEX,
    ENVIRONMENT,
    EVALUATION,
    MANIFEST,
    RESOLVED_CONFIG,
    SUMMARY,
    RunDirectory,
    is_many,
    is_run,
)
from dlcli.config.metrics import METRIC_CONFIGS
from dlcli.config.training import EarlyStopping
from dlcli.errors import ArtifactError, DlcliError, UsageError, reason
from dlcli.frozen import frozen
from dlcli.pipeline.history import followed
from dlcli.pipeline.many_plan import Plan
from dlcli.pipeline.provenance import Environment, recorded_config
from dlcli.pipeline.settings import settings

Status = Literal["complete", "unfinished", "running", "damaged", "foreign"]
Direction = Literal["max", "min"]
_STARTED = "%Y-%m-%dT%H:%M:%S%z"


@frozen
class Seen:
    """A run as a listing shows it.

    epochs: how many it has; of: how many it is to have at most. kept: the epoch whose metrics these
    are: whose weights are kept, or of a run that is not finished the last one.
    metrics: numbers by their names in the history, and those of the test part as `test_...`.
    best: of metrics, whether their best value is the largest or the smallest, where that is known.
    started: seconds since 1970. data: the digests of its data by role.
    settings: of its config, one by one; None where it cannot be read.
    problem: what is wrong or unusual, in words. runs: those that are in it, if it holds several.
    """

    path: Path
    status: Status
    epochs: int | None = None
    of: int | None = None
    kept: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    best: Mapping[str, Direction] = field(default_factory=dict)
    started: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    problem: str = ""
    runs: tuple["Seen", ...] = ()

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.name

    def to_json(self) -> dict[str, Any]:
        """For programs; without its settings, of which a listing shows some."""
        return {
            "run": str(self.path),
            "name": self.name,
            "status": self.status,
            "epochs": self.epochs,
            "planned_epochs": self.of,
            "kept_epoch": self.kept,
            "metrics": dict(self.metrics),
            "started": _written(self.started),
            **({"problem": self.problem} if self.problem else {}),
            **({"runs": [run.name for run in self.runs]} if self.runs else {}),
        }


def look_into(folder: Path) -> list[Seen]:
    """Every directory in a folder as a run, by name; links, files and what is hidden are left out.

    UsageError where there is no such folder, or where it is a run itself.
    """
    try:
        if not folder.is_dir():
            state = "is a file" if folder.exists() else "is not there"
            raise UsageError(
                f"the directory {folder} {state}; `dlcli train CONFIG` makes `runs`, and "
                "`--output-dir` another one",
                file=folder,
            )
        if is_run(folder):
            raise UsageError(
                f"{folder} is a run; `dlcli runs show {folder}` shows it, and `dlcli runs list` "
                "takes the directory that runs are in",
                file=folder,
            )
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            )
    except (OSError, ValueError) as error:  # no permission, or a name that nothing can have
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot look into {folder}: {why}", file=folder) from None
    return [look(folder / name) for name in names]


def look(path: Path) -> Seen:
    """What lies there; a DlcliError of reading it becomes a part of what is seen."""
    try:
        return _many(path) if is_many(path) else _one(path)
    except (DlcliError, OSError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        return Seen(path, "damaged", problem=why.partition("\n")[0])


def is_ours(path: Path) -> bool:
    """Whether dlcli made a run there: other programs have a `manifest.json`, too."""
    if any(_is_there(path / name) for name in (RESOLVED_CONFIG, CHECKPOINT_INDEX)):
        return True
    try:
        read_manifest(path / MANIFEST)
    except DlcliError:
        return False
    return True


def _one(path: Path) -> Seen:
    if not is_run(path):
        return _without_signs(path)
    if not is_ours(path):
        return Seen(path, "foreign", problem="no run of dlcli, though it has files of such names")
    run, works = RunDirectory(path), is_locked(path)
    seen = Seen(path, "running" if works else "unfinished", started=started_at(path))
    try:
        if not _is_there(path / MANIFEST):
            if not _is_there(path / RESOLVED_CONFIG):
                raise ArtifactError(f"{run.path(MANIFEST)} is missing")
            config = recorded_config(run).resolved()
            return _in_progress(run, replace(seen, settings=settings(config)), config)
        manifest = read_manifest(run.path(MANIFEST))
        seen = replace(seen, data=manifest.data, settings=settings(manifest.config))
        if manifest.status != "complete":
            return _in_progress(run, seen, manifest.config)
        return _complete(run, seen, manifest, works)
    except (DlcliError, OSError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        # What somebody is working on may be between two states.
        return replace(
            seen, status="running" if works else "damaged", problem=why.partition("\n")[0]
        )


def _without_signs(path: Path) -> Seen:
    """A directory in which no run has begun to be written."""
    if is_locked(path):
        return Seen(path, "running", problem="it has only just begun")
    if RunDirectory(path).is_claimed():
        return Seen(path, "unfinished", problem="it ended before anything was saved: remove it")
    return Seen(path, "foreign", problem="no run of dlcli")


def _in_progress(run: RunDirectory, seen: Seen, config: Mapping[str, Any]) -> Seen:
    row = read_last_row(run)
    epochs = row.get("epoch", 0) if row is not None else 0
    if type(epochs) is not int:
        raise ArtifactError(f"{run.root}: the last line of metrics.jsonl is not of an epoch")
    numbers = {} if row is None else _numbers(row)
    for name in ("epoch", "step"):
        numbers.pop(name, None)
    return replace(
        seen,
        epochs=epochs,
        of=planned(config),
        kept=epochs or None,
        metrics=numbers,
        best=directions(config),
    )


def _complete(run: RunDirectory, seen: Seen, manifest: Manifest, works: bool) -> Seen:
    kept = kept_epoch(manifest.config, manifest.epochs)
    seen = replace(
        seen,
        status="running" if works else "complete",
        epochs=len(manifest.epochs),
        of=planned(manifest.config),
        kept=kept,
        metrics={} if kept is None else _numbers(manifest.epochs[kept - 1].metrics),
        best=directions(manifest.config),
    )
    wrong = None if works else _unlike(run, manifest)
    if wrong is not None:
        return replace(seen, status="damaged", problem=wrong)
    tested = _tested(run, manifest)
    return replace(seen, metrics={**tested, **seen.metrics})


def _unlike(run: RunDirectory, manifest: Manifest) -> str | None:
    """The first listed file that is not there or not of its size."""
    for name, record in manifest.files.items():
        try:
            status = run.path(name).lstat()
        except FileNotFoundError:
            return f"{name} is missing"
        if not stat.S_ISREG(status.st_mode) or status.st_size != record.size:
            return f"{name} is not the file of {record.size} bytes that the manifest lists"
    return None


def _tested(run: RunDirectory, manifest: Manifest) -> dict[str, float]:
    """The metrics of the test part; none where it was not evaluated."""
    record = manifest.files.get(EVALUATION)
    if record is None:
        return {}
    path = run.path(EVALUATION)
    data = read_bytes(path, record.size)
    if digest_bytes(data) != record.sha256:
        raise ArtifactError(f"{EVALUATION} is not what the manifest lists", file=path)
    document = parse_json(data, path)
    try:
        return {f"test_{k}": v for k, v in _numbers(document["test"]["metrics"]).items()}
    except (KeyError, TypeError, AttributeError):
        return {}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, value in metrics.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            with contextlib.suppress(OverflowError):  # a whole number that no float is near
                found[name] = float(value)
    return found


def _many(path: Path) -> Seen:
    """Several runs in one directory, as one: the mean of what all of them have."""
    plan = Plan.read(path)
    runs = tuple(
        _one(path / name) if _is_there(path / name) else Seen(path / name, "unfinished", 0)
        for name in plan.runs
    )
    states = {run.status for run in runs}
    works = is_locked(path) or "running" in states
    status: Status = "running" if works else "unfinished"
    problem = ""
    if not works and states & {"damaged", "foreign"}:
        bad = next(run for run in runs if run.status in ("damaged", "foreign"))
        status, problem = "damaged", f"{bad.name}: {bad.problem}"
    elif not works and states == {"complete"} and _is_there(path / SUMMARY):
        status = "complete"
    known = [run.settings for run in runs if run.settings is not None]
    common = {
        name: value
        for name, value in (known[0] if known else {}).items()
        if all(other.get(name, other) == value for other in known)
    }
    names = [name for name in runs[0].metrics if all(name in run.metrics for run in runs)]
    done = sum(run.status == "complete" for run in runs)
    return Seen(
        path,
        status,
        epochs=sum(run.epochs or 0 for run in runs),
        metrics={name: sum(run.metrics[name] for run in runs) / len(runs) for name in names},
        best=runs[0].best,
        started=started_at(path),
        data=runs[0].data,
        settings=common if known else None,
        problem=problem or (f"{done} of {len(runs)} {plan.kind} are complete" * (done < len(runs))),
        runs=runs,
    )


def planned(config: Mapping[str, Any]) -> int | None:
    """How many epochs a config asks for."""
    training = config.get("training")
    epochs = training.get("epochs") if isinstance(training, Mapping) else None
    return epochs if type(epochs) is int else None


def kept_epoch(config: Mapping[str, Any], epochs: Sequence[Epoch]) -> int | None:
    """The number of the epoch whose weights a finished run keeps; the last one where its config
    does not say."""
    training = config.get("training")
    if not epochs or not isinstance(training, Mapping) or training.get("keep") != "best":
        return len(epochs) or None
    given = training.get("early_stopping")
    try:
        stopping = None if given is None else EarlyStopping.model_validate(given)
        _, history = followed(stopping, epochs)
    except (KeyError, TypeError, ValueError):
        return len(epochs)
    return history.best_epoch


def directions(config: Mapping[str, Any]) -> dict[str, Direction]:
    """Of each number that a run measures, whether more is better."""
    found: dict[str, Direction] = {"loss": "min"}
    evaluation = config.get("evaluation")
    given = evaluation.get("metrics") if isinstance(evaluation, Mapping) else None
    for one in given if isinstance(given, list) else ():
        options = {"type": one} if isinstance(one, str) else one
        try:
            model = METRIC_CONFIGS[options["type"]]
            if model.best is not None:
                found[model.model_validate(options).called] = model.best
        except (KeyError, TypeError, ValueError):  # of another version
            continue
    return found


def direction(metric: str, runs: Iterable[Seen]) -> Direction | None:
    """Whether more of this metric is better, as the runs that measure it say."""
    plain = metric.removeprefix("val_").removeprefix("test_")
    for run in runs:
        if metric in run.metrics:
            for name in (metric, plain):
                if name in run.best:
                    return run.best[name]
    return None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def started_at(path: Path) -> float | None:
    """When a run was begun, as it says itself."""
    if not _is_there(path / ENVIRONMENT):
        return None
    started = Environment.read(RunDirectory(path)).document.get("started")
    try:
        return datetime.strptime(str(started), _STARTED).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _written(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds).astimezone().strftime(_STARTED)
