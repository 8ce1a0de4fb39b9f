"""The answers to some rows, kept while a part is judged: metrics count, and forget them."""

from collections.abc import Mapping

import numpy as np

from dlcli.engine.arrays import Array, Shape
from dlcli.engine.memory import shared_zeros


class Witness:
    """Room for the answers to chosen rows of each part, which workers share.

    positions: of each role, which rows are kept, in rising order. out_shape: of one row's answer.
    """

    def __init__(self, positions: Mapping[str, Array], out_shape: Shape) -> None:
        self.positions = dict(positions)
        self._seen: set[str] = set()
        self._answers = {
            role: shared_zeros((len(chosen), *out_shape)) for role, chosen in positions.items()
        }

    def put(self, role: str, start: int, answers: Array) -> None:
        """Keep those that were chosen of the answers to consecutive rows, the first of them at
        `start`."""
        chosen = self.positions.get(role)
        if chosen is None:
            return
        low, high = np.searchsorted(chosen, (start, start + len(answers))).tolist()
        self._answers[role][low:high] = answers[chosen[low:high] - start]

    def saw(self, role: str) -> None:
        """All of a part was judged: its answers are there."""
        self._seen.add(role)

    def answers(self, role: str) -> Array:
        """float32 (chosen rows, *out_shape), in the order of the rows; LookupError where the part
        was not judged."""
        if role not in self._seen:
            raise LookupError(f"the {role} part was not judged")
        return self._answers[role]
