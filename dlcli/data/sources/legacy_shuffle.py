"""The permutations that `numpy.random.RandomState(seed)` draws: orders that others have published.

Done here, so that they hang on no version of NumPy and on none of its legacy generators: MT19937
(M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998) 3-30), seeded by one number as
its authors' init_genrand does, and a shuffle from the end (D. Knuth, TAOCP 2, algorithm 3.4.2 P)
whose places are drawn by masking: 32 bits at a time, until what the mask leaves is not too large.
"""

from random import Random

import numpy as np

from dlcli.data.dataset import Array

_WORDS = 624
_MOST = 1 << 32


class LegacyShuffle:
    """Draws one permutation after the other."""

    def __init__(self, seed: int) -> None:
        words = [seed]
        for k in range(1, _WORDS):
            last = words[-1]
            words.append((1812433253 * (last ^ (last >> 30)) + k) % _MOST)
        self._bits = Random()  # the same generator, but for its seeds
        self._bits.setstate((3, (*words, _WORDS), None))

    def permutation(self, count: int) -> Array:
        """The numbers below `count` in an order: (count,) int64."""
        order = list(range(count))
        draw = self._bits.getrandbits
        for last in range(count - 1, 0, -1):
            mask = (1 << last.bit_length()) - 1
            while (place := draw(32) & mask) > last:
                pass
            order[last], order[place] = order[place], order[last]
        return np.array(order, np.int64)
