"""The regularizers: penalties on kernels, biases and the like, which are added to the loss."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Real, wrong

_Weight = Annotated[float, Real(0.0, 1e6)]


class L1(Section):
    """l1 times the sum of |w|.

    l1: the weight of the penalty.
    """

    type: Literal["l1"] = "l1"
    l1: _Weight = 0.01


class L2(Section):
    """l2 times the sum of w^2.

    l2: the weight of the penalty.
    """

    type: Literal["l2"] = "l2"
    l2: _Weight = 0.01


class L1L2(Section):
    """l1 times the sum of |w|, and l2 times the sum of w^2.

    l1: the weight of the first penalty. l2: the weight of the second.
    example: {type: l1_l2, l1: 0.001, l2: 0.001}
    """

    type: Literal["l1_l2"] = "l1_l2"
    l1: _Weight = 0.0
    l2: _Weight = 0.0

    @model_validator(mode="after")
    def _is_a_penalty(self) -> Self:
        if not self.l1 and not self.l2:
            raise wrong("give `l1`, `l2` or both: with 0 and 0 there is no penalty", "l1")
        return self


Regularizer = Annotated[L1 | L2 | L1L2, Component("regularizer", words=synonyms.REGULARIZERS)]

REGULARIZER_CONFIGS: dict[str, type[Section]] = table(Regularizer)
