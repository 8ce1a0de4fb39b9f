"""How a step's passes are cut at the layers that meet the whole batch.

With k such layers a step has 2k + 1 stages. In each, all shards go on to the next of these layers,
forward and then back, and leave what they add to its sums; between stages one process puts these
together, in the order of the shards. Without such layers there is one stage, the whole pass.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dlcli.engine.layer import Array, BatchLayer, Params
from dlcli.engine.memory import shared_zeros
from dlcli.engine.model import Gradients, Model, Pass


class Stages:
    """The stages of a model's step, and the sums that meet between them.

    All arrays lie in memory that forked workers share.
    """

    def __init__(self, model: Model, shards: int) -> None:
        self._end = len(model.nodes)
        self._meetings = model.meetings
        self._names = [model.nodes[index].name for index in self._meetings]
        self._layers: list[BatchLayer] = []
        self._parts: list[tuple[Array, Array]] = []
        self._totals: list[tuple[Array, Array]] = []
        for index in self._meetings:
            node = model.nodes[index]
            assert isinstance(node.layer, BatchLayer)
            sizes = node.layer.tally_sizes(node.in_shape)
            self._layers.append(node.layer)
            there, back = (shared_zeros((shards, size), np.float64) for size in sizes)
            self._parts.append((there, back))
            there, back = (shared_zeros((size,), np.float64) for size in sizes)
            self._totals.append((there, back))

    def __len__(self) -> int:
        return 2 * len(self._meetings) + 1

    @property
    def turning(self) -> int:
        """The stage in which the loss is computed."""
        return len(self._meetings)

    def run(
        self,
        stage: int,
        passing: Pass,
        shard: int,
        fetch: Callable[[], Sequence[Array]],
        judge: Callable[[Array], Array],
        gradients: Gradients,
    ) -> None:
        """One shard's part in a stage.

        fetch: gives the data's values. judge: takes the outputs, gives the loss's gradient.
        """
        turning, meetings = self.turning, self._meetings
        if stage <= turning:
            if stage == 0:
                passing.begin(*fetch())
                start = 0
            else:
                start = meetings[stage - 1] + 1
                passing.meet(meetings[stage - 1], self._totals[stage - 1][0])
            if stage < turning:
                passing.advance(start, meetings[stage])
                self._parts[stage][0][shard] = passing.tally(meetings[stage])
                return
            passing.turn(judge(passing.advance(start, self._end)))
            stop, left = self._end, turning
        else:
            left = 2 * turning - stage
            stop = meetings[left]
            passing.meet_back(stop, self._totals[left][1])
        if left == 0:
            passing.retreat(stop, 0, gradients)
            return
        passing.retreat(stop, meetings[left - 1] + 1, gradients)
        part = passing.tally_back(meetings[left - 1], gradients)
        if part is not None:
            self._parts[left - 1][1][shard] = part

    def add_up(self, stage: int, shards: int) -> None:
        """Put together what the shards have left in a stage."""
        if stage < self.turning:
            parts, total = self._parts[stage][0], self._totals[stage][0]
            total[:] = self._layers[stage].total(parts[:shards])
        elif stage < len(self) - 1:
            index = 2 * self.turning - stage - 1
            parts, total = self._parts[index][1], self._totals[index][1]
            total[:] = parts[0]
            for part in parts[1:shards]:
                total += part

    def observe(self, parameters: Mapping[str, Params]) -> None:
        """Take the batch's statistics into the observed arrays."""
        for name, layer, (total, _) in zip(self._names, self._layers, self._totals, strict=True):
            layer.observe(parameters[name], total)
