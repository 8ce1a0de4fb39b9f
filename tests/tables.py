"""Do configs without an edit reach what scikit-learn reaches? `python -m tests.tables --seeds 5`.

Each table of a folder goes through `dlcli init` and, for seeds 0, 1, ..., through `dlcli train`;
the mean of the test part stands beside what a plain scikit-learn pipeline reaches. The folder holds
TABLES.tsv (file, header, delimiter, dlcli_target, task, note) and REFERENCE.tsv (file, rows,
measure, score, spread); it is `--folder`, else tables/ in $DLCLI_DATA_DIR.

A table is good from score - max(spread, 0.02) on, and bad below score - max(2 spread, 0.05). The
exit code is 1 where one is bad or fails, or where more than two of 34 are not good. These lines are
for five seeds; the mean of fewer is noisier, by the square root of 5/N, and so much wider they are.
Rows that are a series are left out. About two seconds for each table and seed.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

PROJECT = Path(__file__).parents[1]
LEFT_OUT = {"titanic.csv": ("alive",)}
"""Columns that say what the target says: the reference does without them."""
SEEDS = 5
"""Of the reference."""


@dataclass(frozen=True)
class Case:
    """A table, and what is reached on it. score, spread: mean and standard deviation."""

    file: str
    target: str
    header: bool
    delimiter: str
    measure: str
    score: float
    spread: float

    def lines(self, seeds: int) -> tuple[float, float]:
        """What the mean of so many seeds has to reach to be good, and not to be bad."""
        wider = math.sqrt(SEEDS / min(seeds, SEEDS))
        good, bad = max(self.spread, 0.02), max(2 * self.spread, 0.05)
        return self.score - wider * good, self.score - wider * bad

    def verdict(self, found: Sequence[float]) -> str:
        """`good`, `missed` (below the first line) or `bad` (below the second)."""
        mean = fmean(found)
        good, bad = self.lines(len(found))
        return "good" if mean >= good else "missed" if mean >= bad else "bad"


class Failed(Exception):
    """A command did not do what it should; the message is for people."""


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file whose cells are separated by tabs, by the names in its first line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def cases(folder: Path, files: Iterable[str] = ()) -> list[Case]:
    """The tables of a folder, or these of them. ValueError for one that is not there, has no
    reference or is a series."""
    reference = {row["file"]: row for row in rows_of(folder / "REFERENCE.tsv")}
    tables = {row["file"]: row for row in rows_of(folder / "TABLES.tsv")}
    wanted = list(files) or [name for name, row in tables.items() if row["task"] != "series"]
    found = []
    for name in wanted:
        if name not in tables or name not in reference:
            raise ValueError(f"{name} is not in TABLES.tsv and REFERENCE.tsv of {folder}")
        table, known = tables[name], reference[name]
        if table["task"] == "series":
            raise ValueError(f"{name} is a series; there is no reference for its rows alone")
        case = Case(
            name,
            table["dlcli_target"],
            table["header"] == "yes",
            table["delimiter"],
            known["measure"],
            float(known["score"]),
            float(known["spread"]),
        )
        found.append(case)
    return found


def copy(case: Case, folder: Path, place: Path) -> None:
    """Put the table where it is trained, without the columns that give its target away."""
    content = (folder / case.file).read_bytes()
    names = LEFT_OUT.get(case.file, ())
    if names:
        lines = list(csv.reader(content.decode("utf-8").splitlines(), delimiter=case.delimiter))
        dropped = {lines[0].index(name) for name in names}
        kept = [[cell for at, cell in enumerate(line) if at not in dropped] for line in lines]
        with (place / case.file).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=case.delimiter).writerows(kept)
        return
    (place / case.file).write_bytes(content)


def dlcli(place: Path, *arguments: str) -> str:
    """What a command prints on stdout; Failed, with the end of stderr, if it does not succeed."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(PROJECT), environment.get("PYTHONPATH")))
    )
    command = [sys.executable, "-m", "dlcli", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise Failed(f"dlcli {arguments[0]} ends with {done.returncode}: {said}")
    return done.stdout


def measured(text: str, measure: str) -> float:
    """The measure of the test part, of what `train --json` prints; Failed where it is not there."""
    try:
        metrics = json.loads(text)["metrics"]["test"]["metrics"]
    except (ValueError, KeyError, TypeError):
        raise Failed("dlcli train --json tells no metrics of the test part") from None
    value = metrics.get(measure)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Failed(f"the config has no {measure}, only {', '.join(metrics)}")
    return float(value)


def tried(case: Case, folder: Path, place: Path, seeds: int) -> list[float]:
    """The measure for each seed."""
    copy(case, folder, place)
    dlcli(place, "init", case.file, "--target", case.target, "-o", "c.yaml")
    found = []
    for seed in range(seeds):
        told = dlcli(place, "train", "c.yaml", "--set", f"seed={seed}", "--json")
        found.append(measured(told, case.measure))
    return found


HEAD = f"{'table':<30} {'measure':<18} {'scikit-learn':>14} {'dlcli':>14} {'line':>7} {'time':>6}  "


def line_of(case: Case, found: Sequence[float], seconds: float) -> str:
    """Both scores side by side."""
    mean = fmean(found)
    spread = math.sqrt(fmean([(value - mean) ** 2 for value in found]))
    good, _ = case.lines(len(found))
    return (
        f"{case.file:<30} {case.measure:<18} {case.score:7.3f} ±{case.spread:.3f}"
        f" {mean:7.3f} ±{spread:.3f} {good:7.3f} {seconds:4.1f} s  {case.verdict(found)}"
    )


def conclusion(verdicts: Mapping[str, str], allowed: int) -> tuple[int, str]:
    """The exit code and the sentence that says why; `allowed` tables may be missed."""
    named = {
        kind: [name for name, verdict in verdicts.items() if verdict == kind]
        for kind in ("missed", "bad", "failed")
    }
    good = len(verdicts) - sum(map(len, named.values()))
    parts = [f"{kind}: {', '.join(names)}" for kind, names in named.items() if names]
    refused = bool(named["bad"] or named["failed"])
    short = sum(map(len, named.values())) > allowed
    told = "; ".join((f"{good} of {len(verdicts)} good ({allowed} may miss the line)", *parts))
    return int(refused or short or not verdicts), told


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the person wants."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tables",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    here = Path(os.environ.get("DLCLI_DATA_DIR", "data")) / "tables"
    parser.add_argument("--folder", type=Path, default=here, help=f"default: {here}")
    parser.add_argument("--seeds", type=int, default=1, help="how many; default: 1")
    parser.add_argument("--files", nargs="+", default=[], metavar="FILE", help="only these")
    parser.add_argument("--keep", type=Path, help="a folder for the configs and runs")
    chosen = parser.parse_args(given)
    if chosen.seeds < 1:
        parser.error("--seeds is at least 1")
    return chosen


def outcomes(
    found: Iterable[Case], folder: Path, work: Path, seeds: int
) -> Iterator[tuple[Case, str, str]]:
    """Each table with its verdict and the line to print."""
    for case in found:
        place = work / case.file.replace(".", "-")
        place.mkdir(parents=True)
        began = time.perf_counter()
        try:
            values = tried(case, folder, place, seeds)
        except Failed as failure:
            yield case, "failed", f"{case.file:<30} failed: {failure}"
        else:
            seconds = (time.perf_counter() - began) / seeds
            yield case, case.verdict(values), line_of(case, values, seconds)


def main(given: Sequence[str] | None = None) -> int:
    """The exit code."""
    chosen = arguments(given)
    try:
        found = cases(chosen.folder, chosen.files)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        print(HEAD)
        verdicts = {}
        for case, verdict, line in outcomes(
            found, chosen.folder, chosen.keep or Path(temporary), chosen.seeds
        ):
            verdicts[case.file] = verdict
            print(line, flush=True)
    code, told = conclusion(verdicts, len(found) * 2 // 34)
    print(told)
    return code


if __name__ == "__main__":
    sys.exit(main())
