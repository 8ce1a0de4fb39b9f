"""Calls prepared once and run in every pass.

A pass of a shard is a hundred short NumPy calls, and cutting the views for their arguments would
take as long as they do: 100 microseconds a layer, with 8 images a sixth of all the time. Scratch
memory stays where it is, so the calls can be written down with their views and then run:

>>> double, x = Script(), np.ones(3)
>>> double(np.add, x, x, x)
>>> double.run(); double.run(); x
array([4., 4., 4.])
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array

T = TypeVar("T")


class Script:
    """A list of calls; calling it adds one: the function, then its arguments.

    The last argument of a ufunc (np.add, np.matmul, ...) is its output.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Array]]] = []

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> None:
        if isinstance(function, np.ufunc):
            self._calls.append((function, arguments[:-1], {"out": arguments[-1]}))
        else:
            self._calls.append((function, arguments, {}))

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


class Scripts:
    """Scripts by name, each together with the address of the one array it gets from outside."""

    def __init__(self) -> None:
        self._scripts: dict[str, tuple[int, Script]] = {}

    def run(self, name: str, array: Array, write: Callable[[Script, Array], None]) -> None:
        """Run the script that `write` wrote down for this array.

        Other layers' scratch stays where it is, too, so it is rarely written anew. A script keeps
        its array alive, so no other can come to lie at that address; shape and strides are the
        caller's to keep.
        """
        address = array.__array_interface__["data"][0]
        known = self._scripts.get(name)
        if known is None or known[0] != address:
            script = Script()
            write(script, array)
            known = self._scripts[name] = address, script
        known[1].run()

    def forget(self, *names: str) -> None:
        """Have these scripts written anew."""
        for name in names:
            self._scripts.pop(name, None)


def kept(name: Hashable, ctx: Context, make: Callable[[], T]) -> T:
    """What `make` made when this context was first asked for that name."""
    box = ctx.scratch(("kept", name), (1,), np.object_)
    if box[0] is None:
        box[0] = make()
    found: T = box[0]
    return found
