"""A reporter that writes down all that it is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.engine.training import EpochReport, StepReport


class Everything:
    """Writes down all that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.past: Sequence[tuple[Mapping[str, Any], bool]] = ()

    def stage(self, number: int, verb: str, text: str) -> None:
        self.told.append(("stage", number, verb, text))

    def begin(
        self,
        epochs: int,
        batches: int,
        rows: int,
        steps: int | None = None,
        past: Sequence[tuple[Mapping[str, Any], bool]] = (),
    ) -> None:
        self.told.append(("begin", epochs, batches, rows, steps))
        self.past = past

    def step(self, report: StepReport) -> None:
        self.told.append(("step", report.epoch, report.batch))

    def epoch(self, report: EpochReport, remark: str, best: bool = False) -> None:
        self.told.append(("epoch", report.epoch, remark, report.logs.get("val_loss")))

    def end(self) -> None:
        self.told.append(("end",))

    def result(self, title: str, found: dict[str, Any], classes: Sequence[str] | None) -> None:
        self.told.append(("result", title, found["rows"], classes))

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def say(self, text: str) -> None:
        self.told.append(("say", text))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """What was told in this way."""
        return [words[1:] for words in self.told if words[0] == kind]
