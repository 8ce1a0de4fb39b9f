"""Masks: which steps of a row are real, and which only fill it up.

A value whose rows are (steps, features) may carry a mask (n, steps) of booleans, true at a real
step. Whether it does is known when the graph is connected, so what has no masks pays nothing:

    made       by a layer that says so (`Layer.makes_mask`): embedding with `mask_zero`, masking
    passed on  by layers that keep the steps apart (`passes_mask`): y has the mask of x. It is the
               same array, and nothing is done for it in a pass. A merge passes masks on where all
               its inputs have one: what is a step of any of them is a step of y
    read       by layers whose numbers depend on it (`reads_mask`), from `ctx.mask`
    ended      by all others, and by a merge with an input of which all steps are real

An answer must not depend on how many steps fill its row up, nor on which side: of layers that pass
a mask on or read it, that is a law (tests/engine/test_masks.py).

Source: who passes a mask on, and the rule of merges, are those of Keras 3. There,
GlobalMaxPooling1D and GroupNormalization do not look at the mask that they get, so their answers
change with the padding; here they do, and theirs do not.
"""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Merge


def carries_mask(layer: Layer | Merge, masked: Sequence[bool]) -> bool:
    """Whether the value of a layer has a mask, where these of its inputs have one."""
    if isinstance(layer, Layer) and layer.makes_mask():
        return True
    return layer.passes_mask and all(masked)


def either(masks: Sequence[Array], ctx: Context) -> Array:
    """The mask of a merge: true where any of these is."""
    mask = ctx.scratch("mask", masks[0].shape, np.bool_)
    np.logical_or(masks[0], masks[1], out=mask)
    for other in masks[2:]:
        np.logical_or(mask, other, out=mask)
    return mask
