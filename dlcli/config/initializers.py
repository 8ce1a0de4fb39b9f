"""The initializers: where the values of a kernel or bias start."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Real, wrong


class GlorotUniform(Section):
    type: Literal["glorot_uniform"] = "glorot_uniform"


class GlorotNormal(Section):
    type: Literal["glorot_normal"] = "glorot_normal"


class HeUniform(Section):
    type: Literal["he_uniform"] = "he_uniform"


class HeNormal(Section):
    type: Literal["he_normal"] = "he_normal"


class Zeros(Section):
    type: Literal["zeros"] = "zeros"


class Ones(Section):
    type: Literal["ones"] = "ones"


class Constant(Section):
    """All `value`.

    value: the number.
    """

    type: Literal["constant"] = "constant"
    value: Annotated[float, Real(-1e6, 1e6)] = 0.0


class RandomNormal(Section):
    """Normal with this mean and standard deviation (not truncated).

    mean: the mean of the numbers. stddev: their standard deviation.
    """

    type: Literal["random_normal"] = "random_normal"
    mean: Annotated[float, Real(-1e6, 1e6)] = 0.0
    stddev: Annotated[float, Real(0.0, 1e6)] = 0.05


class RandomUniform(Section):
    """Uniform between `minval` and `maxval`.

    minval: the smallest number. maxval: the largest number.
    """

    type: Literal["random_uniform"] = "random_uniform"
    minval: Annotated[float, Real(-1e6, 1e6)] = -0.05
    maxval: Annotated[float, Real(-1e6, 1e6)] = 0.05

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minval > self.maxval:
            at = "minval" if "minval" in self.model_fields_set else "maxval"
            raise wrong(f"`minval` ({self.minval}) must not exceed `maxval` ({self.maxval})", at)
        return self


class Orthogonal(Section):
    """`gain` times an orthogonal matrix, drawn uniformly from all of them.

    gain: what the matrix is multiplied by.
    """

    type: Literal["orthogonal"] = "orthogonal"
    gain: Annotated[float, Real(-1e6, 1e6)] = 1.0


Initializer = Annotated[
    GlorotUniform
    | GlorotNormal
    | HeUniform
    | HeNormal
    | Zeros
    | Ones
    | Constant
    | RandomNormal
    | RandomUniform
    | Orthogonal,
    Component("initializer", words=synonyms.INITIALIZERS),
]

INITIALIZER_CONFIGS: dict[str, type[Section]] = table(Initializer)
