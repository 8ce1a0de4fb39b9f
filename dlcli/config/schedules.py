"""Learning rates that change: every schedule has a warm-up, in updates or in epochs."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Choice, Listing, Real, Switch, Text, Whole, wrong

RATE = Real(above=0.0, high=1000.0)
Rate = Annotated[float, RATE]
_Steps = Annotated[int, Whole(1, 1_000_000_000)]
_Epochs = Annotated[float, Real(above=0.0, high=1e6)]
_Share = Annotated[float, Real(0.0, 1.0)]


class Schedule(Section):
    """What all have; a warm-up goes from 0 to what the schedule begins with.

    warmup_steps: how many updates the warm-up takes.
    warmup_epochs: how many epochs the warm-up takes.
    """

    type: str
    warmup_steps: Annotated[int, Whole(0, 1_000_000_000)] | None = None
    warmup_epochs: Annotated[float, Real(0.0, 1e6)] | None = None

    @model_validator(mode="after")
    def _one_unit_of_warmup(self) -> Self:
        return self._one_unit("warmup")

    def _one_unit(self, what: str) -> Self:
        """Refuses a time that is given in updates and in epochs, too."""
        steps, epochs = f"{what}_steps", f"{what}_epochs"
        if getattr(self, steps) is not None and getattr(self, epochs) is not None:
            raise wrong(f"give `{steps}` or `{epochs}`, not both", epochs)
        return self


class Decay(Schedule):
    """One that falls for a while: the rest of the run, if nothing is said.

    decay_steps: for how many updates.
    decay_epochs: for how many epochs.
    """

    decay_steps: _Steps | None = None
    decay_epochs: _Epochs | None = None

    @model_validator(mode="after")
    def _one_unit_of_decay(self) -> Self:
        return self._one_unit("decay")


class Constant(Schedule):
    """The same rate throughout, behind a warm-up.

    peak: the rate.
    """

    type: Literal["constant"] = "constant"
    peak: Rate


class Cosine(Decay):
    """Half a period of a cosine, from peak to alpha times peak.

    alpha: the share of the peak that it ends with.
    """

    type: Literal["cosine"] = "cosine"
    peak: Rate
    alpha: _Share = 0.0


class Polynomial(Decay):
    """From peak to `end_learning_rate`, in a straight line or by another power.

    end_learning_rate: the rate that it ends with.
    power: 1 is a straight line; larger ones fall sooner.
    """

    type: Literal["polynomial"] = "polynomial"
    peak: Rate
    end_learning_rate: Annotated[float, Real(0.0, 1000.0)] = 1e-4
    power: Annotated[float, Real(above=0.0, high=100.0)] = 1.0


class OneCycle(Decay):
    """Up along a cosine to peak for a share of the cycle, then down for the rest.

    peak: the highest rate.
    pct_start: the share of the cycle that goes up.
    div_factor: it begins with the peak divided by this.
    final_div_factor: it ends with what it began with, divided by this.
    """

    type: Literal["one_cycle"] = "one_cycle"
    peak: Rate
    pct_start: Annotated[float, Real(above=0.0, below=1.0)] = 0.3
    div_factor: Annotated[float, Real(1.0, 1e9)] = 25.0
    final_div_factor: Annotated[float, Real(1.0, 1e9)] = 1e4


class _Rated(Decay):
    """One whose speed is a rate for each `decay_steps`, which must be said.

    decay_steps, decay_epochs: the time for which `decay_rate` is; it must be given.
    decay_rate: by how much the rate changes in that time.
    staircase: whether it changes all at once at the end of each such time.
    """

    decay_rate: Annotated[float, Real(above=0.0, high=1e6)]
    staircase: Annotated[bool, Switch()] = False

    @model_validator(mode="after")
    def _says_how_fast(self) -> Self:
        if self.decay_steps is None and self.decay_epochs is None:
            raise wrong("`decay_rate` needs a time: give `decay_steps` or `decay_epochs`")
        return self


class Exponential(_Rated):
    """The rate is multiplied by `decay_rate` for each `decay_steps`.

    example: {type: exponential, peak: 0.01, decay_rate: 0.5, decay_epochs: 5}
    """

    type: Literal["exponential"] = "exponential"
    peak: Rate


class InverseTime(_Rated):
    """peak divided by 1 + `decay_rate` times the time, in `decay_steps`.

    example: {type: inverse_time, peak: 0.01, decay_rate: 0.5, decay_epochs: 5}
    """

    type: Literal["inverse_time"] = "inverse_time"
    peak: Rate


class Step(Schedule):
    """One value after the other; `boundaries` are in updates, `boundary_epochs` in epochs.

    values: the rates, one more than there are boundaries.
    boundaries: after which updates the next value begins.
    boundary_epochs: after which epochs the next value begins.
    example: {type: step, values: [0.01, 0.001], boundary_epochs: [10]}
    """

    type: Literal["step"] = "step"
    values: Annotated[tuple[Rate, ...], Listing(most=1000, least=2)]
    boundaries: Annotated[tuple[_Steps, ...], Listing(most=1000)] = ()
    boundary_epochs: Annotated[tuple[_Epochs, ...], Listing(most=1000)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.boundaries and self.boundary_epochs:
            raise wrong("give `boundaries` or `boundary_epochs`, not both", "boundary_epochs")
        key = "boundary_epochs" if self.boundary_epochs else "boundaries"
        given = self.boundary_epochs or self.boundaries
        if len(given) != len(self.values) - 1:
            words = f"{len(self.values)} values need one boundary less, not {len(given)}"
            raise wrong(words, key if given else "values")
        if any(after <= before for before, after in pairwise(given)):
            raise wrong(f"`{key}` must grow", key)
        return self


class ReduceOnPlateau(Schedule):
    """Falls whenever `monitor` has not improved for `patience` epochs.

    factor: what the rate is multiplied by.
    cooldown: how many epochs do not count after it has fallen.
    min_lr: the smallest rate.
    """

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    peak: Rate
    monitor: Annotated[str, Text("the name of a loss or metric", longest=64)] = "val_loss"
    mode: Annotated[Literal["auto", "min", "max"], Choice(("auto", "min", "max"))] = "auto"
    factor: Annotated[float, Real(above=0.0, below=1.0)] = 0.1
    patience: Annotated[int, Whole(0, 1_000_000)] = 10
    min_delta: Annotated[float, Real(0.0, 1e6)] = 1e-4
    cooldown: Annotated[int, Whole(0, 1_000_000)] = 0
    min_lr: Annotated[float, Real(0.0, 1000.0)] = 0.0


LearningRate = Annotated[
    float
    | Constant
    | Cosine
    | Exponential
    | InverseTime
    | OneCycle
    | Polynomial
    | ReduceOnPlateau
    | Step,
    Component("schedule", words=synonyms.SCHEDULES, number=RATE),
]
"""A number or a schedule."""

SCHEDULE_CONFIGS: dict[str, type[Section]] = table(LearningRate)
