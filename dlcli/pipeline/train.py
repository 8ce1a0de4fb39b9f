"""Stage 3, training: run the loop, save checkpoints, stop when asked."""

import time
from collections.abc import Callable

from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.history import append_history, write_history
from dlcli.artifacts.run_directory import LAST, RunDirectory
from dlcli.config import Config
from dlcli.engine.team import Team
from dlcli.engine.training import Diverged, EpochReport
from dlcli.errors import DivergedError
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.job import Job
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.session import Session


class CheckpointSchedule:
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


class CheckpointWriter:
    """Saves a session. A new best epoch waits for the next save, because `last` and `best` belong
    together: a resumed run must find the `best` that `last` knows. Only where training goes on
    before that save, it waits as a copy."""

    def __init__(
        self, run: RunDirectory, session: Session, require_unchanged_data: Callable[[], None]
    ) -> None:
        self._store, self._session = Checkpoints(run), session
        self._require_unchanged_data = require_unchanged_data
        self._best: Checkpoint | None = None
        self._best_is_now = self.is_saved = False

    def moved(self) -> None:
        """The session is at another step or epoch than before."""
        self.is_saved = self._best_is_now = False

    def is_best(self) -> None:
        """The session is at the best epoch so far."""
        self._best, self._best_is_now = None, True

    def go_on(self) -> None:
        """The session is about to move."""
        if self._best_is_now and not self.is_saved:
            self._best = self._session.checkpoint().copy()

    def save(self) -> None:
        """Save this moment, unless it is broken: then the last finite one is worth more."""
        if self.is_saved or not self._session.is_finite:
            return
        self._require_unchanged_data()
        last = self._session.checkpoint()
        best = last if self._best_is_now else self._best
        self._store.save(last, best, self._session.history.epochs)
        self._best, self.is_saved = None, True


def train(run: RunDirectory, job: Job, team: Team, options: Options, reporter: Reporter) -> None:
    """Train to the end, leaving checkpoints and metrics.jsonl in the run.

    Raises Interrupted after a signal and DivergedError when the loss is not finite; the last
    checkpoint that was due before can be resumed from in both cases.
    """
    session = job.session
    keeper = CheckpointWriter(run, session, job.require_unchanged_data)
    cadence = CheckpointSchedule(job.loaded.config)
    training = session.training
    recipe = training.recipe
    past = session.past()
    reporter.begin(recipe.epochs, training.batches, len(training), recipe.max_steps, past)
    try:
        with options.patience():
            if team.workers < options.workers:
                reporter.note(f"only {team.workers} of {options.workers} workers could be started")
            write_history(run, (epoch.row() for epoch in session.history.epochs), durable=False)
            for report in session.run(team):
                keeper.moved()
                if isinstance(report, EpochReport):
                    append_history(run, session.history.epochs[-1].row())
                    if session.improved:
                        keeper.is_best()
                    due = cadence.epoch()
                else:
                    # Behind the very last step only the epoch's end is missing: it saves.
                    due = cadence.step() and not session.finished
                if due:
                    keeper.save()
                    cadence.saved()
                if isinstance(report, EpochReport):
                    reporter.epoch(report, _remark(session), session.improved)
                else:
                    reporter.step(report)
                signal = options.stop()
                if signal is not None and not session.finished:
                    keeper.save()
                    raise Interrupted(
                        f"stopped after step {training.progress.step}; go on with "
                        f"`dlcli train --resume {run.root}`",
                        signal,
                        run.root,
                    )
                keeper.go_on()
            keeper.save()
    except Diverged as error:
        kept = run.path(LAST).exists()
        before = f"The checkpoint before it is kept in {run.root}. " if kept else ""
        raise DivergedError(
            f"training diverged at step {error.step}: {error.where}. {before}Lower "
            "optimizer.learning_rate, check that the features are scaled (data.transforms), or "
            "try another initializer",
            details={"run": str(run.root), "step": error.step},
        ) from None
    finally:
        reporter.end()


def _remark(session: Session) -> str:
    history = session.history
    if history.stopped:
        waited = f"{history.waited} epoch{'s' if history.waited > 1 else ''}"
        return f"no better {session.monitor.name} for {waited}: stopping early"
    if not session.improved or len(history.epochs) < 2:
        return ""
    name = session.monitor.name
    if session.monitor.trains:  # nearly every epoch, and no reason to keep its weights
        return f"best training {name} so far"
    # Losses are in the line anyway.
    return "best so far" if name.endswith("loss") else f"best so far: {name} {history.best:.4f}"
