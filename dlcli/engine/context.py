"""What one pass of one shard may use: scratch memory, randomness, mode.

Every (worker, layer) pair has a Context of its own for as long as training lasts, so its
scratch arrays are allocated once and no two threads ever share one.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dlcli.engine.arrays import Array, Shape
from dlcli.randomness import Stream

T = TypeVar("T")


@dataclass
class Moment:
    """Where training stands: what addresses the randomness of a pass.

    apart: whether no row's numbers may depend on the other rows of the pass, or on its place among
    them; tiled: whether a row then may have others than in a pass by itself, see products.py.
    fixed: whether all passes have the same parameters, so that what is made of them may be kept.
    These are only for passes that go forward.
    """

    seed: int = 0
    training: bool = False
    step: int = 0
    shard: int = 0
    apart: bool = False
    tiled: bool = False
    fixed: bool = False


class Context:
    """The tools of one layer in one worker.

    layer: the layer's name, which addresses its randomness.
    moment: shared by all layers of the worker and updated before each pass.
    """

    def __init__(self, layer: str = "", moment: Moment | None = None) -> None:
        self.layer = layer
        self.moment = Moment() if moment is None else moment
        self.mask: Array | None = None
        """Which steps of the layer's input are real, (n, steps), where that has a mask and the
        layer reads it; set before each pass, see masks.py."""
        self._memory: dict[Hashable, Array] = {}
        self._views: dict[tuple[Hashable, Shape, npt.DTypeLike], Array] = {}
        self._kept: dict[Hashable, Any] = {}

    @property
    def training(self) -> bool:
        """Whether dropout and its like are active."""
        return self.moment.training

    @property
    def apart(self) -> bool:
        """Whether rows must not meet, not even in the order of a sum; see Moment."""
        return self.moment.apart

    @property
    def nbytes(self) -> int:
        """Bytes of the memory that it has allocated so far."""
        return sum(array.nbytes for array in self._memory.values())

    def scratch(self, name: Hashable, shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
        """An array to write into, with old contents in it.

        The same name gives the same memory again in the next pass, and until then what forward left
        there is there for backward. The last, smaller batch of
        an epoch gets the front part of it, so nothing is allocated in a steady state.
        """
        key = name, shape, dtype
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._room(name, math.prod(shape), dtype).reshape(shape)
        return view

    def _room(self, name: Hashable, size: int, dtype: npt.DTypeLike) -> Array:
        memory = self._memory.get(name)
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = self._memory[name] = np.empty(size, dtype)
            # All views of a name must be views of the same memory.
            self._views = {key: view for key, view in self._views.items() if key[0] != name}
        return memory[:size]

    def keep(self, name: Hashable, make: Callable[[], T]) -> T:
        """What `make` made when this name was first asked for, as long as training lasts."""
        if name not in self._kept:
            self._kept[name] = make()
        found: T = self._kept[name]
        return found

    def part(self, name: str) -> "Context":
        """The tools of a layer that is a part of this one: scratch memory of its own."""
        return self.keep(("part", name), lambda: _Part(self, name))

    def stream(self, purpose: str) -> Stream:
        """The randomness of this layer, this step and this shard for one purpose."""
        return Stream(self.moment.seed, purpose, self.layer, self.moment.step, self.moment.shard)


class _Part(Context):
    """A context whose arrays are those of another one, by names of its own."""

    def __init__(self, whole: Context, name: str) -> None:
        super().__init__(whole.layer, whole.moment)
        self._whole, self._name = whole, name

    @property
    def apart(self) -> bool:
        """Whether rows must not meet, not even in the order of a sum; see Moment."""
        return self.moment.apart

    def scratch(self, name: Hashable, shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
        return self._whole.scratch((self._name, name), shape, dtype)
