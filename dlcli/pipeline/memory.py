"""How much memory a training takes, about, and what for; known before it begins.

Arrays that the engine makes are counted, not guessed: a shard of zeros goes through the network as
it will be trained, and what its layers allocate is what each worker's layers will. Of a shard that
is large, one row and two go through, and the rest is drawn in proportion.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.dataset import Part
from dlcli.engine.context import Moment
from dlcli.engine.gradients import Gradients
from dlcli.engine.layer import Array, Shape
from dlcli.engine.model import Model, Pass
from dlcli.engine.sharding import HALTING_SHARD_BYTES, default_shard_size
from dlcli.frozen import frozen
from dlcli.pipeline.design import Chain
from dlcli.wording import counted

PROGRAM = 63_000_000
"""Bytes of one process before it has any data: Python, NumPy with its BLAS, and dlcli. Measured, on
Linux, as is the next one."""

WORKER = 7_000_000
"""Bytes of a further worker: pages of Python's own objects that stay no common ones."""


MOST_WORK = 20_000_000_000
LARGEST_ROW = 1 << 26
MOST_PARAMETERS = 50_000_000
"""What is tried at most, so that `validate` stays quick and small: floating point operations, bytes
of a row's widest output, parameters. Beyond, less is counted."""


@frozen
class Memory:
    """Bytes.

    parameters: as they are trained, as they are kept, and in checkpoints.
    optimizer: what it remembers between updates, also in checkpoints.
    gradients: of all shards of a batch.
    scratch: of the layers, in each worker; halted: of passes that wait for the other shards of
        their batch, in all workers together.
    data: of the rows that stay in memory, None where it is not known. Files that are read in place
        are left out, because the system takes their pages back when others need room.
    """

    parameters: int
    optimizer: int
    gradients: int
    scratch: int
    halted: int
    data: int | None

    def total(self, workers: int) -> int:
        """All of it, with the program."""
        program = PROGRAM + WORKER * (workers - 1)
        arrays = self.parameters + self.optimizer + self.gradients
        return program + arrays + self.scratch * workers + self.halted + (self.data or 0)

    def to_json(self, workers: int) -> dict[str, Any]:
        """For programs."""
        return {
            "total": self.total(workers),
            "workers": workers,
            "data": self.data,
            "parameters": self.parameters,
            "optimizer": self.optimizer,
            "gradients": self.gradients,
            "scratch": self.scratch * workers + self.halted,
            "program": PROGRAM + WORKER * (workers - 1),
        }

    def told(self, workers: int) -> str:
        """For people."""
        team = counted(workers, "worker")
        rows = "" if self.data is not None else ", and the rows, which were not all read"
        parts = {
            "program": _mb(PROGRAM + WORKER * (workers - 1)),
            **({} if self.data is None else {"data": _mb(self.data)}),
            "parameters": _mb(self.parameters),
            "optimizer": _mb(self.optimizer),
            "gradients": _mb(self.gradients),
            "scratch": _mb(self.scratch * workers + self.halted),
        }
        listed = ", ".join(f"{name} {size}" for name, size in parts.items())
        return f"memory of training, about: {_mb(self.total(workers))} with {team}{rows} ({listed})"


COPIES = 4
"""How often parameters and moments are in memory while a checkpoint is written: where they are
trained, in the checkpoint, in the best one so far, and in the pieces of the file."""


def memory_of(loaded: LoadedConfig, chain: Chain, parts: Iterable[Part] | None) -> Memory | None:
    """The memory of training such a network on these rows; None where there is not even enough to
    find out.

    parts: None where they are not known.
    """
    try:
        return _memory(loaded, chain, parts)
    except MemoryError:
        return None


def _memory(loaded: LoadedConfig, chain: Chain, parts: Iterable[Part] | None) -> Memory:
    config = loaded.config
    optimizer, size = builder.optimizer(config), config.training.batch_size
    model = builder.model(chain.nodes, optimizer)
    shard = config.training.shard_size or default_shard_size(model, size)
    layout = model.layout
    shard = min(shard, size)
    trained, judged = _scratch(model, shard)
    waits = bool(model.meetings)
    moments = len(optimizer.state) + (optimizer.gradient_accumulation_steps > 1)
    return Memory(
        parameters=4 * layout.size * COPIES,
        optimizer=4 * layout.trained * moments * COPIES,
        gradients=Gradients(model, size, shard).nbytes,
        # There are two evaluations: of the validation part, and of the end.
        scratch=2 * judged + (0 if waits else trained),
        halted=trained * size // shard if waits else 0,
        data=None if parts is None else _data(parts),
    )


def _data(parts: Iterable[Part]) -> int:
    """Each array once; views of one share their memory, and files that are mapped are no memory."""
    found: dict[int, Array] = {}
    for part in parts:
        each = part.values.values() if isinstance(part.values, Mapping) else [part.values]
        for array in (*each, part.targets, part.weights):
            if array is None:
                continue
            whole = array
            while isinstance(whole.base, np.ndarray):
                whole = whole.base
            if not isinstance(whole, np.memmap):
                found[id(whole)] = whole
    return sum(array.nbytes for array in found.values())


def _scratch(model: Model, shard: int) -> tuple[int, int]:
    """What the layers allocate for a shard: in training, and in an evaluation."""
    row = 4 * max(prod(node.out_shape) for node in model.nodes)
    work = 3 * model.flops
    if row > LARGEST_ROW or work > MOST_WORK or model.layout.size > MOST_PARAMETERS:
        # Too much to be tried: what every layer has at least, its output and its gradient.
        outputs = 4 * shard * sum(prod(node.out_shape) for node in model.nodes)
        return 2 * outputs, outputs
    if row * shard <= HALTING_SHARD_BYTES and work * shard <= MOST_WORK:
        return _passes(model, shard)
    one, two = _passes(model, 1), _passes(model, 2)
    trained, judged = (a + max(b - a, 0) * (shard - 1) for a, b in zip(one, two, strict=True))
    return trained, judged


def _passes(model: Model, rows: int) -> tuple[int, int]:
    """Bytes that a pass of zeros allocates forward and back, and one that only goes forward."""
    shapes = _shapes(model)
    views = model.layout.views(np.zeros(model.layout.size, np.float32))
    xs = [np.zeros((rows, *shape), np.float32) for shape in shapes]
    read = sum(x.nbytes for x in xs)
    with np.errstate(all="ignore"):
        training = Pass(model, views, Moment(training=True))
        y = training.forward(*xs)
        training.backward(np.zeros_like(y), Gradients(model, rows, rows).shard(0))
        judging = Pass(model, views, Moment())
        judging.forward(*xs)
    # The rows themselves, as stored and as prepared, and the loss, which has three arrays of y.
    beside = 2 * read + 3 * y.nbytes
    return training.nbytes + beside, judging.nbytes + beside


def _shapes(model: Model) -> Sequence[Shape]:
    """Of a row of each value of the data, in the order in which a pass takes them."""
    read = {
        name: shape
        for node in model.nodes
        for name, shape in zip(node.inputs, node.in_shapes, strict=True)
    }
    return [read[name] for name in model.inputs]


def _mb(size: int) -> str:
    """Bytes for people.

    >>> _mb(1_500_000), _mb(250_000_000), _mb(3_210_000_000), _mb(40_400)
    ('1.5 MB', '250 MB', '3.2 GB', '40 kB')
    """
    if size < 1e5:
        return f"{size / 1e3:.0f} kB"
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.2g} MB"


__all__ = ["Memory", "memory_of"]
