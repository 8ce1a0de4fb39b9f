"""A place for every array: where named arrays lie in one flat vector.

Parameters, one gradient row per shard, and each vector of an optimizer are flat float32 vectors
of the same length with the same layout; the named arrays are views into them. So the optimizer
works on any contiguous piece without knowing what lies there, a checkpoint is a handful of
vectors, and nothing is allocated or concatenated in a step.

Trained arrays that weight decay applies to come first, then the other trained ones, then the
frozen ones and the observed ones (running statistics), which have a place but no gradient.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from dlcli.engine.layer import Array, Shape, Slot
from dlcli.frozen import frozen
from dlcli.randomness import Stream

Name = tuple[str, str]  # (layer, slot)


class ArraysError(ValueError):
    """Named arrays that are not those of a model; goes on from the name of what holds them."""


class NotFiniteError(ArraysError):
    """One of them holds NaN or Inf values."""


@frozen
class Place:
    """Where one array lies: elements start .. stop of the flat vector, seen as `shape`."""

    start: int
    stop: int
    shape: Shape


class Layout:
    """The places of all arrays of a model.

    slots: by (layer, slot) in the order of the layers.
    decays: says which trained arrays weight decay applies to.
    """

    def __init__(
        self, slots: Mapping[Name, Slot], decays: Callable[[Name], bool] = lambda name: True
    ) -> None:
        groups = [
            [n for n, s in slots.items() if s.kind == "trained" and decays(n)],
            [n for n, s in slots.items() if s.kind == "trained" and not decays(n)],
            [n for n, s in slots.items() if s.kind == "frozen"],
            [n for n, s in slots.items() if s.kind == "observed"],
        ]
        self.slots = dict(slots)
        self.places: dict[Name, Place] = {}
        ends = []
        offset = 0
        for group in groups:
            for name in group:
                shape = slots[name].shape
                size = int(np.prod(shape, dtype=np.int64))
                self.places[name] = Place(offset, offset + size, shape)
                offset += size
            ends.append(offset)
        self.decayed, self.trained, _, self.size = ends
        """Where the decayed arrays end, where the trained ones end, and the whole length."""

    def initial(self, seed: int, dtype: npt.DTypeLike = np.float32) -> Array:
        """A new flat vector with every array as its initializer draws it.

        Draws are addressed by layer and slot name, so a new layer leaves the others' start as
        it was.
        """
        flat = np.zeros(self.size, dtype)
        for (layer, slot), place in self.places.items():
            initializer = self.slots[layer, slot].initializer
            drawn = initializer.draw(Stream(seed, "init", layer, slot), place.shape)
            flat[place.start : place.stop] = drawn.reshape(-1)
        return flat

    def views(self, flat: Array) -> dict[str, dict[str, Array]]:
        """The arrays inside `flat`, by layer and slot, without copying anything."""
        views: dict[str, dict[str, Array]] = {}
        for (layer, slot), place in self.places.items():
            array = flat[place.start : place.stop].reshape(place.shape)
            views.setdefault(layer, {})[slot] = array
        return views

    def named(self, flat: Array) -> dict[str, Array]:
        """The arrays inside `flat` under their full names, `<layer>.<slot>`, in layer order.

        A vector of an optimizer ends where the trained arrays end; it has no others.
        """
        named = {}
        for layer, slot in self.slots:
            place = self.places[layer, slot]
            if place.stop <= len(flat):
                named[f"{layer}.{slot}"] = flat[place.start : place.stop].reshape(place.shape)
        return named

    def fill(self, flat: Array, arrays: Mapping[str, Array]) -> None:
        """Take named arrays over into `flat`; the inverse of `named`.

        ArraysError where one is missing, too many, of another shape, or not finite.
        """
        wanted = self.named(flat)
        for extra in sorted(set(arrays) - set(wanted)):
            raise ArraysError(f" holds {extra!r}, which no layer of the model has")
        for missing in sorted(set(wanted) - set(arrays)):
            raise ArraysError(f" does not hold {missing!r}, which the model needs")
        for name, view in wanted.items():
            array = arrays[name]
            if array.shape != view.shape:
                raise ArraysError(f": {name} has shape {array.shape}, the model needs {view.shape}")
            if not np.isfinite(array).all():
                raise NotFiniteError(f": {name} holds NaN or Inf values")
            view[...] = array
