"""Products of the rows of a pass with a kernel, and how they are kept apart when a network answers.

In training, the rows of a shard are one matrix, and its product with a kernel is one call. But a
BLAS computes some rows of a product by other instructions than their neighbours (those at an edge
of its blocks add up in another order), so the same row has other last bits as the third of many
than as the seventh. Nobody minds where shards are cut by the config alone. An answer must not
depend on what it is asked with: there, the moment says that rows are *apart*, and

    each row has a product of its own                    as if it were alone, bit for bit
    or, where that is slow, all go through windows       see below

A stack of small products is one call of NumPy, so for convolutions, whose rows are many places,
and for small kernels this costs next to nothing. What is slow is one row against a large kernel,
which then is read from memory for that row alone: those are multiplied in *windows*.

A window is a product of at most 320 rows, of which the first 8 and the last ones are others than
those asked for. OpenBLAS's kernel for AVX2 lays tiles of 8 and of 16 along this side; tiles of 8
lie at its ends only, and round otherwise than those between. (Seen by multiplying equal rows, on
OpenBLAS 0.3.30; blocks end at 320.) So all rows that are asked for have the same arithmetic at
every place. No other BLAS is known to do the same: `windows_hold` tries, and where it fails each
row has its own product.
"""

from functools import lru_cache

import numpy as np

from dlcli.engine.arrays import Array
from dlcli.engine.context import Context
from dlcli.randomness import Stream

WIDE = 1 << 15
"""Numbers of a kernel from which on windows are worth it: with 784 x 128, a row alone takes 2.4
times as long; with 64 x 64, the windows cost what they gain."""

NARROW = 16
"""Columns that a wide kernel has at least: one of fewer is one tile for OpenBLAS."""

EDGE, WINDOW_ROWS = 8, 304
"""Rows at either end of a window that are not asked for, and the most between them that are."""


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
    """`product` of a matrix x (rows places, K), by windows where a row is one place and they are
    worth it."""
    shape = kernel.shape
    if ctx.moment.windows and len(x) == rows and is_wide(*shape) and windows_hold(*shape):
        _by_windows(x, kernel, out, ctx)
    else:
        product(x, kernel, out, rows, ctx)


def is_wide(inputs: int, outputs: int) -> bool:
    """Whether rows are multiplied with such a kernel in windows, where they may be."""
    return outputs >= NARROW and inputs * outputs >= WIDE


@lru_cache(maxsize=64)
def windows_hold(inputs: int, outputs: int) -> bool:
    """Whether windows give a row the same bits at every place, by this process's BLAS.

    It is tried with rows that are all the same, in a full window and in the smallest one.
    """
    numbers = Stream(0, "windows")
    row = numbers.normal(inputs)
    kernel = numbers.normal(inputs * outputs).reshape(inputs, outputs)
    full = np.empty((WINDOW_ROWS, outputs), np.float32)
    _by_windows(np.broadcast_to(row, (len(full), inputs)), kernel, full, Context())
    one = np.empty((1, outputs), np.float32)
    _by_windows(row[None], kernel, one, Context())
    return bool((full.view(np.uint32) == one.view(np.uint32)).all())


def _by_windows(x: Array, kernel: Array, out: Array, ctx: Context) -> None:
    """The product of x (n, K) and kernel (K, N), by windows over the rows.

    Computed is its transpose, kernel^T @ window^T, along whose second axis the tiles are laid.
    """
    whole = WINDOW_ROWS + 2 * EDGE
    window = ctx.scratch("window", (whole, x.shape[1]), x.dtype)
    turned = ctx.scratch("turned", (kernel.shape[1], whole), x.dtype)
    for start in range(0, len(x), WINDOW_ROWS):
        rows = x[start : start + WINDOW_ROWS]
        length = 2 * EDGE + -(-len(rows) // EDGE) * EDGE
        window[:EDGE] = 0
        window[EDGE : EDGE + len(rows)] = rows
        window[EDGE + len(rows) : length] = 0
        np.matmul(kernel.T, window[:length].T, out=turned[:, :length])
        np.copyto(out[start : start + len(rows)], turned[:, EDGE : EDGE + len(rows)].T)
