"""Layers that fit the rows, the loss and the target.

LAYERS holds what no annotation says: which rows a layer takes and which it leaves. LOSSES says
which targets a loss takes. A word of the vocabulary that is in neither fails a test.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

from dlcli.config import (
    ACTIVATION_CONFIGS,
    INITIALIZER_CONFIGS,
    LAYER_CONFIGS,
    REGULARIZER_CONFIGS,
    parse_config,
)
from tests.drawn.chain import MATRICES, Chain, activation
from tests.drawn.data import Goal, Rows, Shape, shapes_of
from tests.drawn.dice import Dice
from tests.drawn.options import component
from tests.drawn.windowed import WINDOWED

FITS: dict[str, Callable[[Goal], bool]] = {
    "mean_squared_error": lambda goal: not goal.named,
    "mean_absolute_error": lambda goal: not goal.named,
    "binary_crossentropy": lambda goal: (
        (goal.kind == "classes" and goal.size == 2) or goal.kind in ("one-hot", "labels")
    ),
    "categorical_crossentropy": lambda goal: goal.kind in ("classes", "one-hot"),
    "sparse_categorical_crossentropy": lambda goal: goal.kind == "classes",
}
"""Which targets a loss takes."""

ENDS = {
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
"""The activation that belongs to a loss; all others take numbers as they come."""


def _dense(chain: Chain, units: int | None = None, **given: Any) -> None:
    units = units or chain.dice.whole(1, 9)
    given = {"units": units, **activation(chain, units, given)}
    arrays = {"kernel": (chain.shape[-1], units), "bias": (units,)}
    chain.add("dense", given, (*chain.shape[:-1], units), ("activation",), arrays)


def _column_embeddings(chain: Chain) -> None:
    """Vectors of any length for the ids in the data."""
    dice, given = chain.dice, {}
    dims = {name: dice.whole(1, 4) for name in chain.ids}
    given["output_dim"] = dict(dims)
    if dice.chance(0.6):
        most = given["default_output_dim"] = dice.whole(1, 4)
        said = dice.some(list(dims), least=0)
        given["output_dim"] = {name: dims[name] for name in said}
        dims = {name: dims[name] if name in said else most for name in dims}
        if not said and dice.chance(0.5):
            del given["output_dim"]
    arrays = {
        f"embeddings_{number}": (count, dims[name])
        for number, (name, count) in enumerate(chain.ids.items(), 1)
    }
    width = chain.shape[0] - len(dims) + sum(dims.values())
    skip = ("output_dim", "default_output_dim")
    chain.add("column_embeddings", given, (width,), skip, arrays)


def _flatten(chain: Chain) -> None:
    chain.add("flatten", {}, (chain.size,))


def _reshape(chain: Chain, shape: Shape | None = None) -> None:
    shape = shape or chain.dice.choice(shapes_of(chain.size))
    written = list(shape)
    if chain.dice.chance(0.4):
        written[chain.dice.whole(0, len(shape) - 1)] = -1
    chain.add("reshape", {"target_shape": written}, shape)


def _dropout(chain: Chain) -> None:
    chain.add("dropout", {"rate": chain.dice.choice([0, 0.1, 0.25, 0.5])}, chain.shape)


def _alone(chain: Chain, word: str | None = None) -> None:
    """An activation as a layer of its own."""
    words = {n: c for n, c in ACTIVATION_CONFIGS.items() if n != "softmax" or chain.shape[-1] > 1}
    given = {"activation": component(chain.dice, words, word)}
    chain.add("activation", given, chain.shape)


def _global(word: str) -> Callable[[Chain], None]:
    def pool(chain: Chain) -> None:
        keepdims = chain.dice.chance(0.3)
        ones = (1,) * (len(chain.shape) - 1)
        shape = (*ones, chain.shape[-1]) if keepdims else chain.shape[-1:]
        given = {"keepdims": keepdims} if keepdims or chain.dice.chance(0.3) else {}
        chain.add(word, given, shape, ("keepdims",))

    return pool


def _embedding(chain: Chain, ids: int) -> None:
    """Where all numbers of the data are ids below this one."""
    dice = chain.dice
    given = {"input_dim": ids + dice.whole(0, 2), "output_dim": dice.whole(1, 5)}
    shape = (*chain.shape, given["output_dim"])
    arrays = {"embeddings": tuple(given.values())}
    masks = {"mask_zero": dice.chance(0.8)} if dice.chance(0.7) else {}
    if dice.chance(0.7):  # rows of ids are rare, and there are many initializers
        masks["embeddings_initializer"] = component(dice, INITIALIZER_CONFIGS)
    if dice.chance(0.5):
        masks["embeddings_regularizer"] = component(dice, REGULARIZER_CONFIGS)
    chain.add("embedding", {**given, **masks}, shape, ("mask_zero",), arrays)


def _masking(chain: Chain) -> None:
    chain.add("masking", {}, chain.shape)


def _group_normalization(chain: Chain) -> None:
    channels = chain.shape[-1]
    groups = [-1, *(count for count in range(1, channels + 1) if channels % count == 0)]
    given = {} if channels % 32 == 0 else {"groups": chain.dice.choice(groups)}
    _normalization(chain, "group_normalization", given, {})


def _batch_normalization(chain: Chain) -> None:
    dice, width = chain.dice, chain.shape[-1:]
    vectors = {name: c for name, c in INITIALIZER_CONFIGS.items() if name not in MATRICES}
    observed: dict[str, Any] = {}
    if dice.chance(0.2):
        observed["moving_mean_initializer"] = component(dice, vectors)
    if dice.chance(0.2):
        variance = dice.choice(["ones", "zeros", {"type": "constant", "value": 2.5}])
        observed["moving_variance_initializer"] = variance
    arrays = {"moving_mean": width, "moving_variance": width}
    _normalization(chain, "batch_normalization", observed, arrays)


def _layer_normalization(chain: Chain) -> None:
    _normalization(chain, "layer_normalization", {}, {})


def _normalization(
    chain: Chain, word: str, given: dict[str, Any], observed: Mapping[str, Shape]
) -> None:
    dice, width = chain.dice, chain.shape[-1:]
    vectors = {name: c for name, c in INITIALIZER_CONFIGS.items() if name not in MATRICES}
    given = dict(given)
    arrays = {"gamma": width, "beta": width, **observed}
    for option, array in (("scale", "gamma"), ("center", "beta")):
        if dice.chance(0.3):
            given[option] = dice.chance(0.3)
            if not given[option]:
                del arrays[array]
        if dice.chance(0.2):
            given[f"{array}_initializer"] = component(dice, vectors)
    skip = [f"{array}_initializer" for array in ("gamma", "beta", "moving_mean", "moving_variance")]
    chain.add(word, given, chain.shape, ("scale", "center", "groups", *skip), arrays)


def _merge(word: str) -> Callable[[Chain], None]:
    """An earlier value, or something made of it, together with the last one."""

    def merge(chain: Chain) -> None:
        dice = chain.dice
        if not chain.layers or chain.start:
            _alone(chain)
        last = len(chain.layers) - 1
        if word == "concatenate":
            fitting = [i for i, s in enumerate(chain.shapes) if s[:-1] == chain.shape[:-1]]
        else:
            fitting = [i for i, shape in enumerate(chain.shapes) if shape == chain.shape]
        inputs = [chain.name(dice.choice(fitting))]
        if dice.chance(0.4):  # of the same shape, so that it can take its place
            given = {"input": inputs[0], "activation": "tanh"}
            chain.add("activation", given, chain.shapes[_place(chain, inputs[0])])
            inputs = [chain.name(last + 1)]
        inputs.append(chain.name(last))
        if word not in ("subtract", "dot") and dice.chance(0.3):
            inputs.append(dice.choice(inputs))
        shapes = [chain.shapes[_place(chain, name)] for name in inputs]
        given = {"inputs": inputs}
        shape = chain.shapes[last]
        if word == "concatenate":
            shape = (*shape[:-1], sum(one[-1] for one in shapes))
        elif word == "dot":
            axis = dice.choice([-1, len(shape), [len(shape), -1]])
            given |= {"axes": axis} if dice.chance(0.5) else {}
            shape = (*shape[:-1], *shape[:-1]) or (1,)
        chain.add(word, given, shape, ("axes",))

    return merge


def _place(chain: Chain, name: str) -> int:
    return next(
        i for i, one in enumerate(chain.layers) if isinstance(one, dict) and one.get("name") == name
    )


def _inside(chain: Chain) -> Chain:
    """A list of layers within a block, for the rows that the block takes."""
    return Chain(chain.dice, chain.shape)


KEEPING = (
    *("activation", "dropout"),
    *("layer_normalization", "batch_normalization", "group_normalization"),
)
"""Layers that leave rows of every shape as they are."""


def _keep(inner: Chain, count: int, width: int | None = None) -> None:
    """Layers behind which rows have the shape that they had, but for the last axis."""
    for _ in range(count):
        LAYERS[inner.dice.choice(KEEPING)][0](inner)
    if width is not None and (width != inner.shape[-1] or inner.dice.chance(0.5)):
        _dense(inner, width)


def _residual(chain: Chain) -> None:
    dice = chain.dice
    sides = [_inside(chain), _inside(chain)]
    width = dice.whole(1, 6) if dice.chance(0.4) else chain.shape[-1]
    _keep(sides[0], dice.whole(0, 2), width)
    if not sides[0].layers:
        _alone(sides[0])
    if width != chain.shape[-1] or dice.chance(0.3):
        _keep(sides[1], dice.whole(0, 1), width)
    given = {"layers": sides[0].layers, **activation(chain, width, {})}
    if sides[1].layers or dice.chance(0.3):
        given["shortcut"] = sides[1].layers
    arrays = {"layers": sides[0].arrays, "shortcut": sides[1].arrays}
    chain.add("residual", given, sides[0].shape, ("shortcut", "activation"), arrays)


def _branches(chain: Chain) -> None:
    dice = chain.dice
    merge = dice.choice(["concatenate", "add", "multiply", "average", "maximum"])
    sides = [_inside(chain) for _ in range(dice.whole(2, 3))]
    width = dice.whole(1, 6) if dice.chance(0.4) else chain.shape[-1]
    for side in sides:
        _keep(side, dice.whole(0, 1), width)
    given = {"branches": [side.layers for side in sides], "merge": merge}
    if merge == "concatenate" and dice.chance(0.5):
        del given["merge"]
    total = sum(side.shape[-1] for side in sides) if merge == "concatenate" else width
    arrays = {"branches": [side.arrays for side in sides]}
    chain.add("branches", given, (*chain.shape[:-1], total), ("merge",), arrays)


def _repeat(chain: Chain) -> None:
    dice, inner = chain.dice, _inside(chain)
    _keep(inner, dice.whole(0, 1), chain.shape[-1])
    if dice.chance(0.4) or not inner.layers:
        _residual(inner)
        if inner.shape != chain.shape:
            _dense(inner, chain.shape[-1])
    times = dice.whole(1, 3)
    arrays = {"layers": inner.arrays}
    chain.add("repeat", {"times": times, "layers": inner.layers}, chain.shape, (), arrays)


LAYERS: dict[str, tuple[Callable[[Chain], None], Callable[[Shape], bool]]] = {
    # How it is added, and to which rows.
    "dense": (_dense, lambda shape: True),
    **WINDOWED,
    "global_average_pooling2d": (
        _global("global_average_pooling2d"),
        lambda shape: len(shape) == 3,
    ),
    "global_max_pooling2d": (_global("global_max_pooling2d"), lambda shape: len(shape) == 3),
    "batch_normalization": (_batch_normalization, lambda shape: True),
    "layer_normalization": (_layer_normalization, lambda shape: True),
    "group_normalization": (_group_normalization, lambda shape: True),
    "global_average_pooling1d": (
        _global("global_average_pooling1d"),
        lambda shape: len(shape) == 2,
    ),
    "global_max_pooling1d": (_global("global_max_pooling1d"), lambda shape: len(shape) == 2),
    "masking": (_masking, lambda shape: len(shape) == 2),
    "embedding": (lambda chain: None, lambda shape: False),  # of ids alone: see `network`
    **{
        word: (_merge(word), lambda shape: True)
        for word in ("add", "average", "concatenate", "maximum", "multiply", "subtract")
    },
    "dot": (_merge("dot"), lambda shape: len(shape) == 1),
    "residual": (_residual, lambda shape: True),
    "branches": (_branches, lambda shape: True),
    "repeat": (_repeat, lambda shape: True),
    "flatten": (_flatten, lambda shape: True),
    "reshape": (_reshape, lambda shape: True),
    "dropout": (_dropout, lambda shape: True),
    "column_embeddings": (_column_embeddings, lambda shape: False),  # only of the data
    "activation": (_alone, lambda shape: True),
}


def network(dice: Dice, values: Mapping[str, Rows], goal: Goal, loss: str) -> Chain:
    """A few layers, and a last one that gives what the loss takes.

    values: the rows of each value of the data, by its name.
    """
    name, first = next(iter(values.items()))
    chain = Chain(dice, first.shape)
    if len(values) == 1:
        if name and dice.chance(0.5):
            chain.start = name
        _maybe_embedding(chain, first)
        _some(chain, dice.whole(0, 4 if len(chain.shape) == 3 else 3))
        _maybe_pool(chain)
    else:
        _brought_together(chain, values)
        _some(chain, dice.whole(0, 2))
    _end(chain, goal, loss)
    if not _learns({"layers": chain.layers}, {"layers": chain.arrays}):
        _thaw(chain.layers)
    return chain


LISTS = ("layers", "shortcut", "branches")
"""The keys under which a block holds layers; branches are several lists of them."""


def _learns(layer: Any, learned: Mapping[str, Any]) -> bool:
    """Whether a layer, or one inside of it, has something to learn and is not frozen."""
    if isinstance(layer, dict) and layer.get("trainable") is False:
        return False
    if not learned.keys() & set(LISTS):
        return any(not name.startswith("moving_") for name in learned)
    return any(
        _learns(*pair)
        for key in learned
        for inner, arrays in _lists(layer.get(key, []), learned[key], key)
        for pair in zip(inner, arrays, strict=True)
    )


def _lists(layers: Any, arrays: Any, key: str) -> list[tuple[Any, Any]]:
    return list(zip(layers, arrays, strict=True)) if key == "branches" else [(layers, arrays)]


def _thaw(layers: Any) -> None:
    """Nothing is frozen any more."""
    for layer in layers:
        if isinstance(layer, list):
            _thaw(layer)
        elif isinstance(layer, dict):
            layer.pop("trainable", None)
            for key in LISTS:
                _thaw(layer.get(key, []))


def _maybe_embedding(chain: Chain, rows: Rows) -> None:
    """Mostly vectors for ids, where the data has such."""
    if len(chain.shape) == 2 and chain.dice.chance(0.3):
        _masking(chain)
    if chain.dice.chance(0.1):
        return
    if rows.vocabulary:
        _embedding(chain, rows.vocabulary)
    elif rows.ids:
        chain.ids = rows.ids
        _column_embeddings(chain)


def _maybe_pool(chain: Chain) -> None:
    """One vector for all steps, mostly: else a mask would hardly ever be used."""
    if len(chain.shape) == 2 and chain.dice.chance(0.6):
        _global(chain.dice.choice(["global_average_pooling1d", "global_max_pooling1d"]))(chain)


def _brought_together(chain: Chain, values: Mapping[str, Rows]) -> None:
    """Layers for each value of the data, and one that reads what they give."""
    dice, ends, width = chain.dice, [], 0
    for name, rows in values.items():
        if len(rows.shape) == 1 and dice.chance(0.3):  # as it is
            ends.append(name)
            width += rows.shape[0]
            continue
        chain.shape, chain.start = rows.shape, name
        _maybe_embedding(chain, rows)
        _some(chain, dice.whole(0, 2))
        _maybe_pool(chain)
        if len(chain.shape) != 1:
            _flatten(chain)
        if chain.start:
            _alone(chain)
        ends.append(chain.name(len(chain.layers) - 1))
        width += chain.size
    chain.start = ""
    chain.add("concatenate", {"inputs": dice.shuffled(ends)}, (width,))


LEARNING = ("dense", "conv1d", "conv2d", "depthwise_conv2d", "separable_conv2d", "conv2d_transpose")
"""Layers with many options, which are drawn more often."""


def _some(chain: Chain, count: int) -> None:
    """So many layers that fit."""
    dice = chain.dice
    shapes = [shape for shape in shapes_of(chain.size) if len(shape) in (2, 3)]
    if len(chain.shape) == 1 and count and chain.size >= 4 and dice.chance(0.2):
        _reshape(chain, dice.choice(shapes))
    for _ in range(count):
        # What takes images or steps first, where rows are such: further on there may be none.
        fitting = [w for w, (_, fits) in LAYERS.items() if w in LAYER_CONFIGS and fits(chain.shape)]
        if len(chain.shape) in (2, 3) and dice.chance(0.7):
            fitting = [word for word in fitting if not LAYERS[word][1]((1,))]
        learning = [word for word in fitting if word in LEARNING]
        word = dice.choice(learning if learning and dice.chance(0.5) else fitting)
        word = "batch_normalization" if dice.chance(0.05) else word
        LAYERS[word][0](chain)


def _end(chain: Chain, goal: Goal, loss: str) -> None:
    dice = chain.dice
    if loss in ENDS and goal.kind == "classes":
        units = 1 if loss == "binary_crossentropy" else goal.size
        if units > 1 and not goal.named and dice.chance(0.1):
            units += 1
        wanted: Shape = (units,)
    elif goal.shape in ((), (1,)):
        wanted = (1,)
    else:
        wanted = goal.shape
    width = int(np.prod(wanted))
    right = ENDS.get(loss)
    ending: str | None = right
    if right is None:
        ending = dice.choice(["softplus", "tanh", "leaky_relu"]) if dice.chance(0.2) else None
    way = dice.choice(["one", "one", "linear", "apart"])
    behind = right is not None and len(wanted) > 1  # the activation must stand behind the reshape
    way = "linear" if behind else way
    if len(chain.shape) == 3 and max(chain.shape[:2]) < 9 and dice.chance(0.3):
        height, across, channels = chain.shape
        given = {"filters": width, "kernel_size": [height, across]}
        arrays = {"kernel": (height, across, channels, width), "bias": (width,)}
        skip = ("groups", "strides", "padding", "dilation_rate", "activation")
        chain.add("conv2d", given, (1, 1, width), skip, arrays)
        _flatten(chain)
        if way == "apart" and ending:
            _alone(chain, ending)
    else:
        if len(chain.shape) != 1:
            _flatten(chain)
        _dense(chain, width, word=ending if way == "one" else None)
        if way == "apart" and ending:
            _alone(chain, ending)
    if chain.shape != wanted:
        _reshape(chain, wanted)
    if behind and dice.chance(0.7):
        _alone(chain, right)


def initial_weights(dice: Dice, chain: Chain, text: str) -> bytes:
    """A file of weights for all layers of this chain."""
    layers = parse_config(text, "drawn").config.model.layers
    arrays = {
        name: (dice.numbers(*shape) - (0.0 if "variance" in name else 0.5)).astype(np.float32)
        for name, shape in _arrays(layers, chain.arrays)
    }
    return bytes(save(arrays))


def _arrays(layers: Any, arrays: list[Any], path: str = "") -> Iterator[tuple[str, Shape]]:
    """Name and shape of every array, those in blocks by the path to their layer."""
    for layer, learned in zip(layers, arrays, strict=True):
        own = f"{path}{layer.name}."
        if layer.type == "residual":
            yield from _arrays(layer.layers, learned["layers"], own)
            yield from _arrays(layer.shortcut, learned["shortcut"], f"{own}shortcut.")
        elif layer.type == "repeat":
            for turn in range(layer.times):
                yield from _arrays(layer.layers, learned["layers"], f"{own}{turn + 1}.")
        elif layer.type == "branches":
            for number, pair in enumerate(zip(layer.branches, learned["branches"], strict=True)):
                yield from _arrays(*pair, f"{own}{number + 1}.")
        else:
            yield from ((f"{own}{name}", shape) for name, shape in learned.items())
