"""The rows of a run that were answered worst, with the data at hand: for the page, when asked.

How bad an answer is: of classes, how little the true one was held probable; of labels, the
probabilities by which they are off, added up; of numbers, the distance, sqrt(sum (t - y)^2), in the
target's own units. The same rows for any number of workers: the answers are those of `model/`.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlcli.artifacts.run_directory import MODEL
from dlcli.data.dataset import Part, rows_per_chunk
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.card_wording import MOST_COLUMNS, number
from dlcli.deploy.rows_answered import answers_of
from dlcli.engine.layer import Array
from dlcli.engine.metrics import Kind
from dlcli.pipeline.answer_curves import true_numbers
from dlcli.pipeline.evaluate import class_names
from dlcli.pipeline.finished import Opened, load_bundle, part_of
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.row_shown import CUT, as_cells, as_it_seems
from dlcli.progress import work
from dlcli.report.axes import apart
from dlcli.report.described import WorstRow, WorstRows

COUNT = 12
_MOST_OUTPUTS = 8


def worst_rows(path: Path, data_dir: Path | None) -> WorstRows:
    """Of the part that judges the run. Errors as in evaluating it again; writes nothing."""
    opened = Opened.at(path)
    job = opened.job(data_dir, NullReporter())
    role = part_of(job, None)
    bundle = load_bundle(opened.directory, opened.manifest, MODEL)
    part = job.prepared.dataset.parts()[role]  # type: ignore[index]
    columns = part.columns or ()
    rows = []
    for one in _worst(job, role, part, bundle):
        values = part.take_each(np.array([one.position]))
        shown = as_cells(columns, values) if columns else as_it_seems(values)
        where = part.where(one.position).rpartition(os.sep)[2]  # without folders of this machine
        rows.append(WorstRow(where, *_told(job, one.true, one.answer), shown))
    header = tuple(column.name for column in columns[:MOST_COLUMNS])
    cut = CUT if any(row.shown.is_cut for row in rows) else ""
    return WorstRows(role, len(part), header, tuple(rows), cut)


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
            weights = job.design.learned[role].weights
            if weights is not None:
                wrong[weights[positions] == 0] = -1.0  # they count nowhere
            for k in np.argsort(-wrong, kind="stable")[:COUNT].tolist():
                found.append(_Judged(float(wrong[k]), start + k, answers[k].copy(), true[k].copy()))
            found = sorted(found, key=lambda one: -one.wrong)[:COUNT]
            found = [one for one in found if one.wrong >= 0]
            at(start + len(positions))
    return found


def _answers(bundle: Bundle, part: Part, start: int, count: int) -> Array:
    """In the target's own units."""

    def taken(rows: slice) -> dict[str, Array]:
        return part.take_each(np.arange(start + rows.start, start + rows.stop))

    return answers_of(bundle, count, taken)


def _true(job: Job, role: str, positions: Array) -> Array:
    """Targets in the data's own units; class ids, or 0 and 1 for each label."""
    learned, kind = job.design.learned[role], job.design.recipe.metrics.learns[0]
    if kind == "regression":
        return true_numbers(job.examples[role], learned, positions, job.prepared.target_scale)
    assert learned.targets is not None, "only numbers are learned from the rows themselves"
    targets = learned.targets[positions]
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
    y, t = answer.reshape(-1), true.reshape(-1)
    if kind == "regression":
        off = f"off by {number(float(np.sqrt(np.square(t - y.astype(np.float64)).sum())))}"
        if len(y) > _MOST_OUTPUTS:
            return f"{len(y):,} numbers", "others", off
        words = [apart(float(one), float(other)) for one, other in zip(t, y, strict=True)]
        true_words, answered = (", ".join(side) for side in zip(*words, strict=True))
        return true_words, answered, off
    names = class_names(job.design.recipe, job.design.classes)

    def name(unit: int) -> str:
        return names[unit] if unit < len(names) else f"unit_{unit}"

    if kind == "multilabel":
        hold = [np.flatnonzero(side > 0.5).tolist() for side in (t, y)]
        both = [", ".join(map(name, labels)) or "none" for labels in hold]
        return both[0], both[1], f"off by {number(float(np.abs(t - y).sum()))} together"
    held, own, chosen = y, int(t[0]), int(y.argmax())
    if kind == "binary":
        held, own, chosen = np.array([1.0 - y[0], y[0]]), int(t[0] > 0.5), int(y[0] > 0.5)
    how = "right, but unsure" if own == chosen else f"{100 * held[own]:.1f} % for the true one"
    return name(own), f"{name(chosen)} ({100 * held[chosen]:.1f} %)", how
