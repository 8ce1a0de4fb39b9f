"""Long work that tells how far it is, wherever it is done; who started it decides what to show.

    with work("read rows.csv", size, "bytes") as at:
        ...
            at(position)

Nothing is shown of work that is done within `PATIENCE` seconds, nor where nobody asked to see it
(`shown_by`); then a call of `at` costs next to nothing. Work inside other work is part of it.
`tell` gives the same person a sentence.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

PATIENCE = 2.0
"""Seconds after which a person wonders."""

At = Callable[[int], None]
"""Called with how much is done so far."""


class Bar(Protocol):
    """What is shown of one piece of work."""

    def at(self, done: int) -> None:
        """So much is done by now."""

    def end(self) -> None:
        """Take it away."""


Show = Callable[[str, int | None, str, float], Bar | None]
"""Makes a bar: the name of the work, how much there is to do (None where that is not known), its
unit, and when it began (by `time.perf_counter`). None shows nothing."""


def _nobody(what: str, total: int | None, unit: str, began: float) -> None:
    return None


Tell = Callable[[str], None]
"""Takes a sentence for the person who waits."""


def _nowhere(text: str) -> None:
    return None


_show: Show = _nobody
_tell: Tell = _nowhere
_working = False


@contextmanager
def shown_by(show: Show, tell: Tell = _nowhere) -> Iterator[None]:
    """Work in the block is shown by these bars, and what is told of it goes to `tell`."""
    global _show, _tell
    before = _show, _tell
    _show, _tell = show, tell
    try:
        yield
    finally:
        _show, _tell = before


def hide() -> None:
    """Show and tell nothing until the block of `shown_by` ends that this is called in."""
    global _show, _tell
    _show, _tell = _nobody, _nowhere


def tell(text: str) -> None:
    """Something that whoever waits should know: that a data set is fetched, and from where."""
    _tell(text)


@contextmanager
def work(what: str, total: int | None = None, unit: str = "rows") -> Iterator[At]:
    """A piece of work, which gives a function to call as it goes on.

    what: a verb and an object: `read rows.csv`. unit: what is counted; `bytes` are shown as MB.
    """
    global _working
    if _working or _show is _nobody:
        yield lambda done: None
        return
    _working = True
    told = _Told(what, total, unit)
    try:
        yield told.at
    finally:
        _working = False
        told.end()


class _Told:
    """Makes the bar when it is time."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._began = time.perf_counter()
        self._bar: Bar | None = None
        self._is_late = False

    def at(self, done: int) -> None:
        if not self._is_late:
            if time.perf_counter() - self._began < PATIENCE:
                return
            self._is_late = True
            self._bar = _show(self._what, self._total, self._unit, self._began)
        if self._bar is not None:
            self._bar.at(done)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.end()
