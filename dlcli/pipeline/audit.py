"""The audit of stages 1 and 2: what is probably not meant, gathered, and refused where that is
asked for."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.config.scalars import write_scalar
from dlcli.data.audit import Finding, errors
from dlcli.data.dataset import ONLY, Dataset, Raw
from dlcli.data.duplicates import duplicate_rows
from dlcli.data.leaks import FEATURES, constants, giveaways, identifiers
from dlcli.data.names import class_name
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.strange import buckets, empty_buckets, gap_categories, takes_unknown, unknown_cells
from dlcli.data.suspicions import (
    channels_first,
    looks_channels_first,
    lost_in_float32,
    misread,
)
from dlcli.engine.graph import Node
from dlcli.engine.layer import Shape
from dlcli.engine.layers import Dropout, Flatten, Reshape


def require_none(loaded: LoadedConfig, findings: Iterable[Finding]) -> None:
    """ConfigError that names all findings, where `data.audit` is strict and there are any."""
    found = errors(findings) if loaded.config.data.audit == "strict" else ()
    if found:
        raise loaded.errors((("data", "audit"), finding.told()) for finding in found)


def wanted(loaded: LoadedConfig, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, or none where `data.audit` is off."""
    return () if loaded.config.data.audit == "off" else tuple(findings)


def of_rows(
    loaded: LoadedConfig, raw: Raw, dataset: Dataset, preprocessing: Mapping[str, Preprocessing]
) -> tuple[Finding, ...]:
    """Everything in the rows that is probably not meant; nothing where `data.audit` is off."""
    if loaded.config.data.audit == "off":
        return ()
    seen = [*raw.findings, *dataset.findings, *duplicate_rows(dataset), *_uneven(loaded, dataset)]
    seen += _absent_classes(dataset)
    brought, classes = raw.each(), builder.learns_classes(loaded.config)
    for name, one in dataset.each().items():
        remedy = removal(loaded, name)
        found = (
            *first_channels(loaded, name, one.train.row_shape),
            *lost_in_float32(one.train, preprocessing[name]),
            *giveaways(one.train, classes, remedy),
            *identifiers(brought[name], remedy),
            *constants(one.train, remedy),
            *_empty_buckets(preprocessing[name]),
            *_categories(one, preprocessing[name]),
        )
        seen += [of_input(name, finding) for finding in found]
    return tuple(seen)


def _categories(dataset: Dataset, fitted: Preprocessing) -> tuple[Finding, ...]:
    """Findings about missing cells that are a category, and about categories that only other
    parts have."""
    told = _gaps(gap_categories(fitted))
    taken = takes_unknown(fitted)
    for role, part in dataset.parts().items():
        if role == "train" or not taken:
            continue
        rows = part.take_features(slice(0, _MOST_LOOKED_AT))
        for name, (count, first) in unknown_cells(fitted, rows).items():
            cells = f"{count:,} cell{'s' if count > 1 else ''} of column {name!r}"
            told.append(
                Finding(
                    "unknown_categories",
                    f"the {role} part holds {cells} with categories that the training part does "
                    f"not have (the first: {part.where(first)})",
                    f"they are taken as `handle_unknown: {taken[name]}` says",
                )
            )
    return tuple(told)


def _gaps(names: Sequence[str]) -> list[Finding]:
    """One finding for all columns of which missing cells are a category."""
    if not names:
        return []
    shown = ", ".join(map(repr, names))
    several, are = ("s", "categories") if len(names) > 1 else ("", "a category")
    columns = ", ".join(map(write_scalar, names))
    # A config that `init` wrote has an impute already: it must be said why that one is no help.
    return [
        Finding(
            "gap_category",
            f"missing cells of column{several} {shown} are {are} of their own",
            "that is fine; to fill them in instead, put `{type: impute, strategy: most_frequent, "
            f"columns: [{columns}]}}` before the transform that encodes them (`mean` and `median` "
            "fill in numbers only)",
        )
    ]


_MOST_LOOKED_AT = 100_000
"""Rows of a part that are looked through for unknown categories."""


def _empty_buckets(fitted: Preprocessing) -> tuple[Finding, ...]:
    """A finding where unknown categories belong to rare ones, of which no column has any."""
    names = empty_buckets(fitted)
    if not names or names != buckets(fitted):
        return ()
    shown = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
    return (
        Finding(
            "empty_bucket",
            "`handle_unknown: bucket` puts unknown categories with the rare ones, but none of "
            f"{shown} is rare in the training part, so nothing is learned about rare ones, and "
            "unknown ones are taken as by `ignore`",
            "let more be rare by `min_frequency` or `max_categories`",
        ),
    )


def first_channels(loaded: LoadedConfig, name: str, row_shape: Shape) -> tuple[Finding, ...]:
    """A finding where the images of this value have their channels first; row_shape: as stored."""
    place = "data.transforms" if name == ONLY else f"data.inputs.{name}.transforms"
    return channels_first(row_shape, builder.transforms(loaded.config)[name], place)


def removal(loaded: LoadedConfig, name: str) -> str:
    """Where a column of this value is left out: the end of a sentence."""
    inputs = loaded.config.data.inputs
    return FEATURES if inputs is None else f"the array {inputs[name].array!r}"


def of_input(name: str, finding: Finding) -> Finding:
    """A finding about a value of the data, saying which one where there are several."""
    return finding if name == ONLY else finding.of(f"input {name!r}")


_FEWEST_OF_A_CLASS = 10
_MOST_NAMES = 5


def _absent_classes(dataset: Dataset) -> tuple[Finding, ...]:
    """A finding for each part that has no row of a class of which there are some elsewhere."""
    if dataset.classes is None or dataset.train.targets_array.ndim != 1:
        return ()
    many = len(dataset.classes)
    counts = {
        role: np.bincount(part.targets_array.astype(np.int64), minlength=many)
        for role, part in dataset.parts().items()
    }
    enough = np.sum(list(counts.values()), axis=0) >= _FEWEST_OF_A_CLASS
    told = []
    for role, found in counts.items():
        absent = np.flatnonzero((found == 0) & enough)
        if role == "train" or not len(absent):
            continue
        names = ", ".join(class_name(dataset.classes, int(k)) for k in absent[:_MOST_NAMES])
        dots = ", ..." if len(absent) > _MOST_NAMES else ""
        what, them = ("class", "it") if len(absent) == 1 else ("classes", "them")
        told.append(
            Finding(
                "absent_classes",
                f"the {role} part has no row of the {what} {names}{dots}, so its metrics say "
                f"nothing about {them}",
                "split otherwise: `stratify: true`, or by another column",
            )
        )
    return tuple(told)


def _uneven(loaded: LoadedConfig, dataset: Dataset) -> tuple[Finding, ...]:
    """A finding for each part that has less than half, or more than half as many again, of the
    rows that were asked for."""
    split = builder.split(loaded.config)
    if split.by not in ("group", "time"):
        return ()
    parts = dataset.parts()
    total = sum(map(len, parts.values()))
    told = []
    for role, part in parts.items():
        if role == "train":
            continue
        asked = float(split.fraction(role, brought=False)) * total
        if asked and not 0.5 <= len(part) / asked <= 1.5:
            whole = "groups are kept whole" if split.by == "group" else "a time is kept whole"
            told.append(
                Finding(
                    "uneven_parts",
                    f"the {role} part has {len(part):,} of {total:,} rows, where about "
                    f"{asked:,.0f} were asked for, because {whole}",
                    "split by a column of more values, or ask for another share",
                )
            )
    return tuple(told)


def reshaped_channels_first(nodes: Sequence[Node]) -> tuple[Finding, ...]:
    """A finding where a layer makes rows into images with their channels first, before any
    layer that could learn where things are."""
    for node in nodes:
        if not isinstance(node.layer, Reshape | Flatten | Dropout):
            break
        if isinstance(node.layer, Reshape) and looks_channels_first(node.out_shape):
            return (
                Finding(
                    "channels_first",
                    f"layer `{node.name}`: {misread(node.out_shape)}",
                    "reshape by a transform, "
                    f"`{{type: reshape, target_shape: {list(node.out_shape)}}}`, and put `{{type: "
                    "transpose, dims: [2, 3, 1]}` behind it",
                ),
            )
    return ()
