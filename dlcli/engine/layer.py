"""What a layer is: the page to read first.

A layer is a function of (parameters, input) together with its derivative. It is a frozen
dataclass of choices (units, strides, ...) and stores nothing else: parameters, gradients and
whatever backward needs to remember are plain arrays that are handed in and out. So a layer can
serve many threads at once.

Letters, used for arrays whose role is fixed by this contract:

    x   input    (n, *in_shape), n rows; images are (n, height, width, channels)
    y   output   (n, *out_shape)
    p   the layer's parameters, by slot name        read-only
    g   the gradients of p, same names and shapes   assigned in full by backward, never added to;
        for large kernels perhaps as Factors        see Layer.factors
        empty where the layer is frozen             then only dx is worked out
    dy, dx  the gradients of the loss with respect to y and x
    ctx what one pass of one shard may use: scratch memory, randomness, mode (see context.py)

Shapes named in a contract (`in_shape`, `out_shape`) are those of one row, without n.

Laws, which `tests/engine/cases.py` checks for every layer: `out_shape` is true; gradients match
central differences in float64; x, p and dy are left untouched; every array of g is assigned;
the results of shards add up to those of the batch; two interleaved passes equal two separate
ones; `need_dx=False` gives the same g, an empty g the same dx.

A layer has one input. What has several is a Merge, at the end of this page: the same contract,
but for parameters, which merges have not.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from dlcli.engine.arrays import Array, Params, Shape, ShapeError
from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer
from dlcli.engine.regularizers import Regularizer
from dlcli.frozen import frozen

__all__ = [
    "LATER",
    "Array",
    "BatchLayer",
    "Fault",
    "Layer",
    "Merge",
    "Params",
    "Shape",
    "ShapeError",
    "Slot",
    "slots_of",
]

LATER = {"later": True}
"""The metadata of an option that a layer did not have at first: one that is at its default is not
written down with a deployed network, which so is written as it always was."""


@frozen
class Slot:
    """Room for one array that a layer needs, before any memory exists.

    kind: "trained" by the optimizer, "observed" (a running statistic that no gradient touches),
    or "frozen": what the layer of a node that is not trainable would train or observe.
    regularizer: the penalty on it, if it is trained and has one.
    """

    shape: Shape
    initializer: Initializer
    kind: Literal["trained", "observed", "frozen"] = "trained"
    regularizer: Regularizer | None = None


def slots_of(**slots: Slot | None) -> dict[str, Slot]:
    """The slots that there are, by name; ShapeError where an initializer cannot fill one."""
    there = {name: slot for name, slot in slots.items() if slot is not None}
    for slot in there.values():
        slot.initializer.check(slot.shape)
    return there


class Fault(NamedTuple):
    """A number that a layer cannot take: the row, among those that were looked at; the place within
    it; and what the layer wants instead, for messages: "ids, whole numbers from 0 to 9"."""

    row: int
    place: tuple[int, ...]
    wanted: str


class Layer(ABC):
    """A function of (parameters, input) and its derivative; see the module's docstring."""

    affine: ClassVar[bool] = False
    """Whether y is linear in x and in its arrays, plus `bias` (with the option `use_bias`): so a
    scale of its features (the last axis of y) can be put into the arrays by `scaled`."""

    passes_mask: ClassVar[bool] = False
    """Whether y has the mask that x has: real steps of y depend on real steps of x alone, each on
    its own, or on others through `ctx.mask`; the layer's arrays do not depend on how many steps
    there are. See masks.py. Fused layers need not say it: the nodes know."""

    reads_mask: ClassVar[bool] = False
    """Whether forward, backward and what a BatchLayer has beside these read `ctx.mask`."""

    takes_ids: ClassVar[bool] = False
    """Whether x are whole numbers that stand for something: a value of the data as it is, which is
    looked at by `fault` before anything is computed. No gradient reaches them: dx is 0."""

    def id_columns(self) -> tuple[tuple[int, int], ...]:
        """Of each column that the layer takes for ids, among others that it does not: its position
        and the number of ids."""
        return ()

    def makes_mask(self) -> bool:
        """Whether y has a mask of its own, that of `mask`; not unless overridden."""
        return False

    def mask(self, cache: Any, ctx: Context, /) -> Array:
        """The mask of y (n, steps), given what forward has left for backward."""
        raise NotImplementedError

    def fault(self, x: Array) -> "Fault | None":
        """The first number of these rows that is no id; None for a layer that takes none."""
        return None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        """The arrays this layer needs, by name (`kernel`, `bias`); none unless overridden."""
        return {}

    def factors(self, in_shape: Shape) -> dict[str, tuple[int, int]]:
        """The slots whose gradient is a product of two matrices with a row for each row of x.

        By slot, the columns (a, b) of the two: g[slot] = left^T @ right has the shape (a, b). Where
        g holds Factors (n rows or more) for the slot, backward assigns their first n rows instead,
        and leaves the product to whoever asked. None unless overridden.
        """
        return {}

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        """The arrays but for `bias` with which y, without the bias, is `factor` (features,) times
        as large; of an affine layer only."""
        raise NotImplementedError

    @abstractmethod
    def out_shape(self, in_shape: Shape) -> Shape:
        """The shape of one output row; raises ShapeError where the input does not fit."""

    @abstractmethod
    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        """Return (y, cache); the cache is whatever backward wants to be handed again."""

    @abstractmethod
    def backward(
        self,
        p: Params,
        g: Params,
        cache: Any,
        dy: Array,
        ctx: Context,
        /,
        *,
        need_dx: bool = True,
    ) -> Array | None:
        """Assign every array of g, if it is not empty; return dx, or None when `need_dx` is
        false."""

    def flops(self, in_shape: Shape) -> int:
        """Floating point operations of forward for one row (a multiply-add counts two)."""
        return int(np.prod(self.out_shape(in_shape), dtype=np.int64))


class BatchLayer(Layer):
    """A layer that in training meets the whole batch: it needs sums over the rows of all shards.

    Its pass halts twice. `tally` says what a shard adds, `total` puts the parts of all shards
    together, in the order of the shards and by one process, and `forward_rest` goes on with it;
    likewise for the way back. A batch of one shard needs no halt, so `forward` and `backward` are
    both halves at once. Where nothing is trained, and where the layer is frozen, `forward` uses the
    observed arrays instead.
    """

    @abstractmethod
    def tally(self, p: Params, x: Array, ctx: Context, /) -> Array:
        """What this shard adds to the way forward: float64 (k,), k by `tally_sizes`."""

    @abstractmethod
    def total(self, parts: Array) -> Array:
        """The tallies of all shards (shards, k) as one (k,), added in their order."""

    @abstractmethod
    def forward_rest(self, p: Params, x: Array, total: Array, ctx: Context, /) -> tuple[Array, Any]:
        """Return (y, cache)."""

    @abstractmethod
    def tally_back(self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /) -> Array:
        """Assign every array of g; return what this shard adds to the way back: float64 (k,)."""

    @abstractmethod
    def backward_rest(
        self, p: Params, cache: Any, dy: Array, total: Array, ctx: Context, /
    ) -> Array:
        """Return dx; total: the sum of the shards' tallies of the way back."""

    @abstractmethod
    def tally_sizes(self, in_shape: Shape) -> tuple[int, int]:
        """The lengths of a tally of the way forward and of one of the way back."""

    @abstractmethod
    def observe(self, observed: Params, total: Array) -> None:
        """Take the total of a batch into the observed arrays, in place."""

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        if not ctx.training:
            return self.forward_observed(p, x, ctx)
        return self.forward_rest(p, x, self.total(self.tally(p, x, ctx)[None]), ctx)

    @abstractmethod
    def forward_observed(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        """Return (y, cache), by the observed arrays: each row by itself."""

    def backward(
        self,
        p: Params,
        g: Params,
        cache: Any,
        dy: Array,
        ctx: Context,
        /,
        *,
        need_dx: bool = True,
    ) -> Array | None:
        total = self.tally_back(p, g, cache, dy, ctx)
        return self.backward_rest(p, cache, dy, total, ctx) if need_dx else None


class Merge(ABC):
    """A function of several inputs and its derivative; like a layer, a frozen dataclass.

    xs  the inputs, each (n, *in_shape) with a shape of its own      read-only
    """

    passes_mask: ClassVar[bool] = False
    """Whether y has a mask where all inputs have one: what is a step of any of them is one of y."""

    @abstractmethod
    def out_shape(self, in_shapes: Sequence[Shape]) -> Shape:
        """The shape of one output row; raises ShapeError where the inputs do not go together."""

    @abstractmethod
    def forward(self, xs: Sequence[Array], ctx: Context, /) -> tuple[Array, Any]:
        """Return (y, cache)."""

    @abstractmethod
    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        """The gradient of each input; None, or anything, for one that `need_dx` has false for.

        An array may be dy itself, or stand for several inputs: whoever gets it does not write.
        """

    def flops(self, in_shapes: Sequence[Shape]) -> int:
        """Floating point operations of forward for one row."""
        return int(np.prod(self.out_shape(in_shapes), dtype=np.int64)) * (len(in_shapes) - 1)
