"""How far the roundings of float32 move the engine's own answers.

What is added up in another order differs in its last digit, and a network may make any number of
that: raw outputs of thousands, a target with a large or a steep scale. Another program that
computes the same network is then as right as the engine where it is as far from the engine as
roundings bring the engine from itself.
"""

from collections.abc import Mapping

import numpy as np

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import ABSOLUTE, RELATIVE
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array
from dlcli.randomness import Stream

DRAWS, TIMES = 8, 8
"""How often the numbers of a network are moved by a rounding, and how many times as far as the
engine's answers then move another answer may be from them."""


def as_sure_as_the_engine(
    bundle: Bundle, stored: Mapping[str, Array], found: Array, wanted: Array
) -> Array:
    """Which numbers are further away than ABSOLUTE + RELATIVE |b|, but as near as the engine's own
    answers are to themselves.

    stored: rows that the engine answers by `wanted`, numbers that are all finite. Weights and
    prepared numbers are moved by a rounding of float32, several times, and it is seen how far the
    engine's answer moves with them. Whole numbers stay: they may be ids. What is not finite is
    never as near.
    """
    with np.errstate(invalid="ignore"):
        apart = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
        far = ~(apart <= ABSOLUTE + RELATIVE * np.abs(wanted))
    rows = np.flatnonzero(far.reshape(len(far), -1).any(axis=1))
    excused = np.zeros_like(far)
    if not len(rows):
        return excused
    xs = [bundle.preprocessing[name].apply(stored[name][rows]) for name in bundle.model.inputs]
    spread = np.zeros((len(rows), *wanted.shape[1:]))
    for draw in range(DRAWS):
        noise = Stream(0, "a rounding away", draw)
        theta, moved = _moved(bundle.theta, noise), [_moved(x, noise) for x in xs]
        with np.errstate(all="ignore"):
            answers = predict(bundle.model, bundle.loss, theta, moved)
            if bundle.target_scale is not None:
                answers = bundle.target_scale.inverse(answers)
            away = np.abs(answers.astype(np.float64) - wanted[rows])
        # An answer that is not finite any more says nothing of how near another one must be.
        spread = np.maximum(spread, np.where(np.isfinite(away), away, 0.0))
    excused[rows] = far[rows] & (apart[rows] <= TIMES * spread)
    return excused


def _moved(numbers: Array, noise: Stream) -> Array:
    """Each number that is not whole by up to a rounding up or down."""
    share = (noise.uniform(numbers.size) * 2.0 - 1.0).reshape(numbers.shape)
    eps = float(np.finfo(np.float32).eps)
    away = (numbers * (1.0 + eps * share)).astype(np.float32)
    return np.where(numbers == np.floor(numbers), numbers, away)
