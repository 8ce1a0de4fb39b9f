"""Winograd's minimal filtering F(2x2, 3x3): 16 multiplications where a convolution has 36.

Along one axis two neighbouring outputs of a 3-tap filter read four inputs d0 .. d3, and

    y = A^T [(G g) * (B^T d)]

            [ 1  0 -1  0]        [ 1    0    0 ]
    B^T  =  [ 0  1  1  0]    G = [1/2  1/2  1/2]    A^T = [1  1  1  0]
            [ 0 -1  1  0]        [1/2 -1/2  1/2]          [0  1 -1  1]
            [ 0 -1  0  1]        [ 0    0    1 ]

takes four multiplications instead of six (the last rows of B^T and A^T have both signs turned
round, so that the adjoint of A needs no negation). Along two axes the same is done to rows and
to columns. An image is cut into tiles of 2x2 outputs, each reading 4x4 pixels, and with many
channels and filters the multiplications become 16 matrix products, one for each (k, l):

    V[k, l] = (B^T d B)[k, l]      tiles  x channels
    U[k, l] = (G g G^T)[k, l]      channels x filters
    M[k, l] = V[k, l] @ U[k, l]    tiles  x filters        y = A^T M A

and backward, every transform being linear, the adjoints in turn:

    dM = A dy A^T    dU = V^T dM    dg = G^T dU G    dV = dM U^T    dx = B dV B^T, overlaps added

The transforms are sums and differences of whole planes. Here a plane is "runs" of floats that
lie together: the last axis of every array is a run, the one before it is the axis transformed.

Sources: S. Winograd, "Arithmetic complexity of computations" (1980); A. Lavin and S. Gray, "Fast
algorithms for convolutional neural networks" (CVPR 2016). In float32 the result is about as far
from the exact one as that of a direct convolution: all factors are halves and ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlcli.engine.layer import Array

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_KERNEL = np.kron(_G, _G)  # (16, 9): both axes at once


@lru_cache
def kernel_matrix(dtype: str) -> Array:
    """The matrix (16, 9) that turns the taps of a 3x3 kernel into the U of a tile."""
    return _KERNEL.astype(dtype)


@dataclass(frozen=True)
class Axis:
    """How tiles lie along one axis: tile j reads pixels 2j - before .. 2j - before + 3.

    Pixels outside 0 .. length-1 are zeros: padding, or what lies behind an odd border.
    """

    length: int
    before: int
    tiles: int

    def part(self, start: int, stop: int) -> tuple[slice, "Axis"]:
        """The pixels that tiles start .. stop-1 read, and how these tiles lie on them."""
        first = max(2 * start - self.before, 0)
        last = min(2 * stop - self.before + 2, self.length)
        before = max(self.before - 2 * start, 0)
        return slice(first, last), Axis(last - first, before, stop - start)


Step = tuple[slice, slice | None, slice | None]
"""out, left, right: where a result goes, and where its two terms are (None: it is zero)."""


def _steps(
    count: int, left: tuple[int, int], right: tuple[int, int]
) -> list[tuple[int, int, bool, bool]]:
    """Cut 0 .. count-1 where the terms, each present from first to last, come and go."""
    cuts = sorted({0, count} | {min(max(c, 0), count) for c in (*left, *right)})
    return [
        (start, stop, left[0] <= start < left[1], right[0] <= start < right[1])
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
    ]


@lru_cache(maxsize=1024)
def _reading(axis: Axis, left: int, right: int) -> tuple[Step, ...]:
    """For terms at pixels 2j + left - before and 2j + right - before of tile j."""

    def present(offset: int) -> tuple[int, int]:
        return -((offset - axis.before) // 2), (axis.length - 1 - offset + axis.before) // 2 + 1

    def pixels(offset: int, start: int, stop: int) -> slice:
        first = 2 * start + offset - axis.before
        return slice(first, first + 2 * (stop - start) - 1, 2)

    return tuple(
        (
            slice(start, stop),
            pixels(left, start, stop) if has_left else None,
            pixels(right, start, stop) if has_right else None,
        )
        for start, stop, has_left, has_right in _steps(axis.tiles, present(left), present(right))
    )


@lru_cache(maxsize=1024)
def _writing(axis: Axis, parity: int) -> tuple[Step, ...]:
    """For pixel 2i + parity - before: the left term is tile i's, the right one tile i - 1's."""
    first = -((parity - axis.before) // 2)
    last = (axis.length - 1 - parity + axis.before) // 2
    steps = []
    tiles = axis.tiles
    for start, stop, has_left, has_right in _steps(
        last + 1 - first, (-first, tiles - first), (1 - first, tiles + 1 - first)
    ):
        pixel = 2 * (start + first) + parity - axis.before
        steps.append(
            (
                slice(pixel, pixel + 2 * (stop - start) - 1, 2),
                slice(start + first, stop + first) if has_left else None,
                slice(start + first - 1, stop + first - 1) if has_right else None,
            )
        )
    return tuple(steps)


def _combine(
    ufunc: np.ufunc, left: Array, right: Array, out: Array, steps: tuple[Step, ...]
) -> None:
    """Assign out = left + right, or left - right, along the axis before the last."""
    for at, first, second in steps:
        here = out[..., at, :]
        if first is None and second is None:
            here.fill(0)
        elif second is None:
            np.copyto(here, left[..., first, :])
        elif first is not None:
            ufunc(left[..., first, :], right[..., second, :], out=here)
        elif ufunc is np.add:
            np.copyto(here, right[..., second, :])
        else:
            np.negative(right[..., second, :], out=here)


def read_tiles(d: Array, out: Sequence[Array], axis: Axis) -> None:
    """Assign B^T d to the four arrays `out` (..., tiles, run); d is (..., length, run)."""
    _combine(np.subtract, d, d, out[0], _reading(axis, 0, 2))
    _combine(np.add, d, d, out[1], _reading(axis, 1, 2))
    _combine(np.subtract, d, d, out[2], _reading(axis, 2, 1))
    _combine(np.subtract, d, d, out[3], _reading(axis, 3, 1))


def write_tiles(v: Sequence[Array], out: Array, axis: Axis, work: Array) -> None:
    """Assign B v, the adjoint of `read_tiles`: out (..., length, run), v four (..., tiles, run).

    With even pixels 2i and odd pixels 2i + 1 (before padding is taken off):

        out[2i]     = v0[i] + (v1 + v2 - v0)[i - 1]
        out[2i + 1] = (v1 - v2 - v3)[i] + v3[i - 1]

    v1 is overwritten; `work` has the shape of v0.
    """
    np.add(v[1], v[2], out=work)
    np.subtract(work, v[0], out=work)
    np.subtract(v[1], v[2], out=v[1])
    np.subtract(v[1], v[3], out=v[1])
    _combine(np.add, v[0], work, out, _writing(axis, 0))
    _combine(np.add, v[1], v[3], out, _writing(axis, 1))


def outputs(m: Array, out: Array) -> None:
    """Assign A^T m: (4, ...) becomes (2, ...)."""
    np.add(m[1], m[2], out=out[0])
    np.subtract(m[1], m[2], out=out[1])
    np.add(out[0], m[0], out=out[0])
    np.add(out[1], m[3], out=out[1])


def spread_outputs(m: Array) -> None:
    """Assign A y within m (4, ...), where m[0] and m[3] already are the two outputs."""
    np.add(m[0], m[3], out=m[1])
    np.subtract(m[0], m[3], out=m[2])
