"""Vectors that are looked up by ids: what layers over whole numbers share."""

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array


def add_by_id(ids: Array, dy: Array, out: Array, ctx: Context) -> None:
    """Assign to each row of `out` the sum of the rows of dy that have its number as their id.

    ids (n,) whole numbers, dy (n, d), out (vocabulary, d). Rows with the same id are added one by
    one, in the order of dy, beginning with 0; so the bits depend neither on the processor nor on
    other ids. It is written number by number, because for vectors `np.add.at` is a loop that runs
    three times faster than for matrices (6,400 rows of 64 numbers: 0.9 against 2.8 ms).
    """
    width = dy.shape[1]
    first = ctx.scratch("first place", (len(ids), 1), np.intp)
    places = ctx.scratch("places", dy.shape, np.intp)
    np.multiply(ids.reshape(-1, 1), width, out=first)
    np.add(first, np.arange(width), out=places)
    out.fill(0)
    np.add.at(out.reshape(-1), places.reshape(-1), dy.reshape(-1))
