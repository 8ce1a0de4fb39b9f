"""How much time is left, as soon as there is evidence for it."""

_ENOUGH_SECONDS = 2.0
_ENOUGH_STEPS = 3


class Pace:
    """How long the rest of a training takes, as far as the steps of this process tell.

    The first step is no evidence: it pays for what is done once. Nor are the steps before a
    resume, which may have been done on another machine.

    steps: how many the training has in all.

    >>> pace = Pace(100)
    >>> pace.left(10.0, 40), pace.left(10.5, 49), pace.left(14.0, 60)
    (None, None, 8.0)
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._first: tuple[float, int] | None = None

    def left(self, now: float, step: int) -> float | None:
        """Seconds, or None where nobody can know yet; `step` of the steps are done."""
        if self._first is None:
            self._first = now, step
        seconds, done = now - self._first[0], step - self._first[1]
        if seconds < _ENOUGH_SECONDS or done < _ENOUGH_STEPS:
            return None
        return max(self._steps - step, 0) * seconds / done
