"""How the engine computes."""

from typing import Annotated, Literal

from dlcli.config.base import Section
from dlcli.config.values import Choice


class Runtime(Section):
    """How the engine computes.

    numerics: portable: the same bits on every processor with AVX2; native: this processor's
        fastest.
    example: {numerics: portable}
    """

    numerics: Annotated[Literal["portable", "native"], Choice(("portable", "native"))] = "portable"
