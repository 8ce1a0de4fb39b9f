"""The stages after training, and how the engine computes."""

from typing import Annotated, Literal

from dlcli.config import hints
from dlcli.config.base import Model
from dlcli.config.values import Choice, Listing

_AVERAGED = ("precision", "recall", "f1")
CLASSIFICATION_METRICS = (
    "accuracy",
    *_AVERAGED,
    *(f"{name}_weighted" for name in _AVERAGED),
    *(f"{name}_per_class" for name in _AVERAGED),
    "confusion_matrix",
)
REGRESSION_METRICS = ("mean_squared_error", "mean_absolute_error", "r2")
METRIC_NAMES = (*CLASSIFICATION_METRICS, *REGRESSION_METRICS)
SCALAR_METRICS = tuple(
    name for name in METRIC_NAMES if not name.endswith("_per_class") and name != "confusion_matrix"
)
METRIC_ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}
DEPLOYMENT_FORMATS = ("bundle",)

MetricName = Annotated[
    str, Choice(METRIC_NAMES, aliases=METRIC_ALIASES, words=hints.METRICS, noun="metric")
]


class Evaluation(Model):
    """The metrics; by default those that suit the loss."""

    metrics: Annotated[tuple[MetricName, ...], Listing(most=100, unique=True)] | None = None


class Deployment(Model):
    formats: Annotated[
        tuple[Annotated[str, Choice(DEPLOYMENT_FORMATS, noun="deployment format")], ...],
        Listing(most=10, unique=True),
    ] = ("bundle",)


class Runtime(Model):
    """portable: the same bits on every processor with AVX2; native: this processor's fastest."""

    numerics: Annotated[Literal["portable", "native"], Choice(("portable", "native"))] = "portable"
