"""The stages after training, and how the engine computes."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from dlcli.config.base import Model
from dlcli.config.metrics import Metric
from dlcli.config.values import Choice, Listing, wrong
from dlcli.config.wording import code

DEPLOYMENT_FORMATS = ("bundle",)


class Evaluation(Model):
    """The metrics; by default those that suit the loss."""

    metrics: Annotated[tuple[Metric, ...], Listing(most=100)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names: list[str] = []
        for index, metric in enumerate(self.metrics or ()):
            name = metric.called
            if name in names:
                words = f"{code(name)} is listed twice"
                if metric != (self.metrics or ())[names.index(name)]:
                    words = f"two metrics are called {code(name)}: give one another `name`"
                raise wrong(words, "metrics", index)
            names.append(name)
        return self


class Deployment(Model):
    formats: Annotated[
        tuple[Annotated[str, Choice(DEPLOYMENT_FORMATS, noun="deployment format")], ...],
        Listing(most=10, unique=True),
    ] = ("bundle",)


class Runtime(Model):
    """portable: the same bits on every processor with AVX2; native: this processor's fastest."""

    numerics: Annotated[Literal["portable", "native"], Choice(("portable", "native"))] = "portable"
