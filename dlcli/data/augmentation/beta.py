"""Numbers from 0 to 1 of a symmetric beta distribution, by operations that have the same bits
everywhere."""

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.portable import expm1, log

_TRIES = 6
"""Each is taken with a probability of at least 0.95, so about one number in 10^8 has none; for it
stands the most likely one."""


NORMALS, CHANCES = 2 * _TRIES, 2 * _TRIES + 2
"""So many numbers it takes for each row, normal ones and uniform ones."""


def beta(alphas: Array, normals: Array, chances: Array) -> Array:
    """One number of Beta(a, a) for each row: float32 (n,).

    alphas: (n,), above 0. normals (n, NORMALS), chances (n, CHANCES) in [0, 1): random numbers.

    X / (X + Y) of two gamma variables of shape a. Each is G U^(1 / a) with G of shape a + 1 and U
    uniform, of which the logarithm is taken, since for small a it may be too small for a number.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000): with
    d = a + 2/3 and a normal z, G = d v, v = (1 + z / sqrt(9 d))^3, is taken where v > 0 and
    log(u) < z^2 / 2 + d - d v + d log(v).
    """
    a = alphas.astype(np.float64).reshape(-1, 1, 1)
    z = normals.astype(np.float64).reshape(-1, 2, _TRIES)
    logs = log(1.0 - chances.astype(np.float64))  # of numbers above 0
    tried, boost = logs[:, 2:].reshape(z.shape), logs[:, :2] / a[:, :, 0]
    d = a + 2.0 / 3.0
    root = 1.0 + z / np.sqrt(9.0 * d)
    v = root * root * root
    good = v > 0.0
    log_v = log(np.where(good, v, 1.0))
    good &= tried < 0.5 * z * z + d - d * v + d * log_v
    first = good.argmax(axis=2)[:, :, np.newaxis]
    chosen = np.take_along_axis(log_v, first, axis=2)[:, :, 0]
    gammas = np.where(good.any(axis=2), chosen, 0.0) + boost  # their logarithms, but for log(d)
    apart = np.minimum(np.maximum(gammas[:, 1] - gammas[:, 0], -80.0), 80.0)
    return (1.0 / (2.0 + expm1(apart))).astype(np.float32)
