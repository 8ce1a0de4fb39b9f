"""The turns: every job of a round once, then the next round, and what each of them gave."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import cases, watching
from tests.benchmarks.cases import PACKAGES, Case
from tests.benchmarks.ours import processors

PRODUCTS, PRODUCTS_NATIVE = "products", "products native"

BUSY = 0.1
"""Processors that others may take before it is told."""

_VERSIONS = """
import importlib.metadata as metadata, importlib.util as util, json, sys
owners = metadata.packages_distributions()
print(json.dumps({name: metadata.version(owners.get(name, [name])[0])
                  for name in sys.argv[1:] if util.find_spec(name)}))
"""


@dataclass
class Turns:
    """What one participant of a race did, a number for each round.

    rates: rows (or operations) a second. peaks: bytes. others: processors that were busy with
    something else. absent: why there is nothing.
    """

    rates: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    absent: str = ""

    def add(self, done: watching.Finished) -> None:
        """Take down what a job cost."""
        self.seconds.append(done.seconds)
        self.peaks += [] if done.peak is None else [done.peak]
        self.others += [] if done.others is None else [done.others]


@dataclass
class Result:
    """A race: its participants by name."""

    name: str
    title: str
    turns: dict[str, Turns] = field(default_factory=dict)

    def rates(self, who: str) -> list[float]:
        """Rates by round; empty where somebody did not take part or failed."""
        return self.turns[who].rates if who in self.turns else []

    def to_json(self) -> dict[str, Any]:
        """Everything, for the JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class Track:
    """Where races take place.

    folder: has the rows. python: the interpreter of the peers. peers: those that take part, by
    first word, with whatever stops the others in `absent`.
    """

    folder: Path
    python: str
    absent: dict[str, str]
    rounds: int
    say: Callable[[str], None]

    def missing(self, who: str) -> str:
        """Why this participant cannot take part; empty if it can."""
        return self.absent.get(who.split()[0], "")


def versions(python: str) -> dict[str, str]:
    """The versions of the peers' packages that this interpreter has."""
    names = sorted({name for packages in PACKAGES.values() for name in packages})
    found = subprocess.run(
        [python, "-c", _VERSIONS, *names], stdout=subprocess.PIPE, text=True, check=True
    )
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def absentees(asked: Sequence[str], installed: dict[str, str]) -> dict[str, str]:
    """By peer, why it does not take part."""
    absent = {}
    for who, packages in PACKAGES.items():
        lacking = [name for name in packages if name not in installed]
        if who not in asked and who.split()[0] == who:
            absent[who] = "not asked for"
        elif lacking and who.split()[0] == who:
            absent[who] = f"not installed ({', '.join(lacking)})"
    return absent


def race(track: Track, case: Case) -> Result:
    """All rounds of a case: the machine's own rate, dlcli, its variants, every peer, in turn."""
    result = Result(case.name, case.title)
    entrants = [cases.DLCLI, *case.variants, *case.peers]
    machine = [PRODUCTS] + ([PRODUCTS_NATIVE] if cases.NATIVE in case.variants else [])
    for number in range(track.rounds):
        for who in machine if case.task == "train" else []:
            _products(track, result, who)
        for who in entrants:
            turns = result.turns.setdefault(who, Turns())
            turns.absent = turns.absent or track.missing(who)
            if turns.absent:
                if number == 0:
                    track.say(f"{case.title}: {who}: {turns.absent}")
                continue
            _job(track, case, who, turns)
            told = turns.absent or f"{turns.rates[-1]:,.0f} rows/s{busy(turns)}"
            track.say(f"{case.title}: {who}, round {number + 1}: {told}")
    return result


def _job(track: Track, case: Case, who: str, turns: Turns) -> None:
    """One job; a failure keeps the participant out of the race and is told."""
    python = track.python if who.split()[0] in PACKAGES else sys.executable
    spec = {"who": who, "case": case.name, "folder": str(track.folder)}
    done = watching.run([python, "-m", "tests.benchmarks.job", json.dumps(spec)])
    if done.code:
        turns.absent = f"failed: {done.complaint}"
        turns.rates.clear()
        return
    turns.told = json.loads(done.out.splitlines()[-1])
    turns.rates.append(float(turns.told["rate"]))
    turns.add(done)


def busy(turns: Turns) -> str:
    """A remark where others kept the machine busy in the last turn."""
    taken = turns.others[-1] if turns.others else 0.0
    return f" (others took {taken:.1f} processors)" if taken > BUSY else ""


def _products(track: Track, result: Result, who: str) -> None:
    """The machine's own rate: a job on each processor at once, their rates added up."""
    mode = "native" if who == PRODUCTS_NATIVE else "portable"
    spec = json.dumps({"who": who, "numerics": mode})
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.job", spec],
            stdout=subprocess.PIPE,
            text=True,
            env=watching.environment(),
            cwd=watching.ROOT,
        )
        for _ in range(processors())
    ]
    answers = [json.loads(job.communicate()[0].splitlines()[-1]) for job in jobs]
    turns = result.turns.setdefault(who, Turns())
    turns.told = answers[0]
    turns.rates.append(sum(answer["rate"] for answer in answers))
    track.say(f"{result.title}: {who}: {turns.rates[-1] / 1e9:,.0f} GFLOP/s")
