"""Whether the backward passes are the derivatives of the forward passes, on this machine.

One small example of every layer, activation and merge that a config can name. A step is taken to
both sides of where the layer stands, in float64; what the sum of y dy then changes by (the central
difference) must be what backward says. The suite checks many more examples; these take a second
and come with the package, so that they can be tried where a result is in doubt.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array, Layer, Merge, Shape
from dlcli.engine.layers import (
    ACTIVATIONS,
    LAYERS,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    ColumnEmbeddings,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    Reshape,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from dlcli.engine.merges import MERGES
from dlcli.frozen import frozen
from dlcli.randomness import Stream

ROWS = 4
STEP = 1e-6
ALLOWED = 1e-6
"""How far a slope may be from its central difference, relative to its size or to 1.

The difference itself is good to about 1e-9: the step's third power, and the rounding of a sum of
some hundred numbers divided by the step."""

_ALONG = 12
"""Numbers of an array that are moved by themselves; all of it is moved at once, too."""


@frozen
class Example:
    """A layer, the shape of a row that it is tried on, and what is special about the row.

    ids: the row holds whole numbers below this one, which are not moved.
    random: what it does while training depends on the step.
    """

    layer: Layer
    in_shape: Shape
    ids: int = 0
    random: bool = False


LAYER_EXAMPLES: tuple[Example, ...] = (
    Example(AveragePooling1D(3, 2, "same"), (7, 2)),
    Example(AveragePooling2D((3, 2), (1, 2), "same"), (5, 4, 2)),
    Example(BatchNormalization(), (3, 2)),
    Example(ColumnEmbeddings(((1, 4, 3), (3, 2, 1))), (5,)),
    Example(Conv1D(3, 3, 2, "causal"), (7, 2)),
    Example(Conv2D(3, (3, 2), (2, 1), "same"), (5, 6, 2)),
    Example(Conv2D(4, (2, 3), groups=2), (4, 5, 2)),
    Example(Conv2DTranspose(2, (3, 2), (2, 2), "same"), (3, 4, 3)),
    Example(Dense(3), (5,)),
    Example(DepthwiseConv2D((3, 2), (1, 1), "same", 2), (4, 5, 2)),
    Example(Dropout(0.4), (6,), random=True),
    Example(Embedding(5, 3), (4,), ids=5),
    Example(Flatten(), (2, 3, 2)),
    Example(GlobalAveragePooling1D(), (5, 3)),
    Example(GlobalAveragePooling2D(), (3, 4, 2)),
    Example(GlobalMaxPooling1D(), (5, 3)),
    Example(GlobalMaxPooling2D(), (3, 4, 2)),
    Example(GroupNormalization(2), (3, 2, 4)),
    Example(LayerNormalization(), (2, 5)),
    Example(Masking(), (3, 2)),
    Example(MaxPooling1D(3, 2, "same"), (7, 2)),
    Example(MaxPooling2D((3, 2), (1, 2), "same"), (5, 4, 2)),
    Example(Reshape((3, -1)), (2, 6)),
    Example(SeparableConv2D(3, (3, 3), (1, 1), "same"), (4, 5, 2)),
    Example(UpSampling2D((2, 3), "bilinear"), (3, 2, 2)),
    Example(ZeroPadding2D(((0, 2), (1, 0))), (3, 2, 1)),
    *(Example(kind(), (3, 4)) for kind in ACTIVATIONS.values()),
)
"""An example of every layer; the activations need none of their own. The suite's table of cases
begins with them."""

_SHAPES: Mapping[str, tuple[Shape, ...]] = {
    "concatenate": ((3, 2), (3, 4)),
    "dot": ((2, 3), (4, 3)),
    "subtract": ((3, 2), (3, 2)),
}
"""Of the inputs of a merge; three alike where it does not say otherwise."""


@frozen
class Slopes:
    """What was tried, and how far the slopes are from the central differences.

    worst: the largest distance of each word of the vocabulary, relative to the slope or to 1.
    missing: words that have no example.
    """

    worst: Mapping[str, float]
    missing: tuple[str, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """The words whose slopes are further off than allowed; also those that are no number."""
        return tuple(word for word, far in self.worst.items() if not far <= ALLOWED)


def slopes() -> Slopes:
    """Try every example."""
    words: dict[type[Layer | Merge], str] = {
        kind: word for table in (LAYERS, ACTIVATIONS, MERGES) for word, kind in table.items()
    }
    worst: dict[str, float] = {}
    for example in LAYER_EXAMPLES:
        word = words[type(example.layer)]
        worst[word] = _larger(worst.get(word, 0.0), of_layer(example))
    for word, kind in MERGES.items():
        worst[word] = of_merge(kind(), _SHAPES.get(word, ((2, 3),) * 3))
    missing = tuple(word for word in words.values() if word not in worst)
    return Slopes(worst, missing)


def of_layer(example: Example) -> float:
    """How far the slopes of a layer are off: by its input and by everything it learns."""
    layer, draw = example.layer, _Draws(1)
    x = _rows(example, draw)
    p: dict[str, Array] = {}
    for name, slot in layer.slots(example.in_shape).items():
        numbers = draw.normal(slot.shape)
        p[name] = numbers if slot.kind == "trained" else np.abs(numbers)
    trained = [
        name for name, slot in layer.slots(example.in_shape).items() if slot.kind == "trained"
    ]
    dy = draw.normal((ROWS, *layer.out_shape(example.in_shape)))

    def value(at: Mapping[str, Array]) -> float:
        parameters = {name: at.get(name, array) for name, array in p.items()}
        y, _ = layer.forward(parameters, at.get("x", x), _context())
        return float(np.sum(y * dy))

    ctx = _context()
    # What is not assigned stays NaN, and is found.
    g = {name: np.full_like(array, np.nan) for name, array in p.items()}
    _, cache = layer.forward(p, x, ctx)
    dx = layer.backward(p, g, cache, dy, ctx)
    at = {name: p[name] for name in trained}
    told = {name: g[name] for name in trained}
    if not example.ids:
        assert dx is not None
        at["x"], told["x"] = x, dx
    return _furthest(value, at, told, draw)


def of_merge(merge: Merge, shapes: tuple[Shape, ...]) -> float:
    """The same of a merge, by each of its inputs."""
    draw = _Draws(2)
    at = {str(index): draw.normal((ROWS, *shape)) for index, shape in enumerate(shapes)}
    dy = draw.normal((ROWS, *merge.out_shape(shapes)))

    def value(changed: Mapping[str, Array]) -> float:
        y, _ = merge.forward([changed[name] for name in at], _context())
        return float(np.sum(y * dy))

    ctx = _context()
    _, cache = merge.forward(list(at.values()), ctx)
    dxs = merge.backward(cache, dy, ctx, need_dx=[True] * len(at))
    told = {name: dx for name, dx in zip(at, dxs, strict=True) if dx is not None}
    return _furthest(value, at, told, draw)


def _context() -> Context:
    """The same moment each time, so that what is drawn is drawn alike."""
    return Context("layer", Moment(seed=5, training=True, step=3))


class _Draws:
    """Random numbers, the same each time."""

    def __init__(self, seed: int) -> None:
        self._stream = Stream(seed, "slopes")

    def normal(self, shape: Shape) -> Array:
        return self._stream.normal(math.prod(shape)).astype(np.float64).reshape(shape)

    def below(self, limit: int, shape: Shape) -> Array:
        """Whole numbers from 0 to limit - 1."""
        uniform = self._stream.uniform(math.prod(shape)).astype(np.float64)
        return np.floor(uniform * limit).reshape(shape)

    def permutation(self, count: int) -> npt.NDArray[np.int64]:
        return self._stream.permutation(count)


def _rows(example: Example, draw: "_Draws") -> Array:
    """Rows for an example: normal numbers, or ids."""
    if example.ids:
        return draw.below(example.ids, (ROWS, *example.in_shape))
    numbers = draw.normal((ROWS, *example.in_shape))
    for position, ids, _ in getattr(example.layer, "columns", ()):
        # In the middle between two whole numbers, so that a short step changes no id.
        numbers[:, position] = draw.below(ids + 1, (ROWS,)) + 0.5
    return numbers


def _furthest(
    value: Callable[[Mapping[str, Array]], float],
    at: Mapping[str, Array],
    told: Mapping[str, Array],
    draw: "_Draws",
) -> float:
    """The largest distance between what slopes say of a step and what it changes."""
    worst = 0.0
    for step in _steps(at, draw):
        after, before = (
            value({name: array + sign * step.get(name, 0.0) for name, array in at.items()})
            for sign in (STEP, -STEP)
        )
        slope = sum(float(np.sum(told[name] * move)) for name, move in step.items())
        measured = (after - before) / (2 * STEP)
        worst = _larger(worst, abs(measured - slope) / max(1.0, abs(slope)))
    return worst


def _steps(at: Mapping[str, Array], draw: "_Draws") -> Iterator[Mapping[str, Array]]:
    """A step of everything at once, and some along one number alone."""
    if at:
        yield {name: draw.normal(array.shape) for name, array in at.items()}
    for name, array in at.items():
        for position in draw.permutation(array.size)[:_ALONG]:
            step = np.zeros(array.size)
            step[position] = 1.0
            yield {name: step.reshape(array.shape)}


def _larger(one: float, other: float) -> float:
    """The larger one; NaN is larger than any."""
    return other if one == one and not other <= one else one
