"""Scenes: an image beside a few facts, and a class for which both are needed.

    python -m tests.data.scenes FOLDER

writes FOLDER/scenes.npz, the data of configs/scenes.yaml: always the same bytes.

The image (16 x 16 pixels, one channel, uint8) shows a square, a cross or a disc somewhere in noise.
Of the five facts one says how warm it is: cold, mild or hot, equally often; the others say nothing
about the class. The class is (shape + warmth) modulo 3, so each of the two alone leaves all three
classes equally likely, and only both together tell.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NAME = "scenes.npz"
ROWS = 3000
EDGE = 16
WARM = 1
"""Which of the facts counts."""


def scenes(rows: int = ROWS, seed: int = 7) -> dict[str, Array]:
    """The arrays x_image, x_facts and y."""
    rng = np.random.Generator(np.random.PCG64(seed))
    shapes, warmth = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    images = rng.integers(0, 80, (rows, EDGE, EDGE, 1))
    for image, shape in zip(images, shapes.tolist(), strict=True):
        size = int(rng.integers(5, 9))
        top, left = rng.integers(0, EDGE - size + 1, 2).tolist()
        mask = _mask(shape, size)
        image[top : top + size, left : left + size, 0][mask] += int(rng.integers(80, 176))
    facts = rng.integers(-1000, 1001, (rows, 5)) / 16
    facts[:, WARM] = 280 + 10 * warmth + rng.integers(-40, 41, rows) / 10
    facts[:, 3] *= 1000
    return {
        "x_image": images.astype(np.uint8),
        "x_facts": facts.astype(np.float32),
        "y": (shapes + warmth) % 3,
    }


def _mask(shape: int, size: int) -> Array:
    """Where a shape is in its square: an outline, a cross or a disc."""
    across = np.abs(2 * np.arange(size) - size + 1)
    down = across[:, np.newaxis]
    if shape == 0:
        return np.maximum(across, down) >= size - 2
    if shape == 1:
        return np.minimum(across, down) <= 1
    return across**2 + down**2 <= size**2


def write_scenes(folder: Path) -> Path:
    """Write the archive; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    np.savez_compressed(path, **scenes())
    return path


if __name__ == "__main__":
    print(write_scenes(Path(sys.argv[1])))
