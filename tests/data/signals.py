"""Signals: a line of 160 numbers in which something happens once, and a class that says what.

    python -m tests.data.signals FOLDER

writes FOLDER/signals.npz, the data of configs/signal_cnn.yaml: always the same bytes.

A slow wave that wanders, noise over it, and somewhere one of five events, of any height from 0.4 to
1.2: a spike, two spikes close together, a short burst of a fast oscillation, a dip that is slow to
come back, or a step that stays for a while and ends. Where it happens, how high it is and how fast
the wave is tell nothing about the class. Narrow events and wide ones take windows of different
lengths.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NAME = "signals.npz"
ROWS = 4000
STEPS = 160
CLASSES = 5


def signals(rows: int = ROWS, seed: int = 7) -> dict[str, Array]:
    """The arrays x (rows, steps) float32 and y."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y = rng.integers(0, CLASSES, rows)
    x = np.empty((rows, STEPS))
    for row, kind in enumerate(y.tolist()):
        x[row] = _wave(rng) + 0.4 * rng.standard_normal(STEPS)
        x[row] += rng.uniform(0.4, 1.2) * _event(kind, rng)
    return {"x": (x * 1000).round().astype(np.float32) / np.float32(1000), "y": y}


def _wave(rng: np.random.Generator) -> Array:
    """Slow, and of a period of its own. Made of sums and products alone, whose bits are the same
    everywhere."""
    steps = rng.standard_normal(STEPS // 20 + 2).cumsum()
    place = np.arange(STEPS) / 20
    left = place.astype(int)
    share = place - left
    return 0.8 * (steps[left] * (1 - share) + steps[left + 1] * share)


def _event(kind: int, rng: np.random.Generator) -> Array:
    at = np.zeros(STEPS)
    start = int(rng.integers(8, STEPS - 48))
    spike = np.array([0.5, 1.5, 3.0, 1.5, 0.5])
    if kind == 0:
        at[start : start + 5] = spike
    elif kind == 1:
        gap = int(rng.integers(8, 14))
        at[start : start + 5] = spike
        at[start + gap : start + gap + 5] = spike
    elif kind == 2:
        length = int(rng.integers(16, 28))
        at[start : start + length] = np.resize([1.0, 1.0, -1.0, -1.0], length)
    elif kind == 3:
        at[start : start + 40] = -2.0 * np.linspace(1, 0, 40)
    else:
        at[start : start + int(rng.integers(20, 40))] = 1.5
    return at


def write_signals(folder: Path, rows: int = ROWS) -> Path:
    """Write the archive into the folder; returns its path."""
    path = folder / NAME
    np.savez(path, **signals(rows))
    return path


if __name__ == "__main__":
    print(write_signals(Path(sys.argv[1])))
