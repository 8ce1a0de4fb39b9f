"""How much each row counts in the loss: by a weight of its own, and by that of its class.

Own weights, which the source brings, count in training and wherever a loss is told. Those of
classes count in training alone, as Keras's class_weight. Metrics that are `weighted` count rows by
the weights of the loss beside which they stand.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dlcli.config import LoadedConfig
from dlcli.data.dataset import Dataset, Part
from dlcli.data.names import suggestion
from dlcli.engine.layer import Array
from dlcli.engine.metrics import Kind
from dlcli.errors import DataError
from dlcli.pipeline.examples import Learned

_PLACE = ("training", "class_weight")


def learned_of(
    loaded: LoadedConfig,
    dataset: Dataset,
    targets: Mapping[str, Array],
    kind: Kind,
    count: int,
    *,
    scaled: bool,
) -> dict[str, Learned]:
    """What the rows of each part are learned from: targets, and weights where there are any.

    targets: by role, as the loss takes them. kind, count: what is learned, see `Loss.kind`.
    scaled: whether targets are scaled. DataError where nothing of a part counts.
    """
    by_class = _class_weights(loaded, dataset.classes, targets["train"], kind, count)
    found: dict[str, Learned] = {}
    for role, part in dataset.parts().items():
        own = _float32(part.weights_array)
        if own is not None and not own.any():
            raise DataError(
                f"no row of the {role} part has a weight above 0, so nothing of it counts: bring "
                "rows that do, or draw other parts (`data.split`, `seed`)"
            )
        training = own
        if by_class is not None and role == "train":
            training = by_class[_class_ids(targets[role])].astype(np.float32)
            training = training if own is None else own * training
            if not training.any():
                words = "with these weights no row of the training part counts"
                raise loaded.error(_PLACE, f"{words}; give some class a weight above 0")
        ids = kind == "multiclass" and targets[role].ndim == 1
        classes = count if ids else None
        found[role] = Learned(targets[role], own, training, _original(part, scaled), classes)
    return found


def _original(part: Part, scaled: bool) -> Array | None:
    return part.targets_array.astype(np.float64) if scaled else None


def _float32(weights: Array | None) -> Array | None:
    return None if weights is None else weights.astype(np.float32)


def _class_ids(targets: Array) -> Array:
    """The class of each row, for ids or one-hot rows."""
    return targets.argmax(axis=1) if targets.ndim > 1 else targets


def _class_weights(
    loaded: LoadedConfig,
    names: Sequence[str] | None,
    targets: Array,
    kind: Kind,
    count: int,
) -> Array | None:
    """The weight (count,) of each class; None where the config gives none.

    balanced: rows / (classes that occur * rows of the class), as scikit-learn's
    compute_class_weight. By name: 1 for a class that is not named, as Keras.
    """
    wanted = loaded.config.training.class_weight
    if wanted is None:
        return None
    if kind in ("regression", "multilabel"):
        told = "numbers" if kind == "regression" else "several labels a row"
        words = f"`class_weight` is for one class a row, but `{loaded.config.loss.type}` learns"
        raise loaded.error(_PLACE, f"{words} {told} here; leave it out")
    known = tuple(map(str, range(count))) if names is None else names
    if isinstance(wanted, str):
        counts = np.bincount(_class_ids(targets), minlength=count)
        there = np.maximum(counts, 1) * np.count_nonzero(counts)
        return np.asarray(len(targets) / there)
    weights = np.ones(count)
    for name, weight in wanted.items():
        if name not in known:
            near = suggestion(name, known, "the classes are")
            words = f"there is no class {name!r}"
            raise loaded.error((*_PLACE, name), f"{words}{near.rstrip('.')}")
        weights[known.index(name)] = weight
    return weights
