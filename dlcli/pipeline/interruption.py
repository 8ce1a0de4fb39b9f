"""How a command is stopped from outside, and what that is called."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from dlcli.errors import DlcliError

Stop = Callable[[], int | None]
"""Asked after every step: the signal that wants training to stop, if any."""

Patience = Callable[[], AbstractContextManager[None]]
"""Gives a block in which a signal does not end the work at once: `Stop` tells of it instead."""


class Stopped(KeyboardInterrupt):
    """A signal that ends the work where it is; `signal` is its number."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


class Interrupted(DlcliError):
    """A signal ended the work; a checkpoint was saved, where there was anything to save."""

    kind = "interrupted"

    def __init__(self, message: str, signal: int, run: Path | None = None) -> None:
        """run: what can be gone on with."""
        hint = None if run is None else f"dlcli train --resume {run}"
        super().__init__(message, hint=hint, details={} if run is None else {"run": str(run)})
        self.exit_code = 128 + signal  # type: ignore[misc]


@contextmanager
def interruptible(words: str, run: Path | None = None) -> Iterator[None]:
    """A signal that ends the block at once ends the command with these words.

    run: what can be gone on with afterwards.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        number = getattr(error, "signal", signal.SIGINT)
        raise Interrupted(f"interrupted {words}", number, run) from None
