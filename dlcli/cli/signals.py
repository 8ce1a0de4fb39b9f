"""Signals that ask to stop: the first asks training to save and stop, the second ends the process.

Before training begins and after it is over there is nothing to save that is not saved already,
so there the first signal ends the command at once.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dlcli.console.bars import give_back
from dlcli.pipeline.interruption import Interrupted, Stopped
from dlcli.stopping import HANGUP, STOP_SIGNALS


class Signals:
    """Called, it tells which signal has arrived, if any."""

    def __init__(self) -> None:
        self._arrived: int | None = None
        self._patient = False

    def __call__(self) -> int | None:
        return self._arrived

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Signals only leave a note in here; one that nobody acted on takes effect at the end."""
        self._patient = True
        try:
            yield
        finally:
            self._patient = False
        if self._arrived is not None:
            raise Stopped(self._arrived)

    def note(self, number: int) -> None:
        """A signal has arrived."""
        self._arrived = number
        if not self._patient:
            raise Stopped(number)


def _end(number: int, frame: FrameType | None) -> None:
    """End the process as the signal does by default."""
    give_back()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextmanager
def watch_signals() -> Iterator[Signals]:
    """Gives the signals that arrive in the block.

    After the first one a second one ends the process at once. That does no harm: every file is
    written atomically. Only a second hang-up, which a closing terminal sends, changes nothing.
    """
    signals = Signals()
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    if HANGUP is not None and before[HANGUP] == signal.SIG_IGN:  # `nohup`
        del before[HANGUP]

    def note(number: int, frame: FrameType | None) -> None:
        for known in before:
            # Not SIG_DFL: Python complains of one that has arrived, but was not looked at yet.
            signal.signal(known, signal.SIG_IGN if known == HANGUP else _end)
        signals.note(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield signals
    except Stopped as stopped:
        raise Interrupted("interrupted", stopped.signal) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
