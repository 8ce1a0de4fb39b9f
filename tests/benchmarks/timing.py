"""Rates from blocks of steps: what every job measures with."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

WARM_UP = 1.0
"""Seconds before anything counts."""

SECONDS = 4.0
"""Seconds that count."""

BLOCK = 0.25
"""Seconds that a block of steps takes at least."""


def summary(rates: Sequence[float]) -> dict[str, Any]:
    """The median rate and how many blocks it is of."""
    return {"rate": statistics.median(rates), "blocks": len(rates)}


def measure(step: Callable[[], int], seconds: float = SECONDS) -> dict[str, Any]:
    """Call `step`, which does some rows and says how many, over and over; rows a second."""
    end = time.perf_counter() + WARM_UP
    step()
    while time.perf_counter() < end:
        step()
    rates: list[float] = []
    began = start = time.perf_counter()
    rows = 0
    while start - began < seconds or len(rates) < 3:
        rows += step()
        now = time.perf_counter()
        if now - start >= BLOCK:
            rates.append(rows / (now - start))
            start, rows = now, 0
    return summary(rates)
