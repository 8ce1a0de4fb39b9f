"""Which figures a paper can have of what a page shows: the same charts, each with a file's name.

What they show is described where the page has it from: epochs.py, plots.py, matrices.py. How they
are drawn: figure_drawing.py.
"""

import re
from collections.abc import Iterator, Sequence

from dlcli.frozen import frozen
from dlcli.report import epochs
from dlcli.report.described import Filters, RunPage
from dlcli.report.epochs import EpochChart
from dlcli.report.lines import span_of
from dlcli.report.markup import readable
from dlcli.report.matrices import Matrix, shown
from dlcli.report.plots import Plot, looked_at, name_of, plots_of, spans_of

_LONGEST_NAME = 80


@frozen
class NamedMatrix:
    """A confusion matrix; names: of the classes that it shows."""

    matrix: Matrix
    names: tuple[str, ...]


@frozen
class Figure:
    """name: of its files, without an ending: letters, digits, _ and - of ASCII.

    title, note: what it is, and which part of that it shows, for the data about a file.
    runs: what each of several runs is called.
    """

    name: str
    title: str
    note: str
    content: EpochChart | Plot | NamedMatrix | Filters
    runs: tuple[str, ...] = ()


def figures_of(runs: Sequence[RunPage]) -> tuple[Figure, ...]:
    """All figures of a run, or those of several together; no two names differ by case alone."""
    found = list(_one(runs[0]) if len(runs) == 1 else _several(runs))
    figures, taken = [], set[str]()
    for figure in found:
        name = _free(safe_name(figure.name), taken)
        taken.add(name.lower())
        title = f"{runs[0].label}: {figure.title}" if len(runs) == 1 else figure.title
        figures.append(Figure(name, title, figure.note, figure.content, figure.runs))
    return tuple(figures)


def safe_name(text: str) -> str:
    """What a file can be called everywhere.

    >>> safe_name("val_loss"), safe_name("../a b$"), safe_name("-é")
    ('val_loss', '_a_b_', '_')
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:_LONGEST_NAME].lstrip("-") or "figure"


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name_2, name_3, ... that nothing is called."""
    free, place = name, 1
    while free.lower() in taken:
        place += 1
        free = f"{name}_{place}"
    return free


def _one(run: RunPage) -> Iterator[Figure]:
    yield from _over_epochs(epochs.of_run(run), ())
    for part in run.parts:
        for name, counts in part.matrices.items():
            matrix = shown(counts)
            names = tuple(name_of(run, place) for place in matrix.places)
            content = NamedMatrix(matrix, names)
            yield Figure(f"{part.role}_{name}", f"{part.role} {name}", matrix.cut, content)
        for plot in plots_of(run, part):
            if spans_of(plot) is not None:
                told = "" if part.answers is None else looked_at(part.answers)
                yield Figure(plot.name, f"{part.role} {plot.title}", told, plot)
    if run.filters is not None and run.filters.values:
        told = f"filters of {run.filters.layer}"
        yield Figure("filters", told, run.filters.cut, run.filters)


def _several(runs: Sequence[RunPage]) -> Iterator[Figure]:
    labels = [readable(run.label) for run in runs]
    if len(set(labels)) < len(labels):
        labels = [f"{place}. {label}" for place, label in enumerate(labels, 1)]
    yield from _over_epochs(epochs.of_runs(runs), tuple(labels))


def _over_epochs(charts: Sequence[EpochChart], runs: tuple[str, ...]) -> Iterator[Figure]:
    for chart in charts:
        if span_of(chart.curves) is not None:
            name = "learning_rate" if chart.name is None else chart.name
            yield Figure(name, chart.title, "", chart, runs)
