"""The first config for files of arrays: images get a small convolutional network, rows of numbers
the network of a table."""

import os
import shlex
from pathlib import Path

from dlcli.data.dataset import Role
from dlcli.data.formats.npz import Archive
from dlcli.data.looking.arrays import ArrayLook, ArraysLook, look_at_arrays, partner
from dlcli.data.sources.array_names import known_pairs
from dlcli.errors import UsageError
from dlcli.frozen import frozen
from dlcli.pipeline.recipe import Recipe, recipe
from dlcli.pipeline.yaml_text import comment, one_line

_MOST_CLASSES = 1000
_ROWS_OF_A_CLASS = 10
_SMALLEST_IMAGE = 8
_BYTE = 255


@frozen
class Pair:
    """Features and targets, and the source that brings them. tested: whether it has a test part;
    judged: whether it has one for validation."""

    features: ArrayLook
    target: ArrayLook
    source: dict[str, object]
    tested: bool = False
    judged: bool = False

    @property
    def learns_classes(self) -> bool:
        """Whole numbers, each of them in ten rows on average, are classes."""
        classes = self.target.classes
        rows = self.target.shape[0]
        return 2 <= len(classes) <= _MOST_CLASSES and rows >= _ROWS_OF_A_CLASS * len(classes)

    @property
    def image(self) -> bool:
        """Whether rows look like images: height and width, and maybe up to four channels last."""
        shape = self.features.shape[1:]
        sides = shape[:2]
        few = len(shape) == 2 or (len(shape) == 3 and shape[2] <= 4)
        return len(shape) in (2, 3) and few and min(sides) >= _SMALLEST_IMAGE


def pair_of(look: ArraysLook, beside: Path) -> Pair:
    """What belongs together: the arrays of an archive by their names; two files by their lengths.

    beside: the folder of the YAML. UsageError or DataError where that is not to be known.
    """
    if look.kind == "npz":
        return _of_archive(look, beside)
    other = partner(look)
    if other is None:
        raise UsageError(
            f"{look.path} holds one array, and there is not exactly one file of its kind beside it "
            "that could be its targets (one number for each of its "
            f"{look.arrays[0].shape[0] if look.arrays[0].shape else 0:,} rows). "
            "Put them into one folder, or into an .npz as x and y",
            file=look.path,
        )
    second = look_at_arrays(other, look.kind)
    pair = [look, second]
    if len(look.arrays[0].shape) == 1:
        pair.reverse()
    names = ("images", "labels") if look.kind == "idx" else ("features", "target")
    source: dict[str, object] = {"type": look.kind}
    source |= {n: called(one.path, beside) for n, one in zip(names, pair, strict=True)}
    return Pair(pair[0].arrays[0], pair[1].arrays[0], source)


def _of_archive(look: ArraysLook, beside: Path) -> Pair:
    pairs = known_pairs(Archive(look.path))
    role: Role = "all" if "all" in pairs else "train"
    by_name = {one.name: one for one in look.arrays}
    features, target = (by_name[name] for name in pairs[role])
    source: dict[str, object] = {"type": "npz", "path": called(look.path, beside)}
    return Pair(features, target, source, "test" in pairs, "validation" in pairs)


def called(data: Path, beside: Path) -> str:
    """How a config in the folder `beside` names the file: by a path from there, unless the path
    was given as an absolute one."""
    return str(data) if data.is_absolute() else os.path.relpath(data, beside)


def first_arrays_config(look: ArraysLook, file: Path) -> tuple[str, Pair]:
    """The text of the YAML file, which is going to be `file`, and what it is for."""
    pair = pair_of(look, file.parent)
    if not pair.learns_classes and len(pair.target.shape) > 2:
        raise UsageError(
            f"the targets {pair.target.name} are {len(pair.target.shape) - 1}-dimensional: write "
            "the config by hand (`dlcli init --example scenes` is one to start from)"
        )
    lines = [
        f"# dlcli train {shlex.quote(str(file))}",
        comment(f"{pair.features.shape[0]:,} rows of {pair.features.name}"),
        "version: 1",
        "data:",
        f"  source: {one_line(pair.source)}",
        *_split(pair),
        *_transforms(pair),
        *(["  target_transform: standardize"] if not pair.learns_classes else []),
        "model:",
        "  layers:",
        *(f"    - {one_line(layer)}" for layer in _layers(pair)),
        f"loss: {_loss(pair)}",
        *_training(pair),
        f"evaluation: {{metrics: {one_line(_metrics(pair))}}}",
    ]
    return "\n".join(lines) + "\n", pair


def _split(pair: Pair) -> list[str]:
    split: dict[str, object] = {}
    if not pair.judged:
        split["validation"] = 0.1
    if not pair.tested:
        split["test"] = 0.2
    if pair.learns_classes and split:
        split["stratify"] = True
    return [f"  split: {one_line(split)}"] if split else []


def _transforms(pair: Pair) -> list[str]:
    if not pair.image:
        return ["  transforms: [standardize]"]
    if pair.features.dtype == "uint8":
        return [f"  transforms: [{{type: rescale, scale: {1 / _BYTE!r}}}]   # bytes, 0 to 255"]
    return ["  transforms: [min_max]"]


def _layers(pair: Pair) -> list[object]:
    classes = len(pair.target.classes)
    last: dict[str, object] = {"type": "dense", "units": 1}
    if pair.learns_classes and classes > 2:
        last = {"type": "dense", "units": classes, "activation": "softmax"}
    elif pair.learns_classes:
        last["activation"] = "sigmoid"
    elif len(pair.target.shape) == 2:
        last["units"] = pair.target.shape[1]
    if pair.image:
        convolution = {"type": "conv2d", "kernel_size": 3, "padding": "same", "activation": "relu"}
        pool = {"type": "max_pooling2d", "pool_size": 2}
        kinds = [{**convolution, "filters": filters} for filters in (32, 64)]
        return [kinds[0], pool, kinds[1], pool, "flatten", {"type": "dropout", "rate": 0.25}, last]
    chosen = _recipe(pair)
    hidden: list[object] = ["flatten"] if len(pair.features.shape) > 2 else []
    for units in chosen.units:
        hidden.append({"type": "dense", "units": units, "activation": "relu"})
        hidden.append({"type": "dropout", "rate": chosen.dropout})
    return [*hidden, last]


def _recipe(pair: Pair) -> Recipe:
    rows, *shape = pair.features.shape
    columns = 1
    for length in shape:
        columns *= length
    return recipe(rows, columns, max(1, len(pair.target.classes)))


def _loss(pair: Pair) -> str:
    if not pair.learns_classes:
        return "mean_squared_error"
    two = len(pair.target.classes) == 2
    return "binary_crossentropy" if two else "sparse_categorical_crossentropy"


def _training(pair: Pair) -> list[str]:
    if pair.image:
        rate = {"type": "cosine", "peak": 0.002}
        epochs, size, patience = (5 if pair.features.shape[0] > 20_000 else 20), 32, 5
    else:
        chosen = _recipe(pair)
        rate = {"type": "cosine", "peak": chosen.learning_rate}
        epochs, size, patience = chosen.epochs, chosen.batch_size, max(5, chosen.epochs // 4)
    return [
        f"optimizer: {one_line({'type': 'adam', 'learning_rate': rate})}",
        f"training: {{epochs: {epochs}, batch_size: {size}, "
        f"early_stopping: {{patience: {patience}}}}}",
    ]


def _metrics(pair: Pair) -> list[str]:
    if not pair.learns_classes:
        return ["r2", "mean_absolute_error"]
    if len(pair.target.classes) == 2:
        return ["balanced_accuracy", "accuracy"]
    return ["accuracy", "f1"]
