"""The rows of a run that were answered worst, with the data at hand: for the page, when asked.

How bad an answer is: of classes, how little the true one was held probable; of labels, the
probabilities by which they are off, added up; of numbers, the distance, sqrt(sum (t - y)^2), in the
target's own units. The same rows for any number of workers: the answers are those of `model/`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlcli.artifacts.run_directory import MODEL
from dlcli.data.dataset import Column, Part, rows_per_chunk
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.card_wording import MOST_COLUMNS, number
from dlcli.deploy.rows_answered import answers_of
from dlcli.engine.context import Context
from dlcli.engine.layer import Array
from dlcli.engine.metrics import Kind
from dlcli.pipeline.evaluate import class_names
from dlcli.pipeline.finished import Opened, load_bundle, part_of
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from dlcli.progress import work
from dlcli.report.described import Picture, WorstRow, WorstRows

COUNT = 12
_LARGEST = 256
"""Pixels along the longer side of a picture; of larger ones, every so many are shown."""

_MOST_STEPS, _MOST_CHANNELS, _MOST_NUMBERS = 600, 4, 20


def worst_rows(path: Path, data_dir: Path | None) -> WorstRows:
    """Of the part that judges the run. Errors as in evaluating it again; writes nothing."""
    opened = Opened.at(path)
    job = opened.job(data_dir, NullReporter())
    role = part_of(job, None)
    bundle = load_bundle(opened.directory, opened.manifest, MODEL)
    part = job.prepared.dataset.parts()[role]  # type: ignore[index]
    header = tuple(column.name for column in part.columns[:MOST_COLUMNS]) if part.columns else ()
    rows = []
    for one in _worst(job, role, part, bundle):
        values = part.take_each(np.array([one.position]))
        shown = _shown(values) if part.columns is None else _cells(part.columns, values)
        told = _told(job, one.true, one.answer)
        rows.append(replace(WorstRow(part.where(one.position), *told), **shown))
    return WorstRows(role, len(part), header, tuple(rows))


class _Judged(NamedTuple):
    """wrong: how bad the answer is. answer, true: of this row."""

    wrong: float
    position: int
    answer: Array
    true: Array


def _worst(job: Job, role: str, part: Part, bundle: Bundle) -> list[_Judged]:
    """The worst first; of equally bad ones, the first of the part."""
    kind = job.design.recipe.metrics.learns[0]
    step = min(rows_per_chunk(one.row_shape) for one in part.each().values())
    found: list[_Judged] = []
    with work("answer the rows", len(part)) as at:
        for start in range(0, len(part), step):
            positions = np.arange(start, min(start + step, len(part)))
            answers = _answers(bundle, part, start, len(positions))
            true = _true(job, role, positions)
            wrong = _wrong(kind, answers.reshape(len(answers), -1), true)
            for k in np.argsort(-wrong, kind="stable")[:COUNT].tolist():
                found.append(_Judged(float(wrong[k]), start + k, answers[k].copy(), true[k].copy()))
            found = sorted(found, key=lambda one: -one.wrong)[:COUNT]
            at(start + len(positions))
    return found


def _answers(bundle: Bundle, part: Part, start: int, count: int) -> Array:
    """In the target's own units."""

    def taken(rows: slice) -> dict[str, Array]:
        return part.take_each(np.arange(start + rows.start, start + rows.stop))

    return answers_of(bundle, count, taken)


def _true(job: Job, role: str, positions: Array) -> Array:
    """Targets in the data's own units; class ids, or 0 and 1 for each label."""
    learned = job.design.learned[role]
    if learned.original is not None:
        return learned.original[positions]
    if learned.targets is None:
        return job.examples[role].fetch(positions, Context("worst rows")).targets.copy()
    targets = learned.targets[positions]
    kind, scale = job.design.recipe.metrics.learns[0], job.prepared.target_scale
    if kind == "regression":
        return targets if scale is None else scale.inverse(targets)
    if kind == "multiclass" and targets.ndim == 2:
        return np.asarray(targets.argmax(axis=1))
    return targets


def _wrong(kind: Kind, y: Array, t: Array) -> Array:
    """How bad the answers y (n, numbers) are."""
    y = y.astype(np.float64)
    if kind == "multiclass":
        own = np.take_along_axis(y, t.astype(np.int64)[:, np.newaxis], axis=1)
        return np.asarray(1.0 - own[:, 0])
    off = t.reshape(y.shape) - y
    if kind in ("binary", "multilabel"):
        return np.asarray(np.abs(off).sum(axis=1))
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt((off * off).sum(axis=1)))


def _told(job: Job, true: Array, answer: Array) -> tuple[str, str, str]:
    """What is true, what was answered, and how badly."""
    kind, _ = job.design.recipe.metrics.learns
    names = class_names(job.design.recipe, job.design.classes)
    y = answer.reshape(-1)

    def name(unit: int) -> str:
        return names[unit] if unit < len(names) else f"unit_{unit}"

    if kind == "multilabel":
        both = [
            [name(k) for k in np.flatnonzero(side > 0.5).tolist()] for side in (true.reshape(-1), y)
        ]
        off = float(np.abs(true.reshape(-1) - y).sum())
        told = [", ".join(labels) or "none" for labels in both]
        return told[0], told[1], f"off by {number(off)} together"
    if kind == "regression":
        off = float(np.sqrt(np.square(true.reshape(-1) - y.astype(np.float64)).sum()))
        if len(y) > _MOST_CHANNELS:
            return f"{len(y):,} numbers", "others", f"off by {number(off)}"
        told = [", ".join(number(float(v)) for v in side) for side in (true.reshape(-1), y)]
        return told[0], told[1], f"off by {number(off)}"
    held = np.array([1.0 - y[0], y[0]]) if kind == "binary" else y
    own = int(true.reshape(-1)[0] > 0.5) if kind == "binary" else int(true)
    chosen = int(y[0] > 0.5) if kind == "binary" else int(y.argmax())
    sure = f"{name(chosen)} ({100 * held[chosen]:.1f} %)"
    return name(own), sure, f"{100 * held[own]:.1f} % for the true one"


def _cells(columns: Sequence[Column], values: dict[str, Array]) -> dict[str, Any]:
    (row,) = next(iter(values.values()))
    pairs = zip(columns[:MOST_COLUMNS], row.tolist(), strict=False)
    return {"cells": tuple(_cell(column, value) for column, value in pairs)}


def _cell(column: Column, value: float) -> str:
    if value != value:
        return "missing"
    if column.categories is not None:
        return column.categories[int(value)]
    if column.date:
        moment = datetime(1970, 1, 1) + timedelta(seconds=value)
        return moment.isoformat(" ").removesuffix(" 00:00:00")
    return number(value)


def _shown(values: dict[str, Array]) -> dict[str, Any]:
    """Each value as what it seems to be."""
    pictures, signals, numbers = [], [], []
    for name, rows in values.items():
        row = np.nan_to_num(np.asarray(rows[0], np.float64))
        if row.ndim == 3 and row.shape[2] == 1:
            row = row[:, :, 0]
        if rows.dtype == np.uint8 or rows.dtype.kind == "f":
            picture = _picture(name, rows[0])
            if picture is not None:
                pictures.append(picture)
                continue
        if row.ndim <= 2 and row.shape and row.shape[0] > _MOST_NUMBERS:
            flat = row.reshape(len(row), -1)[:: -(-len(row) // _MOST_STEPS), :_MOST_CHANNELS]
            signals.append(tuple(map(tuple, flat.T.tolist())))
        else:
            numbers.append(tuple(row.reshape(-1)[:_MOST_NUMBERS].tolist()))
    return {"pictures": tuple(pictures), "signals": tuple(signals), "numbers": tuple(numbers)}


def _picture(name: str, row: Array) -> Picture | None:
    """Of a row (height, width), (height, width, 1) or (height, width, 3), else None; from its least
    number, black, to its largest, white."""
    flat = row.ndim == 2
    if not (flat or (row.ndim == 3 and row.shape[2] in (1, 3))) or min(row.shape[:2]) < 5:
        return None
    if flat and max(row.shape) > 3 * min(row.shape):  # a signal of many channels
        return None
    every = -(-max(row.shape[:2]) // _LARGEST)
    pixels = row[::every, ::every].reshape(-(-row.shape[0] // every), -(-row.shape[1] // every), -1)
    values = np.nan_to_num(pixels.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    size = high - low if high > low else 1.0
    pixels = np.rint(255.0 * ((values - low) / size)).astype(np.uint8)
    return Picture(name or "row", pixels.tobytes(), *pixels.shape)
