"""What goes into a model: an input for each column of a table, else one for each value of a row.

A column of a table is an input of its name, (batch, 1): numbers as double, NaN where one is
missing; dates as seconds since 1970-01-01 00:00, double, too; texts as such, "" where one is
missing. A text is compared to the last letter: dlcli's reader of CSV strips blanks, so whoever asks
does, too.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from dlcli.data.dataset import ONLY, Column
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.transforms.hashing import Hashed
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.onnx.graph import MICROSOFT, ML, TEXT, Graph, Port
from dlcli.deploy.onnx.preprocessing import finite, prepared
from dlcli.deploy.written import stored_dtype
from dlcli.engine.layer import Array

ALONE = "input"
"""What the only value of a row is called, where it has no columns with names."""

DOUBLE = np.dtype(np.float64)
_HOLE = -1
"""The code of a missing text, before it becomes NaN."""


def ports(bundle: Bundle) -> list[Port]:
    """The inputs, in their order."""
    found = []
    for name, fitted in bundle.preprocessing.items():
        if fitted.columns is None:
            dtype = _given(bundle.row_dtypes[name])
            found.append(Port(name or ALONE, dtype, tuple(fitted.row_shape)))
        else:
            found += [Port(port, _dtype(column), (1,)) for port, column in _named(name, fitted)]
    return found


def _named(name: str, fitted: Preprocessing) -> Iterator[tuple[str, Column]]:
    """The columns of a value and what their inputs are called."""
    for column in fitted.columns or ():
        yield column.name if name == ONLY else f"{name}.{column.name}", column


def _dtype(column: Column) -> np.dtype[Any]:
    return DOUBLE if column.categories is None else TEXT


def _given(name: str) -> np.dtype[Any]:
    """The type of an input of numbers: that of stored rows, where ONNX has it."""
    dtype = stored_dtype(name)
    return dtype if dtype.itemsize <= DOUBLE.itemsize else DOUBLE


def rows_of(graph: Graph, bundle: Bundle) -> dict[str, str]:
    """The prepared rows of each value, float32, by its name; the graph gets its inputs."""
    graph.inputs += ports(bundle)
    found = {}
    for name, fitted in bundle.preprocessing.items():
        graph.scope("inputs")
        stored = stored_dtype(bundle.row_dtypes[name])
        table = fitted.columns is not None
        x = graph.concat(_cells(graph, name, fitted)) if table else name or ALONE
        if (DOUBLE if table else _given(bundle.row_dtypes[name])) != fitted.dtype:
            x = graph.cast(x, fitted.dtype)
        if table:
            _refuse(graph, graph.op("IsInf", x), 1)
        elif stored.kind == "f" and fitted.steps:
            fine = finite(graph, x, fitted.dtype)
            _refuse(graph, graph.op("Not", fine), len(fitted.row_shape))
        may_lack = table or stored.kind == "f" or stored.itemsize > 2
        found[name] = prepared(graph, fitted, x, may_lack)
    return found


def _refuse(graph: Graph, wrong: str, axes: int) -> None:
    """Rows in which a number cannot be: dlcli reads none that is infinite, and as an array none
    that is missing; whatever the first step would make of it."""
    graph.fault(graph.some(wrong, axes))


def _cells(graph: Graph, name: str, fitted: Preprocessing) -> list[str]:
    """The columns (batch, 1) of a table as numbers, double."""
    bins = bins_of(fitted)
    return [
        port
        if column.categories is None
        else _codes(graph, port, column.categories, bins.get(column.name))
        for port, column in _named(name, fitted)
    ]


def bins_of(fitted: Preprocessing) -> dict[str, int]:
    """The number of bins of each column of texts that is hashed, by its name."""
    return {
        step.names[position]: step.num_bins
        for step in fitted.steps
        if isinstance(step, Hashed)
        for position in step.positions
    }


def _codes(graph: Graph, x: str, texts: tuple[str, ...], bins: int | None) -> str:
    """Texts as they are stored: the n known ones as 0 to n - 1, others as n, or, where they are
    hashed, as n + 1 + their bin; NaN for what is missing."""
    keys, values = list(texts), list(range(len(texts)))
    if "" not in texts:
        keys, values = [*keys, ""], [*values, _HOLE]
    codes = graph.op(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=keys,
        values_int64s=values,
        default_int64=len(texts),
    )
    hole = graph.op("Equal", codes, graph.constant(_HOLE, np.int64))
    if bins is not None:
        count = graph.constant(len(texts), np.int64)
        hashed = graph.op("MurmurHash3", x, domain=MICROSOFT, seed=0, positive=1)
        place = graph.op("Mod", graph.cast(hashed, np.int64), graph.constant(bins, np.int64))
        other = graph.op("Add", place, graph.constant(len(texts) + 1, np.int64))
        codes = graph.op("Where", graph.op("Equal", codes, count), other, codes)
    missing = graph.constant(np.nan, np.float64)
    return graph.op("Where", hole, missing, graph.cast(codes, np.float64))


def feeds(
    bundle: Bundle,
    rows: Mapping[str, Array],
    strange: Mapping[tuple[str, float], str] = MappingProxyType({}),
) -> dict[str, Array]:
    """Stored rows as the inputs of the model, by their names.

    rows: of each value, by its name. strange: the texts of codes behind those of the known ones,
        by the name of the input and the code; any other such code becomes a text that is unknown.
    """
    found: dict[str, Array] = {}
    for name, fitted in bundle.preprocessing.items():
        stored = rows[name]
        if fitted.columns is None:
            found[name or ALONE] = stored.astype(_given(bundle.row_dtypes[name]), copy=False)
            continue
        for j, (port, column) in enumerate(_named(name, fitted)):
            cells = stored[:, j : j + 1].astype(np.float64)
            if column.categories is not None:
                cells = _texts(cells, port, column.categories, strange)
            found[port] = cells
    return found


def _texts(
    cells: Array, port: str, known: tuple[str, ...], strange: Mapping[tuple[str, float], str]
) -> Array:
    """The texts of codes (n, 1)."""
    unknown = "(unknown)"
    while unknown in known:
        unknown += "?"
    texts = np.empty(cells.shape, object)
    for row, code in enumerate(cells[:, 0].tolist()):
        if code != code:
            texts[row, 0] = ""
        elif code < len(known):
            texts[row, 0] = known[int(code)]
        else:
            texts[row, 0] = strange.get((port, code), unknown)
    return texts
