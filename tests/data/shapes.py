"""Pictures of shapes: a folder of small PNG files with a class in each subfolder.

    python -m tests.data.shapes FOLDER

writes FOLDER/shapes/, the data of configs/image_folder.yaml: always the same pixels.

Each picture shows a disc, a ring, a square, a triangle or a cross in any color, size and place on a
ground of another color, with lines and noise over it; the pictures are 32 to 44 pixels wide and
high, so that they must be brought to one size. Colors, sizes and places tell nothing about the
class. One in ten has a shape so small or so pale that nobody could tell.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]

NAME = "shapes"
CLASSES = ("cross", "disc", "ring", "square", "triangle")
EACH = 500


def picture(kind: str, rng: np.random.Generator) -> Array:
    """The pixels (height, width, 3), uint8."""
    height, width = rng.integers(32, 45, 2).tolist()
    ground, color = rng.integers(0, 256, (2, 3))
    hard = bool(rng.random() < 0.1)
    while abs(int(color.sum()) - int(ground.sum())) < 120:
        color = rng.integers(0, 256, 3)
    if hard:
        color = ground + (color - ground) // 6
    radius = float(rng.uniform(2, 4) if hard else rng.uniform(6, 13))
    y, x = (rng.uniform(radius, side - radius) for side in (height, width))
    rows, columns = np.mgrid[:height, :width]
    pixels = np.empty((height, width, 3))
    pixels[:] = ground
    for _ in range(3):  # lines that mean nothing
        a, b, c = rng.normal(size=3)
        line = np.abs(a * (rows - height / 2) + b * (columns - width / 2) + 10 * c)
        pixels[line < 0.6 * np.hypot(a, b)] = rng.integers(0, 256, 3)
    pixels[_mask(kind, rows - y, columns - x, radius)] = color
    pixels += rng.normal(0, 12, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def _mask(kind: str, down: Array, right: Array, radius: float) -> Array:
    distance = np.hypot(down, right)
    larger = np.maximum(np.abs(down), np.abs(right))
    smaller = np.minimum(np.abs(down), np.abs(right))
    return {
        "disc": lambda: distance < 0.9 * radius,
        "ring": lambda: (distance < radius) & (distance > 0.6 * radius),
        "square": lambda: larger < 0.8 * radius,
        "triangle": lambda: (np.abs(right) < (down + radius) / 1.8) & (down < 0.7 * radius),
        "cross": lambda: (larger < radius) & (smaller < 0.3 * radius),
    }[kind]()


def write_shapes(folder: Path, each: int = EACH, seed: int = 7) -> Path:
    """Write the pictures below the folder; returns theirs."""
    root = folder / NAME
    for number, kind in enumerate(CLASSES):
        (root / kind).mkdir(parents=True, exist_ok=True)
        rng = np.random.Generator(np.random.PCG64([seed, number]))
        for index in range(each):
            Image.fromarray(picture(kind, rng)).save(root / kind / f"{index:04}.png")
    return root


if __name__ == "__main__":
    print(write_shapes(Path(sys.argv[1])))
