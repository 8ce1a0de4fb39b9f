"""Tables as people have them, drawn: each with its names, its rows, and whether a name is odd."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Row = list[str]


class Drawn(NamedTuple):
    names: Row
    rows: list[Row]


def _words(draw: np.random.Generator, words: str, rows: int) -> Row:
    return [str(word) for word in draw.choice(words.split(), rows)]


def _numbers(draw: np.random.Generator, digits: int, rows: int, scale: float = 10.0) -> Row:
    return [f"{value:.{digits}f}" for value in draw.normal(scale, scale / 3, rows)]


def _table(**columns: Row) -> Drawn:
    return Drawn(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])


def flowers(draw: np.random.Generator, n: int) -> Drawn:
    return _table(
        sepal=_numbers(draw, 1, n),
        petal=_numbers(draw, 1, n),
        kind=_words(draw, "Iris-setosa Iris-versicolor Iris-virginica", n),
    )


def shells(draw: np.random.Generator, n: int) -> Drawn:
    measures = {f"part_{i}": _numbers(draw, 3, n) for i in range(6)}
    return _table(sex=_words(draw, "M F I", n), **measures, rings=_words(draw, "7 8 9 15", n))


def counts(draw: np.random.Generator, n: int) -> Drawn:
    return _table(**{f"x{i}": _words(draw, "0 1 2 3 4 5 6", n) for i in range(5)})


def cars(draw: np.random.Generator, n: int) -> Drawn:
    """Categories only, one of them of digits."""
    return _table(
        buying=_words(draw, "vhigh high med low", n),
        doors=_words(draw, "2 3 4 5more", n),
        boot=_words(draw, "small med big", n),
        safety=_words(draw, "low med high", n),
        rating=_words(draw, "unacc acc good vgood", n),
    )


def quoted(draw: np.random.Generator, n: int) -> Drawn:
    return _table(
        age=_words(draw, "'30-39' '40-49' '50-59'", n),
        degree=_words(draw, "'1' '2' '3'", n),
        event=_words(draw, "'yes' 'no'", n),
    )


def horses(draw: np.random.Generator, n: int) -> Drawn:
    """With missing cells, in the first row, too."""
    cells = [_numbers(draw, 1, n) for _ in range(5)]
    for column in cells:
        for row in np.flatnonzero(draw.random(n) < 0.3):
            column[row] = "?"
    return _table(**{f"c{i}": column for i, column in enumerate(cells)}, y=_words(draw, "1 2", n))


def series(draw: np.random.Generator, n: int) -> Drawn:
    days = [f"19{80 + i // 336}-{i // 28 % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(n)]
    return _table(Date=days, Temp=_numbers(draw, 1, n))


def messages(draw: np.random.Generator, n: int) -> Drawn:
    texts = [" ".join(_words(draw, "go come see you at home now later", 7)) for _ in range(n)]
    return _table(label=_words(draw, "ham spam", n), message=texts)


def commas(draw: np.random.Generator, n: int) -> Drawn:
    return _table(
        a=[cell.replace(".", ",") for cell in _numbers(draw, 2, n)],
        b=[cell.replace(".", ",") for cell in _numbers(draw, 2, n)],
        kind=_words(draw, "x y", n),
    )


def passengers(draw: np.random.Generator, n: int) -> Drawn:
    """Mixed: numbers, categories, truth values, nearly unique names, missing cells."""
    ages = [cell if keep else "" for cell, keep in
            zip(_numbers(draw, 0, n, 30.0), draw.random(n) < 0.8, strict=True)]  # fmt: skip
    return _table(
        survived=_words(draw, "0 1", n),
        name=[f"{word}, Mr. {i}" for i, word in enumerate(_words(draw, "Low Ray Fox", n))],
        age=ages,
        who=_words(draw, "man woman child", n),
        alone=_words(draw, "True False", n),
    )


TABLES: dict[str, Callable[[np.random.Generator, int], Drawn]] = {
    table.__name__: table
    for table in (
        flowers, shells, counts, cars, quoted, horses, series, messages, commas, passengers,
    )
}  # fmt: skip
