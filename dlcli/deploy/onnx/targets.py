"""The scale of a target undone in the graph, in float64, step after step."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.data.targets import LoggedTarget, RankedTarget, Scaled, TargetScale
from dlcli.data.transforms.curves import TAIL
from dlcli.deploy.onnx import smooth
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.searching import interpolated
from dlcli.engine.layer import Shape


def unscaled(graph: Graph, scale: TargetScale, y: str, shape: Shape) -> str:
    """Answers in the target's own units, double (batch, *shape), of what the network says."""
    y = graph.cast(y, np.float64)
    for step in reversed(scale.steps):
        y = WRITTEN[type(step)](graph, step, y, shape)
    return y


def _affine(graph: Graph, step: Scaled, y: str, shape: Shape) -> str:
    wide = graph.op("Mul", y, graph.constant(step.scale, np.float64))
    return graph.op("Add", wide, graph.constant(step.offset, np.float64))


def _log1p(graph: Graph, step: LoggedTarget, y: str, shape: Shape) -> str:
    return smooth.expm1(graph, y)


def _quantile(graph: Graph, step: RankedTarget, y: str, shape: Shape) -> str:
    """The target of a share, linear between known ones."""
    known = [np.ascontiguousarray(column) for column in step.ranks.known.T]
    share = graph.reshape(y, (len(known),))
    if step.ranks.normal:
        share = smooth.normal_share(graph, share)
        for end, compare, value in (
            (TAIL, "LessOrEqual", 0.0),
            (1.0 - TAIL, "GreaterOrEqual", 1.0),
        ):
            beyond = graph.op(compare, share, smooth.number(graph, end))
            share = graph.op("Where", beyond, smooth.number(graph, value), share)
    shares = np.arange(len(known[0])) / max(1, len(known[0]) - 1)
    return graph.reshape(interpolated(graph, share, [shares] * len(known), known), shape)


WRITTEN: Mapping[type[Any], Callable[[Graph, Any, str, Shape], str]] = {
    LoggedTarget: _log1p,
    RankedTarget: _quantile,
    Scaled: _affine,
}
"""(graph, step, y float64, shape of a row) -> y before the step."""
