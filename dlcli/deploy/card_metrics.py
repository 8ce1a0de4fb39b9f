"""What a model card says of how good the network is, and how it became so."""

from collections.abc import Sequence
from typing import Any

from dlcli.deploy.card_described import Card, Measured
from dlcli.deploy.card_wording import MOST_EPOCHS, largest, left_out, number
from dlcli.deploy.markdown import code, fenced, table
from dlcli.wording import counted

_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARKS = 60


def metrics(card: Card) -> list[str]:
    lines: list[str] = []
    if not card.results:
        lines = ["", "No part was kept apart, so nothing was evaluated."]
    for found in card.results:
        lines += ["", f"### The {found.role} part ({counted(found.rows, 'row')})", ""]
        rows = [
            (code(name) + _speaks_of(found, name), number(value))
            for name, value in found.scalars.items()
        ]
        lines += table(("metric", "value"), rows, 1)
        if card.classes:
            lines += [*_by_class(card, found), *_matrix(card, found)]
    return [*lines, *_curve(card)]


def _speaks_of(found: Measured, name: str) -> str:
    if found.positive is None or name not in found.of_positive:
        return ""
    return f" of {code(found.positive)}"


def _by_class(card: Card, found: Measured) -> list[str]:
    """Each class with its rows, and what was measured of it or follows from the matrix."""
    lists = {
        name.removesuffix("_per_class"): values
        for name, values in found.metrics.items()
        if isinstance(values, list) and values and isinstance(values[0], int | float)
    }
    if found.matrix is not None:
        lists = {**of_matrix(found.metrics[found.matrix]), **lists}
    if not lists:
        return []
    what = "label" if card.kind == "multilabel" else "class"
    rows = [
        (
            code(card.classes[k]),
            *(number(values[k]) for values in lists.values()),
            f"{found.support[k]:,}",
        )
        for k in largest(found.support)
    ]
    header = (what, *map(_word, lists), "rows")
    return ["", *table(header, rows, len(header) - 1), *left_out(len(card.classes), what)]


def _word(name: str) -> str:
    return name if name.isascii() and name.isalnum() else code(name)


def of_matrix(matrix: Sequence[Any]) -> dict[str, list[float]]:
    """Precision and recall of each class, or of each label's yes; 0 of nothing, as the metrics."""
    if matrix and isinstance(matrix[0][0], list):
        triples = [(m[1][1], m[0][1] + m[1][1], sum(m[1])) for m in matrix]
    else:
        triples = [
            (matrix[k][k], sum(row[k] for row in matrix), sum(matrix[k]))
            for k in range(len(matrix))
        ]
    return {
        "precision": [right / said if said else 0.0 for right, said, _ in triples],
        "recall": [right / true if true else 0.0 for right, _, true in triples],
    }


def _matrix(card: Card, found: Measured) -> list[str]:
    if found.matrix is None:
        return []
    matrix = found.metrics[found.matrix]
    chosen = largest(found.support)
    if isinstance(matrix[0][0], list):
        header = ("label", "right no", "wrong yes", "wrong no", "right yes")
        rows = [
            (code(card.classes[k]), *(f"{n:,}" for row in matrix[k] for n in row)) for k in chosen
        ]
        return ["", *table(header, rows, 4), *left_out(len(card.classes), "label")]
    names = [code(card.classes[k], 30) for k in chosen]
    rows = [
        (f"**{name}**", *(f"{matrix[k][j]:,}" for j in chosen))
        for name, k in zip(names, chosen, strict=True)
    ]
    return [
        "",
        "Confusion matrix: rows are true classes, columns are answers.",
        "",
        *table(("", *names), rows, len(names)),
        *left_out(len(card.classes), "class"),
    ]


def _curve(card: Card) -> list[str]:
    if not card.curve:
        return []
    chosen = epochs_shown(len(card.curve), card.kept)
    rows = [
        (
            f"{epoch}{' (kept)' if epoch == card.kept else ''}",
            *(number(card.curve[epoch - 1][name]) for name in card.shown),
        )
        for epoch in chosen
    ]
    width = max(map(len, card.shown))
    sparks = [
        f"{name:<{width}}  {sparkline([epoch[name] for epoch in card.curve])}  "
        f"{number(card.curve[0][name])} to {number(card.curve[-1][name])}"
        for name in card.shown
    ]
    few = "" if len(chosen) == len(card.curve) else f" ({len(chosen)} of {len(card.curve):,})"
    return [
        "",
        f"### By epoch{few}",
        "",
        *fenced(sparks),
        "",
        *table(("epoch", *map(code, card.shown)), rows, len(card.shown)),
    ]


def epochs_shown(count: int, kept: int) -> list[int]:
    """At most `MOST_EPOCHS` of so many: the first, the kept, the last, and others evenly between.

    >>> epochs_shown(3, 2), epochs_shown(100, 37)[:5]
    ([1, 2, 3], [1, 10, 20, 30, 37])
    """
    if count <= MOST_EPOCHS:
        return list(range(1, count + 1))
    steps = MOST_EPOCHS - 2
    return sorted({1 + (count - 1) * step // steps for step in range(steps + 1)} | {kept})


def sparkline(values: Sequence[float]) -> str:
    """The course of a number in one line of blocks, from its least to its largest.

    >>> sparkline([4.0, 2.0, 1.0, 1.0])
    '█▃▁▁'
    """
    step = max(1.0, len(values) / _SPARKS)
    some = [values[int(step * place)] for place in range(min(len(values), _SPARKS))]
    low, high = min(some), max(some)
    if not high > low:
        return _BLOCKS[0] * len(some)
    return "".join(_BLOCKS[round(7 * ((value - low) / (high - low)))] for value in some)
