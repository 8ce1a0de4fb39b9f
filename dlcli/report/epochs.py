"""Which charts over epochs a page has, as plain values: see curves.py for how they are drawn."""

from collections.abc import Sequence

from dlcli.frozen import frozen
from dlcli.report.described import RunPage
from dlcli.report.lines import Curve


@frozen
class EpochChart:
    """name: of the metric; None: the learning rate. places: which color and dash each has."""

    name: str | None
    curves: tuple[Curve, ...]
    places: tuple[int, ...]

    @property
    def title(self) -> str:
        """What it is of, in words."""
        return "learning rate" if self.name is None else self.name

    @property
    def linear(self) -> bool:
        """A rate falls to nothing by intention: its logarithm would hide all that was before."""
        return self.name is None


def of_run(run: RunPage) -> list[EpochChart]:
    """A metric a chart, in training and in validation, and the learning rate."""
    charts = []
    for name in run.curves:
        if name.startswith("val_") and name[4:] in run.curves:
            continue
        curves = [Curve("training", "", run.curves[name], run.best)]
        if f"val_{name}" in run.curves:
            curves = [
                Curve("training", "training,", run.curves[name], run.best),
                Curve("validation", "validation,", run.curves[f"val_{name}"], run.best),
            ]
        charts.append(EpochChart(name, tuple(curves), tuple(range(len(curves)))))
    if run.rates:
        charts.append(EpochChart(None, (Curve("", "", run.rates, run.best),), (2,)))
    return charts


def of_runs(runs: Sequence[RunPage]) -> list[EpochChart]:
    """Several runs over each other: a chart for each value that an epoch of one of them has."""
    charts = []
    for name in [*dict.fromkeys(name for run in runs for name in run.curves), None]:
        curves, places = [], []
        for place, run in enumerate(runs):
            values = run.rates if name is None else run.curves.get(name, ())
            if len(values):
                curves.append(Curve("", f"run {place + 1},", values, run.best))
                places.append(place)
        if curves:
            charts.append(EpochChart(name, tuple(curves), tuple(places)))
    return charts
