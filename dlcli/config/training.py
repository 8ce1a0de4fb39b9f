"""How the model learns: the loss, the optimizer, the loop, early stopping, checkpoints."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.metrics import NUMBERS, Task
from dlcli.config.schedules import LearningRate
from dlcli.config.source_sections import CLASS_NAME
from dlcli.config.values import (
    ByName,
    Checked,
    Choice,
    Listing,
    Real,
    Switch,
    Text,
    Whole,
    wrong,
    wrong_value,
)
from dlcli.config.wording import instead

_Fraction = Annotated[float, Real(0.0, below=1.0)]
_Epsilon = Annotated[float, Real(above=0.0, high=1.0)]
_Limit = Annotated[float, Real(above=0.0, high=1e9)]
_Count = Annotated[int, Whole(1, 1_000_000_000)]

CLIPPINGS = ("clipnorm", "global_clipnorm", "clipvalue")


class LossModel(Section):
    """What all losses have.

    tasks: what is learned by it; the shape of the model's outputs says which of them.
    folds: the last activation that is part of it, None where any may be there.
    """

    type: str

    tasks: ClassVar[tuple[Task, ...]] = NUMBERS
    folds: ClassVar[str | None] = None

    @property
    def classifies(self) -> bool:
        """Whether classes or labels are learned, and no numbers."""
        return self.tasks != NUMBERS


class MeanSquaredError(LossModel):
    type: Literal["mean_squared_error"] = "mean_squared_error"


class MeanAbsoluteError(LossModel):
    type: Literal["mean_absolute_error"] = "mean_absolute_error"


class BinaryCrossentropy(LossModel):
    type: Literal["binary_crossentropy"] = "binary_crossentropy"
    label_smoothing: _Fraction = 0.0
    tasks = ("binary", "multilabel")
    folds = "sigmoid"


class CategoricalCrossentropy(LossModel):
    type: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    label_smoothing: _Fraction = 0.0
    tasks = ("multiclass",)
    folds = "softmax"


class SparseCategoricalCrossentropy(LossModel):
    type: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"
    label_smoothing: _Fraction = 0.0
    tasks = ("multiclass",)
    folds = "softmax"


Loss = Annotated[
    MeanSquaredError
    | MeanAbsoluteError
    | BinaryCrossentropy
    | CategoricalCrossentropy
    | SparseCategoricalCrossentropy,
    Component(
        "loss",
        aliases={
            "mse": "mean_squared_error",
            "mae": "mean_absolute_error",
            "bce": "binary_crossentropy",
        },
        words=synonyms.LOSSES,
    ),
]


class OptimizerModel(Section):
    """What all optimizers have.

    learning_rate: how large the steps are: a number, or a schedule.
    weight_decay: by which share of themselves, times the rate, arrays shrink at each update.
    exclude_from_weight_decay: parts of the names of arrays that do not decay.
    clipnorm, global_clipnorm, clipvalue: the largest norm of each array's gradient, of all
        gradients together, or the largest number in them; one of the three at most.
    gradient_accumulation_steps: batches whose mean gradient makes one update.
    """

    type: str
    learning_rate: LearningRate
    weight_decay: Annotated[float, Real(0.0, 1000.0)] = 0.0
    exclude_from_weight_decay: Annotated[
        tuple[Annotated[str, Text(longest=128)], ...], Listing(most=1000, unique=True)
    ] = ()
    clipnorm: _Limit | None = None
    global_clipnorm: _Limit | None = None
    clipvalue: _Limit | None = None
    gradient_accumulation_steps: Annotated[int, Whole(1, 1_000_000)] = 1

    @model_validator(mode="after")
    def _one_way_to_clip(self) -> Self:
        given = [name for name in CLIPPINGS if getattr(self, name) is not None]
        if len(given) > 1:
            raise wrong(f"`{given[0]}` and `{given[1]}` exclude each other; give one", given[1])
        return self


class Sgd(OptimizerModel):
    type: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 0.01


class Momentum(OptimizerModel):
    """Gradient descent of a heavy ball, or with Nesterov's look ahead.

    momentum: how much of the speed stays at each update.
    nesterov: whether the gradient's own step is taken on top of the speed.
    """

    type: Literal["momentum"] = "momentum"
    learning_rate: LearningRate = 0.01
    momentum: _Fraction = 0.9
    nesterov: Annotated[bool, Switch()] = False


class Adagrad(OptimizerModel):
    type: Literal["adagrad"] = "adagrad"
    learning_rate: LearningRate = 0.001
    initial_accumulator_value: Annotated[float, Real(0.0, 1e6)] = 0.1
    epsilon: _Epsilon = 1e-7


class RmsProp(OptimizerModel):
    """The gradient divided by a running average of its recent size.

    rho: how much of the average stays at each update.
    """

    type: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 0.001
    rho: _Fraction = 0.9
    epsilon: _Epsilon = 1e-7


class Adam(OptimizerModel):
    """Running averages of the gradient and of its square, corrected for starting at zero.

    beta_1: how much of the gradient's average stays at each update.
    beta_2: how much of its square's average stays at each update.
    """

    type: Literal["adam"] = "adam"
    learning_rate: LearningRate = 0.001
    beta_1: _Fraction = 0.9
    beta_2: _Fraction = 0.999
    epsilon: _Epsilon = 1e-7


class AdamW(OptimizerModel):
    """Adam whose arrays decay by default.

    beta_1: how much of the gradient's average stays at each update.
    beta_2: how much of its square's average stays at each update.
    """

    type: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = 0.001
    beta_1: _Fraction = 0.9
    beta_2: _Fraction = 0.999
    epsilon: _Epsilon = 1e-7
    weight_decay: Annotated[float, Real(0.0, 1000.0)] = 0.004


Optimizer = Annotated[
    Sgd | Momentum | Adagrad | RmsProp | Adam | AdamW,
    Component("optimizer", words=synonyms.OPTIMIZERS),
]

LOSS_CONFIGS: dict[str, type[LossModel]] = table(Loss)
OPTIMIZER_CONFIGS: dict[str, type[Section]] = table(Optimizer)


class _ClassWeight(Checked):
    """`balanced`, or weights by the names of classes."""

    _BY_NAME = ByName(CLASS_NAME, Real(0.0, 1e9))

    def __call__(self, value: Any) -> str | dict[str, float]:
        if value == "balanced":
            return "balanced"
        if not isinstance(value, dict) or not value:
            raise wrong_value(f"must be `balanced` or a mapping {{class: weight}}{instead(value)}")
        return self._BY_NAME(value)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": "balanced"}, self._BY_NAME.json_schema()]}


class EarlyStopping(Section):
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    example: {monitor: val_loss, patience: 5}
    """

    monitor: Annotated[str, Text("the name of a loss or metric", longest=64)] = "val_loss"
    patience: Annotated[int, Whole(0, 1_000_000)] = 0
    min_delta: Annotated[float, Real(0.0, 1e6)] = 0.0
    mode: Annotated[Literal["auto", "min", "max"], Choice(("auto", "min", "max"))] = "auto"


class CheckpointOptions(Section):
    """A checkpoint is written when any of these is due.

    every_epochs: after so many epochs.
    every_steps: after so many updates.
    every_seconds: after so much time.
    example: {every_epochs: 1, every_seconds: 600}
    """

    every_epochs: _Count | None = 1
    every_steps: _Count | None = None
    every_seconds: Annotated[float, Real(above=0.0, high=1e9)] | None = None


class Training(Section):
    """The loop: how long and by how many rows at once the network learns.

    epochs: how often it sees all rows.
    batch_size: how many rows make one update.
    shuffle: whether each epoch sees the rows in another order.
    shard_size: how many rows a worker takes at once; results depend on it, but not on the workers.
    max_steps: stop after so many updates.
    early_stopping: stop when nothing gets better.
    checkpoint: when the state is saved that a stopped run goes on from.
    keep: whose weights evaluate, predict and deploy use: of the last epoch or of the best one; by
        default `best` with early stopping, else `last`.
    class_weight: how much a row of each class counts while it is learned from; balanced: all
        classes count the same together.
    example: {epochs: 20, batch_size: 32}
    """

    epochs: Annotated[int, Whole(1, 1_000_000)]
    batch_size: Annotated[int, Whole(1, 1_048_576)] = 32
    shuffle: Annotated[bool, Switch()] = True
    shard_size: Annotated[int, Whole(1, 1_048_576)] | None = None
    max_steps: _Count | None = None
    early_stopping: EarlyStopping | None = None
    checkpoint: CheckpointOptions = CheckpointOptions()
    keep: Annotated[Literal["last", "best"], Choice(("last", "best"))] | None = None
    class_weight: Annotated[str | dict[str, float], _ClassWeight()] | None = None
