"""The learning rate as a function of the updates that were made before: 0 at the first one.

A schedule is a frozen dataclass of choices. How many updates an epoch and the whole run have is
known only with the data; `over` fills in what depends on that, and only then is there a `rate`.

Letters: s the updates since the warm-up ended, d decay_steps, r decay_rate. Every schedule begins
with a warm-up, if it is asked for: from 0 in equal steps to what the schedule begins with, so the
first update of all moves nothing, as in Keras. decay_steps do not count the warm-up.

exp and cos are NumPy's in float32, whose bits are the same on every processor; all else is done in
Python floats. Formulas are those of keras.optimizers.schedules, but for one_cycle, which is
PyTorch's OneCycleLR.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from dlcli.engine.schedule import Schedule, in_steps, integer_power
from dlcli.frozen import frozen


@frozen(kw_only=True)
class Constant(Schedule):
    """rate = peak"""

    peak: float

    def after(self, step: int) -> float:
        return self.peak


@frozen(kw_only=True)
class Decay(Schedule):
    """What schedules share that fall for a while.

    decay_steps, decay_epochs: for how long; one of the two at most, by default the rest of the run.
    """

    peak: float
    decay_steps: int | None = None
    decay_epochs: float | None = None

    def over(self, updates: int, updates_an_epoch: float) -> Self:
        known = super().over(updates, updates_an_epoch)
        steps = in_steps(self.decay_steps, self.decay_epochs, updates_an_epoch)
        if steps is None:
            steps = max(1, updates - (known.warmup_steps or 0))
        return replace(known, decay_steps=max(1, steps), decay_epochs=None)

    @property
    def depends_on_length(self) -> bool:
        return self.decay_steps is None and self.decay_epochs is None

    def part(self, step: int) -> float:
        """How much of the decay is over: from 0 to 1."""
        assert self.decay_steps is not None
        return min(step, self.decay_steps) / self.decay_steps


@frozen(kw_only=True)
class Cosine(Decay):
    """Half a period of a cosine, from peak to alpha peak.

        rate = peak ((1 - alpha) (1 + cos(pi min(s, d) / d)) / 2 + alpha)

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017); keras CosineDecay.
    """

    alpha: float = 0.0

    def after(self, step: int) -> float:
        return self.peak * ((1.0 - self.alpha) * _falling(self.part(step)) + self.alpha)


@frozen(kw_only=True)
class Polynomial(Decay):
    """rate = (peak - end_learning_rate) (1 - min(s, d) / d)^power + end_learning_rate

    Source: keras PolynomialDecay.
    """

    end_learning_rate: float = 1e-4
    power: float = 1.0

    def after(self, step: int) -> float:
        left = power(1.0 - self.part(step), self.power)
        return (self.peak - self.end_learning_rate) * left + self.end_learning_rate


@frozen(kw_only=True)
class OneCycle(Decay):
    """Up along a cosine for pct_start of the cycle, then down for the rest.

        from peak / div_factor, to peak, to peak / div_factor / final_div_factor

    The cycle's length is decay_steps. PyTorch's also moves the momentum, this one does not.

    Source: Smith and Topin, "Super-convergence" (arXiv 1708.07120); torch OneCycleLR.
    """

    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def after(self, step: int) -> float:
        assert self.decay_steps is not None
        first = self.peak / self.div_factor
        last = first / self.final_div_factor
        top, end = self.pct_start * self.decay_steps - 1.0, self.decay_steps - 1.0
        if step <= top:
            return self.peak + (first - self.peak) * _falling(step / top if top > 0.0 else 1.0)
        part = min(1.0, (step - top) / (end - top)) if end > top else 1.0
        return last + (self.peak - last) * _falling(part)


@frozen(kw_only=True)
class Rated(Decay):
    """What decays share that go on for good, by decay_rate for every d updates; d must be given.

    staircase: change the rate only every d updates.
    """

    decay_rate: float
    staircase: bool = False

    def periods(self, step: int) -> float:
        """s / d, rounded down where `staircase` is set."""
        assert self.decay_steps is not None
        part: float = step / self.decay_steps
        return math.floor(part) if self.staircase else part


@frozen(kw_only=True)
class Exponential(Rated):
    """rate = peak r^(s / d); see Rated.

    Source: keras ExponentialDecay.
    """

    def after(self, step: int) -> float:
        return self.peak * power(self.decay_rate, self.periods(step))


@frozen(kw_only=True)
class InverseTime(Rated):
    """rate = peak / (1 + r s / d); see Rated.

    Source: keras InverseTimeDecay.
    """

    def after(self, step: int) -> float:
        return self.peak / (1.0 + self.decay_rate * self.periods(step))


@frozen(kw_only=True)
class Step(Schedule):
    """values[i] while s <= boundaries[i], then the last value.

    boundaries, boundary_epochs: in updates, or in epochs, growing; one value more than there are
    of these.

    Source: keras PiecewiseConstantDecay.
    """

    values: tuple[float, ...]
    boundaries: tuple[int, ...] = ()
    boundary_epochs: tuple[float, ...] = ()

    def over(self, updates: int, updates_an_epoch: float) -> Self:
        known = super().over(updates, updates_an_epoch)
        steps = [math.floor(epoch * updates_an_epoch) for epoch in self.boundary_epochs]
        return replace(known, boundaries=self.boundaries or tuple(steps), boundary_epochs=())

    def after(self, step: int) -> float:
        place = sum(step > boundary for boundary in self.boundaries)
        return self.values[place]


@frozen(kw_only=True)
class ReduceOnPlateau(Schedule):
    """The peak, times `factor` whenever `monitor` has not improved for `patience` epochs.

    An epoch is better where its value is below (or, with mode max, above) the best by more than
    min_delta; the config knows which of the two `auto` stands for. At the end of the patience-th
    epoch in a row that is not, the rate falls, never below min_lr; then `cooldown` epochs do not
    count.

    Source: keras.callbacks.ReduceLROnPlateau.
    """

    peak: float
    monitor: str = "val_loss"
    mode: str = "auto"
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0

    def after(self, step: int) -> float:
        return self.peak

    def reduced(self, values: list[float]) -> float:
        """The share of the rate that is left behind epochs with these values of the monitor."""
        rate, best, waited, cooling = self.peak, None, 0, 0
        for value in values:
            if cooling > 0:
                cooling, waited = cooling - 1, 0
            gain = 0.0 if best is None else value - best if self.mode == "max" else best - value
            if best is None or gain > self.min_delta:
                best, waited = value, 0
            elif cooling == 0:
                waited += 1
                if waited >= self.patience and rate > self.min_lr:
                    rate = max(rate * self.factor, self.min_lr)
                    cooling, waited = self.cooldown, 0
        return rate / self.peak


def _falling(part: float) -> float:
    """(1 + cos(pi part)) / 2: from 1 at part 0 to 0 at part 1."""
    return (1.0 + float(np.cos(np.float32(math.pi * part)))) / 2.0


def power(base: float, exponent: float) -> float:
    """base^exponent for base >= 0: the whole part by multiplication, the rest as exp(p log base).

    >>> power(0.5, 3), round(power(0.25, 1.5), 7), power(0.0, 0.5), power(0.0, 0.0)
    (0.125, 0.125, 0.0, 1.0)
    """
    whole = math.floor(exponent)
    found = integer_power(base, abs(whole))
    found = 1.0 / found if whole < 0 else found
    rest = np.float32(exponent - whole)
    if rest == 0.0:
        return found
    if base == 0.0:
        return 0.0
    return found * float(np.exp(rest * np.log(np.float32(base))))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "exponential": Exponential,
    "inverse_time": InverseTime,
    "one_cycle": OneCycle,
    "polynomial": Polynomial,
    "reduce_on_plateau": ReduceOnPlateau,
    "step": Step,
}
