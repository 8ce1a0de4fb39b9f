"""What the parameters are before the first step.

An initializer is a frozen dataclass of choices; `draw` fills one array from a stream of its own
(addressed by layer and slot name, see randomness.py). Formulas and defaults are Keras's.

The fans of an array are the numbers of inputs and outputs that one of its numbers connects:

    dense   (inputs, outputs)                   fan_in = inputs, fan_out = outputs
    conv2d  (height, width, inputs, outputs)    the same, times height * width
    bias    (outputs,)                          fan_in = fan_out = outputs

Constants are worked out in Python floats with + - * / and square root, which are exact to the
last bit everywhere, and rounded to float32 once.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from dlcli.engine.arrays import Shape, ShapeError
from dlcli.frozen import frozen
from dlcli.randomness import Stream

Float32Array = npt.NDArray[np.float32]

TRUNCATED_STDDEV = 0.87962566103423978
"""The standard deviation of a standard normal variable cut off at -2 and 2."""


class Initializer(ABC):
    """The start of one array."""

    @abstractmethod
    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        """A new float32 array of this shape; the same stream and shape give the same bits."""

    def check(self, shape: Shape) -> None:
        """Raise ShapeError, in plain words, where no array of this shape can be drawn."""
        return


@frozen
class Zeros(Initializer):
    """All 0."""

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return np.zeros(shape, np.float32)


@frozen
class Ones(Initializer):
    """All 1."""

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return np.ones(shape, np.float32)


@frozen
class Constant(Initializer):
    """All `value`."""

    value: float = 0.0

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return np.full(shape, self.value, np.float32)


@frozen
class RandomNormal(Initializer):
    """Normal with this mean and standard deviation (not truncated)."""

    mean: float = 0.0
    stddev: float = 0.05

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        standard = stream.normal(math.prod(shape)).reshape(shape)
        return np.float32(self.mean) + np.float32(self.stddev) * standard


@frozen
class RandomUniform(Initializer):
    """Uniform between `minval` and `maxval`."""

    minval: float = -0.05
    maxval: float = 0.05

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return _uniform(stream, shape, self.minval, self.maxval)


@frozen
class GlorotUniform(Initializer):
    """Uniform between -a and a, a = sqrt(6 / (fan_in + fan_out)).

    The variance 2 / (fan_in + fan_out) is a compromise: forward it would be 1 / fan_in,
    backward 1 / fan_out.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010).
    """

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        limit = math.sqrt(6.0 / max(2.0, sum(_fans(shape))))
        return _uniform(stream, shape, -limit, limit)


@frozen
class GlorotNormal(Initializer):
    """Truncated normal with variance 2 / (fan_in + fan_out).

    Source: Glorot and Bengio (AISTATS 2010), as for `GlorotUniform`.
    """

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return _truncated_normal(stream, shape, math.sqrt(2.0 / max(2.0, sum(_fans(shape)))))


@frozen
class HeUniform(Initializer):
    """Uniform between -a and a, a = sqrt(6 / fan_in).

    The variance 2 / fan_in keeps that of the activations constant when relu drops half of them.

    Source: He et al., "Delving deep into rectifiers" (ICCV 2015).
    """

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        limit = math.sqrt(6.0 / max(1.0, _fans(shape)[0]))
        return _uniform(stream, shape, -limit, limit)


@frozen
class HeNormal(Initializer):
    """Truncated normal with variance 2 / fan_in.

    Source: He et al. (ICCV 2015), as for `HeUniform`.
    """

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        return _truncated_normal(stream, shape, math.sqrt(2.0 / max(1.0, _fans(shape)[0])))


@frozen
class Orthogonal(Initializer):
    """`gain` times an orthogonal matrix, drawn uniformly from all of them.

    The array is seen as a matrix of all its axes but the last, by the last. It is the Q of the
    QR decomposition of a normal matrix, each column times the sign of R's diagonal: without
    that the decomposition's own convention for signs would show in the result. It is worked
    out in float64 and rounded once. LAPACK's bits depend on the processor's kernels.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks" (ICLR 2014).
    """

    gain: float = 1.0

    def check(self, shape: Shape) -> None:
        if len(shape) < 2:
            raise ShapeError(
                "the orthogonal initializer fills arrays with two axes or more, such as a "
                f"kernel; this one has shape {shape}: choose another initializer for it"
            )

    def draw(self, stream: Stream, shape: Shape) -> Float32Array:
        self.check(shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        normal = stream.normal(rows * columns).reshape(tall).astype(np.float64)
        q, r = np.linalg.qr(normal)
        q *= np.where(np.diagonal(r) < 0.0, -self.gain, self.gain)
        if rows < columns:
            q = q.T
        return q.astype(np.float32, order="C").reshape(shape)


def _fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of an array; see the module's docstring."""
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _uniform(stream: Stream, shape: Shape, low: float, high: float) -> Float32Array:
    drawn = stream.uniform(math.prod(shape)).reshape(shape)
    drawn *= np.float32(high - low)
    drawn += np.float32(low)
    return drawn


def _truncated_normal(stream: Stream, shape: Shape, stddev: float) -> Float32Array:
    """Normal numbers, redrawn from the same stream until each is within two deviations of 0.

    Truncating narrows the distribution, so it starts wider by 1 / TRUNCATED_STDDEV in order
    that `stddev` is the deviation of what comes out.
    """
    drawn = stream.normal(math.prod(shape))
    outside = np.flatnonzero(np.abs(drawn) > np.float32(2.0))
    while outside.size:
        drawn[outside] = stream.normal(outside.size)
        outside = outside[np.abs(drawn[outside]) > np.float32(2.0)]
    drawn *= np.float32(stddev / TRUNCATED_STDDEV)
    return drawn.reshape(shape)


INITIALIZERS: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "zeros": Zeros,
}
