"""Products of the rows of a pass with a kernel, and how they are kept apart when a network answers.

In training, the rows of a shard are one matrix, and its product with a kernel is one call. But a
BLAS computes some rows of a product by other instructions than their neighbours (those at an edge
of its blocks add up in another order), so the same row has other last bits as the third of many
than as the seventh. Nobody minds where shards are cut by the config alone. An answer must not
depend on what it is asked with: there, the moment says that rows are *apart*, and

    each row has a product of its own         as if it were alone, bit for bit
    or, where that is slow, it is in a tile   with eleven others, see below

A stack of small products is one call of NumPy, so for convolutions, whose rows are many places,
and for small kernels this costs next to nothing. What is slow is one row against a large kernel,
which then is read from memory for that row alone.

Tiles are of OpenBLAS's kernel for AVX2. It takes rows by twelve, six and six, and columns by 16 and
by 8, which are rounded otherwise. Of 16 n + 8 columns it takes the last 8 by 8 for the first six
rows, and the first 8 for the second six. So the first 8 columns stand behind the others once more,
and each row has them from the side where they are taken by 16: with rows in whole dozens, all have
the same arithmetic in every column. (Seen by multiplying equal rows, with OpenBLAS 0.3.30 and
0.3.31, which cut columns into pieces at 320.) No other BLAS is known to do the same: `tiles_hold`
tries, and where it fails each row has its own product.
"""

from functools import lru_cache

import numpy as np

from dlcli.engine.arrays import Array
from dlcli.engine.context import Context
from dlcli.randomness import Stream

WIDE = 1 << 13
"""Numbers of a kernel from which on a model is worth tiles: with 784 x 128, rows by themselves take
2.5 times as long, with 1600 x 10 six times."""

SMALL = 1 << 10
"""Numbers below which a kernel never is."""

DOZEN = 12
"""Rows of a tile."""

SIDE, PANEL = 8, 256
"""Columns that come twice, and the most columns that are taken together."""

NARROW = 16
"""Below so many columns, a kernel has no columns that differ."""


def product(x: Array, kernel: Array, out: Array, rows: int, ctx: Context) -> None:
    """Assign x (..., rows places, K) @ kernel (..., K, N) to out (..., rows places, N): each row
    by itself, where rows are apart."""
    if not ctx.apart:
        np.matmul(x, kernel, out=out)
        return
    apart = x.reshape(*x.shape[:-2], rows, -1, x.shape[-1])
    into = out.reshape(*out.shape[:-2], rows, -1, out.shape[-1])
    np.matmul(apart, kernel if kernel.ndim == 2 else kernel[..., None, :, :], out=into)


def row_product(x: Array, kernel: Array, out: Array, rows: int, ctx: Context) -> None:
    """`product` of a matrix x (rows places, K) and a parameter of the layer, by tiles where a row
    is one place and the moment says so."""
    tiled = ctx.moment.tiled and len(x) == rows and kernel.size >= SMALL
    if tiled and tiles_hold(*kernel.shape):
        _by_tiles(x, kernel, out, ctx)
    else:
        product(x, kernel, out, rows, ctx)


@lru_cache(maxsize=64)
def tiles_hold(inputs: int, outputs: int) -> bool:
    """Whether a row has the same bits at every place of its tile, and of any number of tiles, by
    this process's BLAS; tried with rows that are all the same."""
    numbers = Stream(0, "tiles")
    row = numbers.normal(inputs)
    kernel = numbers.normal(inputs * outputs).reshape(inputs, outputs)
    found = []
    for count in (DOZEN, 8 * DOZEN, 25 * DOZEN):
        out = np.empty((count, outputs), np.float32)
        _by_tiles(np.repeat(row[None], count, axis=0), kernel, out, Context())
        found.append(out)
    return all(bool((out.view(np.uint32) == found[0][0].view(np.uint32)).all()) for out in found)


def _by_tiles(x: Array, kernel: Array, out: Array, ctx: Context) -> None:
    """The product of x (n, K) and kernel (K, N)."""
    count = -(-len(x) // DOZEN) * DOZEN
    if len(x) < count or not x.flags.c_contiguous:
        whole = ctx.scratch("dozens", (count, x.shape[1]), x.dtype)
        whole[: len(x)] = x
        whole[len(x) :] = 0
        x = whole
    for start in range(0, kernel.shape[1], PANEL):
        some = kernel[:, start : start + PANEL]
        panel = _panel(some, ctx)
        found = ctx.scratch("product", (count, panel.shape[1]), x.dtype)
        np.matmul(x, panel, out=found)
        if some.shape[1] >= NARROW:
            second = found.reshape(-1, 2, DOZEN // 2, found.shape[1])[:, 1]
            second[..., :SIDE] = second[..., -SIDE:]
        np.copyto(out[:, start : start + PANEL], found[: len(out), : some.shape[1]])


def _panel(columns: Array, ctx: Context) -> Array:
    """Some columns of a kernel, in whole sixteens, and behind them the first eight once more; those
    of a narrow one as they are."""
    count = columns.shape[1]
    sixteens, again = (count, 0) if count < NARROW else (-(-count // 16) * 16, SIDE)
    shape = len(columns), sixteens + again

    def made(panel: Array) -> Array:
        panel[:, :count] = columns
        panel[:, count:sixteens] = 0
        panel[:, sixteens:] = columns[:, :again]
        return panel

    if not ctx.moment.fixed:
        return made(ctx.scratch("panel", shape, columns.dtype))
    place = columns.__array_interface__["data"][0]
    return ctx.keep(("panel", place, shape), lambda: made(np.empty(shape, columns.dtype)))
