"""The part of written source that needs NumPy alone: from cells to rows, from rows to what a
network takes, and from its outputs to answers.

The tables STEPS, TARGETS and ANSWERS say which function of steps.py and ends.py does what each
fitted step, step of a target, and loss does; READERS which of cells.py reads a cell.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import ONLY
from dlcli.data.encoded import Encoding, Numbered, OneHotEncoded
from dlcli.data.fitted import Affine, Fitted, Reshaped, Transposed
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.strange import codes_of_unknown, takes_missing, takes_unknown
from dlcli.data.targets import LoggedTarget, RankedTarget, Scaled, TargetStep
from dlcli.data.transforms.binning import Binned
from dlcli.data.transforms.curves import Clipped, Logged, Ranked
from dlcli.data.transforms.dates import DateParts
from dlcli.data.transforms.hashing import Hashed
from dlcli.data.transforms.imputing import Imputed
from dlcli.data.transforms.ordinal import Ordered
from dlcli.data.transforms.resizing import Cropped, Resized
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources import cells, ends, steps
from dlcli.deploy.sources.writing import Identifiers, assigned, body, call, literal
from dlcli.engine.layer import Array
from dlcli.engine.layers import Embedding
from dlcli.engine.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from dlcli.frozen import frozen

Function = Callable[..., Any]

_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
"""What a value of a row is called; all that configs allow."""


@frozen
class Doing:
    """What does a step: a function of steps.py, its options, and arrays beside the step's own."""

    function: Function
    options: Mapping[str, Any]
    arrays: Mapping[str, Array]


def _doing(function: Function, arrays: Mapping[str, Array] | None = None, **options: Any) -> Doing:
    return Doing(function, options, arrays or {})


def _encoding(function: Function) -> Callable[[Any], Doing]:
    def doing(step: Encoding) -> Doing:
        columns = {one.position: step.names[one.position] for one in step.categories}
        return _doing(function, columns=columns, handle_unknown=step.handle_unknown)

    return doing


def _ordered(step: Ordered) -> Doing:
    found = _encoding(steps.ordinal)(step)
    pairs = zip(step.categories, step.ranks, strict=True)
    ranks = {f"ranks_{one.position}": np.array(places, np.float64) for one, places in pairs}
    return Doing(found.function, found.options, ranks)


STEPS: Mapping[type[Fitted], Callable[[Any], Doing]] = {
    Affine: lambda step: _doing(steps.affine),
    Binned: lambda step: _doing(steps.discretize, positions=step.positions, one_hot=step.one_hot),
    Clipped: lambda step: _doing(
        steps.clip, positions=step.positions, minimum=step.minimum, maximum=step.maximum
    ),
    Cropped: lambda step: _doing(steps.center_crop, size=(step.height, step.width)),
    DateParts: lambda step: _doing(
        steps.date_parts, positions=step.positions, parts=step.parts, cyclic=step.cyclic
    ),
    Hashed: lambda step: _doing(
        steps.hashed, positions=step.positions, num_bins=step.num_bins, one_hot=step.one_hot
    ),
    Imputed: lambda step: _doing(
        steps.impute,
        positions=step.positions,
        flagged=step.flagged,
        added=tuple(sorted(step.added)),
    ),
    Logged: lambda step: _doing(steps.log_of_1_and_more, positions=step.positions),
    Numbered: _encoding(steps.category),
    OneHotEncoded: _encoding(steps.one_hot),
    Ordered: _ordered,
    Ranked: lambda step: _doing(steps.ranks, positions=step.positions, normal=step.normal),
    Reshaped: lambda step: _doing(steps.reshape, shape=step.shape),
    Resized: lambda step: _doing(
        steps.resize,
        size=(step.height, step.width),
        window=step.window,
        interpolation=step.interpolation,
        fill_value=step.fill_value,
        antialias=step.antialias,
    ),
    Transposed: lambda step: _doing(steps.transpose, dims=step.dims),
}
"""Of what each fitted step is done by."""

TARGETS: Mapping[type[TargetStep], Callable[[Any], Doing]] = {
    Scaled: lambda step: _doing(ends.unscale, {"scale": step.scale, "offset": step.offset}),
    LoggedTarget: lambda step: _doing(ends.exponential_less_1),
    RankedTarget: lambda step: _doing(
        ends.unrank, {"known": step.ranks.known}, normal=step.ranks.normal
    ),
}
"""By what each step of a target is undone."""

ANSWERS: Mapping[type[Loss], Function | None] = {
    BinaryCrossentropy: ends.sigmoid,
    CategoricalCrossentropy: ends.softmax,
    MeanAbsoluteError: None,
    MeanSquaredError: None,
    SparseCategoricalCrossentropy: ends.softmax,
}
"""What a loss makes of outputs; None: nothing."""


READERS: Mapping[str, Function] = {
    "number": cells.number_of,
    "date": cells.seconds_of,
    "text": cells.code_of,
    "text in bins": cells.code_or_bin_of,
}
"""What reads a cell, by what its column holds."""


@frozen
class Written:
    """functions: of dlcli, which the text calls. text: definitions. arrays: what these read, by
    their names in preprocessing.safetensors."""

    functions: tuple[Function, ...]
    text: tuple[str, ...]
    arrays: Mapping[str, Array]


def refused(bundle: Bundle) -> str | None:
    """What is done to rows, targets or outputs that no function of steps.py does, in a sentence, or
    a value whose name may stand in no source; None where there is none."""
    for name in bundle.preprocessing:
        if name != ONLY and not _NAME.fullmatch(name):
            return f"the value {name[:100]!r} of a row has a name that may stand in no source"
    for one in bundle.preprocessing.values():
        for step in one.steps:
            if type(step) not in STEPS:
                return f"the step `{step.word}` of the preprocessing has no function in source"
    for target in () if bundle.target_scale is None else bundle.target_scale.steps:
        if type(target) not in TARGETS:
            return f"the step `{target.kind}` of the target has no function in source"
    if type(bundle.loss) not in ANSWERS:
        return f"outputs that {type(bundle.loss).__name__} learns from have no function in source"
    return None


def written(bundle: Bundle) -> Written:
    """CLASSES, COLUMNS, constants(), encode(), preprocess() and answers(), as far as there are
    such."""
    functions: list[Function] = [ends.stored, ends.prepared, ends.apart]
    arrays: dict[str, Array] = {}
    text = [assigned("CLASSES", bundle.classes)]
    names = Identifiers(())
    texts: list[str] = []
    for name, one in bundle.preprocessing.items():
        own = "preprocess" if name == ONLY else names.of(f"preprocess_{name}")
        place = "rows" if name == ONLY else f"rows.{name}"
        ids = [
            node.layer.input_dim
            for node in bundle.model.plain
            if isinstance(node.layer, Embedding) and node.inputs == (name,)
        ]
        texts.append(_preprocess(own, place, bundle.row_dtypes[name], one, ids, functions, arrays))
    only = bundle.preprocessing.get(ONLY)
    if only is None:
        texts.append(_preprocess_each(bundle))
    elif has_columns(bundle):
        columns = _columns(only)
        held = dict.fromkeys(column["holds"] for column in columns)
        functions += [cells.encoded, *(READERS[one] for one in held)]
        text.append(assigned("COLUMNS", columns))
        texts.insert(0, _encode(bundle, tuple(held)))
    texts.append(_answers(bundle, functions, arrays))
    if arrays:
        texts.insert(0, _CONSTANTS)
    return Written(tuple(dict.fromkeys(functions)), (*text, *texts), arrays)


_CONSTANTS = '''\
@cache
def constants() -> dict[str, dict[str, Array]]:
    """What was learned of the rows in training: arrays by the step and by their names."""
    found: dict[str, dict[str, Array]] = {}
    path = HERE / "preprocessing.safetensors"
    for name, array in safetensors.numpy.load_file(path).items():
        step, _, own = name.rpartition(".")
        found.setdefault(step, {})[own] = array
    return found'''


def has_columns(bundle: Bundle) -> bool:
    """Whether rows are those of a table whose columns have names."""
    only = bundle.preprocessing.get(ONLY)
    return only is not None and only.columns is not None


def _columns(fitted: Preprocessing) -> tuple[dict[str, Any], ...]:
    """What `encoded` of steps.py has to know of each column."""
    unknown, missing = takes_unknown(fitted), takes_missing(fitted)
    bins = {
        step.names[position]: step.num_bins
        for step in fitted.steps
        if isinstance(step, Hashed)
        for position in step.positions
    }
    assert bins.keys() == codes_of_unknown(fitted).keys()
    found = []
    for column in fitted.columns or ():
        entry: dict[str, Any] = {"name": column.name, "holds": "number"}
        if column.date:
            entry |= {"holds": "date", "written": column.written}
        if column.categories is not None:
            entry["holds"] = "text"
            if column.name in bins:
                entry |= {"holds": "text in bins", "bins": bins[column.name]}
            elif column.name in unknown:
                entry["taken"] = True
            entry["known"] = column.categories
        if column.name in missing:
            entry["missing"] = True
        found.append(entry)
    return tuple(found)


def _encode(bundle: Bundle, held: tuple[str, ...]) -> str:
    marks = literal(tuple(bundle.csv.format.missing), 10_000)
    readers = ", ".join(f"{literal(one)}: {READERS[one].__name__}" for one in held)
    return f'''\
def encode(rows: Sequence[Mapping[str, Any]]) -> Array:
    """Rows as `preprocess` takes them, (n, columns), of their cells by the names in COLUMNS.

    A cell is a number (or the text of one), a text, or None where it is missing. ValueError for a
    cell that is not there, or that the network cannot take.
    """
    readers = {{{readers}}}
    return encoded(rows, COLUMNS, readers, marks={marks})'''


def _preprocess(
    own: str,
    place: str,
    dtype: str,
    fitted: Preprocessing,
    ids: list[int],
    functions: list[Function],
    arrays: dict[str, Array],
) -> str:
    """The function that prepares a value of a row."""
    lines = []
    for number, step in enumerate(fitted.steps):
        doing = STEPS[type(step)](step)
        functions.append(doing.function)
        learned = {**step.arrays(), **doing.arrays}
        arrays |= {f"{place}.{number}.{name}": array for name, array in learned.items()}
        given = ["x", "dtype", *([f'learned["{place}.{number}"]'] if learned else [])]
        options = {name: value for name, value in doing.options.items() if value is not None}
        lines.append(f"x = {call(doing.function.__name__, given, **options)}")
    lines.append(f"x = prepared(x, {fitted.out_shape})")
    gaps = takes_missing(fitted)
    holes = tuple(j for j, column in enumerate(fitted.columns or ()) if column.name in gaps)
    first = [f"x = {call('stored', ['rows', str(fitted.row_shape)], gaps=holes)}"]
    if any("dtype" in line for line in lines):
        first.append(f"dtype = np.{fitted.dtype.name}")
    if any("learned[" in line for line in lines):
        first.append("learned = constants()")
    last = []
    if ids:
        functions.append(ends.require_ids)
        last = [f"require_ids(x, {min(ids)})"]
    inside = [*first, 'with np.errstate(all="ignore"):', body(lines), *last, "return x"]
    return f'''\
def {own}(rows: Any) -> Array:
    """Rows {_shape(fitted.row_shape)}, {dtype} as they are stored, as the network takes them:
    {_shape(fitted.out_shape)}, float32. ValueError for rows that it cannot take.
    """
{body(inside)}'''


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, ('n', *shape)))}{'' if shape else ','})"


def _preprocess_each(bundle: Bundle) -> str:
    names = Identifiers(())
    lines = [
        f"{literal(name)}: {names.of(f'preprocess_{name}')}(rows[{literal(name)}]),"
        for name in bundle.preprocessing
    ]
    return f'''\
def preprocess(rows: Mapping[str, Any]) -> dict[str, Array]:
    """Rows of each value, as they are stored, as the network takes them; both by name.

    ValueError for rows that it cannot take.
    """
    found = {{
{body(lines, 2)}
    }}
    if len({{len(x) for x in found.values()}}) > 1:
        raise ValueError("every row needs all values")
    return found'''


def _answers(bundle: Bundle, functions: list[Function], arrays: dict[str, Array]) -> str:
    lines = []
    function = ANSWERS[type(bundle.loss)]
    if function is not None:
        functions.append(function)
        lines.append(f"y = {function.__name__}(y)")
    scale = () if bundle.target_scale is None else bundle.target_scale.steps
    for number, step in reversed(list(enumerate(scale))):
        doing = TARGETS[type(step)](step)
        functions.append(doing.function)
        arrays |= {f"target.{number}.{name}": array for name, array in doing.arrays.items()}
        learned = f'constants()["target.{number}"]' if doing.arrays else "{}"
        lines.append(f"y = {call(doing.function.__name__, ['y', learned], **doing.options)}")
    inside = ['with np.errstate(all="ignore"):', body(lines)] if lines else []
    return f'''\
def answers(y: Array) -> Array:
    """What the outputs of the network say: {gives(bundle)}."""
{body([*inside, "return y"])}'''


def gives(bundle: Bundle) -> str:
    """What the answers are, in a few words."""
    shape = bundle.model.out_shape
    kind, _ = bundle.loss.kind(shape)
    size = _shape(shape)
    if kind == "regression":
        units = "in the units of the target" if bundle.target_scale is not None else "values"
        numbers = "numbers in float64" if bundle.target_scale is not None else "float32"
        return f"{units}, {size}, {numbers}"
    what = {
        "binary": "the probability of the second class",
        "multiclass": "the probability of each class",
        "multilabel": "the probability of each label",
    }[kind]
    return f"{what}, {size}, float32"
