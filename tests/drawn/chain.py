"""The layers of a drawn network so far, and what every layer may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlcli.config import ACTIVATION_CONFIGS, INITIALIZER_CONFIGS, LAYER_CONFIGS
from tests.drawn.data import Shape
from tests.drawn.dice import Dice
from tests.drawn.options import component, options

MATRICES = {"orthogonal"}
"""Initializers that cannot fill a vector."""


@dataclass
class Chain:
    """The layers so far, the shape of the rows behind them, and what each layer learns.

    arrays: the shapes of its arrays for each layer; for a block, those of the layers in it, by the
    key of the list and in its order.
    shapes: what each layer gives.
    start: the value of the data that the next layer reads, where that is not the one before.
    ids: the columns of ids in what the next layer reads, and how many ids there are in each.
    """

    dice: Dice
    shape: Shape
    layers: list[Any] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    start: str = ""
    ids: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def add(
        self,
        word: str,
        given: Mapping[str, Any],
        shape: Shape,
        skip: tuple[str, ...] = (),
        arrays: Mapping[str, Any] | None = None,
    ) -> None:
        """A layer with what must be as it is, and more options as they come."""
        kind, given = LAYER_CONFIGS[word], dict(given)
        learned = dict(arrays or {})
        if self.start and not {"input", "inputs"} & given.keys():
            given["input"], self.start = self.start, ""
        elif self.layers and "inputs" not in given and self.dice.chance(0.1):
            given["input"] = self.name(len(self.layers) - 1)
        if "bias" in learned and self.dice.chance(0.3):
            vectors = {n: c for n, c in INITIALIZER_CONFIGS.items() if n not in MATRICES}
            given["bias_initializer"] = component(self.dice, vectors)
        if not self.dice.chance(0.3):
            skip += tuple(name for name in kind.model_fields if name.endswith("_regularizer"))
        drawn = options(self.dice, kind, given, ("name", "input", "bias_initializer", *skip))
        if "name" not in given and self.dice.chance(0.15):
            drawn["name"] = f"{self.dice.choice(['a', 'layer_', 'dense_'])}{len(self.layers)}"
        if not drawn.get("use_bias", True):
            learned.pop("bias")
        bare = not drawn and self.dice.chance(0.5)
        self.layers.append(word if bare else {"type": word, **drawn})
        self.arrays.append(learned)
        self.shapes.append(shape)
        self.shape = shape

    def name(self, index: int) -> str:
        """The name of a layer, which has one from now on."""
        layer = self.layers[index]
        if isinstance(layer, str):
            layer = self.layers[index] = {"type": layer}
        return str(layer.setdefault("name", f"value_{index}"))


def activation(chain: Chain, width: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The `activation` of a layer: the given word, or any, or none."""
    word = given.get("word")
    if word is None and ("word" in given or chain.dice.chance(0.4)):
        return {}
    words = {n: c for n, c in ACTIVATION_CONFIGS.items() if n != "softmax" or width > 1}
    return {"activation": component(chain.dice, words, word)}
