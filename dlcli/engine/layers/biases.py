"""The bias of a layer: a number for each feature, added to all that it gives."""

from typing import Protocol

from dlcli.engine.initializers import Initializer
from dlcli.engine.layer import Slot
from dlcli.engine.regularizers import Regularizer


class Biased(Protocol):
    """A layer with these options."""

    @property
    def use_bias(self) -> bool: ...
    @property
    def bias_initializer(self) -> Initializer: ...
    @property
    def bias_regularizer(self) -> Regularizer | None: ...


def bias_slot(layer: Biased, features: int) -> Slot | None:
    """The slot of a bias (features,), where the layer has one."""
    if not layer.use_bias:
        return None
    return Slot((features,), layer.bias_initializer, regularizer=layer.bias_regularizer)
