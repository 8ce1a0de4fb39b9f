"""The metrics. What is known of one stands on its class; nothing else has lists of their names."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.layer_sections import NAME
from dlcli.config.values import Switch, Whole, wrong
from dlcli.config.wording import code

Task = Literal["multiclass", "binary", "multilabel", "regression"]

CLASSES: tuple[Task, ...] = ("multiclass", "binary", "multilabel")
ONE_CLASS: tuple[Task, ...] = ("multiclass", "binary")
NUMBERS: tuple[Task, ...] = ("regression",)
TAKEN = ("loss", "epoch", "step")
"""What stands beside the metrics of an epoch."""


class MetricModel(Section):
    """What all metrics have.

    name: what its value is called; by default its word, and the options that are not the default.
    weighted: whether a row counts as much as its weight says.

    suits: what can be learned where it makes sense. best: whether its best value is the largest or
    the smallest; None for what is no number. default: whether it is measured where none is named.
    each: the metric of which it is one number for each class.
    """

    type: str
    name: Annotated[str, NAME] | None = None
    weighted: Annotated[bool, Switch()] = False

    suits: ClassVar[tuple[Task, ...]]
    best: ClassVar[Literal["max", "min"] | None]
    default: ClassVar[bool] = False
    each: ClassVar[str | None] = None

    @property
    def called(self) -> str:
        """The name of its value: where none is given, its type, `weighted_` before it where rows
        weigh, and behind it the values of its other options that are not the default.

        >>> TopKAccuracy(k=3, weighted=True).called
        'weighted_top_k_accuracy_3'
        """
        if self.name is not None:
            return self.name
        options = [f"_{getattr(self, key)}" for key in self._others() if self._is_given(key)]
        return "".join(("weighted_" if self.weighted else "", self.type, *options))

    @classmethod
    def _others(cls) -> list[str]:
        return [key for key in cls.model_fields if key not in ("type", "name", "weighted")]

    def _is_given(self, key: str) -> bool:
        return bool(getattr(self, key) != type(self).model_fields[key].default)

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        name = self.name
        if name == self.type and self.weighted and self.each is not None:
            raise wrong(  # gates of one class, such as recall[x], count rows
                f"{code(name)} is the name of the unweighted metric; choose another name, such as "
                f"{code('weighted_' + name)}",
                "name",
            )
        if name is None or METRIC_ALIASES.get(name, name) == self.type:
            return self
        if name in METRIC_CONFIGS or name in METRIC_ALIASES:
            raise wrong(f"{code(name)} is the word for another metric; choose another name", "name")
        if name in TAKEN or name.startswith("val_"):
            raise wrong(
                f"a metric cannot be called {code(name)}, since results have values of that name; "
                "choose another name",
                "name",
            )
        return self

    @model_serializer(mode="wrap")
    def _by_its_word(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Bare text where nothing is given but the type: so it was before there were options."""
        others = any(self._is_given(key) for key in (*self._others(), "weighted"))
        bare = not others and self.name in (None, self.type)
        return self.type if bare else handler(self)


class Accuracy(MetricModel):
    type: Literal["accuracy"] = "accuracy"
    suits = CLASSES
    best = "max"
    default = True


class Precision(MetricModel):
    type: Literal["precision"] = "precision"
    suits = CLASSES
    best = "max"


class Recall(MetricModel):
    type: Literal["recall"] = "recall"
    suits = CLASSES
    best = "max"


class F1(MetricModel):
    type: Literal["f1"] = "f1"
    suits = CLASSES
    best = "max"


class PrecisionWeighted(MetricModel):
    type: Literal["precision_weighted"] = "precision_weighted"
    suits = CLASSES
    best = "max"


class RecallWeighted(MetricModel):
    type: Literal["recall_weighted"] = "recall_weighted"
    suits = CLASSES
    best = "max"


class F1Weighted(MetricModel):
    type: Literal["f1_weighted"] = "f1_weighted"
    suits = CLASSES
    best = "max"


class PrecisionPerClass(MetricModel):
    type: Literal["precision_per_class"] = "precision_per_class"
    suits = CLASSES
    best = None
    each = "precision"


class RecallPerClass(MetricModel):
    type: Literal["recall_per_class"] = "recall_per_class"
    suits = CLASSES
    best = None
    each = "recall"


class F1PerClass(MetricModel):
    type: Literal["f1_per_class"] = "f1_per_class"
    suits = CLASSES
    best = None
    each = "f1"


class ConfusionMatrix(MetricModel):
    type: Literal["confusion_matrix"] = "confusion_matrix"
    suits = CLASSES
    best = None


class BalancedAccuracy(MetricModel):
    type: Literal["balanced_accuracy"] = "balanced_accuracy"
    suits = ONE_CLASS
    best = "max"


class Matthews(MetricModel):
    type: Literal["matthews"] = "matthews"
    suits = ONE_CLASS
    best = "max"


class TopKAccuracy(MetricModel):
    """The share of rows whose class is among the `k` most probable.

    k: how many classes are looked at.
    """

    type: Literal["top_k_accuracy"] = "top_k_accuracy"
    k: Annotated[int, Whole(1, 1_000_000)] = 5
    suits = ("multiclass",)
    best = "max"


class RocAuc(MetricModel):
    type: Literal["roc_auc"] = "roc_auc"
    suits = CLASSES
    best = "max"


class AveragePrecision(MetricModel):
    type: Literal["average_precision"] = "average_precision"
    suits = CLASSES
    best = "max"


class LogLoss(MetricModel):
    type: Literal["log_loss"] = "log_loss"
    suits = ONE_CLASS
    best = "min"


class MeanSquaredError(MetricModel):
    type: Literal["mean_squared_error"] = "mean_squared_error"
    suits = NUMBERS
    best = "min"


class MeanAbsoluteError(MetricModel):
    type: Literal["mean_absolute_error"] = "mean_absolute_error"
    suits = NUMBERS
    best = "min"
    default = True


class R2(MetricModel):
    type: Literal["r2"] = "r2"
    suits = NUMBERS
    best = "max"
    default = True


class RootMeanSquaredError(MetricModel):
    type: Literal["root_mean_squared_error"] = "root_mean_squared_error"
    suits = NUMBERS
    best = "min"


class MeanAbsolutePercentageError(MetricModel):
    type: Literal["mean_absolute_percentage_error"] = "mean_absolute_percentage_error"
    suits = NUMBERS
    best = "min"


METRIC_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
}

Metric = Annotated[
    Accuracy
    | Precision
    | Recall
    | F1
    | PrecisionWeighted
    | RecallWeighted
    | F1Weighted
    | PrecisionPerClass
    | RecallPerClass
    | F1PerClass
    | ConfusionMatrix
    | BalancedAccuracy
    | Matthews
    | TopKAccuracy
    | RocAuc
    | AveragePrecision
    | LogLoss
    | MeanSquaredError
    | MeanAbsoluteError
    | R2
    | RootMeanSquaredError
    | MeanAbsolutePercentageError,
    Component("metric", aliases=METRIC_ALIASES, words=synonyms.METRICS),
]

METRIC_CONFIGS: dict[str, type[MetricModel]] = table(Metric)
BY_CLASS = {model.each: word for word, model in METRIC_CONFIGS.items() if model.each is not None}
"""The metrics that a class can have for itself, and the word that gives them for each class."""


def suiting(tasks: tuple[Task, ...]) -> list[str]:
    """The words of the metrics that make sense for one of these tasks."""
    return [word for word, model in METRIC_CONFIGS.items() if {*model.suits} & {*tasks}]


def defaults(tasks: tuple[Task, ...]) -> tuple[MetricModel, ...]:
    """What is measured where no metric is named."""
    models = [METRIC_CONFIGS[word] for word in suiting(tasks)]
    return tuple(model() for model in models if model.default)  # type: ignore[call-arg]
