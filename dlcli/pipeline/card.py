"""The model card of a run: everything that deploy/card.py writes, gathered from the job.

Nothing of it depends on where, when or by how many workers the run was made; nor on the order of
mappings, which a config and a history do not keep once they were written down.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.digests import digest_document
from dlcli.artifacts.reading import digest_of_file
from dlcli.artifacts.run_directory import MODEL_CARD, MODEL_WEIGHTS, RunDirectory
from dlcli.config import LoadedConfig
from dlcli.data.dataset import Part
from dlcli.data.known import class_counts
from dlcli.deploy.card import text_of
from dlcli.deploy.card_described import Card, LayerLine, Measured, PartLine
from dlcli.deploy.card_wording import MOST_CLASSES, number
from dlcli.deploy.markdown import code
from dlcli.numerics import numerics_class
from dlcli.pipeline.card_config import preparation, settings, source, targets_of
from dlcli.pipeline.card_limits import limits_of
from dlcli.pipeline.card_rows import columns, looked_at, values
from dlcli.pipeline.evaluate import class_names
from dlcli.pipeline.job import Job
from dlcli.pipeline.rebuilt import rebuilds
from dlcli.pipeline.validate import layer_rows


def write_card(
    run: RunDirectory,
    job: Job,
    results: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
) -> str:
    """Write the card of a run whose `model/` is written; the name of the file.

    results: of the evaluation. versions: that the run was made with.
    """
    documents.write_text(run, MODEL_CARD, text_of(card_of(run, job, results, versions)))
    return MODEL_CARD


def card_of(
    run: RunDirectory,
    job: Job,
    results: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
) -> Card:
    """What the card says."""
    loaded, prepared, design = job.loaded, job.prepared, job.design
    config, recipe, dataset = loaded.config, design.recipe, prepared.dataset
    document = loaded.resolved()
    kind, count = recipe.metrics.learns
    learns_rows = rebuilds(loaded)
    history = job.session.history
    kept, why = _kept(job)
    names = class_names(recipe, design.classes)
    if names:  # there may be units for which there is no class
        names += tuple(f"unit_{unit}" for unit in range(len(names), count))
    support: dict[str, tuple[int, ...]] = {}
    if names:
        support = {str(role): _support(job, role, count) for role in dataset.parts()}
    rows, parts = looked_at(dataset.train), _parts(job)
    layers = tuple(
        LayerLine(
            row.name, row.reads, row.type, row.out_shape, row.parameters,
            "frozen" if row.frozen else "",
        )
        for row in layer_rows(design.chain)
    )  # fmt: skip
    curve = tuple(
        {name: value for name, value in epoch.metrics.items() if isinstance(value, int | float)}
        for epoch in history.epochs
    )
    targets = targets_of(config)
    return Card(
        name=config.name or loaded.name,
        kind=kind,
        count=count,
        rebuilds=learns_rows,
        targets=targets,
        classes=names,
        layers=layers,
        trained=recipe.model.layout.trained,
        settings=settings(document),
        epochs=len(history.epochs),
        kept=kept,
        why_kept=why,
        seed=config.seed,
        source=source(document),
        parts=parts,
        cut=_cut(loaded, parts),
        counts=support,
        spreads=() if kind != "regression" or learns_rows else _spreads(dataset.train, targets),
        columns=columns(dataset.train, prepared.preprocessing, rows),
        values=values(dataset.train, rows),
        looked_at=rows,
        preparation=preparation(document),
        scaled=prepared.target_scale is not None,
        weighs=dataset.train.weights is not None,
        audited=config.data.audit != "off",
        findings=tuple(
            sorted((finding.code, _without_folders(job, str(finding))) for finding in job.findings)
        ),
        results=tuple(
            _measured(job, role, found, support.get(role, ())) for role, found in results.items()
        ),
        curve=curve,
        shown=_shown(job, curve[0]),
        limits=limits_of(job, support, list(results)),
        digests=_digests(run, job, document),
        versions={name: versions[name] for name in sorted(versions)},
        numerics_class=numerics_class(),
    )


def _kept(job: Job) -> tuple[int, str]:
    """The epoch whose weights the run keeps, and why."""
    history, name = job.session.history, job.session.monitor.name
    last = len(history.epochs)
    best = "" if history.best is None else f" ({code(name)} {number(history.best)})"
    if job.loaded.config.training.keep == "best":
        return history.best_epoch, f"the best{best}"
    if history.best_epoch == last:
        return last, f"the last and the best{best}"
    return last, f"the last; the best was epoch {history.best_epoch}{best}"


def _support(job: Job, role: str, count: int) -> tuple[int, ...]:
    """How many rows of a part are of each class, or have each label."""
    targets = job.design.learned[role].targets
    assert targets is not None
    kind, _ = job.design.recipe.metrics.learns
    if kind == "multilabel":
        counts = (targets.reshape(len(targets), -1) > 0.5).sum(axis=0)
    elif kind == "binary":
        counts = np.bincount(targets.reshape(-1) > 0.5, minlength=2)
    else:
        counts = class_counts(targets, count)
    return tuple(int(n) for n in counts)


_BROUGHT = "as the source brings them"


def _parts(job: Job) -> tuple[PartLine, ...]:
    parts = job.prepared.dataset.parts()
    base = parts["train"].values
    brought = {role: role != "train" and part.values is not base for role, part in parts.items()}
    brought["train"] = parts["train"].index is None and all(
        alone for role, alone in brought.items() if role != "train"
    )
    return tuple(
        PartLine(role, len(part), _BROUGHT if brought[role] else "cut by the split")
        for role, part in parts.items()
    )


_CUTS = {
    "random": "Rows are drawn at random, by the seed",
    "order": "The last rows of the file are the test part, those before them the validation part",
    "time": "The latest rows by {column} are the test part, those before them the validation part",
    "group": "All rows with the same {column} are in one part, drawn by the value itself",
    "column": "The column {column} says which part a row is in",
}


def _cut(loaded: LoadedConfig, parts: Sequence[PartLine]) -> str:
    """How the rows were split, in a sentence."""
    split = loaded.config.data.split
    if all(part.origin == _BROUGHT for part in parts):
        return "The parts are those of the source." if len(parts) > 1 else "All rows are learned."
    told = _CUTS[split.by].format(column=code(split.column or ""))
    if split.stratify:
        told += "; every class keeps its share"
    if split.folds is not None:
        told += f". The test part is fold {split.fold} of {split.folds}"
    return f"{told}."


def _spreads(part: Part, targets: Sequence[str]) -> tuple[tuple[str, float, float, float], ...]:
    """Lowest, median and highest number of each target, in the training part."""
    values = part.targets_array.reshape(len(part), -1)
    names = list(targets) if len(targets) == values.shape[1] else None
    found = []
    for j in range(min(values.shape[1], MOST_CLASSES)):
        ordered = np.sort(values[:, j].astype(np.float64))
        middle = float(ordered[(len(ordered) - 1) // 2] / 2 + ordered[len(ordered) // 2] / 2)
        name = str(j) if names is None else names[j]
        found.append((name, float(ordered[0]), middle, float(ordered[-1])))
    return tuple(found)


def _measured(job: Job, role: str, found: Mapping[str, Any], support: tuple[int, ...]) -> Measured:
    words = job.loaded.config.evaluation.metrics or ()
    matrices = [one.called for one in words if one.type == "confusion_matrix" and not one.weighted]
    return Measured(
        role,
        found["rows"],
        found["metrics"],
        found.get("positive_class"),
        job.subjects.positive,
        support,
        next((name for name in matrices if name in found["metrics"]), None),
    )


_MOST_METRICS = 2


def _shown(job: Job, epoch: Mapping[str, float]) -> tuple[str, ...]:
    """The loss and the first metrics of the config, of training and of validation.

    epoch: what there is of one.
    """
    metrics = [name for name in job.design.recipe.metrics.scalars if name in epoch]
    first = ["loss", *metrics[:_MOST_METRICS]]
    return tuple(n for n in [*first, *(f"val_{name}" for name in first)] if n in epoch)


def _digests(run: RunDirectory, job: Job, document: Mapping[str, Any]) -> dict[str, str]:
    return {
        "the resolved config": digest_document(document),
        **{f"data, {role}": digest for role, digest in sorted(job.digests.items())},
        MODEL_WEIGHTS: digest_of_file(run.path(MODEL_WEIGHTS)),
    }


def _without_folders(job: Job, text: str) -> str:
    """A sentence that names files, by their names alone: the folders are this machine's."""
    labels = {name for part in job.prepared.brought.prints.values() for name in part.files}
    files = {re.sub(r", (columns?|array) '.*", "", label, flags=re.DOTALL) for label in labels}
    for file in sorted(files - {""}, key=len, reverse=True):
        path = PurePath(file)
        text = text.replace(file, path.name)
        if len(path.parent.parts) > 1:
            text = text.replace(f"{path.parent}{os.sep}", "")
    return text
