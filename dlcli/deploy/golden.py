"""The golden batch: rows as they are stored, and the engine's answers to them, beside whatever
leaves the house; so that whoever has it can tell whether it answers as the engine does."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dlcli.data.dataset import ONLY
from dlcli.deploy.network import Network
from dlcli.engine.layer import Array
from dlcli.errors import DataError, ExportError
from dlcli.numerics import numerics_class

GOLDEN = "golden.safetensors"
"""The file's name."""


def golden_batch(rows: Mapping[str, Array], answers: Array) -> dict[str, Array]:
    """The arrays of a golden file: stored rows of each value, and the answers to them."""
    named = {"x" if name == ONLY else f"x.{name}": array for name, array in rows.items()}
    return {**named, "y": answers}


def golden_rows(recorded: Mapping[str, Array], network: Network) -> dict[str, Array]:
    """The rows of a golden file, by the names of their values; KeyError where they lack."""
    return {name: recorded["x" if name == ONLY else f"x.{name}"] for name in network.preprocessing}


def fault(network: Network, recorded: Mapping[str, Array], computed_in: str | None) -> str | None:
    """What is wrong with a network's answers to a golden batch; None where nothing is.

    recorded: the arrays of the file. computed_in: the numerics class in which they were
        answered; where this process computes in it, too, they must be the same to the bit.
    """
    try:
        answers = network.predict(golden_rows(recorded, network))
        wanted = recorded["y"]
        if answers.shape != wanted.shape:
            raise ValueError("another shape")
        answers = answers.astype(wanted.dtype)  # earlier versions recorded float32
    except (KeyError, ValueError, DataError) as error:
        return f"cannot answer its golden batch ({error})"
    if numerics_class() == computed_in:
        same = answers.tobytes() == wanted.tobytes()
    else:
        # One that is not finite is compared as what it is, and is no size for the others.
        size = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
        same = np.allclose(answers, wanted, rtol=1e-3, atol=1e-3 * size, equal_nan=True)
    return None if same else "gives other answers to its golden batch than were recorded"


def require_answers(network: Network, recorded: Mapping[str, Array], path: Path) -> None:
    """ExportError unless a network that was just written gives the recorded answers, to the bit.

    path: where it lies.
    """
    answers = network.predict(golden_rows(recorded, network))
    wanted = recorded["y"]
    if answers.shape == wanted.shape and answers.tobytes() == wanted.tobytes():
        return
    if answers.shape != wanted.shape:
        how = f"rows of shape {answers.shape[1:]} instead of {wanted.shape[1:]}"
    else:
        how = f"largest difference {float(np.abs(answers - wanted).max()):g}"
    raise ExportError(
        f"{path} does not give the engine's answers on the golden batch ({how}); do not deploy it"
    )
