"""How wrong the outputs are, and in which direction they should move.

A loss sees a shard of rows: y the model's raw outputs (n, *out_shape), t their targets. Where
`folds` names an activation, that activation at the end of the model is part of the loss, and y
are the numbers before it (logits): together they can be computed without overflow and without
taking the logarithm of a rounded 0. `predict` then gives the probabilities.

    value   weight * (sum over the rows of the loss of a row)
    dy      its derivative by y

With weight = 1 / (rows of the batch) the values and gradients of shards add up to the mean over
the batch. The loss of a row has y's dtype; rows are summed in float64, in index order. Rows may
have weights of their own, by which their losses are multiplied; the sum is still divided by the
number of rows, as in Keras.

NaN or infinite outputs give a NaN or infinite value and are never masked, so that training can
see that it has diverged. NumPy's floating point warnings are left to the caller's `errstate`.

Logarithms are `log(1 + e)`, not `log1p(e)`, whose bits differ between processors: where e is below
the resolution of 1 + e, the result is 0 instead of e.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import field
from typing import ClassVar, NamedTuple

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Shape, ShapeError
from dlcli.engine.metrics.learned import Kind
from dlcli.frozen import frozen

TRAINS = {"trains": True}
"""Of an option: it says how a network is trained, and nothing of what it answers."""


RowsAndGrad = tuple[Array, Array, Array | None]


class Judged(NamedTuple):
    """What a loss says of some rows.

    dy and, unless they are y itself, answers live in scratch memory until the next call.
    """

    value: float
    dy: Array
    answers: Array


class Loss(ABC):
    """A measure of error and its derivative; see the module's docstring.

    An option that changes no answer, such as a smoothing of targets, has the metadata TRAINS: it
    is not written down with a deployed network.
    """

    folds: ClassVar[str | None] = None
    """The activation that is part of the loss where it ends the model: "softmax", "sigmoid"."""

    @abstractmethod
    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        """Return (losses, dy, answers), without weights of rows.

        The loss of a row is losses (n,), or the mean of its losses (n, outputs). answers: those of
        `predict`, to the bit, where they were worked out on the way; else None. All live in ctx's
        scratch memory until the next call.
        """

    def judge(
        self, y: Array, t: Array, weight: float, ctx: Context, row_weights: Array | None = None
    ) -> Judged:
        """The value, dy and what the model answers.

        row_weights: (n,), by which the loss of each row is multiplied; None: by 1.
        """
        losses, dy, answers = self.rows_and_grad(y, t, weight, ctx)
        outputs = losses.size // len(losses)
        if losses.ndim > 1:
            losses = np.add.reduce(losses, axis=1)
        if row_weights is not None:
            by_row = row_weights.astype(y.dtype, copy=False)
            losses = losses * by_row
            dy *= by_row.reshape(-1, *(1,) * (dy.ndim - 1))
        # A running sum has one possible order; that of np.sum is NumPy's to choose.
        total = float(np.add.accumulate(losses, dtype=np.float64)[-1])
        return Judged(total / outputs * weight, dy, self.predict(y) if answers is None else answers)

    def value(self, y: Array, t: Array, weight: float) -> float:
        """The same value, to the bit, for where nothing else is needed."""
        return self.judge(y, t, weight, Context()).value

    def predict(self, y: Array) -> Array:
        """What the model answers: probabilities where an activation is folded in, else y."""
        return y

    @abstractmethod
    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        """Raise ShapeError where a last layer with rows of `out_shape` does not suit.

        target_shape: the shape of one row of the targets, () for (n,); None where unknown.
        classes: how many classes the data has; None where unknown or where it has none.
        """

    def kind(self, out_shape: Shape) -> tuple[Kind, int]:
        """What is being learned, and the number of its classes or outputs; see MetricSet."""
        return "regression", math.prod(out_shape)


@frozen
class MeanSquaredError(Loss):
    """The mean over the outputs of a row of (y - t)^2.

    y (n, *out_shape), t the same, or (n,) where a row has one output.
    """

    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        scalar, outputs = y.dtype.type, y.size // len(y)
        dy = ctx.scratch("dy", y.shape, y.dtype)
        work = ctx.scratch("work", (len(y), outputs), y.dtype)
        np.subtract(y, _as_outputs(t, y), out=dy)
        np.multiply(dy.reshape(work.shape), dy.reshape(work.shape), out=work)
        dy *= scalar(2.0 * weight / outputs)
        return work, dy, None

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        _check_regression("mean_squared_error", out_shape, target_shape)


@frozen
class MeanAbsoluteError(Loss):
    """The mean over the outputs of a row of |y - t|; the derivative at y = t is 0.

    y (n, *out_shape), t the same, or (n,) where a row has one output.
    """

    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        scalar, outputs = y.dtype.type, y.size // len(y)
        dy = ctx.scratch("dy", y.shape, y.dtype)
        work = ctx.scratch("work", (len(y), outputs), y.dtype)
        np.subtract(y, _as_outputs(t, y), out=dy)
        np.abs(dy.reshape(work.shape), out=work)
        np.sign(dy, out=dy)
        dy *= scalar(weight / outputs)
        return work, dy, None

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        _check_regression("mean_absolute_error", out_shape, target_shape)


@frozen
class BinaryCrossentropy(Loss):
    """Yes or no, for each output on its own: -t log(s) - (1 - t) log(1 - s), s = sigmoid(y).

    From logits, where nothing overflows, with e = exp(-|y|):

        value   max(y, 0) - y t + log(1 + e)                   mean over the k outputs of a row
        dy      s - t        s = 1 / (1 + e) where y >= 0, else e / (1 + e)

    y (n, ...); t the same, of 0 and 1 (several labels, each of which may hold), or, where rows are
    learned themselves, of numbers between; or (n,) class ids 0 and 1 where a row has one output.
    With label_smoothing a, t (1 - a) + a / 2 stands for t.
    """

    folds = "sigmoid"

    label_smoothing: float = field(default=0.0, metadata=TRAINS)

    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        scalar, outputs = y.dtype.type, y.size // len(y)
        dy = ctx.scratch("dy", y.shape, y.dtype)
        value = ctx.scratch("value", y.shape, y.dtype)
        work = ctx.scratch("work", y.shape, y.dtype)
        t = _as_outputs(t, y)
        if self.label_smoothing:
            t = _smoothed(t, self.label_smoothing, 2)
        small = _exp_of_minus_abs(y, out=work)
        np.copyto(dy, small)
        dy[y >= 0.0] = 1.0
        small += scalar(1.0)
        dy /= small
        dy -= t
        dy *= scalar(weight / outputs)
        np.maximum(y, scalar(0.0), out=value)
        value += np.log(small, out=small)
        value -= np.multiply(y, t, out=work)
        return value.reshape(len(y), -1), dy, None

    def predict(self, y: Array) -> Array:
        small = _exp_of_minus_abs(y, out=np.empty_like(y))
        one = y.dtype.type(1.0)
        probabilities: Array = np.where(y >= 0.0, one, small)
        probabilities /= one + small
        return probabilities

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        if classes is not None and classes > 2:
            raise ShapeError(
                f"binary_crossentropy tells two classes apart and the data has {classes}: use "
                f"sparse_categorical_crossentropy and a last layer with units: {classes}"
            )
        one = target_shape == () or classes is not None
        if len(out_shape) != 1 and one:
            raise ShapeError(
                "binary_crossentropy needs a dense last layer whose rows have shape (units,), "
                f"with units: 1 for two classes; the last layer gives rows of shape {out_shape}"
            )
        if target_shape == () and out_shape != (1,):
            raise ShapeError(
                "binary_crossentropy on one class id a row needs a last layer with units: 1; "
                f"the last layer has {out_shape[0]}. With one output per class, use "
                "sparse_categorical_crossentropy"
            )
        if target_shape and target_shape != out_shape:
            raise ShapeError(
                "binary_crossentropy needs as many outputs as a row of the targets has labels; "
                f"the last layer gives rows of shape {out_shape}, the targets have rows of "
                f"shape {target_shape}"
            )

    def kind(self, out_shape: Shape) -> tuple[Kind, int]:
        return ("binary", 2) if math.prod(out_shape) == 1 else ("multilabel", math.prod(out_shape))


@frozen
class CategoricalCrossentropy(Loss):
    """One of K classes: -sum over the classes of t log(s), s = softmax(y).

    From logits, with z = y - max(y), so that the largest exponential is 1:

        value   sum(t) log(sum(exp(z))) - sum(t z)
        dy      sum(t) s - t

    y (n, K); t (n, K) one-hot, or class ids (n,), which stand for it. With label_smoothing a,
    t (1 - a) + a / K stands for t.
    """

    folds = "softmax"

    label_smoothing: float = field(default=0.0, metadata=TRAINS)

    def rows_and_grad(self, y: Array, t: Array, weight: float, ctx: Context) -> RowsAndGrad:
        scale = y.dtype.type(weight)
        dy = ctx.scratch("dy", y.shape, y.dtype)
        np.subtract(y, np.maximum.reduce(y, axis=1, keepdims=True), out=dy)
        if t.ndim == 1:
            target = np.arange(len(y)), t
            picked = self._picked(dy, target)
            total = np.add.reduce(np.exp(dy, out=dy), axis=1, keepdims=True)
            answers = np.divide(dy, total, out=ctx.scratch("answers", y.shape, y.dtype))
            dy *= scale / total
            if self.label_smoothing:
                dy -= scale * y.dtype.type(self.label_smoothing / y.shape[1])
                scale *= y.dtype.type(1.0 - self.label_smoothing)
            dy[target] -= scale
            return np.log(total[:, 0]) - picked, dy, answers
        t = _as_outputs(t, y)
        if self.label_smoothing:
            t = _smoothed(t, self.label_smoothing, y.shape[1])
        work = ctx.scratch("work", y.shape, y.dtype)
        mass = np.add.reduce(t, axis=1, keepdims=True)
        picked = np.add.reduce(np.multiply(t, dy, out=work), axis=1)
        total = np.add.reduce(np.exp(dy, out=dy), axis=1, keepdims=True)
        answers = np.divide(dy, total, out=ctx.scratch("answers", y.shape, y.dtype))
        dy *= scale * mass / total
        dy -= np.multiply(t, scale, out=work)
        return (np.log(total) * mass)[:, 0] - picked, dy, answers

    def _picked(self, z: Array, target: tuple[Array, Array]) -> Array:
        """The sum of t z in each row, for class ids."""
        picked: Array = z[target]
        if not self.label_smoothing:
            return picked
        scalar, classes = z.dtype.type, z.shape[1]
        rest = np.add.reduce(z, axis=1) * scalar(self.label_smoothing / classes)
        picked *= scalar(1.0 - self.label_smoothing)
        picked += rest
        return picked

    def predict(self, y: Array) -> Array:
        probabilities: Array = np.exp(y - np.maximum.reduce(y, axis=1, keepdims=True))
        probabilities /= np.add.reduce(probabilities, axis=1, keepdims=True)
        return probabilities

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        _check_classes("categorical_crossentropy", out_shape, classes)
        if target_shape and target_shape != out_shape:
            raise ShapeError(
                "categorical_crossentropy takes class ids, or one-hot rows with one number per "
                f"output of the last layer; the last layer gives rows of shape {out_shape}, the "
                f"targets have rows of shape {target_shape}"
            )

    def kind(self, out_shape: Shape) -> tuple[Kind, int]:
        return "multiclass", out_shape[0]


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """One of K classes: -log(s of the true class), s = softmax(y); t (n,) holds class ids.

    The same mathematics as `CategoricalCrossentropy` without ever writing the one-hot rows.
    """

    def check(
        self, out_shape: Shape, *, target_shape: Shape | None = None, classes: int | None = None
    ) -> None:
        _check_classes("sparse_categorical_crossentropy", out_shape, classes)
        if target_shape:
            raise ShapeError(
                "sparse_categorical_crossentropy takes one class id a row; the targets have rows "
                f"of shape {target_shape}: use categorical_crossentropy for one-hot rows"
            )


def _as_outputs(t: Array, y: Array) -> Array:
    """The targets in the dtype and shape of y; they are copied only if they differ."""
    return np.asarray(t, dtype=y.dtype).reshape(y.shape)


def _smoothed(t: Array, smoothing: float, classes: int) -> Array:
    """Targets that are less sure of themselves: t (1 - a) + a / classes."""
    scalar = t.dtype.type
    smooth: Array = t * scalar(1.0 - smoothing)
    smooth += scalar(smoothing / classes)
    return smooth


def _exp_of_minus_abs(y: Array, out: Array) -> Array:
    np.abs(y, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    return out


def _check_regression(name: str, out_shape: Shape, target_shape: Shape | None) -> None:
    if target_shape is None or target_shape == out_shape:
        return
    if target_shape == () and math.prod(out_shape) == 1:
        return
    wanted = "one number" if target_shape == () else f"shape {target_shape}"
    raise ShapeError(
        f"{name} compares every output with a target; the last layer gives rows of shape "
        f"{out_shape}, the targets have {wanted} a row. Make the last layer give as many "
        "outputs as a row has targets (for classes, use sparse_categorical_crossentropy)"
    )


def _check_classes(name: str, out_shape: Shape, classes: int | None) -> None:
    if len(out_shape) != 1 or out_shape[0] < 2:
        hint = ", or use binary_crossentropy with units: 1" if out_shape == (1,) else ""
        units = f"a dense layer with units: {classes or '<classes>'}"
        remedy = f"End the model with {units}{hint}"
        if len(out_shape) > 1:  # which a dense layer at the end does not change
            remedy = f"Put `flatten` before the last layer, {units}"
        raise ShapeError(
            f"{name} needs a last layer with one output per class, rows of shape (classes,) "
            f"with 2 classes or more; the last layer gives rows of shape {out_shape}. {remedy}"
        )
    if classes is not None and classes > out_shape[0]:
        raise ShapeError(
            f"{name} needs one output per class: the data has {classes} classes and the last "
            f"layer {out_shape[0]} outputs. Give it units: {classes}"
        )


LOSSES: dict[str, type[Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}
