"""SIGINT and SIGTERM: the first asks training to save and stop, the second ends the process."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watch_signals() -> Iterator[Callable[[], int | None]]:
    """Gives a function that tells which signal has arrived, if any.

    After the first signal both have their default effect again, so a second one ends the
    process at once. That does no harm: every file is written atomically.
    """
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        for known in before:
            signal.signal(known, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: arrived[0] if arrived else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
