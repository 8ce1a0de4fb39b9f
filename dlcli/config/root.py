"""The config as a whole."""

from typing import Annotated, Any, Literal

from pydantic import ValidationInfo, field_validator

from dlcli.config.base import Section
from dlcli.config.data import Data
from dlcli.config.deployment import Deployment
from dlcli.config.evaluation import Evaluation
from dlcli.config.layers import Layer
from dlcli.config.metrics import NUMBERS, Task
from dlcli.config.runtime import Runtime
from dlcli.config.source_sections import FileName
from dlcli.config.training import Loss, LossModel, Optimizer, Training
from dlcli.config.values import Listing, Text, Whole, wrong
from dlcli.config.wording import instead

VERSION = 1


def tasks(data: Data | None, loss: LossModel) -> tuple[Task, ...]:
    """What may be learned of this data by this loss."""
    return NUMBERS if data is not None and data.target == "features" else loss.tasks


class _Version(Whole):
    def __call__(self, value: Any) -> int:
        if isinstance(value, bool) or value != self.high:
            words = "the version of the config language, must be"
            raise wrong(f"`version`, {words} {self.high}{instead(value)}")
        return self.high


class Network(Section):
    """The network: layers in order, and where the weights start if not drawn.

    layers: those that rows go through, in this order.
    initial_weights: a .safetensors file of arrays to begin with, by their names.
    example: {layers: [{type: dense, units: 64, activation: relu}, {type: dense, units: 1}]}
    """

    layers: Annotated[tuple[Layer, ...], Listing(most=1000, least=1)]
    initial_weights: FileName | None = None


class Config(Section):
    """Everything a run needs to know.

    version: the version of the config language.
    name: the name of the runs, and of their directories.
    seed: what all random numbers come from.
    data: what is learned from.
    model: the network.
    loss: what is made small.
    optimizer: how the network's numbers are moved.
    training: for how long, and by how many rows at once.
    evaluation: what the trained network is measured by.
    deployment: what it is written as.
    runtime: how the engine computes.
    example: {data: {source: iris}, model: {layers: [{type: dense, units: 3, activation: softmax}]},
        loss: sparse_categorical_crossentropy, optimizer: adam, training: {epochs: 20}}
    """

    version: Annotated[Literal[1], _Version(VERSION, VERSION)] = 1
    name: Annotated[str, Text(longest=100)] | None = None
    seed: Annotated[int, Whole(0, 2**63 - 1)] = 0
    data: Data
    model: Network
    loss: Loss
    optimizer: Optimizer
    training: Training
    evaluation: Evaluation = Evaluation()
    deployment: Deployment = Deployment()
    runtime: Runtime = Runtime()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What may be learned; the shape of the model's outputs says which of them."""
        return tasks(self.data, self.loss)

    @field_validator("*", mode="after")
    @classmethod
    def _remember(cls, value: Any, info: ValidationInfo) -> Any:
        """Hand every good section out, so that rules can look at it when others are bad."""
        if isinstance(info.context, dict):
            info.context[info.field_name] = value
        return value
