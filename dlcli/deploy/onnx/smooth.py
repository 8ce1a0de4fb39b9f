"""Functions of float64 that ONNX, or what runs it, has not: by the formulas of dlcli's own."""

from collections.abc import Sequence

import numpy as np

from dlcli.data import portable
from dlcli.deploy.onnx.graph import Graph
from dlcli.engine.layers import gelu


def number(graph: Graph, value: float) -> str:
    """A constant in float64."""
    return graph.constant(value, np.float64)


def log1p(graph: Graph, x: str) -> str:
    """log(1 + x): the logarithm of 1 + x as rounded, and what the rounding lost; NaN below -1."""
    one = number(graph, 1.0)
    above = graph.op("Add", x, one)
    lost = graph.op("Div", graph.op("Sub", x, graph.op("Sub", above, one)), above)
    near = graph.op("LessOrEqual", graph.op("Abs", lost), one)  # not where it is no number
    found = graph.op("Where", near, lost, number(graph, 0.0))
    return graph.op("Add", graph.op("Log", above), found)


def expm1(graph: Graph, x: str) -> str:
    """exp(x) - 1; near 0 as 2 t / (1 - t) with t = tanh(x / 2), which keeps its digits."""
    one = number(graph, 1.0)
    t = graph.op("Tanh", graph.op("Mul", x, number(graph, 0.5)))
    small = graph.op("Div", graph.op("Add", t, t), graph.op("Sub", one, t))
    near = graph.op("Less", graph.op("Abs", x), number(graph, 0.5))
    return graph.op("Where", near, small, graph.op("Sub", graph.op("Exp", x), one))


def normal_quantile(graph: Graph, p: str) -> str:
    """The number below which a standard normal variable lies with probability p, by the same
    rational functions as data/portable.py; 1e-10 < p < 1."""
    half = number(graph, 0.5)
    q = graph.op("Sub", p, half)
    r = graph.op("Sub", number(graph, 0.180625), graph.op("Mul", q, q))
    central = graph.op("Mul", q, _ratio(graph, portable.CENTRAL, r))
    lower = graph.op("Less", q, number(graph, 0.0))
    rarer = graph.op("Where", lower, p, graph.op("Sub", number(graph, 1.0), p))
    tail = graph.op("Sqrt", graph.op("Neg", graph.op("Log", rarer)))
    size = _ratio(graph, portable.MIDDLE, graph.op("Sub", tail, number(graph, 1.6)))
    outer = graph.op("Where", lower, graph.op("Neg", size), size)
    near = graph.op("LessOrEqual", graph.op("Abs", q), number(graph, 0.425))
    return graph.op("Where", near, central, outer)


def normal_share(graph: Graph, z: str) -> str:
    """The probability that a standard normal variable lies below z, by the rational function of
    engine/layers/gelu.py: exp(-z^2 / 2) N(|z|) / D(|z|) for a negative z. Errors are at most 2e-16;
    dlcli's own, which halves intervals, gives 1e-9 at least and at most 1 - 1e-9."""
    away = graph.op("Min", graph.op("Abs", z), number(graph, 40.0))
    over, under = (_polynomial(graph, terms, away) for terms in (gelu.NUMERATOR, gelu.DENOMINATOR))
    power = graph.op("Mul", graph.op("Mul", away, away), number(graph, -0.5))
    tail = graph.op("Mul", graph.op("Exp", power), graph.op("Div", over, under))
    above = graph.op("Greater", z, number(graph, 0.0))
    share = graph.op("Where", above, graph.op("Sub", number(graph, 1.0), tail), tail)
    held = graph.op("Min", graph.op("Max", share, number(graph, 1e-9)), number(graph, 1.0 - 1e-9))
    return graph.op("Where", graph.op("IsNaN", z), z, held)


def _ratio(graph: Graph, terms: tuple[Sequence[float], Sequence[float]], x: str) -> str:
    over, under = (_polynomial(graph, one, x) for one in terms)
    return graph.op("Div", over, under)


def _polynomial(graph: Graph, terms: Sequence[float], x: str) -> str:
    """The value of a polynomial, highest power first, by Horner's rule."""
    found = number(graph, terms[0])
    for term in terms[1:]:
        found = graph.op("Add", graph.op("Mul", found, x), number(graph, term))
    return found
