"""A graph of ONNX operators while it grows: nodes, constants, inputs and outputs.

It is made of plain texts and arrays; only `serialized.py` knows the package onnx.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.engine.layer import Array
from dlcli.frozen import frozen

ML = "ai.onnx.ml"
"""The domain of the operators that turn texts into numbers."""

MICROSOFT = "com.microsoft"
"""The domain of operators that ONNX Runtime has beside the standard: only `MurmurHash3` is used."""

TEXT = np.dtype(object)
"""The type of texts."""

BATCH = "batch"
"""What the first dimension of every input and output is called: any number of rows."""


@frozen
class Op:
    """One operator: what it reads and gives, by name, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


@frozen
class Port:
    """An input or output: its name, the type of its numbers (TEXT for texts), and its
    shape without the batch."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Graph:
    """Operators in the order in which they run.

    taken: names that are not free, because inputs or outputs are called so.
    """

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self.ops: list[Op] = []
        self.constants: dict[str, Array] = {}
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.faults: list[str] = []
        """Values (batch,) of booleans: true in a row that the engine would refuse."""
        self._taken = set(taken)
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._scope = ""
        self._count = 0

    def scope(self, name: str) -> None:
        """Name what follows after this layer or step."""
        self._scope = name

    def name(self, word: str) -> str:
        """A name that nothing else has."""
        while True:
            self._count += 1
            found = f"{self._scope}/{word}_{self._count}"
            if found not in self._taken:
                self._taken.add(found)
                return found

    def many(
        self, kind: str, *inputs: str, count: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operator with so many outputs; returns their names."""
        outputs = tuple(self.name(kind) for _ in range(count))
        self.ops.append(Op(kind, inputs, outputs, attributes, domain))
        return outputs

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output; returns its name."""
        (output,) = self.many(kind, *inputs, count=1, domain=domain, **attributes)
        return output

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """The name of a constant; the same array is there once."""
        array = np.array(values, dtype=dtype, order="C")
        return self._constant(
            (array.dtype.str, array.shape, sha256(array.reshape(-1).view(np.uint8).data).digest()),
            array,
        )

    def texts(self, texts: Sequence[str]) -> str:
        """The name of a constant list of texts."""
        array = np.array(texts, object)
        return self._constant(("texts", array.shape, repr(list(texts)).encode()), array)

    def _constant(self, key: tuple[str, tuple[int, ...], bytes], array: Array) -> str:
        if key not in self._known:
            self._known[key] = self.name("constant")
            self.constants[self._known[key]] = array
        return self._known[key]

    def whole(self, *numbers: int) -> str:
        """The name of a constant list of whole numbers, such as axes or a shape."""
        return self.constant(numbers, np.int64)

    def cast(self, x: str, dtype: npt.DTypeLike) -> str:
        """x as numbers of another type."""
        return self.op("Cast", x, to=np.dtype(dtype))

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """x as rows of this shape."""
        return self.op("Reshape", x, self.whole(-1, *shape))

    def concat(self, parts: Sequence[str], axis: int = -1) -> str:
        """The parts side by side."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=axis)

    def split(self, x: str, sizes: Sequence[int], axis: int = -1) -> tuple[str, ...]:
        """x cut into parts of these lengths."""
        if len(sizes) == 1:
            return (x,)
        return self.many("Split", x, self.whole(*sizes), count=len(sizes), axis=axis)

    def some(self, wrong: str, axes: int) -> str:
        """Whether any of the booleans of a row (batch, ...) of so many axes is true: (batch,)."""
        if not axes:
            return wrong
        along = self.whole(*range(1, axes + 1))
        number = self.op("ReduceMax", self.cast(wrong, np.int32), along, keepdims=0)
        return self.cast(number, np.bool_)

    def fault(self, wrong: str) -> None:
        """Say which rows (batch,) the engine would refuse."""
        self.faults.append(wrong)
