"""Gates: what `--expect` demands of a metric, of all rows or of one class.

    accuracy>=0.98
    recall[malignant]>=0.9

What stands between the first `[` and the last `]` is the name of the class as the data has it, so
every name can be written, whatever is in it. Scores by class need not be among the config's
metrics: they come of the same counts.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlcli.config import Config
from dlcli.config.metrics import BY_CLASS, METRIC_ALIASES, METRIC_CONFIGS
from dlcli.errors import GateError, UsageError
from dlcli.frozen import frozen
from dlcli.nearest import nearest

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE = re.compile(
    r"\s*([a-z][a-z0-9_]*)\s*(?:\[(.*)\]\s*)?(>=|<=|==|>|<)\s*([^\s\]]+)\s*", re.DOTALL
)
_MOST_CLASSES = 30


def scalars(config: Config) -> list[str]:
    """What an evaluation gives as one number each."""
    metrics = config.evaluation.metrics or ()
    return ["loss", *(metric.called for metric in metrics if metric.best is not None)]


def _plain(name: str) -> str:
    """recall_per_class -> recall: what a single class has of it."""
    known = METRIC_CONFIGS.get(name)
    return name if known is None or known.each is None else known.each


class Gate:
    """One `--expect`: a metric (short names such as `mse` are known), maybe of one class, a
    comparison, a number. UsageError for a text that is none.

    given: the text. metric: the config's word. of: the name of the class, or None.
    option: where the text was given, for messages.

    >>> Gate("accuracy >= 0.98").is_met({"accuracy": 0.981})
    True
    >>> Gate("recall[a]>=1]<0.5").of
    'a]>=1'
    """

    def __init__(self, text: str, option: str = "--expect") -> None:
        self.given = text
        match = _GATE.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            name = METRIC_ALIASES.get(match[1], match[1])
            self.of: str | None = match[2]
            self._sign, self._bound = match[3], float(match[4])
            if self._bound != self._bound:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{option} {text!r}: write a metric, one of >= > <= < == and a number, such as "
                f"{option} 'accuracy>=0.98', or {option} 'recall[CLASS]>=0.9' for one class"
            ) from None
        if self.of is not None:
            name = _plain(name)
        self.metric = name
        self.wanted = f"{self._sign} {match[4]}"

    @property
    def subject(self) -> str:
        """What is compared, in the words of the gate: `recall[malignant]`."""
        return self.metric if self.of is None else f"{self.metric}[{self.of}]"

    @property
    def text(self) -> str:
        """The gate with its words set apart."""
        return f"{self.subject} {self.wanted}"

    @property
    def reads(self) -> str:
        """The metric that its number is found in."""
        return self.metric if self.of is None else BY_CLASS[self.metric]

    def check_known(self, config: Config) -> None:
        """UsageError if nothing is measured that it could be compared with; no data is needed."""
        names = scalars(config)
        if self.of is None and self.metric in names:
            return
        what = f"--expect {self.text!r}: "
        measured = f"the run does not measure a number called {self.metric!r}, but "
        if self.of is None:
            add = ""
            known = METRIC_CONFIGS.get(self.metric)
            if known is not None and known.best is not None:
                add = ". Add it to evaluation.metrics and train"
            elif known is not None and known.each is not None:
                what += f"name one class, '{known.each}[CLASS]'; "
            raise UsageError(f"{what}{measured}{', '.join(names)}{add}")
        if not config.loss.classifies:
            raise UsageError(
                f"{what}the loss {config.loss.type} is for numbers, which have no classes; the "
                f"run measures {', '.join(names)}"
            )
        scores = list(BY_CLASS)
        if self.metric not in scores:
            raise UsageError(
                f"{what}by class there are {', '.join(scores[:-1])} and {scores[-1]}, not "
                f"{self.metric!r}"
            )

    def check_class(self, names: Sequence[str]) -> None:
        """UsageError if it speaks of a class that is not among these."""
        if self.of is not None:
            self._place(names)

    def _place(self, names: Sequence[str]) -> int:
        assert self.of is not None
        for wanted in (self.of, self.of.strip()):
            if wanted in names:
                return list(names).index(wanted)
        near = nearest(self.of, names)
        hint = "" if near is None else f" Did you mean {near!r}?"
        shown = ", ".join(map(repr, names[:_MOST_CLASSES]))
        more = f" and {len(names) - _MOST_CLASSES} more" if names[_MOST_CLASSES:] else ""
        raise UsageError(
            f"--expect {self.given!r}: there is no class {self.of!r}; the classes are "
            f"{shown}{more}.{hint}",
            hint=hint.strip() or None,
        )

    def found(self, metrics: Mapping[str, Any], names: Sequence[str] = ()) -> float:
        """Its number among the metrics; names: those of the classes, in order."""
        value = metrics[self.reads]
        return float(value if self.of is None else value[self._place(names)])

    def is_met(self, metrics: Mapping[str, Any], names: Sequence[str] = ()) -> bool:
        """Whether the metrics satisfy it; NaN satisfies nothing."""
        return _COMPARISONS[self._sign](self.found(metrics, names), self._bound)


@frozen
class Judged:
    """What a gate found in a part of the data."""

    gate: Gate
    part: str
    found: float
    met: bool

    def to_json(self) -> dict[str, Any]:
        """For programs; `class` only where there is one."""
        gate = self.gate
        return {
            "expect": gate.given,
            "metric": gate.metric,
            **({} if gate.of is None else {"class": gate.of}),
            "wanted": gate.wanted,
            "found": self.found,
            "part": self.part,
            "met": self.met,
        }


class Gates:
    """The gates of a command, and what became of them once they were judged."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._gates = [Gate(text) for text in texts]
        self.judged: list[Judged] = []

    def __bool__(self) -> bool:
        return bool(self._gates)

    def check_known(self, config: Config) -> None:
        """As `Gate.check_known`."""
        for gate in self._gates:
            gate.check_known(config)

    def check_classes(self, names: Sequence[str]) -> None:
        """As `Gate.check_class`."""
        for gate in self._gates:
            gate.check_class(names)

    def reads(self) -> list[str]:
        """The metrics by class that they need, each once; once all gates are known."""
        return list(dict.fromkeys(gate.reads for gate in self._gates if gate.of is not None))

    def judge(self, part: str, metrics: Mapping[str, Any], names: Sequence[str]) -> None:
        """Compare with what a part gave."""
        self.judged = [
            Judged(gate, part, gate.found(metrics, names), gate.is_met(metrics, names))
            for gate in self._gates
        ]

    def to_json(self) -> dict[str, Any]:
        """For a document: what became of each, where there are any."""
        return {"gates": [each.to_json() for each in self.judged]} if self._gates else {}

    def told(self) -> str:
        """For people, where all are met."""
        return "as expected: " + "; ".join(
            f"{one.gate.subject} {one.found:.4g} {one.gate.wanted}" for one in self.judged
        )

    def require_met(self, result: Mapping[str, Any] | None = None) -> None:
        """GateError naming every gate that is not met; result: what the command found."""
        missed = [each for each in self.judged if not each.met]
        if not missed:
            return
        lines = "; ".join(f"expected {one.gate.text}, got {one.found!r}" for one in missed)
        error = GateError(
            f"not good enough: {lines}", details={"gates": [one.to_json() for one in missed]}
        )
        error.result = result or {}
        raise error
