"""Dates taken apart in the graph: in whole numbers that float64 holds."""

from collections.abc import Sequence

import numpy as np

from dlcli.data.transforms.dates import CYCLES, DateParts
from dlcli.deploy.onnx.columns import Dtype, replaced, taken
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.smooth import number


class _Whole:
    """Arithmetic of whole numbers in float64, by names of tensors."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def add(self, x: str, y: str | float) -> str:
        return self._op("Add", x, y)

    def less(self, x: str, y: str | float) -> str:
        """x - y"""
        return self._op("Sub", x, y)

    def times(self, x: str, y: float) -> str:
        return self._op("Mul", x, y)

    def over(self, x: str, y: float) -> str:
        """floor(x / y)"""
        return self._graph.op("Floor", self._op("Div", x, y))

    def rest(self, x: str, y: float) -> str:
        """x - floor(x / y) y"""
        return self.less(x, self.times(self.over(x, y), y))

    def equals(self, x: str, y: float) -> str:
        """1 or 0"""
        same = self._op("Equal", x, y)
        return self._graph.cast(same, np.float64)

    def above(self, x: str, y: float) -> str:
        """1 or 0: whether x > y."""
        return self._graph.cast(self._op("Greater", x, y), np.float64)

    def product(self, x: str, y: str) -> str:
        return self._op("Mul", x, y)

    def _op(self, kind: str, x: str, y: str | float) -> str:
        return self._graph.op(kind, x, y if isinstance(y, str) else number(self._graph, y))


_DAY = 86400.0


def parts_of(graph: Graph, seconds: str) -> dict[str, str]:
    """The parts of moments in seconds since 1970, as data/transforms/dates.py works them out."""
    w = _Whole(graph)
    days = w.over(seconds, _DAY)
    within = w.less(seconds, w.times(days, _DAY))
    shifted = w.add(days, 719_468.0)
    era = w.over(shifted, 146_097.0)
    of_era = w.less(shifted, w.times(era, 146_097.0))
    leaps = w.less(w.over(of_era, 36_524.0), w.over(of_era, 1460.0))
    of_years = w.less(w.add(of_era, leaps), w.over(of_era, 146_096.0))
    year_of_era = w.over(of_years, 365.0)
    gone = w.less(w.over(year_of_era, 4.0), w.over(year_of_era, 100.0))
    of_year = w.less(of_era, w.add(w.times(year_of_era, 365.0), gone))
    from_march = w.over(w.add(w.times(of_year, 5.0), 2.0), 153.0)
    begun = w.over(w.add(w.times(from_march, 153.0), 2.0), 5.0)
    day = w.add(w.less(of_year, begun), 1.0)
    after = w.above(from_march, 9.0)  # January and February, which end the year
    month = w.less(w.add(from_march, 3.0), w.times(after, 12.0))
    year = w.add(w.add(year_of_era, w.times(era, 400.0)), after)
    fourth, hundredth = w.equals(w.rest(year, 4.0), 0.0), w.equals(w.rest(year, 100.0), 0.0)
    leap = w.add(w.less(fourth, hundredth), w.equals(w.rest(year, 400.0), 0.0))
    before = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], np.float64)
    # A cell that is missing has no month: the table is asked for any, and the sum is missing.
    place = graph.cast(w.less(month, 1.0), np.int64)
    place = graph.op("Min", place, graph.constant(11, np.int64))
    place = graph.op("Max", place, graph.constant(0, np.int64))
    passed = graph.op("Gather", graph.constant(before, np.float64), place, axis=0)
    return {
        "year": year,
        "month": month,
        "day": day,
        "weekday": w.rest(w.add(days, 3.0), 7.0),
        "hour": w.over(within, 3600.0),
        "minute": w.rest(w.over(within, 60.0), 60.0),
        "day_of_year": w.add(w.add(passed, day), w.product(leap, w.above(month, 2.0))),
        "days": graph.op("Div", seconds, number(graph, _DAY)),
    }


def date_parts(graph: Graph, step: DateParts, x: str, dtype: Dtype) -> str:
    """The parts of all dates at once (batch, c); then those of each, side by side."""
    width, count = step.in_shape[0], len(step.positions)
    seconds = graph.cast(taken(graph, x, width, step.positions), np.float64)
    found = parts_of(graph, seconds)
    of_each: list[Sequence[str]] = []
    for part in step.parts:
        of_each.append(graph.split(graph.cast(found[part], dtype), [1] * count))
        if step.cyclic and part in CYCLES:
            first, many = CYCLES[part]
            turn = graph.op("Sub", found[part], number(graph, first))
            turn = graph.op("Mul", turn, number(graph, 2.0 * np.pi / many))
            angle = graph.cast(turn, np.float32)
            for kind in ("Sin", "Cos"):
                y = graph.cast(graph.op(kind, angle), dtype)
                of_each.append(graph.split(y, [1] * count))
    made = {
        position: graph.concat([parts[number_of] for parts in of_each])
        for number_of, position in enumerate(step.positions)
    }
    return replaced(graph, x, width, made)
