"""One saved moment of training, and how it becomes a file.

A checkpoint is a safetensors file: the parameters under their own names, the optimizer's vectors
as `optimizer.<vector>.<parameter>`, other arrays as `counts.<name>`, and a JSON document in the
metadata that says which are which and holds the rest.
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from dlcli.artifacts import files
from dlcli.artifacts.digests import Array
from dlcli.artifacts.tensors import decode_tensors, tensor_pieces
from dlcli.errors import ArtifactError
from dlcli.frozen import frozen

ADVICE = "restore it from a copy of the run, or train again"
_OPTIMIZER, _COUNTS = "optimizer", "counts"


@frozen
class Checkpoint:
    """One saved moment of training.

    parameters: by full name, `<layer>.<slot>`.
    optimizer: the optimizer's vectors by name ("m", "v"), each by full parameter name.
    state: everything else that the next step depends on, as a JSON document.
    counts: what of that are arrays, by name.
    """

    parameters: Mapping[str, Array]
    optimizer: Mapping[str, Mapping[str, Array]]
    state: Mapping[str, Any]
    counts: Mapping[str, Array] = field(default_factory=dict)

    def copy(self) -> "Checkpoint":
        """The same with arrays of its own."""
        return Checkpoint(
            {name: array.copy() for name, array in self.parameters.items()},
            {
                vector: {name: array.copy() for name, array in arrays.items()}
                for vector, arrays in self.optimizer.items()
            },
            self.state,
            {name: array.copy() for name, array in self.counts.items()},
        )


def checkpoint_pieces(checkpoint: Checkpoint) -> list[files.Buffer]:
    """A checkpoint as a safetensors file, in pieces that are the arrays' own memory: always the
    same bytes for the same checkpoint."""
    arrays = dict(checkpoint.parameters)
    others = {
        f"{_OPTIMIZER}.{vector}.{name}": array
        for vector, values in checkpoint.optimizer.items()
        for name, array in values.items()
    }
    others |= {f"{_COUNTS}.{name}": array for name, array in checkpoint.counts.items()}
    for name, array in others.items():
        if name in arrays:
            raise ValueError(f"two arrays of a checkpoint are called {name}")
        arrays[name] = array
    words = {
        "optimizer": sorted(checkpoint.optimizer),
        "parameters": sorted(checkpoint.parameters),
        "state": checkpoint.state,
    }
    return tensor_pieces(arrays, words)


def decode_checkpoint(data: bytes, where: Path | str) -> Checkpoint:
    """The checkpoint that a safetensors file holds; `where` is the file that errors name."""
    arrays, words = decode_tensors(data, where)
    try:
        parameters = {name: arrays.pop(name) for name in words["parameters"]}
        optimizer: dict[str, dict[str, Array]] = {vector: {} for vector in words["optimizer"]}
        counts = {}
        for full, array in arrays.items():
            prefix, _, rest = full.partition(".")
            if prefix == _COUNTS:
                counts[rest] = array
                continue
            vector, _, name = rest.partition(".")
            if prefix != _OPTIMIZER:
                raise ValueError(full)
            optimizer[vector][name] = array
        state = words["state"]
        if not isinstance(state, dict):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{where} is not a checkpoint that dlcli wrote; {ADVICE}") from None
    return Checkpoint(parameters, optimizer, state, counts)
