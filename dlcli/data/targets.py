"""What is done to the target of a regression before it is learned, and undone in the answers.

Metrics are in original units. All of it is computed in float64.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dlcli.data.dataset import Array, rows_per_chunk
from dlcli.data.portable import expm1, log1p, normal_share
from dlcli.data.statistics import extremes, finite, moments
from dlcli.data.transforms.columnwise import quantiles
from dlcli.data.transforms.curves import TAIL, Ranked
from dlcli.errors import ArtifactError, DataError
from dlcli.frozen import frozen

LARGEST_TARGET = 1e38
"""Answers are float32 in the target's own units, so a target must be, too."""
_LEAST_SCALE = float(np.ldexp(1.0, -1050))
"""Below, float64 holds fewer digits of a number than the float32 that a network learns."""


class Outside(ValueError):
    """A target that a step cannot take: -1 or less, where a logarithm is taken."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class TargetStep(Protocol):
    """One thing that is done to targets, fitted on the training part."""

    @property
    def kind(self) -> str:
        """Its word in documents."""

    def forward(self, targets: Array) -> Array:
        """Towards what the network learns."""

    def inverse(self, outputs: Array) -> Array:
        """Back towards original units."""

    def width(self) -> int | None:
        """How many outputs it is about; None: any."""

    def to_json(self) -> dict[str, Any]:
        """Its numbers."""


@frozen
class Scaled:
    """forward: (t - offset) / scale; inverse: y * scale + offset.

    scale, offset: float64, scalars, or one number per last axis of the targets.
    """

    kind = "affine"

    scale: Array
    offset: Array

    def forward(self, targets: Array) -> Array:
        return np.asarray((targets.astype(np.float64) - self.offset) / self.scale)

    def inverse(self, outputs: Array) -> Array:
        return np.asarray(outputs.astype(np.float64) * self.scale + self.offset)

    def width(self) -> int | None:
        return None if self.scale.ndim == 0 else len(self.scale)

    def to_json(self) -> dict[str, Any]:
        return {"scale": self.scale.tolist(), "offset": self.offset.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Scaled":
        """ValueError for impossible numbers."""
        scale = np.array(document["scale"], np.float64)
        offset = np.array(document["offset"], np.float64)
        good = np.isfinite(scale).all() and np.isfinite(offset).all() and (scale > 0.0).all()
        if not good or scale.shape != offset.shape or scale.ndim > 1:
            raise ValueError("impossible numbers")
        return cls(scale, offset)


@frozen
class LoggedTarget:
    """forward: log(1 + t); inverse: exp(y) - 1."""

    kind = "log1p"

    def forward(self, targets: Array) -> Array:
        return log1p(targets.astype(np.float64))

    def inverse(self, outputs: Array) -> Array:
        return expm1(outputs.astype(np.float64))

    def width(self) -> int | None:
        return None

    def to_json(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LoggedTarget":
        return cls()


@frozen
class RankedTarget:
    """forward: the share of training targets below t, or the normal variable of that share;
    inverse: the target of that share, between the least and the greatest of training.

    ranks: of each output, as the transform `quantile` has them.
    Source: sklearn.preprocessing.QuantileTransformer and its inverse.
    """

    kind = "quantile"

    ranks: Ranked

    def forward(self, targets: Array) -> Array:
        return self._each(targets, self.ranks.values)

    def inverse(self, outputs: Array) -> Array:
        return self._each(outputs, self._target)

    def _each(self, numbers: Array, function: Any) -> Array:
        columns = numbers.astype(np.float64).reshape(-1, self.ranks.known.shape[1])
        found = [function(np.ascontiguousarray(c), j) for j, c in enumerate(columns.T)]
        return np.stack(found, axis=1).reshape(numbers.shape)

    def _target(self, outputs: Array, number: int) -> Array:
        known = np.ascontiguousarray(self.ranks.known[:, number])
        share = outputs
        if self.ranks.normal:
            share = normal_share(outputs)
            share = np.where(share <= TAIL, 0.0, np.where(share >= 1.0 - TAIL, 1.0, share))
        shares = np.arange(len(known)) / max(1, len(known) - 1)
        return np.asarray(np.interp(share, shares, known))

    def width(self) -> int | None:
        count = self.ranks.known.shape[1]
        return None if count == 1 else count

    def to_json(self) -> dict[str, Any]:
        return {"known": self.ranks.known.T.tolist(), "normal": self.ranks.normal}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RankedTarget":
        """ValueError for impossible numbers."""
        known = np.array(document["known"], np.float64)
        if known.ndim != 2 or not known.size:
            raise ValueError("impossible quantiles")
        entry = {"normal": document["normal"]}
        found = Ranked.others(entry, {"known": np.ascontiguousarray(known.T)}, len(known))
        return cls(Ranked((len(known),), tuple(range(len(known))), **found))


_STEPS: Mapping[str, Any] = {step.kind: step for step in (Scaled, LoggedTarget, RankedTarget)}


@frozen
class TargetScale:
    """What is done to the targets, step after step; undone in the opposite order."""

    steps: tuple[TargetStep, ...]

    @classmethod
    def fit(cls, words: Sequence[Mapping[str, Any]], targets: Array) -> "TargetScale":
        """Fit on the training targets, each step on what the ones before it make of them.

        words: the `type` of each step and its options, as the config has them.
        DataError where the targets do not suit; Outside for the first of which no logarithm is
        taken.
        """
        steps: list[TargetStep] = []
        for word in words:
            step = _FITS[word["type"]](targets, **{k: v for k, v in word.items() if k != "type"})
            targets = step.forward(targets)
            _require_finite(targets)
            steps.append(step)
        return cls(tuple(steps))

    def require(self, targets: Array) -> None:
        """Outside for the first target that it cannot take."""
        _require_finite(self.forward(targets))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the steps."""
        return tuple(step.kind for step in self.steps)

    def fits(self, outputs: tuple[int, ...]) -> bool:
        """Whether it is about targets of this shape."""
        return all(step.width() in (None, *outputs[-1:]) for step in self.steps)

    def forward(self, targets: Array) -> Array:
        """From original units to what the network learns."""
        for step in self.steps:
            targets = step.forward(targets)
        return targets

    def inverse(self, outputs: Array) -> Array:
        """From what the network says to original units."""
        for step in reversed(self.steps):
            outputs = step.inverse(outputs)
        return outputs

    def to_json(self) -> dict[str, Any]:
        """A JSON document; the numbers survive exactly. A scale alone is written as it was before
        there were other steps."""
        if self.kinds == (Scaled.kind,):
            return self.steps[0].to_json()
        return {"steps": [{"type": step.kind, **step.to_json()} for step in self.steps]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TargetScale":
        """The inverse of `to_json`; ArtifactError for what it did not write."""
        try:
            written = document.get("steps", [{"type": Scaled.kind, **document}])
            if not written:
                raise ValueError("no steps")
            restored = cls(tuple(_STEPS[step["type"]].from_json(step) for step in written))
            if json.dumps(restored.to_json(), sort_keys=True) != json.dumps(
                document, sort_keys=True
            ):
                raise ValueError("written in another way")
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"The saved target scale cannot be restored: {error}.") from error
        return restored


def _require_finite(learned: Array) -> None:
    finite = np.isfinite(learned).reshape(len(learned), -1).all(axis=1)
    if not finite.all():
        raise Outside(int(np.argmin(finite)))


def _scaled(targets: Array, offset: Array, scale: Array) -> Scaled:
    if (scale < _LEAST_SCALE).any():
        raise DataError(
            "The training targets differ by so little that float64 cannot scale them; give "
            "them in a smaller unit."
        )
    if targets.ndim == 1:
        offset, scale = offset.reshape(()), scale.reshape(())
    return Scaled(scale, offset)


def _chunks(targets: Array) -> Any:
    step = rows_per_chunk(targets.shape[1:])

    def chunks() -> Iterator[Array]:
        for start in range(0, len(targets), step):
            yield targets[start : start + step]

    return chunks


def _standardized(targets: Array) -> TargetStep:
    """To mean 0 and standard deviation 1; equal targets are divided by one."""
    return _scaled(targets, *moments(_chunks(targets)))


def _ranged(targets: Array, minimum: float, maximum: float) -> TargetStep:
    """To `minimum` .. `maximum`; equal targets are divided by one."""
    offset, high = extremes(_chunks(targets))
    with np.errstate(over="ignore"):
        width = finite(high - offset)
    scale = np.where(width == 0.0, 1.0, width / (maximum - minimum))
    return _scaled(targets, offset - minimum * scale, scale)


def _columns(targets: Array) -> list[Array]:
    """The numbers of each output, ascending."""
    table = targets.astype(np.float64).reshape(-1, targets.shape[-1] if targets.ndim > 1 else 1)
    return [np.sort(column, kind="stable") for column in table.T]


def _robust(
    targets: Array,
    with_centering: bool,
    with_scaling: bool,
    quantile_range: tuple[float, float],
) -> TargetStep:
    """By median and quantiles; where these are equal, the difference is divided by one."""
    shares = np.array([0.5, *(share / 100.0 for share in quantile_range)])
    middle, low, high = np.stack([quantiles(values, shares) for values in _columns(targets)]).T
    with np.errstate(over="ignore"):
        spread = np.where(high > low, finite(high - low), 1.0)
    offset = middle if with_centering else np.zeros(len(middle))
    return _scaled(targets, offset, spread if with_scaling else np.ones(len(middle)))


def _logged(targets: Array) -> TargetStep:
    return LoggedTarget()


def _ranked(targets: Array, n_quantiles: int, output_distribution: str) -> TargetStep:
    """By at most `n_quantiles` of the training targets."""
    columns = _columns(targets)
    count = min(n_quantiles, len(columns[0]))
    shares = np.arange(count) / max(1, count - 1)
    known = np.stack([quantiles(values, shares) for values in columns], axis=1)
    known = np.maximum.accumulate(known, axis=0)
    places = tuple(range(len(columns)))
    return RankedTarget(Ranked((len(columns),), places, known, output_distribution == "normal"))


STEP_OF = {
    "standardize": Scaled.kind,
    "min_max": Scaled.kind,
    "robust": Scaled.kind,
    "log1p": LoggedTarget.kind,
    "quantile": RankedTarget.kind,
}
"""The step that each word makes."""

_FITS: Mapping[str, Any] = {
    "standardize": _standardized,
    "min_max": _ranged,
    "robust": _robust,
    "log1p": _logged,
    "quantile": _ranked,
}
