"""Winograd's minimal filtering F(2x2, 3x3): 16 multiplications where a convolution has 36.

Along one axis two neighbouring outputs of a 3-tap filter g read four inputs d0 .. d3, and

    y = A^T [(G g) * (B^T d)]

            [ 1  0 -1  0]        [ 1    0    0 ]
    B^T  =  [ 0  1  1  0]    G = [1/2  1/2  1/2]    A^T = [1  1  1  0]
            [ 0 -1  1  0]        [1/2 -1/2  1/2]          [0  1 -1  1]
            [ 0 -1  0  1]        [ 0    0    1 ]

takes four multiplications instead of six (the last rows of B^T and A^T have both signs turned
round, so that the adjoint of A needs no negation). Along two axes the same is done to rows and
to columns. An image is cut into tiles of 2x2 outputs, each reading 4x4 pixels, and with many
channels and filters the multiplications become 16 matrix products, one for each (k, l):

    V[k, l] = (B^T d B)[k, l]      tiles x channels
    U[k, l] = (G g G^T)[k, l]      channels x filters
    M[k, l] = V[k, l] @ U[k, l]    tiles x filters         y = A^T M A

and backward, every transform being linear, the adjoints in turn:

    dM = A dy A^T    dU = V^T dM    dg = G^T dU G    dV = dM U^T    dx = B dV B^T, overlaps added

The transforms add and subtract whole planes of position-major memory (see positions.py): the
last axis of every array here is a *run*, floats that lie together.

Sources: S. Winograd, "Arithmetic complexity of computations" (1980); A. Lavin and S. Gray, "Fast
algorithms for convolutional neural networks" (CVPR 2016). All factors are ones and halves, so
the float32 result is about as far from the exact one as that of a direct convolution.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from dlcli.engine.fusion.positions import meeting
from dlcli.engine.fusion.prepared import Plan
from dlcli.engine.layer import Array
from dlcli.frozen import frozen

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


@lru_cache
def kernel_transform(dtype: np.dtype[Any]) -> Array:
    """G for both axes at once: turns the 9 taps of a kernel into the 16 of U."""
    matrix: Array = np.kron(_G, _G).astype(dtype)
    matrix.flags.writeable = False
    return matrix


@frozen
class Axis:
    """How tiles lie along one axis of an image: tile j reads places 2j .. 2j + 3.

    Place p is the pixel p - before. Of the 2 tiles + 2 places, those without a pixel (padding, or
    behind an odd border) are zeros; pixels behind the last place are not read.
    """

    pixels: int
    before: int
    tiles: int

    def part(self, start: int, stop: int) -> tuple[slice, "Axis"]:
        """The pixels that tiles start .. stop-1 read, and how these tiles lie on them."""
        first = max(2 * start - self.before, 0)
        last = min(2 * stop + 2 - self.before, self.pixels)
        before = max(self.before - 2 * start, 0)
        return slice(first, last), Axis(last - first, before, stop - start)

    def places(self, first: int, count: int) -> tuple[slice, slice]:
        """Which of the places first, first + 2, ... (count of them) have a pixel, and which."""
        return meeting(first - self.before, 2, count, self.pixels)


Stretch = tuple[slice, slice | None, slice | None]
"""A stretch of results, and where its left and right terms are (None: the term is zero)."""


def _pieces(count: int, left: slice, right: slice) -> list[tuple[int, int, bool, bool]]:
    """Cut 0 .. count-1 where the left and the right term begin and end."""
    cuts = sorted({0, count, left.start, left.stop, right.start, right.stop})
    return [
        (a, b, left.start <= a < left.stop, right.start <= a < right.stop)
        for a, b in pairwise(cuts)
    ]


@lru_cache(maxsize=1024)
def _reading(axis: Axis, left: int, right: int) -> tuple[Stretch, ...]:
    """Results: tiles j. Terms: the pixels at places 2j + left and 2j + right."""
    met_left, pixels_left = axis.places(left, axis.tiles)
    met_right, pixels_right = axis.places(right, axis.tiles)

    def term(pixels: slice, met: slice, a: int, b: int) -> slice:
        first = pixels.start + 2 * (a - met.start)
        return slice(first, first + 2 * (b - a), 2)

    return tuple(
        (
            slice(a, b),
            term(pixels_left, met_left, a, b) if has_left else None,
            term(pixels_right, met_right, a, b) if has_right else None,
        )
        for a, b, has_left, has_right in _pieces(axis.tiles, met_left, met_right)
    )


@lru_cache(maxsize=1024)
def _writing(axis: Axis, parity: int) -> tuple[Stretch, ...]:
    """Results: the pixels at places 2i + parity. Terms: tile i, and tile i - 1."""
    tiles = axis.tiles
    met, pixels = axis.places(parity, tiles + 1)
    pieces = []
    for a, b, has_left, has_right in _pieces(tiles + 1, slice(0, tiles), slice(1, tiles + 1)):
        start, stop = max(a, met.start), min(b, met.stop)
        if start < stop:
            first = pixels.start + 2 * (start - met.start)
            pieces.append(
                (
                    slice(first, first + 2 * (stop - start), 2),
                    slice(start, stop) if has_left else None,
                    slice(start - 1, stop - 1) if has_right else None,
                )
            )
    return tuple(pieces)


def _combine(
    plan: Plan, ufunc: np.ufunc, left: Array, right: Array, out: Array, pieces: tuple[Stretch, ...]
) -> None:
    """Assign out = left + right, or left - right, along the axis before the last."""
    for at, first, second in pieces:
        here = out[..., at, :]
        if first is not None and second is not None:
            plan.call(ufunc, left[..., first, :], right[..., second, :], out=here)
        elif first is not None:
            plan.call(np.copyto, here, left[..., first, :])
        elif second is None:
            plan.call(here.fill, 0)
        elif ufunc is np.add:
            plan.call(np.copyto, here, right[..., second, :])
        else:
            plan.call(np.negative, right[..., second, :], out=here)


def read_tiles(plan: Plan, x: Array, v: Array, rows: Axis, columns: Axis, work: Array) -> None:
    """Assign V = B^T d B.

    x: (rows.pixels, columns.pixels, run)      v: (4, 4, rows.tiles, columns.tiles * run)
    work: (4, 2, rows.tiles + 1, columns.tiles * run): the columns of the image transformed, its
        even and odd rows apart, so that the second step, over rows, works on long runs.
    """
    for parity in (0, 1):
        met, pixels = rows.places(parity, rows.tiles + 1)
        for missing in (slice(met.start), slice(met.stop, None)):
            if work[0, parity, missing].size:
                plan.call(work[:, parity, missing].fill, 0)
        d = x[pixels]
        out = work[:, parity, met].reshape(4, len(d), columns.tiles, x.shape[-1])
        _combine(plan, np.subtract, d, d, out[0], _reading(columns, 0, 2))
        _combine(plan, np.add, d, d, out[1], _reading(columns, 1, 2))
        _combine(plan, np.subtract, d, d, out[2], _reading(columns, 2, 1))
        _combine(plan, np.subtract, d, d, out[3], _reading(columns, 3, 1))
    even, odd = work[:, 0], work[:, 1]
    plan.call(np.subtract, even[:, :-1], even[:, 1:], out=v[0])
    plan.call(np.add, odd[:, :-1], even[:, 1:], out=v[1])
    plan.call(np.subtract, even[:, 1:], odd[:, :-1], out=v[2])
    plan.call(np.subtract, odd[:, 1:], odd[:, :-1], out=v[3])


def _prepare_writing(plan: Plan, v: Array, sums: Array) -> None:
    """Assign sums = v1 + v2 - v0 and v1 = v1 - v2 - v3. Then B v is, place by place,

    (B v)[2i] = v0[i] + sums[i - 1]        (B v)[2i + 1] = v1[i] + v3[i - 1]
    """
    plan.call(np.add, v[1], v[2], out=sums)
    plan.call(np.subtract, sums, v[0], out=sums)
    plan.call(np.subtract, v[1], v[2], out=v[1])
    plan.call(np.subtract, v[1], v[3], out=v[1])


def write_tiles(
    plan: Plan, v: Array, dx: Array, rows: Axis, columns: Axis, work: Array, spare: Array
) -> None:
    """Assign dx = B dV B^T, the adjoint of `read_tiles`; shapes as there. v is overwritten.

    spare: as many numbers as v[0].
    """
    sums = spare.reshape(v[0].shape)
    _prepare_writing(plan, v, sums)
    for parity, left, right in ((0, v[0], sums), (1, v[1], v[3])):
        lines = work[:, parity]
        plan.call(np.copyto, lines[:, 0], left[:, 0])
        plan.call(np.add, left[:, 1:], right[:, :-1], out=lines[:, 1:-1])
        plan.call(np.copyto, lines[:, -1], right[:, -1])
    sums = spare.reshape(-1)[: work[0].size].reshape(work[0].shape)
    _prepare_writing(plan, work, sums)
    for parity in (0, 1):
        met, pixels = rows.places(parity, rows.tiles + 1)
        out = dx[pixels]
        w0, w1, w3, right = (
            terms[parity, met].reshape(len(out), columns.tiles, dx.shape[-1])
            for terms in (work[0], work[1], work[3], sums)
        )
        _combine(plan, np.add, w0, right, out, _writing(columns, 0))
        _combine(plan, np.add, w1, w3, out, _writing(columns, 1))


def outputs(plan: Plan, m: Array, out: Array) -> None:
    """Assign A^T m: (4, ...) becomes (2, ...)."""
    plan.call(np.add, m[1], m[2], out=out[0])
    plan.call(np.subtract, m[1], m[2], out=out[1])
    plan.call(np.add, out[0], m[0], out=out[0])
    plan.call(np.add, out[1], m[3], out=out[1])


def spread_outputs(plan: Plan, m: Array) -> None:
    """Assign A y to m (4, ...), where m[0] and m[3] already are the two outputs y."""
    plan.call(np.add, m[0], m[3], out=m[1])
    plan.call(np.subtract, m[0], m[3], out=m[2])
