"""What normalizations share: rows with a last axis, and what is learned along it."""

from typing import Protocol

import numpy as np

from dlcli.engine.initializers import Initializer
from dlcli.engine.layer import Array, Params, Shape, ShapeError, Slot
from dlcli.engine.regularizers import Regularizer


class Normalization(Protocol):
    """The options of a layer that scales by gamma and adds beta behind its normalization."""

    @property
    def center(self) -> bool: ...
    @property
    def scale(self) -> bool: ...
    @property
    def beta_initializer(self) -> Initializer: ...
    @property
    def gamma_initializer(self) -> Initializer: ...
    @property
    def beta_regularizer(self) -> Regularizer | None: ...
    @property
    def gamma_regularizer(self) -> Regularizer | None: ...


def gamma_and_beta(layer: Normalization, in_shape: Shape) -> dict[str, Slot]:
    """The arrays (length of the last axis,) that the layer learns, as far as it has them."""
    slots, shape = {}, in_shape[-1:]
    if layer.scale:
        gamma = layer.gamma_initializer
        slots["gamma"] = Slot(shape, gamma, regularizer=layer.gamma_regularizer)
    if layer.center:
        slots["beta"] = Slot(shape, layer.beta_initializer, regularizer=layer.beta_regularizer)
    return slots


def require_features(word: str, in_shape: Shape) -> None:
    """ShapeError for rows that have no axis."""
    if not in_shape:
        raise ShapeError(
            f"{word} needs rows of features, but gets rows of shape (), single numbers"
        )


def invert_deviation(variance: Array, epsilon: float) -> None:
    """1 / sqrt(variance + epsilon), in place."""
    number = variance.dtype.type
    np.add(variance, number(epsilon), out=variance)
    np.sqrt(variance, out=variance)
    np.divide(number(1), variance, out=variance)


def scale_and_center(layer: Normalization, p: Params, n: Array, y: Array) -> None:
    """y = gamma n + beta, into `y`, as far as the layer has them."""
    scale_rows(layer, p, n, y)
    if layer.center:
        np.add(y, p["beta"], out=y)


def scale_rows(layer: Normalization, p: Params, rows: Array, out: Array) -> None:
    """gamma times the rows, into `out`: of n on the way forward, of dy for the gradient of n."""
    if layer.scale:
        np.multiply(rows, p["gamma"], out=out)
    else:
        np.copyto(out, rows)
