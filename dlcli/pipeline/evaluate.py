"""Stage 4, evaluation: loss and metrics of whole parts with the weights the run keeps."""

import operator
import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from dlcli.config import Config
from dlcli.config.stages import METRIC_ALIASES, SCALAR_METRICS
from dlcli.engine.inference import Evaluation, Examples
from dlcli.engine.layer import Array
from dlcli.engine.training import Recipe
from dlcli.errors import DivergedError, GateError, UsageError
from dlcli.pipeline.crew import crew

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|>|<)\s*(\S+)\s*")


def evaluate(
    recipe: Recipe,
    theta: Array,
    parts: dict[str, Examples],
    roles: Sequence[str],
    workers: int,
    classes: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """For each role: `{split, rows, metrics: {loss, ...}}`, and of two classes `positive_class`,
    the one that precision, recall and f1 speak of.

    DivergedError where one of them is not finite: then no number of that part can be trusted.
    """
    evaluation = Evaluation(
        recipe.model, recipe.loss, recipe.metrics, theta, parts, recipe.shard_size
    )
    with crew(evaluation.phases, workers) as team:
        results: dict[str, dict[str, Any]] = {
            role: {
                "split": role,
                "rows": len(parts[role]),
                "metrics": evaluation.run(team, role),
            }
            for role in roles
        }
    positive = _positive_class(recipe, classes)
    for role, result in results.items():
        if positive is not None:
            result["positive_class"] = positive
        for name, value in result["metrics"].items():
            if isinstance(value, float) and not isfinite(value):
                raise DivergedError(
                    f"the {role} part gives the {name} {value}: its rows are far from those that "
                    "the network was trained on, or training was about to diverge. Check the data "
                    "and its scale (data.transforms), or lower optimizer.learning_rate"
                )
    return results


def _positive_class(recipe: Recipe, classes: Sequence[str] | None) -> str | None:
    """The second of two classes; None where there are not two."""
    kind, count = recipe.loss.kind(recipe.model.out_shape)
    if kind not in ("binary", "multiclass") or count != 2:
        return None
    return classes[1] if classes is not None and len(classes) == 2 else "1"


def scalars(config: Config) -> list[str]:
    """What an evaluation gives as one number each."""
    return ["loss", *(name for name in config.evaluation.metrics or () if name in SCALAR_METRICS)]


class Gate:
    """One `--expect`: a metric (short names such as `mse` are known), a comparison, a number.

    >>> Gate("accuracy >= 0.98").is_met({"accuracy": 0.981})
    True
    """

    def __init__(self, text: str) -> None:
        match = _GATE.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            self.metric = METRIC_ALIASES.get(match[1], match[1])
            self._sign, self._bound = match[2], float(match[3])
            if self._bound != self._bound:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"--expect {text!r}: write a metric, one of >= > <= < == and a number, such as "
                "--expect 'accuracy>=0.98'"
            ) from None
        self.text = f"{self.metric} {self._sign} {match[3]}"

    def check_known(self, names: Sequence[str]) -> None:
        """UsageError if no scalar metric of that name is measured."""
        if self.metric not in names:
            add = (
                ". Add it to evaluation.metrics and train" if self.metric in SCALAR_METRICS else ""
            )
            raise UsageError(
                f"--expect {self.text!r}: the run does not measure a number called "
                f"{self.metric!r}, but {', '.join(names)}{add}"
            )

    def is_met(self, metrics: dict[str, Any]) -> bool:
        """Whether the metrics satisfy it; NaN satisfies nothing."""
        return _COMPARISONS[self._sign](float(metrics[self.metric]), self._bound)


def check_gates(gates: Sequence[Gate], metrics: dict[str, Any]) -> None:
    """GateError naming every gate that is not met; every gate's metric must be known."""
    missed = [gate for gate in gates if not gate.is_met(metrics)]
    if missed:
        lines = "; ".join(f"expected {g.text}, got {metrics[g.metric]!r}" for g in missed)
        raise GateError(f"not good enough: {lines}")
