"""What races say: ratios taken round by round, then their median, beside the targets."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks import cases
from tests.benchmarks.cases import Case
from tests.benchmarks.processes import BARE, HELP
from tests.benchmarks.race import PRODUCTS, Result


@dataclass(frozen=True)
class Verdict:
    """One line of the table.

    values: the ratio of every round; empty where it could not be measured, and `note` says why.
    target, stretch: to reach, or to stay below where `less` is better.
    """

    title: str
    values: list[float]
    target: float | None = None
    stretch: float | None = None
    less: bool = False
    note: str = ""
    median: float | None = field(init=False)
    met: bool | None = field(init=False)

    def __post_init__(self) -> None:
        median = statistics.median(self.values) if self.values else None
        object.__setattr__(self, "median", median)
        met = None
        if median is not None and self.target is not None:
            met = median <= self.target if self.less else median >= self.target
        object.__setattr__(self, "met", met)


def of_case(case: Case, result: Result) -> list[Verdict]:
    """Against the fastest peer; where it matters, the part of the machine's own rate; variants."""
    target, stretch = case.target or (None, None)
    ratios, note = _over_fastest(result, case.peers)
    verdicts = [Verdict(f"{case.title}: over the fastest peer", ratios, target, stretch, note=note)]
    if case.fraction is not None:
        target, stretch = case.fraction
        parts = fractions(case, result, cases.DLCLI)
        verdicts.append(
            Verdict(
                f"{case.title}: of the sgemm rate", parts, target, stretch, note="effective rate"
            )
        )
    if cases.ALONE in case.variants:
        ratios = _ratios(result.rates(cases.DLCLI), result.rates(cases.ALONE))
        verdicts.append(
            Verdict(
                f"{case.title}: all workers over 1", ratios, case.scaling, note=_workers(result)
            )
        )
    if cases.NATIVE in case.variants:
        ratios = _ratios(result.rates(cases.NATIVE), result.rates(cases.DLCLI))
        verdicts.append(Verdict(f"{case.title}: native over portable", ratios))
    return verdicts


def fractions(case: Case, result: Result, who: str) -> list[float]:
    """Effective operations a second over those of the machine's own products, by round."""
    flops = case.network.training_flops
    return [
        rate * flops / machine
        for rate, machine in zip(result.rates(who), result.rates(PRODUCTS), strict=False)
    ]


def of_whole(result: Result) -> list[Verdict]:
    """Time and peak memory of the whole process, Keras's over ours."""
    ours, keras = result.turns[cases.DLCLI], result.turns[cases.KERAS]
    note = "" if ours.peaks else "memory is known on Linux only"
    for who, turns in ((cases.DLCLI, ours), (cases.KERAS, keras)):
        note = f"{who}: {turns.absent}" if turns.absent else note
    return [
        Verdict(
            "mnist_cnn, 1 epoch: Keras's time over ours",
            _ratios(keras.seconds, ours.seconds),
            1.5,
            2.5,
            note=note if ours.absent or keras.absent else "",
        ),
        Verdict(
            "mnist_cnn, 1 epoch: Keras's peak memory over ours",
            _ratios([float(p) for p in keras.peaks], [float(p) for p in ours.peaks]),
            4.0,
            6.0,
            note=note,
        ),
    ]


def of_start(result: Result) -> Verdict:
    """The time of the help text over that of the imports."""
    ours, bare = result.turns[HELP], result.turns[BARE]
    values = _ratios(ours.seconds, bare.seconds)
    title = "dlcli --help: over `import typer, rich`"
    return Verdict(title, values, 2.5, 1.3, less=True, note=ours.absent or bare.absent)


def _over_fastest(result: Result, peers: Sequence[str]) -> tuple[list[float], str]:
    """dlcli over the fastest peer of each round, and what there is to say about the peers."""
    turns = result.turns
    rounds = result.rates(cases.DLCLI)
    ran = [who for who in peers if result.rates(who)]
    notes = [f"dlcli {turns[cases.DLCLI].absent}"] if turns[cases.DLCLI].absent else []
    if ran:
        fastest = max(ran, key=lambda who: statistics.median(result.rates(who)))
        notes.append(f"fastest: {fastest}")
    why = {(who.split()[0], turns[who].absent): who for who in reversed(peers) if turns[who].absent}
    notes += [f"{who}: {reason}" for (_, reason), who in reversed(why.items())]
    if not ran:
        return [], "; ".join(notes)
    best = [max(rates) for rates in zip(*(result.rates(who) for who in ran), strict=False)]
    return _ratios(rounds, best), "; ".join(notes)


def _workers(result: Result) -> str:
    many, one = result.turns[cases.DLCLI].told, result.turns[cases.ALONE].told
    if not many or not one:
        return ""
    same = many["parameters"] == one["parameters"]
    return f"{many['workers']} workers; parameters {'the same' if same else 'DIFFER'}"


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=False)]
