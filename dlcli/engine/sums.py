"""Sums over rows, as gradients of biases and scales are."""

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array


def sum_rows(rows: Array, out: Array, ctx: Context) -> None:
    """Assign the sum over axis 0 of a matrix to `out`: the gradient of a bias.

    As a product with ones, because that is several times faster than a sum over the slow axis.
    """
    ones = ctx.scratch("ones", (rows.shape[0],), rows.dtype)
    ones.fill(1)
    np.matmul(ones, rows, out=out)
