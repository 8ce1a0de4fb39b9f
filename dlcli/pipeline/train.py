"""Stage 3, training: run the loop, save checkpoints, stop when asked."""

import time
from collections.abc import Callable

from dlcli.artifacts.checkpoints import Checkpoint, Checkpoints
from dlcli.artifacts.history import write_history
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config import Config
from dlcli.engine.team import team
from dlcli.engine.training import Diverged, EpochReport
from dlcli.errors import DivergedError, DlcliError
from dlcli.pipeline.session import Session
from dlcli.pipeline.watch import Watch

Stop = Callable[[], int | None]
"""Asked after every step: the signal that wants training to stop, if any."""


class Interrupted(DlcliError):
    """Training stopped after a signal; a checkpoint was saved."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal  # type: ignore[misc]


class Cadence:
    """When a checkpoint is due: whichever of the three comes first after the last one."""

    def __init__(self, config: Config) -> None:
        self._wanted = config.training.checkpoint
        self._epochs = self._steps = 0
        self._saved_at = time.monotonic()

    def step(self) -> bool:
        """Whether one is due after this step."""
        self._steps += 1
        every, seconds = self._wanted.every_steps, self._wanted.every_seconds
        return (every is not None and self._steps >= every) or (
            seconds is not None and time.monotonic() - self._saved_at >= seconds
        )

    def epoch(self) -> bool:
        """Whether one is due after this epoch."""
        self._epochs += 1
        every = self._wanted.every_epochs
        return every is not None and self._epochs >= every

    def saved(self) -> None:
        """One was saved: count anew."""
        self._epochs = self._steps = 0
        self._saved_at = time.monotonic()


def train(
    run: RunDirectory,
    config: Config,
    session: Session,
    workers: int,
    watch: Watch,
    stop: Stop = lambda: None,
) -> None:
    """Train to the end, leaving checkpoints and metrics.jsonl in the run.

    Raises Interrupted after a signal and DivergedError when the loss is not finite; a
    checkpoint that can be resumed from is there in both cases.
    """
    store = Checkpoints(run)
    cadence = Cadence(config)
    training = session.training
    rows = len(training)
    saved: Checkpoint | None = None
    watch.begin(training.recipe.epochs, training.batches, rows)
    try:
        with team(training.phases, workers) as crew:
            for report in session.run(crew):
                saved = None
                if isinstance(report, EpochReport):
                    write_history(run, _rows(session))
                    if session.improved:
                        saved = session.checkpoint()
                        store.save(saved, best=saved)
                    elif cadence.epoch():
                        saved = session.checkpoint()
                        store.save(saved)
                    watch.epoch(report, _remark(session))
                else:
                    watch.step(report)
                    if cadence.step():
                        saved = session.checkpoint()
                        store.save(saved)
                if saved is not None:
                    cadence.saved()
                signal = stop()
                if signal is not None and not session.finished:
                    if saved is None:
                        store.save(session.checkpoint())
                    raise Interrupted(
                        f"stopped after step {training.progress.step}; go on with "
                        f"`dlcli train --resume {run.root}`",
                        signal,
                    )
        if saved is None:
            store.save(session.checkpoint())
    except Diverged as error:
        raise DivergedError(
            f"training diverged at step {error.step}: {error.where}. The checkpoint before it is "
            f"kept in {run.root}. Lower optimizer.learning_rate, check that the features are "
            "scaled (data.transforms), or try another initializer"
        ) from None
    finally:
        watch.end()


def _rows(session: Session) -> list[dict[str, object]]:
    """The history as metrics.jsonl has it."""
    return [
        {"epoch": epoch.epoch, "step": epoch.step, **epoch.metrics}
        for epoch in session.books.history
    ]


def _remark(session: Session) -> str:
    books = session.books
    if books.stopped:
        return f"no better {session.monitor.name} for {books.waited} epochs: stopping early"
    return "best so far" if session.improved and len(books.history) > 1 else ""
