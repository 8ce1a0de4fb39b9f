"""The permutations that `numpy.random.RandomState(seed)` draws: orders that others have published.

Done here, so that they hang on no version of NumPy and on none of its legacy generators: MT19937
(M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998) 3-30), seeded by one number as
its authors' init_genrand does, and a shuffle from the end (D. Knuth, TAOCP 2, algorithm 3.4.2 P)
whose places are drawn by masking: 32 bits at a time, until what the mask leaves is not too large.

Nothing else draws with it: what a run draws comes from dlcli/randomness.py.
"""

from collections.abc import Iterator

import numpy as np

from dlcli.data.dataset import Array

_WORDS, _AHEAD = 624, 397
_HIGH, _LOW, _ALL = 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF


class LegacyShuffle:
    """Draws one permutation after the other."""

    def __init__(self, seed: int) -> None:
        self._draws = _mt19937(seed)

    def permutation(self, count: int) -> Array:
        """The numbers below `count` in an order: (count,) int64."""
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            mask = (1 << last.bit_length()) - 1
            while (place := next(self._draws) & mask) > last:
                pass
            order[last], order[place] = order[place], order[last]
        return np.array(order, np.int64)


def _mt19937(seed: int) -> Iterator[int]:
    """Whole numbers of 32 bits without an end."""
    words = [seed & _ALL]
    for k in range(1, _WORDS):
        last = words[-1]
        words.append((1812433253 * (last ^ (last >> 30)) + k) & _ALL)
    while True:
        for k in range(_WORDS):
            mixed = (words[k] & _HIGH) | (words[(k + 1) % _WORDS] & _LOW)
            twist = 0x9908B0DF if mixed & 1 else 0
            words[k] = words[(k + _AHEAD) % _WORDS] ^ (mixed >> 1) ^ twist
        for word in words:
            word ^= word >> 11
            word ^= (word << 7) & 0x9D2C5680
            word ^= (word << 15) & 0xEFC60000
            yield word ^ (word >> 18)
