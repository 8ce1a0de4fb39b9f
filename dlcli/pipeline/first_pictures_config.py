"""The first config for a folder of pictures: a small residual network, sized by these.

Why it is as it is: one convolution, then blocks whose shortcuts let depth cost nothing; each halves
the picture and doubles the filters until about 8 pixels are left, so that a filter at the end sees
all of it; batch normalization, because without it such a net needs a rate of its own for each data
set; the mean over what is left instead of dense layers, so that the size of pictures can change.
Mirrored pictures are not learned from unless a person says so: a mirrored b is a d.
"""

import shlex
from pathlib import Path
from statistics import median

from dlcli.data.looking.pictures import PicturesLook
from dlcli.errors import UsageError
from dlcli.pipeline.first_arrays_config import called
from dlcli.pipeline.yaml_text import comment, one_line

_LARGEST = 64
"""Pixels of the longer side to which larger pictures are brought."""

_UPDATES = 2500
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 60
_BATCH = 32
_JUDGED = 1000
_FEW = 5_000


def first_pictures_config(look: PicturesLook, file: Path) -> str:
    """The text of the YAML file, which is going to be `file`."""
    if look.mixed:
        raise UsageError(
            f"{look.path} has pictures of 8 and of 16 bits, which do not go together: convert one "
            "kind to the other",
            file=look.path,
        )
    size = wanted_size(look)
    source: dict[str, object] = {"type": "image_folder", "path": called(look.path, file.parent)}
    if look.grey:
        source["color_mode"] = "grayscale"
    if len(look.sizes) > 1 or size != look.sizes[0][0] or not look.complete:
        source["image_size"] = list(size)
        shapes = {round(width / height, 2) for (height, width), _ in look.sizes}
        if len(shapes) > 1:
            source["crop_to_aspect_ratio"] = True
    if look.unreadable:
        source["errors"] = "skip"
    top, kind = (65_535, "of 16 bits") if look.deep else (255, "of 8 bits")
    scale = {"type": "rescale", "scale": 1 / top}
    lines = [
        f"# dlcli train {shlex.quote(str(file))}",
        comment(f"{look.count:,} pictures of {len(look.classes):,} classes in {look.path}"),
        "version: 1",
        "data:",
        f"  source: {one_line(source)}",
        *_split(look),
        f"  transforms: [{one_line(scale)}]   # pixels {kind}",
        "  # Where left and right do not matter, learn from mirrored pictures, too:",
        "  # augmentation: [{type: random_flip, mode: horizontal}]",
        "model:",
        "  layers:",
        *_layers(look, min(size)),
        f"loss: {_loss(look)}",
        *_training(look),
        f"evaluation: {{metrics: {one_line(_metrics(look))}}}",
    ]
    return "\n".join(lines) + "\n"


def wanted_size(look: PicturesLook) -> tuple[int, int]:
    """(height, width) to which pictures are brought: what they have, or about what they have in
    common, the longer side at most `_LARGEST`."""
    heights = [height for (height, _), count in look.sizes for _ in range(count)]
    widths = [width for (_, width), count in look.sizes for _ in range(count)]
    height, width = median(heights), median(widths)
    longest = max(height, width)
    if len(look.sizes) == 1 and longest <= 1.5 * _LARGEST:
        return look.sizes[0][0]
    share = min(1.0, _LARGEST / longest)
    return max(8, 8 * round(height * share / 8)), max(8, 8 * round(width * share / 8))


def _split(look: PicturesLook) -> list[str]:
    parts = dict(look.parts)
    split: dict[str, object] = {}
    if "validation" not in parts:
        split["validation"] = 0.1 if look.count >= _JUDGED else 0.0
    if "test" not in parts:
        split["test"] = 0.2
    return [f"  split: {one_line({**split, 'stratify': True})}"] if split else []


def _layers(look: PicturesLook, edge: int) -> list[str]:
    filters = 16 if look.count < _FEW else 32
    lines = [f"    - {line}" for line in _normalized(filters, 3, 1)]
    lines.append("    - {type: activation, activation: relu}")
    if edge >= 24:
        lines.append("    - max_pooling2d")
        edge //= 2
    lines += _residual(filters, 1, False)
    while edge >= 12 and filters < 128:
        filters, edge = 2 * filters, edge // 2
        lines += _residual(filters, 2, True)
    last: dict[str, object] = {"type": "dense", "units": len(look.classes), "activation": "softmax"}
    if len(look.classes) == 2:
        last |= {"units": 1, "activation": "sigmoid"}
    return [*lines, "    - global_average_pooling2d", f"    - {one_line(last)}"]


def _normalized(filters: int, size: int, strides: int) -> list[str]:
    conv: dict[str, object] = {"type": "conv2d", "filters": filters, "kernel_size": size}
    if strides > 1:
        conv["strides"] = strides
    conv |= {"padding": "same", "use_bias": False}
    return [one_line(conv), one_line({"type": "batch_normalization", "momentum": 0.9})]


def _residual(filters: int, strides: int, changes: bool) -> list[str]:
    relu = one_line({"type": "activation", "activation": "relu"})
    inside = [*_normalized(filters, 3, strides), relu, *_normalized(filters, 3, 1)]
    lines = ["    - type: residual", "      activation: relu", "      layers:"]
    lines += [f"        - {line}" for line in inside]
    if changes:
        lines.append("      shortcut:")
        lines += [f"        - {line}" for line in _normalized(filters, 1, strides)]
    return lines


def _loss(look: PicturesLook) -> str:
    return "binary_crossentropy" if len(look.classes) == 2 else "sparse_categorical_crossentropy"


def _training(look: PicturesLook) -> list[str]:
    judged = look.count >= _JUDGED or "validation" in dict(look.parts)
    trained = dict(look.parts).get("train", round(0.75 * look.count))
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_UPDATES * _BATCH / max(1, trained))))
    rate = {"type": "cosine", "peak": 0.003, "warmup_epochs": max(1, epochs // 20)}
    training: dict[str, object] = {"epochs": epochs, "batch_size": _BATCH}
    if judged:
        training["early_stopping"] = {"patience": max(5, epochs // 4)}
    return [
        f"optimizer: {one_line({'type': 'adam', 'learning_rate': rate})}",
        f"training: {one_line(training)}",
    ]


def _metrics(look: PicturesLook) -> list[str]:
    return ["accuracy", "balanced_accuracy" if len(look.classes) == 2 else "f1"]
