"""The first config for a table: from what was seen of it to YAML that a person would keep.

Only what differs from the defaults is written, and a reason where it is not evident.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from dlcli.data.formats.notation import MISSING
from dlcli.data.looking.look import ColumnLook, Look
from dlcli.dates import ISO
from dlcli.errors import UsageError
from dlcli.pipeline.recipe import Recipe, recipe
from dlcli.pipeline.yaml_text import WIDEST, comment, one_line, text

_FEW_CATEGORIES = 40
"""Above, a column of text becomes vectors that are learned, not a column for each category."""
_OFTEN = 2
"""A category that comes more rarely is one of the rare ones, which share a place."""
_RARE_CLASS = 20
_UNEVEN = 1.2
_TIMES_OF_DAY = ("%H", "%I")

_LOSSES = {
    "regression": "mean_squared_error",
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
}


def first_config(look: Look, file: Path, path: str) -> str:
    """The text of the YAML file, which is going to be `file`; path: how it calls the table."""
    features = look.having("feature")
    if not features:
        raise UsageError(_nothing_to_learn_from(look))
    if look.series is not None and not _is_dated(look):
        raise UsageError(_windows(look))
    task = "regression" if look.task == "series" else look.task
    chosen = recipe(look.rows, _width(features), max(1, len(look.classes)))
    lines = [
        f"# dlcli train {shlex.quote(str(file))}",
        comment(_about(look, path)),
        "version: 1",
        "data:",
        *_source(look, path),
        *_split(look, chosen),
        *_transforms(look, features),
    ]
    if not look.learns_classes:
        lines.append("  target_transform: standardize")
    lines += [
        "model:",
        "  layers:",
        *(f"    - {layer}" for layer in _layers(look, features, chosen, task)),
        f"loss: {_LOSSES[task]}",
        _optimizer(chosen),
        *_training(look, chosen),
        f"evaluation: {{metrics: {one_line(_metrics(look))}}}",
    ]
    return "\n".join(lines) + "\n"


def _about(look: Look, path: str) -> str:
    target = repr(look.target)
    what = f"{look.rows:,} rows of {path}"
    if look.series is not None:
        return f"{target} by {look.series!r} alone, {what}; earlier rows are not looked at yet"
    if look.learns_classes:
        return f"which of {len(look.classes)} classes {target} is, from {what}"
    return f"the number {target}, from {what}"


def _source(look: Look, path: str) -> Iterator[str]:
    format = look.format
    options: dict[str, object] = {"type": "csv", "path": path, "target": look.target}
    usual = {
        "delimiter": ",", "header": None, "decimal": ".", "thousands": None, "comment": None,
        "quote": '"',
    }  # fmt: skip
    options |= {k: v for k, default in usual.items() if (v := getattr(format, k)) != default}
    if look.marks:
        options["missing"] = [*MISSING, *look.marks]
    target = look.of(look.target).facts
    if target.missing:
        options["missing_target"] = "drop"
    kinds = _kinds(look)
    if kinds:
        options["kinds"] = kinds
    if look.series is not None:
        options["features"] = [look.series]
    ignored = look.having("ignored")
    plain = not ignored and not target.missing
    written = f"  source: {one_line(options)}"
    if plain and len(written) <= WIDEST:
        yield written
        return
    yield "  source:"
    for name, value in options.items():
        why = ""
        if name == "missing_target":
            why = f"   {comment(f'{target.missing:,} rows have no {look.target!r}')}"
        yield f"    {name}: {one_line(value)}{why}"
    if ignored:
        yield "    ignore:"
        names = [text(column.name) for column in ignored]
        width = min(30, max(map(len, names)))
        for name, column in zip(names, ignored, strict=True):
            yield f"      - {name.ljust(width)}  {comment(column.reason)}"


def _kinds(look: Look) -> dict[str, str]:
    """Of the columns whose look misleads."""
    kinds = {}
    for column in look.having("feature"):
        if column.facts.kind == "date":
            kinds[column.name] = column.facts.dates[0]
        elif column.facts.mixed:
            kinds[column.name] = "text"
    target = look.of(look.target).facts
    if look.learns_classes and (target.mixed or (target.kind == "number" and not target.whole)):
        kinds[look.target] = "text"
    return kinds


def _split(look: Look, chosen: Recipe) -> Iterator[str]:
    split: dict[str, object] = {"validation": chosen.validation, "test": 0.2}
    if not chosen.validation:
        split["validation"] = 0
    if look.learns_classes:
        split["stratify"] = True
    if look.series is not None:
        split |= {"by": "time", "column": look.series}
    why = "" if chosen.validation else "   # few rows: none to spare for validation"
    yield f"  split: {one_line(split)}{why}"


def _transforms(look: Look, features: Sequence[ColumnLook]) -> Iterator[str]:
    numbers = [c for c in features if c.facts.kind == "number"]
    dates = [c for c in features if c.facts.kind == "date"]
    few, many = _texts(features)
    steps: list[tuple[dict[str, object] | str, str]] = []
    if any(c.facts.missing for c in (*numbers, *dates)):
        impute = {"type": "impute", "strategy": "median", "add_indicator": True}
        steps.append((impute, ""))
    if dates:
        parts = ["days", "month", "weekday"]
        if any(_has_hours(column) for column in dates):
            parts.append("hour")
        steps.append(({"type": "date_parts", "parts": parts, "cyclic": True}, ""))
    if numbers or dates:
        mixed = few or many or any(c.facts.missing for c in (*numbers, *dates))
        usual: dict[str, object] = {"type": "standardize", "columns": "numeric"}
        steps.append((usual if mixed or dates else "standardize", ""))
    unknown: dict[str, object] = {"handle_unknown": "ignore"}
    why_few = "unknown ones are 0 in all columns"
    if any(count <= _OFTEN for column in (*few, *many) for _, count in column.facts.counts):
        unknown = {"handle_unknown": "bucket", "min_frequency": _OFTEN}
        why_few = "rare and unknown ones share a column"
    if many:
        names = [column.name for column in many]
        why = f"more than {_FEW_CATEGORIES} categories"
        steps.append(({"type": "category", "columns": names, **unknown}, why))
    if few:
        steps.append(({"type": "one_hot", **unknown}, why_few))
    if steps == [("standardize", "")]:
        yield "  transforms: [standardize]"
        return
    yield "  transforms:"
    for step, why in steps:
        yield f"    - {one_line(step)}" + (f"   {comment(why)}" if why else "")


def _layers(look: Look, features: Sequence[ColumnLook], chosen: Recipe, task: str) -> Iterator[str]:
    _, many = _texts(features)
    if many:
        dims = {column.name: _vector(_categories(column)) for column in many}
        yield one_line({"type": "column_embeddings", "output_dim": dims})
    for units in chosen.units:
        penalty = {"type": "l2", "l2": chosen.l2}
        yield one_line(
            {
                "type": "dense",
                "units": units,
                "activation": "relu",
                "kernel_regularizer": penalty,
            }
        )
        if chosen.dropout:
            yield one_line({"type": "dropout", "rate": chosen.dropout})
    last: dict[str, object] = {"type": "dense", "units": 1}
    if task == "multiclass":
        last = {"type": "dense", "units": len(look.classes), "activation": "softmax"}
    elif task == "binary":
        last["activation"] = "sigmoid"
    yield one_line(last)


def _optimizer(chosen: Recipe) -> str:
    rate = {
        "type": "cosine",
        "peak": chosen.learning_rate,
        "warmup_epochs": chosen.warmup_epochs,
    }
    return f"optimizer: {one_line({'type': 'adam', 'learning_rate': rate})}"


def _training(look: Look, chosen: Recipe) -> Iterator[str]:
    yield "training:"
    yield f"  epochs: {chosen.epochs}"
    yield f"  batch_size: {chosen.batch_size}"
    if chosen.patience is not None:
        yield f"  early_stopping: {{patience: {chosen.patience}}}"
    if look.task == "binary":
        counts = [count for _, count in look.classes]
        if max(counts) > _UNEVEN * min(counts):
            share = f"{min(counts):,} of {sum(counts):,} rows are of the rarer class"
            yield f"  class_weight: balanced   {comment(share)}"


def _metrics(look: Look) -> list[str]:
    if look.task == "binary":
        rare = min(count for _, count in look.classes)
        ranking = ["roc_auc"] if rare >= _RARE_CLASS else []
        return ["balanced_accuracy", "accuracy", *ranking]
    if look.task == "multiclass":
        return ["accuracy", "balanced_accuracy", "f1"]
    return ["r2", "mean_absolute_error"]


def _texts(features: Sequence[ColumnLook]) -> tuple[list[ColumnLook], list[ColumnLook]]:
    """The columns of text of few categories, and those of many."""
    texts = [column for column in features if column.facts.kind == "text"]
    few = [column for column in texts if _categories(column) <= _FEW_CATEGORIES]
    return few, [column for column in texts if _categories(column) > _FEW_CATEGORIES]


def _categories(column: ColumnLook) -> int:
    """How many there are, without those that come too rarely to have a place of their own."""
    return sum(count >= _OFTEN for _, count in column.facts.counts)


def _width(features: Sequence[ColumnLook]) -> int:
    """About how many columns there are after the transforms."""
    few, many = _texts(features)
    others = len(features) - len(few) - len(many)
    return (
        others
        + sum(_categories(column) for column in few)
        + sum(_vector(_categories(column)) for column in many)
    )


def _vector(categories: int) -> int:
    """How long the vector of a category is."""
    return min(16, 4 + categories // 40)


def _has_hours(column: ColumnLook) -> bool:
    written = column.facts.dates[0]
    if written == ISO:
        return any(":" in cell for cell, _ in column.facts.counts[:100])
    return any(word in written for word in _TIMES_OF_DAY)


def _is_dated(look: Look) -> bool:
    assert look.series is not None
    return look.of(look.series).facts.kind in ("date", "number")


def _windows(look: Look) -> str:
    assert look.series is not None
    counted = look.of(look.series).facts.periods
    return (
        f"{look.path} is a series: {look.series!r} counts periods {counted}, and there is nothing "
        f"else to learn {look.target!r} from. Windows of earlier rows are not made yet: write them "
        "as columns (the value before, that of the year before) and try again."
    )


def _nothing_to_learn_from(look: Look) -> str:
    if sum(bool(column.name) for column in look.columns) == 1:
        return (
            f"{look.path} has one column, {look.target!r}, so there is nothing to learn it from. "
            "If its rows are moments of a series, write earlier values as columns (the value "
            "before, the one before that) and try again."
        )
    told = "; ".join(f"{c.name!r}: {c.reason}" for c in look.having("ignored")[:6])
    return (
        f"{look.path} has no column left to learn {look.target!r} from"
        f"{f' ({told})' if told else ''}; name another target by --target"
    )
