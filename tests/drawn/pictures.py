"""Folders of small pictures."""

import io
from typing import Any

import numpy as np
from PIL import Image

from dlcli.config.sources import ImageFolder
from tests.drawn.data import Goal, Rows
from tests.drawn.dice import Dice
from tests.drawn.options import options, sizes

CHANNELS = {"grayscale": 1, "greyscale": 1, "rgb": 3, "rgba": 4}
KINDS = {"L": 1, "RGB": 3, "RGBA": 4, "I;16": 1}


def image_folder(dice: Dice) -> Rows:
    """A class in each subfolder, or files with labels; perhaps with parts, and broken files."""
    height, width = dice.whole(3, 7), dice.whole(3, 7)
    names = tuple(sorted(dice.some(["cat", "dog", "Übel", "two words", "a1"], least=2)[:4]))
    goal = Goal("classes", size=len(names), names=names, named=True)
    source: dict[str, Any] = {"type": "image_folder", "path": "pictures"}
    deep = dice.chance(0.1)
    color = "grayscale" if deep else dice.choice(list(CHANNELS))
    if color != "rgb" or dice.chance(0.5):
        source["color_mode"] = color
    skip = {"path", "color_mode", "image_size", "crop_to_aspect_ratio", "pad_to_aspect_ratio"}
    broken = dice.chance(0.3)
    if broken:
        source["errors"] = "skip"
    elif dice.chance(0.3):
        source["errors"] = "stop"
    shape = height, width
    resized = dice.chance(0.5)
    if resized:
        size = source["image_size"] = sizes(dice, 7, 7)
        shape = (size, size) if isinstance(size, int) else (size[0], size[1])
        for key in dice.shuffled(["crop_to_aspect_ratio", "pad_to_aspect_ratio"]):
            if dice.chance(0.3):
                source[key] = not source.get("crop_to_aspect_ratio", False) and not source.get(
                    "pad_to_aspect_ratio", False
                )
    files: dict[str, bytes] = {}
    listed: list[tuple[str, str]] = []
    by_labels = dice.chance(0.3)
    parts = ["train", "test"] if not by_labels and dice.chance(0.3) else [""]
    count = 0
    for part in parts:
        for name in names:
            for number in range(dice.whole(12, 20)):
                at = f"{part}/{name}/{number:02}.png".lstrip("/")
                more = (0, 0) if not resized else (dice.whole(0, 2), dice.whole(0, 2))
                kind = "I;16" if deep else dice.choice(["L", "RGB", "RGBA"])
                data = _picture(dice, (height + more[0], width + more[1]), kind)
                if broken and number == 3:
                    data = data[:30]
                else:
                    count += part != "test"
                files[f"pictures/{at}"] = data
                listed.append((at, name))
    if by_labels:
        source["labels"] = "labels.csv"
        columns = ["file", "label"]
        for place, column in enumerate(("name", "kind")):
            if dice.chance(0.5):
                source[f"{columns[place]}_column"] = column
                columns[place] = column
        cut = ","
        if dice.chance(0.3):
            cut = source["delimiter"] = dice.choice([",", ";", "\t", "|"])
        if dice.chance(0.2):
            source["kinds"] = {columns[1]: "text"}
        lines = [cut.join(columns), *(f"{at}{cut}{name}" for at, name in listed)]
        if dice.chance(0.3):
            source["missing_target"] = dice.choice(["error", "drop"])
            if source["missing_target"] == "drop":
                lines.append(f"{listed[0][0]}{cut}")
        files["pictures/labels.csv"] = ("\n".join(lines) + "\n").encode()
    skip |= {"labels", "file_column", "label_column", "errors", "positive_class"}
    skip |= {"delimiter", "kinds", "missing_target"}
    given = options(dice, ImageFolder, source, skip=tuple(skip))
    if len(names) == 2 and dice.chance(0.3):
        given["positive_class"] = dice.choice(names)
    brings = frozenset({"test"} if len(parts) > 1 else ())
    rows = (*shape, CHANNELS[color])
    written = {"type": "image_folder", **source, **given}
    return Rows(written, files, count, rows, goal, brings=brings, scaled=False, positive=True)


def _picture(dice: Dice, size: tuple[int, int], kind: str) -> bytes:
    if kind == "I;16":
        pixels = (dice.numbers(*size) * 65_535).astype(np.uint16)
    else:
        channels = KINDS[kind]
        pixels = (dice.numbers(*size, channels) * 255).astype(np.uint8)
        pixels = pixels[..., 0] if channels == 1 else pixels
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
