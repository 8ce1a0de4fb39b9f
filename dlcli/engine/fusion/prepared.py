"""Calls that are prepared once and made in every pass.

A pass of a shard is a hundred short NumPy calls, and cutting the views for their arguments would
take as long as they do: 100 microseconds a layer, with 8 images a sixth of all the time. Scratch
memory stays where it is, so the calls can be written down with their views and then be made:

>>> plan, x = Plan(), np.ones(3)
>>> plan.call(np.add, x, x, out=x)
>>> plan.run(); plan.run(); x
array([4., 4., 4.])

A fused layer prepares a `Prepared` for its way forward and one for each way back. They belong to
the work of one layer in one worker (see Context.keep), whose memory their views are of.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dlcli.engine.layer import Array


class Plan:
    """A list of calls with their arguments."""

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Array]]] = []

    def call(self, function: Callable[..., Any], *arguments: Any, out: Array | None = None) -> None:
        """Add a call. out: what a ufunc (np.add, np.matmul, ...) writes into."""
        self._calls.append((function, arguments, {} if out is None else {"out": out}))

    def run(self) -> None:
        """Make all calls, in order."""
        # NumPy copies strided runs shorter than half its buffer through the buffer, even where
        # there is nothing to convert, which takes twice the time; so the buffer is made small.
        # Results of elementwise operations do not depend on it.
        before = np.setbufsize(1024)
        try:
            for function, arguments, options in self._calls:
                function(*arguments, **options)
        finally:
            np.setbufsize(before)


class Prepared:
    """A plan with the one array that comes from outside of the layer, for which it was written.

    write: writes the plan for an array down. What it reads beside that array and the work's own
        memory must be told by `forget` when it is another.

    The array is other layers' scratch, which stays where it is, too: so a plan is rarely written
    anew. Known by its address alone: the plan keeps the array alive, so no other can come to lie
    there; shape and strides are the caller's to keep.
    """

    def __init__(self, write: Callable[[Plan, Array], None]) -> None:
        self._write = write
        self._address = -1
        self._plan = Plan()

    def run(self, array: Array) -> None:
        """Do for this array what was prepared."""
        address = array.__array_interface__["data"][0]
        if address != self._address:
            self._plan = Plan()
            self._write(self._plan, array)
            self._address = address
        self._plan.run()

    def forget(self) -> None:
        """Write the plan anew the next time: something that it reads is another now."""
        self._address = -1
