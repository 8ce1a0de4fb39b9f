"""What every drawn training keeps, whatever its config is.

resume      stopped after any report, and again, with other numbers of workers: the whole tree
            is the uninterrupted run's
workers     one, two and three give the same tree
extension   trained with fewer epochs, and then to the end: all but the YAML as written is the same
proofs      verify passes, reproduce says identical, evaluate gives evaluation.json's numbers
apart       a deployed row's answer depends on no other row, no place, no block, no worker
pages       `report` gives the bytes that training wrote, and finds the worst rows of any data
refusals    a training that diverges or is refused does so again, in the same words
"""

import copy
import json
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlcli.artifacts.run_directory import DEPLOY, EVALUATION, MODEL, REPORT, RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.artifacts.verification import verify
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_rows
from dlcli.errors import ConfigError, DlcliError, UsageError
from dlcli.pipeline.finished import evaluate_run
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.report import report_runs
from dlcli.pipeline.reproduce import reproduce
from tests.deploy.neighbours import require_apart
from tests.drawn.dice import Dice
from tests.drawn.drawing import Drawn, draw
from tests.drawn.words import used_words
from tests.exactness.runs import (
    assert_same,
    content,
    resume,
    stop_after,
    train,
    without_source,
)

Stop = Callable[[], int | None]


@dataclass
class Outcome:
    """What was done with some seeds.

    refused: seeds whose training diverged or was refused, with the reason. differing: seeds that
    broke a law, with all that is needed to look into it.
    """

    seeds: int = 0
    trained: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    refused: dict[int, str] = field(default_factory=dict)
    differing: dict[int, str] = field(default_factory=dict)

    def add(self, other: "Outcome") -> None:
        """Count another outcome, too."""
        self.seeds += other.seeds
        self.trained += other.trained
        self.counts += other.counts
        self.words += other.words
        self.refused |= other.refused
        self.differing |= other.differing

    @property
    def good(self) -> bool:
        """No difference, and hardly any config that was no training."""
        return not self.differing and len(self.refused) <= max(1, 0.1 * self.seeds)

    def describe(self) -> str:
        """A line for people."""
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        return (
            f"{self.seeds:,} configs: {self.trained:,} trained, {len(self.refused)} refused or "
            f"diverged, {len(self.differing)} differ; {counts or 'nothing else'}"
        )


def tried(seeds: Iterable[int], folder: Path) -> Outcome:
    """Draw these seeds and try all laws on each."""
    outcome = Outcome()
    for seed in seeds:
        outcome.add(_tried(seed, folder / str(seed)))
    return outcome


def tried_alone(seed: int) -> Outcome:
    """Try one seed in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return tried([seed], Path(folder))


def _tried(seed: int, folder: Path) -> Outcome:
    outcome = Outcome(seeds=1)
    drawn = draw(seed)
    outcome.words.update(used_words(drawn.config))
    try:
        _Trial(drawn, folder, outcome).run()
    except Exception as error:  # a bug counts as a broken law: it is told with its seed
        known = isinstance(error, AssertionError | DlcliError)
        told = f"{type(error).__name__}: {error}" if known else traceback.format_exc()
        outcome.differing[seed] = (
            f"seed {seed} (python -m tests.drawn {seed}): {told}\n{drawn.text}\n"
        )
    return outcome


class _Trial:
    """One drawn config and its uninterrupted run, which all others are compared with."""

    def __init__(self, drawn: Drawn, folder: Path, outcome: Outcome) -> None:
        self.drawn, self.outcome, self.folder = drawn, outcome, folder
        self.config = drawn.write(folder)
        self.dice = Dice(drawn.seed)
        self.reports = 0

    def run(self) -> None:
        """Try everything."""
        try:
            run = train(self.config, self.folder / "whole", stop=self._counting)
        except DlcliError as refusal:
            self._refused(refusal)
            return
        self.outcome.trained += 1
        expected = content(run)
        for workers in (2, 3):
            with _what(f"{workers} workers"):
                other = train(self.config, self.folder / str(workers), workers)
                assert_same(content(other), expected)
            self.outcome.counts["with more workers"] += 1
        for name in ("once", "again and again"):
            stops = self._stops(1 if name == "once" else self.dice.whole(2, 5))
            with _what(f"stopped after {stops} reports and resumed"):
                assert_same(content(self._stopped(name, stops)), expected)
            self.outcome.counts["stopped and resumed"] += 1
        self._extended(expected)
        self._proofs(run)
        self._apart(run)
        self._pages(run)
        with _what("evaluate, verify and reproduce"):
            assert_same(content(run), expected)

    def _counting(self) -> None:
        self.reports += 1

    def _stops(self, count: int) -> list[int]:
        """After how many reports each time."""
        if count == 1:
            return [self.dice.whole(1, max(1, self.reports))]
        return [self.dice.whole(1, max(1, self.reports // count + 1)) for _ in range(count)]

    def _stopped(self, name: str, stops: list[int]) -> Path:
        """A run that was stopped so often, and resumed with other numbers of workers."""
        output = self.folder / name
        try:
            train(self.config, output, self.dice.whole(1, 3), stop_after(stops[0]))
        except Interrupted:
            self.outcome.counts["stops"] += 1
        (run,) = (path for path in output.iterdir() if not path.is_symlink())
        for stop in [*stops[1:], 10**9]:
            try:
                resume(run, self.dice.whole(1, 3), stop_after(stop))
            except Interrupted:
                self.outcome.counts["stops"] += 1
        return run

    def _extended(self, expected: Mapping[str, bytes]) -> None:
        """A run of fewer epochs that is given the others later."""
        config = copy.deepcopy(self.drawn.config)
        epochs = config["training"]["epochs"]
        if epochs < 2:
            return
        few = self.dice.whole(1, epochs - 1)
        config["training"]["epochs"] = few
        path = self.config.with_name("fewer.yaml")
        path.write_text(json.dumps({"name": self.config.stem, **config}), encoding="utf-8")
        with _what(f"{few} of {epochs} epochs"):
            try:
                run = train(path, self.folder / "fewer", self.dice.whole(1, 3))
            except ConfigError as refusal:
                assert "nothing would be learned" in str(refusal), str(refusal)
                return
            before = content(run)
            try:
                resume(run, self.dice.whole(1, 3), epochs=epochs)
            except UsageError as refusal:
                acted = ("early stopping ended", "`max_steps` ended", "falls over the whole run")
                assert any(words in str(refusal) for words in acted), str(refusal)
                assert_same(content(run), before)
                return
            assert_same(without_source(content(run)), without_source(expected))
            verify(RunDirectory.open(run))
        self.outcome.counts["extended"] += 1

    def _proofs(self, run: Path) -> None:
        with _what("verify"):
            verify(RunDirectory.open(run))
        with _what("evaluate"):
            recorded = json.loads((run / EVALUATION).read_bytes())
            for role, result in recorded.items():
                workers = self.dice.whole(1, 3)
                again, _ = evaluate_run(run, role, None, workers, Gates(), NullReporter())
                assert json.loads(json.dumps(again)) == result, f"{role}: {again} != {result}"
                self.outcome.counts["evaluated parts"] += 1
        with _what("reproduce"):
            found = reproduce(run, None, None, None, self.dice.whole(1, 3), NullReporter())
            assert found.files, found.describe()
        self.outcome.counts["reproduced"] += 1

    def _apart(self, run: Path) -> None:
        """Rows like those of the golden batch; overflowing weights give answers, too."""
        directory = RunDirectory.open(run)
        bundle = Bundle.load(directory.path(MODEL))
        golden = f"{DEPLOY}/bundle/{GOLDEN}"
        if (run / golden).exists():
            brought = golden_rows(read_tensors(directory.path(golden)).arrays, bundle)
            with _what("rows apart"):
                require_apart(bundle, brought, 100)
            self.outcome.counts["asked"] += 1

    def _pages(self, run: Path) -> None:
        with _what("report"):
            page = report_runs([run], self.folder / "page.html")
            assert page.read_bytes() == (run / REPORT).read_bytes(), "the page is another one"
        with _what("report --rows"):
            page = report_runs([run], self.folder / "rows.html", rows=True)
            assert b"<h2>Worst rows</h2>" in page.read_bytes()
        self.outcome.counts["pages"] += 1

    def _refused(self, refusal: DlcliError) -> None:
        """It must end like this with more workers, and after a stop, too."""
        words = _words(refusal)
        self.outcome.refused[self.drawn.seed] = words
        attempts: dict[str, Callable[[], object]] = {
            "2 workers": lambda: train(self.config, self.folder / "2", 2),
        }
        if self.reports:
            stops = self._stops(1)
            attempts[f"stopped after {stops} and resumed"] = lambda: self._stopped("once", stops)
        for name, attempt in attempts.items():
            with _what(name):
                try:
                    attempt()
                except DlcliError as other:
                    assert _words(other) == words, f"{_words(other)!r} instead of {words!r}"
                else:
                    raise AssertionError(f"goes well, but without this: {words}")


def _words(error: DlcliError) -> str:
    """What happened, without where the run is and what to do."""
    return f"{type(error).__name__}: {str(error).split('. ')[0]}"


class _what:
    """Says what was tried when it fails."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AssertionError | DlcliError):
            raise AssertionError(f"{self._what}: {error}") from error
