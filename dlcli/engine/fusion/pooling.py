"""Max pooling of 2x2 windows whose four places are four planes.

The planes, in row-major order of the places, are arrays of one shape; pooling is then three
maxima of contiguous arrays, and its gradient a product with four masks.
"""

import numpy as np

from dlcli.engine.fusion.prepared import Plan
from dlcli.engine.layer import Array


def pool(plan: Plan, planes: Array, y: Array, chosen: Array | None, half: Array) -> None:
    """Assign to y the largest of the planes, and to `chosen` which of the first three it equals.

    chosen: not needed where nobody goes back.

    planes: (4, ...); y: (...); chosen: (3, ...) bool; half: (2, ...), to work in.
    """
    plan.call(np.maximum, planes[0::2], planes[1::2], out=half)
    plan.call(np.maximum, half[0], half[1], out=y)
    if chosen is not None:
        plan.call(np.equal, planes[:3], y, out=chosen)


def spread(plan: Plan, dy: Array, chosen: Array, masks: Array, out: Array) -> None:
    """Assign to out (2, 2, ...) the gradient of the planes.

    Of equal largest numbers the first one gets it.

    masks: (4, ...) bool, to work in. masks[3] says where there is a gradient to give at all.
    """
    left = masks[3]  # where it has not been given yet; in the end, where it is the last plane's
    for plane in range(3):
        plan.call(np.logical_and, chosen[plane], left, out=masks[plane])
        plan.call(np.greater, left, masks[plane], out=left)  # left and not masks[plane]
    masked(plan, dy, masks.reshape(2, 2, *dy.shape), out)


def masked(plan: Plan, numbers: Array, mask: Array, out: Array) -> None:
    """Assign the numbers where the mask is true, and zeros elsewhere.

    The mask is turned into numbers first: as an operand it would be so piece by piece, in a
    buffer, which takes a third longer.
    """
    plan.call(np.copyto, out, mask)
    plan.call(np.multiply, out, numbers, out=out)
