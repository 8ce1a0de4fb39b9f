"""Charts of the answers to a part, as plain values: what is drawn, not how.

ROC and precision-recall curves, calibration, answers beside what is true, residuals. Axes are
those of scikit-learn's displays of these names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from dlcli.deploy.card_wording import number
from dlcli.frozen import frozen
from dlcli.report.axes import LEAST, Span, apart, around, drawable
from dlcli.report.described import Answers, Paired, Part, Ranked, RunPage
from dlcli.wording import counted

Guide = Literal["rising", "zero"]

_CROWDED = 60


@frozen
class Point:
    """told: what it is, in words. share: of all rows, where points stand for many."""

    x: float
    y: float
    told: str
    share: float | None = None


@frozen
class Series:
    """label: what it is called among others, empty where it is alone."""

    label: str
    points: tuple[Point, ...]

    @property
    def drawable(self) -> list[Point]:
        """The points that have a place."""
        return [point for point in self.points if drawable(point.x) and drawable(point.y)]


@frozen
class Plot:
    """A chart. name: of a file, without an ending. title, x, y: of the chart and its axes.

    line: whether points are joined. steps: by a line that goes up or down at the earlier of two,
    and then along. share: both axes go from 0 to 1. alike: both axes have the same range. guide: a
    line for the eye, from corner to corner or at zero. of: which of several numbers of a row it is
    about.
    """

    name: str
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    line: bool = True
    steps: bool = False
    share: bool = False
    alike: bool = False
    guide: Guide | None = None
    of: str = ""

    @property
    def crowded(self) -> bool:
        """Whether its points are many."""
        return sum(len(one.points) for one in self.series) > _CROWDED


def plots_of(run: RunPage, part: Part) -> tuple[Plot, ...]:
    """Of a part, those that there are."""
    answers = part.answers
    if answers is None:
        return ()
    return tuple(_plots(run, part, answers))


def spans_of(plot: Plot) -> tuple[Span, Span] | None:
    """What its axes show, x and y; None where none of its points has a place."""
    points = [point for series in plot.series for point in series.points]
    x = [point.x for point in points if drawable(point.x)]
    y = [point.y for point in points if drawable(point.y)]
    if not any(drawable(point.x) and drawable(point.y) for point in points):
        return None
    if plot.share:
        return Span(0.0, 1.0), Span(0.0, 1.0)
    if plot.alike:
        both = _padded([*x, *y])
        return both, both
    return _padded(x), _padded([*y, 0.0] if plot.guide == "zero" else y)


def _padded(values: Sequence[float]) -> Span:
    low, high = min(values), max(values)
    pad = (high - low) * 0.03
    return Span(low - pad, high + pad) if pad > LEAST else around(low)


def looked_at(answers: Answers) -> str:
    """What the charts are of, where that is not everything."""
    told = []
    if answers.rows < answers.of:
        told.append(
            f"The charts below are of {counted(answers.rows, 'row')}, drawn at random from "
            f"{answers.of:,}."
        )
    count, of = len(answers.ranked), answers.calibrated.of if answers.calibrated else "yes"
    if of != "yes" and count < answers.columns:
        what = "labels" if of == "labels" else "classes"
        told.append(
            f"ROC and precision and recall are of {count} of the {answers.columns:,} {what}: of "
            "those with most rows, and of none that has no row here, or all."
        )
    for one in answers.paired:
        if len(one.points) < one.of:
            told.append(f"{len(one.points)} of {one.of:,} numbers are shown.")
    return " ".join(told)


def _plots(run: RunPage, part: Part, answers: Answers) -> Iterator[Plot]:
    if answers.ranked:
        yield Plot(
            f"{part.role}_roc", "ROC", "false positive rate", "true positive rate",
            tuple(_roc(run, one) for one in answers.ranked),
            share=True, guide="rising",
        )  # fmt: skip
        yield Plot(
            f"{part.role}_precision_recall", "precision and recall (AP: average precision)",
            "recall", "precision",
            tuple(_precision(run, one) for one in answers.ranked),
            steps=True, share=True,
        )  # fmt: skip
    if answers.calibrated is not None:
        yield _calibration(run, part, answers)
    several = len(answers.paired) > 1
    names = run.targets if len(run.targets) == len(answers.paired) else ()
    for paired in answers.paired:
        name = f"output {paired.output}" if several else ""
        if paired.output is not None and paired.output < len(names):
            name = names[paired.output]
        yield from _pairs(part, paired, name)


def name_of(run: RunPage, place: int) -> str:
    """What a class is called; a number where it has no name."""
    return run.classes[place] if place < len(run.classes) else str(place)


def _roc(run: RunPage, one: Ranked) -> Series:
    points = [Point(0.0, 0.0, "above every threshold")]
    for threshold, hits, alarms in one.points:
        told = (
            f"threshold {number(threshold)}: {hits:,} of {one.yes:,} found, {alarms:,} of "
            f"{one.no:,} wrongly"
        )
        points.append(Point(alarms / one.no, hits / one.yes, told))
    return Series(f"{name_of(run, one.place)} (area {number(one.roc_auc)})", tuple(points))


def _precision(run: RunPage, one: Ranked) -> Series:
    points = []
    for threshold, hits, alarms in one.points:
        precision = hits / (hits + alarms)
        told = (
            f"threshold {number(threshold)}: precision {number(precision)}, recall "
            f"{number(hits / one.yes)}"
        )
        points.append(Point(hits / one.yes, precision, told))
    points.insert(0, replace(points[0], x=0.0))  # what is found first is as precise as this
    area = number(one.average_precision)
    return Series(f"{name_of(run, one.place)} (AP {area})", tuple(points))


_SO = {"yes": "are so", "answer": "are right", "labels": "hold"}


def _calibration(run: RunPage, part: Part, answers: Answers) -> Plot:
    found = answers.calibrated
    assert found is not None
    total = sum(rows for rows, _, _ in found.bins)
    points = tuple(
        Point(
            held,
            share,
            f"{counted(rows, 'answer')} held {100 * held:.1f} % probable: {100 * share:.1f} % "
            f"{_SO[found.of]}",
            rows / max(1, total),
        )
        for rows, held, share in found.bins
    )
    what = {
        "yes": f"share that is {name_of(run, 1)}",
        "answer": "share that is right",
        "labels": "share that holds",
    }[found.of]
    label = f"expected calibration error {number(found.error)}"
    return Plot(
        f"{part.role}_calibration", "calibration", "mean predicted probability", what,
        (Series(label, points),), share=True, guide="rising",
    )  # fmt: skip


def _pairs(part: Part, paired: Paired, name: str) -> Iterator[Plot]:
    suffix = f"_{paired.output}" if paired.output else ""
    title = f": {name}" if name else ""
    told = []
    for true, answered in paired.points:
        words = apart(true, answered)
        told.append(f"true {words[0]}, predicted {words[1]}, residual {number(true - answered)}")
    both = tuple(
        Point(answered, true, words)
        for (true, answered), words in zip(paired.points, told, strict=True)
    )
    yield Plot(
        f"{part.role}_actual_vs_predicted{suffix}", f"actual against predicted{title}",
        "predicted", "actual", (Series("", both),), line=False, alike=True, guide="rising",
        of=name,
    )  # fmt: skip
    rest = tuple(Point(point.x, point.y - point.x, point.told) for point in both)
    yield Plot(
        f"{part.role}_residuals{suffix}", f"residuals{title}", "predicted", "actual - predicted",
        (Series("", rest),), line=False, guide="zero", of=name,
    )  # fmt: skip
