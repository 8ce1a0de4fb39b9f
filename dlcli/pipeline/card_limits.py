"""What nobody should believe of a model only because it was trained: the last part of its card."""

from collections.abc import Mapping, Sequence

from dlcli.data.names import class_name
from dlcli.deploy.markdown import prose
from dlcli.pipeline.job import Job
from dlcli.pipeline.rebuilt import rebuilds

_FEW = 200
"""Rows of a judging part below which a share is rough."""

_RARE = 20
"""Training rows of a class below which little is known of it."""

_MOST_NAMES = 10

_DRAWN = {
    "random": "Judged rows were drawn at random from the same source as the training rows",
    "order": "Judged rows are the last ones of the same source",
    "time": "Judged rows are the latest ones of the same source",
    "group": "Judged rows are other groups of the same source",
    "column": "Judged rows are those that the source says",
}


def limits_of(
    job: Job, support: Mapping[str, Sequence[int]], judged: Sequence[str]
) -> tuple[str, ...]:
    """Sentences, in Markdown. support: rows of each class, by part. judged: the evaluated parts."""
    loaded, parts = job.loaded, job.prepared.dataset.parts()
    config, size = loaded.config, job.design.recipe.model.layout.trained
    told = [
        f"{_DRAWN[config.data.split.by]}: how the model does on rows from elsewhere, or from a "
        "later time, was not tested.",
        "Not tested either: rows that are made to mislead it, and groups of rows on their own"
        f"{' (but for the classes above)' if support else ''}.",
        "What it answers outside of the ranges and categories above is anybody's guess: it always "
        "answers something.",
    ]
    if support and judged:
        told.append(
            "How far its probabilities can be taken at their word, the calibration in the run's "
            "`report.html` shows."
        )
    if not judged:
        told.append("No rows were kept apart, so nothing is known of rows that it did not learn.")
    elif "test" not in judged:
        told.append(
            "There is no test part: the validation part may have been looked at while the model "
            "was chosen, so its numbers may flatter."
        )
    if "validation" in judged and "test" in judged and config.training.keep == "best":
        told.append(
            "The kept epoch was chosen while training: trust the test part's numbers before those "
            "of the validation part."
        )
    for role in judged[:1]:
        rows = len(parts[role])  # type: ignore[index]
        if rows < _FEW:
            what = (
                f"one row moves a share by {100 / rows:.2g} %" if support else "numbers are rough"
            )
            told.append(f"The {role} part has only {rows:,} rows: {what}.")
    if size > 10 * len(parts["train"]) and not rebuilds(loaded):
        told.append(
            f"{size:,} parameters learned from {len(parts['train']):,} rows: it can know rows by "
            "heart."
        )
    told += _classes(job, support, judged)
    if job.findings:
        told.append("What the audit found (above) may make the metrics say too much or too little.")
    return tuple(told)


def _classes(job: Job, support: Mapping[str, Sequence[int]], judged: Sequence[str]) -> list[str]:
    """Sentences about classes of few rows."""
    if not support:
        return []
    names, told = job.design.classes, []
    rare = [k for k, rows in enumerate(support["train"]) if rows < _RARE]
    if rare:
        told.append(f"Fewer than {_RARE} training rows: {_named(names, rare)}.")
    for role in judged[:1]:
        absent = [k for k, rows in enumerate(support[role]) if not rows]
        if absent:
            told.append(f"The {role} part has no row of {_named(names, absent)}.")
    return told


def _named(names: Sequence[str] | None, numbers: Sequence[int]) -> str:
    shown = ", ".join(prose(class_name(names, k)) for k in numbers[:_MOST_NAMES])
    left = len(numbers) - _MOST_NAMES
    return f"{shown} and {left:,} more" if left > 0 else shown
