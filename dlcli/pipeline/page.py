"""The page of a run: what report/ shows, gathered from the run's own files.

A page says nothing of the moment in which it is made, so the same run has the same bytes: those
that training wrote, and those of `dlcli report` later.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from dlcli import builder
from dlcli.artifacts import documents
from dlcli.artifacts.digests import Array
from dlcli.artifacts.following import read_rows
from dlcli.artifacts.history import Epoch
from dlcli.artifacts.manifest import Manifest
from dlcli.artifacts.reading import read_bytes, read_mapping
from dlcli.artifacts.run_directory import (
    CLASSES,
    EVALUATION,
    EVALUATION_CURVES,
    MANIFEST,
    METRICS,
    MODEL_CARD,
    REPORT,
    RunDirectory,
)
from dlcli.config import LoadedConfig, text_of
from dlcli.engine.graph import Node
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.schedule import Schedule
from dlcli.errors import ArtifactError, DlcliError, StorageError, UsageError, about
from dlcli.pipeline import provenance
from dlcli.pipeline.card_config import has_columns, targets_of
from dlcli.pipeline.history import followed
from dlcli.pipeline.page_answers import answers_of
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment
from dlcli.pipeline.settings import settings
from dlcli.pipeline.validate import rows_of
from dlcli.report.described import Answers, Filters, LayerLine, Part, RunPage, Timing
from dlcli.report.page import text_of as page_of

_CARD_LIMIT = 16 << 20
_MOST_FILTERS, _LARGEST_FILTER = 64, 15
_MOST_CELLS = 4_000_000
"""Cells of a matrix that are looked at."""

_LONGEST_CONFIG = 100_000
"""Characters of the config that are shown."""


def write_report(
    run: RunDirectory,
    loaded: LoadedConfig,
    manifest: Manifest,
    nodes: Sequence[Node],
    arrays: Mapping[str, Array],
    reporter: Reporter,
) -> None:
    """Write the page of a run whose training ends, before its manifest says so.

    manifest: as it will be, its files left aside. nodes, arrays: what `model/` holds.

    A disk that fails here fails as at any other file, and the run can be resumed. A file of the run
    that somebody has changed meanwhile costs the page, and not the training.
    """
    try:
        page = described(run, loaded, manifest, nodes, arrays)
        documents.write_text(run, REPORT, page_of([page]))
    except StorageError:
        raise
    except DlcliError as error:
        reporter.note(f"no {REPORT} was written: {error}")


def described(
    run: RunDirectory,
    loaded: LoadedConfig,
    manifest: Manifest,
    nodes: Sequence[Node],
    arrays: Mapping[str, Array],
) -> RunPage:
    """What the page says of a run, whose files are what its manifest says; UsageError where it has
    no epoch yet. nodes, arrays: see `write_report`; nothing of a run that is not finished."""
    done = manifest.status == "complete"
    epochs, steps = _epochs(run, manifest)
    curves = _curves(epochs)
    seen = [
        Epoch(place + 1, step, {name: values[place] for name, values in curves.items()}, "")
        for place, step in enumerate(steps)
    ]
    try:
        monitor, history = followed(loaded.config.training.early_stopping, seen)
    except KeyError:
        raise _foreign(run, MANIFEST if done else METRICS) from None
    best = history.best_epoch
    environment = Environment.read(run).document
    return RunPage(
        label=run.root.name,
        name=loaded.config.name or loaded.name,
        done=done,
        epochs=len(epochs),
        curves=curves,
        rates=_rates(loaded, curves, steps),
        best=best,
        monitor=monitor.name,
        value=curves[monitor.name][best - 1],
        kept=_kept(loaded, best, len(epochs)) if done else "",
        kept_epoch=0 if not done else best if _keeps_best(loaded) else len(epochs),
        parts=_parts(run) if done else (),
        classes=_classes(run) if done else (),
        layers=tuple(
            LayerLine(row.name, row.type, row.reads, row.out_shape, row.parameters, row.flops)
            for row in rows_of(nodes)
        ),
        filters=_filters(nodes, arrays),
        timings=_timings(environment),
        card=_card(run) if done else None,
        findings=tuple(
            (str(one.get("code", "")), str(one.get("message", "")))
            for one in Environment(environment).findings
        ),
        config=_cut(text_of(loaded.resolved())),
        settings=settings(loaded.resolved()),
        seed=manifest.seed,
        data=dict(sorted(manifest.data.items())),
        environment=_environment(environment, manifest),
        targets=targets_of(loaded.config) if has_columns(loaded.config) else (),
    )


def _foreign(run: RunDirectory, name: str) -> ArtifactError:
    path = run.path(name)
    return ArtifactError(f"{path} holds what dlcli did not write like this", file=path)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_CONFIG:
        return text
    return f"{text[:_LONGEST_CONFIG]}\n... and {len(text) - _LONGEST_CONFIG:,} more characters"


def _real(value: Any) -> float | None:
    """A number of a file as a float, None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _epochs(run: RunDirectory, manifest: Manifest) -> tuple[list[Mapping[str, Any]], list[int]]:
    """The values of each epoch, and the steps behind it."""
    if manifest.status == "complete":
        epochs: list[Mapping[str, Any]] = [epoch.metrics for epoch in manifest.epochs]
        steps: list[Any] = [epoch.step for epoch in manifest.epochs]
    else:
        rows = read_rows(run)
        steps = [row.get("step") for row in rows]
        epochs = [{n: v for n, v in row.items() if n not in ("epoch", "step")} for row in rows]
    if not epochs:
        raise UsageError(
            f"{run.root} has not finished an epoch, so there is nothing to show yet", file=run.root
        )
    if any(type(step) is not int or step < 1 for step in steps):
        raise _foreign(run, METRICS)
    return epochs, steps


def _curves(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """The values that every epoch has as a number."""
    found: dict[str, list[float]] = {}
    for name in sorted(epochs[0], key=lambda name: (name.removeprefix("val_") != "loss", name)):
        values = [_real(epoch.get(name)) for epoch in epochs]
        numbers = [value for value in values if value is not None]
        if len(numbers) == len(epochs):
            found[name] = numbers
    return found


def _keeps_best(loaded: LoadedConfig) -> bool:
    return loaded.config.training.keep == "best"


def _kept(loaded: LoadedConfig, best: int, last: int) -> str:
    if _keeps_best(loaded):
        return f"Kept: the weights of epoch {best}, the best of {last}."
    return f"Kept: the weights of epoch {last}, the last" + (
        ", which was the best." if best == last else "."
    )


def _rates(
    loaded: LoadedConfig, curves: Mapping[str, Sequence[float]], steps: Sequence[int]
) -> list[float]:
    """The learning rate of the last update of each epoch; none where the first was cut short."""
    training, batches = loaded.config.training, steps[0]
    if training.max_steps is not None and training.max_steps <= batches:
        return []
    total = min(training.epochs * batches, training.max_steps or training.epochs * batches)
    optimizer = builder.optimizer(loaded.config)
    together = optimizer.gradient_accumulation_steps
    optimizer = optimizer.over(total // together, batches / together)
    rates = [optimizer.rate(max(0, step // together - 1)) for step in steps]
    schedule = optimizer.learning_rate
    if not isinstance(schedule, Schedule):
        return rates
    from dlcli.engine.schedules import ReduceOnPlateau  # loaded by who has a schedule

    if isinstance(schedule, ReduceOnPlateau):
        watched = list(curves.get(schedule.monitor, ()))
        rates = [rate * schedule.reduced(watched[:n]) for n, rate in enumerate(rates)]
    return rates


def _answers(run: RunDirectory) -> Mapping[str, Answers]:
    """What is kept of the answers to each part; nothing by runs of earlier versions."""
    path = run.path(EVALUATION_CURVES)
    if not path.exists():
        return {}
    document = read_mapping(path)
    try:
        return {role: answers_of(found) for role, found in document.items()}
    except ValueError as error:
        raise ArtifactError(f"{_foreign(run, EVALUATION_CURVES)}: {error}", file=path) from None


def _parts(run: RunDirectory) -> tuple[Part, ...]:
    document, answers = read_mapping(run.path(EVALUATION)), _answers(run)
    parts = []
    for role, found in document.items():
        metrics = found.get("metrics") if isinstance(found, dict) else None
        rows = found.get("rows") if isinstance(found, dict) else None
        if not isinstance(metrics, dict) or type(rows) is not int:
            raise _foreign(run, EVALUATION)
        metrics = dict(sorted(metrics.items(), key=lambda pair: (pair[0] != "loss", pair[0])))
        scalars = {name: number for name, v in metrics.items() if (number := _real(v)) is not None}
        tables = {name: table for name, v in metrics.items() if (table := _matrix(v))}
        parts.append(
            Part(
                role,
                rows,
                {name: number for name, number in scalars.items() if isfinite(number)},
                {
                    name.removesuffix("_per_class"): row
                    for name, v in metrics.items()
                    if (row := _row(v))
                },
                {name: table for name, table in tables.items() if len(table) == len(table[0])},
                {name: labels for name, v in metrics.items() if (labels := _labels(v))},
                answers.get(role),
            )
        )
    return tuple(parts)


def _row(value: Any) -> tuple[float, ...] | None:
    """A list of numbers."""
    if not isinstance(value, list) or not value:
        return None
    numbers = tuple(number for one in value if (number := _real(one)) is not None)
    return numbers if len(numbers) == len(value) and all(map(isfinite, numbers)) else None


def _matrix(value: Any) -> tuple[tuple[float, ...], ...] | None:
    """Rows of numbers, all of one length."""
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return None
    if len(value) * len(value[0]) > _MOST_CELLS:
        return None
    rows = tuple(row for one in value if (row := _row(one)) is not None)
    return rows if len(rows) == len(value) and len({*map(len, rows)}) == 1 else None


def _labels(value: Any) -> tuple[tuple[tuple[float, ...], ...], ...] | None:
    """A matrix of two by two for each label."""
    if not isinstance(value, list) or not value:
        return None
    found = tuple(table for one in value if (table := _matrix(one)) and len(table) == 2)
    two = len(found) == len(value) and all(len(table[0]) == 2 for table in found)
    return found if two else None


def _classes(run: RunDirectory) -> tuple[str, ...]:
    names = read_mapping(run.path(CLASSES)).get("classes")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _card(run: RunDirectory) -> str | None:
    path = run.path(MODEL_CARD)
    if not path.exists():  # runs of earlier versions have none
        return None
    with about(path):
        return read_bytes(path, _CARD_LIMIT).decode(errors="replace")


def _filters(nodes: Sequence[Node], arrays: Mapping[str, Array]) -> Filters | None:
    """The kernels of the first convolution, if it sees grey or colored pictures."""
    node = next((node for node in nodes if isinstance(node.layer, Conv2D)), None)
    kernel = None if node is None else arrays.get(f"{node.name}.kernel")
    if node is None or kernel is None or kernel.ndim != 4:
        return None
    height, width, channels, count = kernel.shape
    if channels not in (1, 3) or max(height, width) > _LARGEST_FILTER or max(height, width) == 1:
        return None
    grids = kernel[..., :_MOST_FILTERS].transpose(3, 0, 1, 2).tolist()
    values = tuple(tuple(tuple(map(tuple, row)) for row in grid) for grid in grids)
    return Filters(node.name, values, count)


def _timings(environment: Mapping[str, Any]) -> tuple[Timing, ...]:
    """As the run noted them; what else stands there is left out."""
    known = environment.get("seconds")
    rows = environment.get("rows_trained")
    found = []
    for stage, value in known.items() if isinstance(known, dict) else ():
        seconds = _real(value)
        if seconds is not None and isfinite(seconds):
            counted = rows if stage == provenance.TRAIN and type(rows) is int else None
            found.append(Timing(stage, seconds, counted))
    order = list(provenance.STAGES)
    return tuple(t for stage in order for t in found if t.stage == stage)


_TOLD = ("started", "finished", "host", "platform", "python", "cpus", "workers", "command")


def _environment(environment: Mapping[str, Any], manifest: Manifest) -> dict[str, str]:
    """In words, what bits depend on first."""
    told = dict(sorted(manifest.versions.items()))
    told["numerics class"] = manifest.numerics_class
    for key in _TOLD:
        value = environment.get(key)
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            value = " ".join(value)
        if isinstance(value, str | int) and not isinstance(value, bool):
            told[key] = _short(value)
    packages = environment.get("packages")
    for name, version in sorted(packages.items()) if isinstance(packages, dict) else ():
        told[name] = _short(version)
    interruptions = environment.get("interruptions")
    if isinstance(interruptions, list) and interruptions:
        told["interruptions"] = str(len(interruptions))
    return told


def _short(value: Any) -> str:
    return value if isinstance(value, str) else str(value)[:200]
