"""What a trained network is measured by."""

from typing import Annotated, Self

from pydantic import model_validator

from dlcli.config.base import Section
from dlcli.config.metrics import Metric
from dlcli.config.values import Listing, wrong
from dlcli.config.wording import code


class Evaluation(Section):
    """What the trained network is measured by.

    metrics: which ones; by default those that suit the loss.
    example: {metrics: [accuracy, confusion_matrix]}
    """

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
