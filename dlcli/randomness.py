"""Randomness that is addressed, not consumed.

Every draw is named by an address: the scheme's version, the seed, a purpose, and whatever else
tells it apart (layer name, epoch, step, shard). The address is hashed into the key of a Philox
counter generator, so two draws with different addresses never touch each other: adding a layer
or a metric disturbs no other stream, any number of workers may draw in any order, and resuming
a run needs no generator state.

Only raw 64-bit words are taken from NumPy, because its distributions may change between
versions: uniforms are made by shifting, normals by Box-Muller on float32 ufuncs whose bits are
the same on every processor with AVX2, permutations by a stable sort.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

import hashlib

import numpy as np
import numpy.typing as npt

SCHEME = "philox-1"


class Stream:
    """The random numbers of one address; each call continues where the last one ended.

    >>> Stream(7, "shuffle", 0).permutation(5).tolist()
    [2, 4, 3, 0, 1]
    >>> Stream(7, "shuffle", 0).permutation(5).tolist()  # the same address, the same numbers
    [2, 4, 3, 0, 1]
    """

    def __init__(self, seed: int, purpose: str, *address: int | str) -> None:
        words = [SCHEME, str(seed), purpose, *(str(part) for part in address)]
        # Lengths are written too, so that ("a", "bc") and ("ab", "c") are different addresses.
        text = "".join(f"{len(word)}:{word}" for word in words)
        key = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype="<u8")
        self._bits = np.random.Philox(key=key.astype(np.uint64))
        self._start = self._bits.state

    def at(self, number: int) -> "Stream":
        """This stream, moved to the place of its own that a number from 0 on has (of a row, say).

        Each number has 2^64 blocks of the generator's counter; 0 is where the stream begins.
        """
        self._start["state"]["counter"][1] = number
        self._bits.state = self._start
        return self

    def words(self, count: int) -> npt.NDArray[np.uint32]:
        """`count` uniform 32-bit words."""
        raw = np.asarray(self._bits.random_raw((count + 1) // 2), dtype="<u8")
        return raw.view("<u4")[:count]

    def uniform(self, count: int) -> npt.NDArray[np.float32]:
        """`count` float32 numbers, uniform in [0, 1): 24 bits of a word, times 2**-24."""
        return (self.words(count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)

    def normal(self, count: int) -> npt.NDArray[np.float32]:
        """`count` standard normal float32 numbers.

        Box-Muller: sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v), with u in (0, 1].
        """
        half = (count + 1) // 2
        radius = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - self.uniform(half)))
        angle = np.float32(6.2831855) * self.uniform(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def permutation(self, count: int) -> npt.NDArray[np.int64]:
        """The numbers 0 .. count-1 in a random order: the stable order of `count` raw words."""
        raw = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        return np.argsort(raw, kind="stable").astype(np.int64, copy=False)
