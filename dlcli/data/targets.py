"""Scaling of the target of a regression; metrics are in original units afterwards."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, rows_per_chunk
from dlcli.data.statistics import extremes, finite, moments
from dlcli.errors import ArtifactError, DataError, UsageError
from dlcli.frozen import frozen

_LEAST_SCALE = float(np.ldexp(1.0, -1050))
"""Below, float64 holds fewer digits of a number than the float32 that a network learns."""


@frozen
class TargetScale:
    """forward: (t - offset) / scale; inverse: y * scale + offset; both in float64.

    scale, offset: float64, scalars, or one number per last axis of the targets.
    """

    scale: Array
    offset: Array

    @classmethod
    def fit(
        cls, kind: str, targets: Array, minimum: float = 0.0, maximum: float = 1.0
    ) -> "TargetScale":
        """Fit on the training targets.

        kind: "standardize" (mean 0, standard deviation 1) or "min_max" (`minimum` to `maximum`).
        Where all targets are equal, they are divided by one. DataError where they differ by so
        little that float64 does not hold the scale.
        """
        step = rows_per_chunk(targets.shape[1:])

        def chunks() -> Iterator[Array]:
            for start in range(0, len(targets), step):
                yield targets[start : start + step]

        if kind == "standardize":
            offset, scale = moments(chunks)
        elif kind == "min_max":
            offset, high = extremes(chunks)
            with np.errstate(over="ignore"):
                width = finite(high - offset)
            scale = np.where(width == 0.0, 1.0, width / (maximum - minimum))
            offset = offset - minimum * scale
        else:
            raise UsageError(f"target_transform {kind!r} is not known; use standardize or min_max.")
        if (scale < _LEAST_SCALE).any():
            raise DataError(
                "The training targets differ by so little that float64 cannot scale them; give "
                "them in a smaller unit."
            )
        if targets.ndim == 1:
            offset, scale = offset.reshape(()), scale.reshape(())
        return cls(scale, offset)

    def forward(self, targets: Array) -> Array:
        """From original units to what the network learns."""
        return np.asarray((targets.astype(np.float64) - self.offset) / self.scale)

    def inverse(self, outputs: Array) -> Array:
        """From what the network says to original units."""
        return np.asarray(outputs.astype(np.float64) * self.scale + self.offset)

    def to_json(self) -> dict[str, Any]:
        """A JSON document; the numbers survive exactly."""
        return {"scale": self.scale.tolist(), "offset": self.offset.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TargetScale":
        """The inverse of `to_json`; ArtifactError for what it did not write."""
        try:
            scale = np.array(document["scale"], np.float64)
            offset = np.array(document["offset"], np.float64)
            restored = cls(scale, offset)
            good = np.isfinite(scale).all() and np.isfinite(offset).all() and (scale > 0.0).all()
            if not good or scale.shape != offset.shape or scale.ndim > 1:
                raise ValueError("impossible numbers")
            if json.dumps(restored.to_json(), sort_keys=True) != json.dumps(
                document, sort_keys=True
            ):
                raise ValueError("written in another way")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"The saved target scale cannot be restored: {error}.") from error
        return restored
