"""Who looks on while the pipeline works."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dlcli.engine.metrics import Subjects
from dlcli.engine.training import EpochReport, StepReport


class Reporter(Protocol):
    """Told what happens, so that the pipeline needs no terminal; every method may do nothing."""

    def stage(self, number: int, verb: str, text: str) -> None:
        """A stage has something to say; `number` is 1 to 5."""

    def begin(
        self,
        epochs: int,
        batches: int,
        rows: int,
        steps: int | None = None,
        past: Sequence[tuple[Mapping[str, Any], bool]] = (),
    ) -> None:
        """Training starts or goes on: epochs in all, batches and rows in one epoch; steps in all,
        where there is a limit to them; of each epoch before, its metrics, and whether it was the
        best so far."""

    def step(self, report: StepReport) -> None:
        """A step is done."""

    def epoch(self, report: EpochReport, remark: str, best: bool = False) -> None:
        """An epoch is done; the remark says what became of it (best so far, say)."""

    def end(self) -> None:
        """Training is over, or was interrupted."""

    def result(self, title: str, found: dict[str, Any], subjects: Subjects) -> None:
        """An evaluation: `metrics`, and where there are two classes the `positive_class`."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def say(self, text: str) -> None:
        """Something that is as it should be."""


class NullReporter:
    """Looks away: for tests, and for work inside other work."""

    def stage(self, number: int, verb: str, text: str) -> None: ...

    def begin(
        self,
        epochs: int,
        batches: int,
        rows: int,
        steps: int | None = None,
        past: Sequence[tuple[Mapping[str, Any], bool]] = (),
    ) -> None: ...

    def step(self, report: StepReport) -> None: ...

    def epoch(self, report: EpochReport, remark: str, best: bool = False) -> None: ...

    def end(self) -> None: ...

    def result(self, title: str, found: dict[str, Any], subjects: Subjects) -> None: ...

    def note(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...
