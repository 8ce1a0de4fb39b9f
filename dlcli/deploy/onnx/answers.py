"""What comes out of a model: the answers as dlcli gives them, and for classes the label."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.onnx.graph import TEXT, Graph, Op, Port
from dlcli.deploy.onnx.targets import unscaled
from dlcli.engine.layer import Shape

FLOAT, DOUBLE, WHOLE = (np.dtype(kind) for kind in (np.float32, np.float64, np.int64))


def free(word: str, taken: Sequence[str]) -> str:
    """The name of an output: the word, longer where an input is called so."""
    while word in taken:
        word += "_"
    return word


def label_names(bundle: Bundle) -> list[str] | None:
    """What the labels are called, as in tables of answers; None where they are numbers."""
    kind, count = bundle.loss.kind(bundle.model.out_shape)
    names = list(bundle.classes or [])
    if kind == "binary":
        return names if len(names) == 2 else None
    if kind != "multiclass" or not names:
        return None
    return names + [f"unit_{index}" for index in range(len(names), count)]


def outputs(bundle: Bundle, taken: Sequence[str]) -> list[Port]:
    """The outputs, in their order; taken: the names of the inputs."""
    kind, count = bundle.loss.kind(bundle.model.out_shape)
    shape = bundle.model.out_shape
    if kind == "regression":
        dtype = FLOAT if bundle.target_scale is None else DOUBLE
        return [Port(free("prediction", taken), dtype, shape)]
    if kind == "multilabel":
        return [Port(free("probabilities", taken), FLOAT, shape)]
    label = WHOLE if label_names(bundle) is None else TEXT
    return [
        Port(free("label", taken), label, ()),
        Port(free("probabilities", taken), FLOAT, (count,)),
    ]


def answered(graph: Graph, bundle: Bundle, y: str, taken: Sequence[str]) -> None:
    """Give the graph its outputs, of the network's raw ones."""
    graph.scope("answers")
    wrong = any_fault(graph)
    ports = outputs(bundle, taken)
    kind, _ = bundle.loss.kind(bundle.model.out_shape)
    found = ANSWERS[kind](graph, bundle, y, wrong)
    for port, tensor in zip(ports, found, strict=True):
        give(graph, port, tensor)


def give(graph: Graph, port: Port, tensor: str) -> None:
    """Make a tensor an output of this name."""
    graph.ops.append(Op("Identity", (tensor,), (port.name,)))
    graph.outputs.append(port)


def any_fault(graph: Graph) -> str | None:
    """Which rows (batch,) the engine would refuse; None where it refuses none."""
    if not graph.faults:
        return None
    found = graph.faults[0]
    for fault in graph.faults[1:]:
        found = graph.op("Or", found, fault)
    return found


def without_wrong(
    graph: Graph,
    y: str,
    wrong: str | None,
    shape: Shape,
    dtype: np.dtype[Any] = FLOAT,
) -> str:
    """y with NaN in the rows that the engine would refuse."""
    if wrong is None:
        return y
    rows = graph.reshape(wrong, (1,) * len(shape)) if shape else wrong
    return graph.op("Where", rows, graph.constant(np.nan, dtype), y)


def _regression(graph: Graph, bundle: Bundle, y: str, wrong: str | None) -> list[str]:
    shape = bundle.model.out_shape
    if bundle.target_scale is None:
        return [without_wrong(graph, y, wrong, shape)]
    return [
        without_wrong(graph, unscaled(graph, bundle.target_scale, y, shape), wrong, shape, DOUBLE)
    ]


def _multilabel(graph: Graph, bundle: Bundle, y: str, wrong: str | None) -> list[str]:
    return [without_wrong(graph, _yes(graph, y), wrong, bundle.model.out_shape)]


def _yes(graph: Graph, y: str) -> str:
    """The probability of yes: with e = exp(-|y|), 1 / (1 + e) where y >= 0, else e / (1 + e)."""
    one = graph.constant(1.0, np.float32)
    small = graph.op("Exp", graph.op("Neg", graph.op("Abs", y)))
    above = graph.op("GreaterOrEqual", y, graph.constant(0.0, np.float32))
    return graph.op("Div", graph.op("Where", above, one, small), graph.op("Add", one, small))


def _binary(graph: Graph, bundle: Bundle, y: str, wrong: str | None) -> list[str]:
    """Two columns, [1 - p, p]; the second class where p is above 0.5."""
    p = _yes(graph, graph.reshape(y, (1,)))
    above = graph.op("Greater", p, graph.constant(0.5, np.float32))
    index = graph.cast(graph.op("Squeeze", above, graph.whole(1)), np.int64)
    both = graph.concat([graph.op("Sub", graph.constant(1.0, np.float32), p), p])
    return _with_label(graph, bundle, index, without_wrong(graph, both, wrong, (2,)))


def _multiclass(graph: Graph, bundle: Bundle, y: str, wrong: str | None) -> list[str]:
    """The first of the classes that are the most probable."""
    probabilities = graph.op("Softmax", y, axis=1)
    index = graph.op("ArgMax", probabilities, axis=1, keepdims=0)
    answers = without_wrong(graph, probabilities, wrong, bundle.model.out_shape)
    return _with_label(graph, bundle, index, answers)


def _with_label(graph: Graph, bundle: Bundle, index: str, answers: str) -> list[str]:
    """The names of classes, or their numbers, before the answers; "" or -1 in rows without one."""
    names = label_names(bundle)
    none = graph.constant(-1 if names is None else len(names), np.int64)
    label = graph.op("Where", graph.some(graph.op("IsNaN", answers), 1), none, index)
    if names is not None:
        label = graph.op("Gather", graph.texts([*names, ""]), label, axis=0)
    return [label, answers]


ANSWERS: Mapping[str, Callable[[Graph, Bundle, str, str | None], list[str]]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
}
"""By what is learned: (graph, bundle, raw outputs, rows to refuse) -> the outputs."""
