"""Stage 4, evaluation: loss and metrics of whole parts with the weights the run keeps."""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from dlcli.engine.inference import Evaluation, Examples
from dlcli.engine.layer import Array
from dlcli.engine.team import team
from dlcli.engine.training import Recipe
from dlcli.errors import GateError, UsageError

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|>|<)\s*(\S+)\s*")


def evaluate(
    recipe: Recipe, theta: Array, parts: dict[str, Examples], roles: Sequence[str], workers: int
) -> dict[str, dict[str, Any]]:
    """For each role: `{split, rows, metrics: {loss, ...}}`."""
    evaluation = Evaluation(
        recipe.model, recipe.loss, recipe.metrics, theta, parts, recipe.shard_size
    )
    with team(evaluation.phases, workers) as crew:
        return {
            role: {
                "split": role,
                "rows": len(parts[role]),
                "metrics": evaluation.run(crew, role),
            }
            for role in roles
        }


class Gate:
    """One `--expect`: a metric, a comparison, a number.

    >>> Gate("accuracy >= 0.98").is_met({"accuracy": 0.981})
    True
    """

    def __init__(self, text: str) -> None:
        match = _GATE.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            self.metric, self._sign, number = match[1], match[2], match[3]
            self._bound = float(number)
        except ValueError:
            raise UsageError(
                f"--expect {text!r}: write a metric, one of >= > <= < == and a number, such as "
                "--expect 'accuracy>=0.98'"
            ) from None
        self.text = f"{self.metric} {self._sign} {number}"

    def check_known(self, names: Sequence[str]) -> None:
        """UsageError if no scalar metric of that name is measured."""
        if self.metric not in names:
            raise UsageError(
                f"--expect {self.text!r}: there is no number called {self.metric!r}; the run "
                f"measures {', '.join(names)}. Add it to evaluation.metrics"
            )

    def is_met(self, metrics: dict[str, Any]) -> bool:
        """Whether the metrics satisfy it; NaN satisfies nothing."""
        return _COMPARISONS[self._sign](float(metrics[self.metric]), self._bound)


def check_gates(gates: Sequence[Gate], metrics: dict[str, Any]) -> None:
    """GateError naming every gate that is not met."""
    scalars = [name for name, value in metrics.items() if isinstance(value, int | float)]
    for gate in gates:
        gate.check_known(scalars)
    missed = [gate for gate in gates if not gate.is_met(metrics)]
    if missed:
        lines = "; ".join(f"expected {g.text}, got {metrics[g.metric]!r}" for g in missed)
        raise GateError(f"not good enough: {lines}")
