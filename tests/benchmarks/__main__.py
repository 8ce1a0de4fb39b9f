"""`python -m tests.benchmarks`: every race, then the tables."""

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.benchmarks import data, processes, report, verdicts
from tests.benchmarks.cases import CASES, PACKAGES
from tests.benchmarks.race import Result, Track, absentees, race, versions
from tests.benchmarks.verdicts import Verdict
from tests.benchmarks.watching import ROOT

PEERS = [who for who in PACKAGES if " " not in who]
NAMES = [*(case.name for case in CASES), "whole", "start"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}; or none")
    parser.add_argument("--peer-python", default=sys.executable, help="who has them installed")
    parser.add_argument("--rounds", type=int, default=3, help="turns of everybody; default: 3")
    parser.add_argument("--only", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument(
        "--data-dir", type=Path, help="has mnist/ in it; else $DLCLI_DATA_DIR, else generated rows"
    )
    options = parser.parse_args()
    for option, known in (("peers", PEERS), ("only", NAMES)):
        words = [word for word in getattr(options, option).split(",") if word and word != "none"]
        unknown = [word for word in words if word not in known]
        if unknown:
            parser.error(f"--{option}: {unknown[0]!r} is none of {', '.join(known)}")
        setattr(options, option, words)
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    return options


def main() -> int:
    """Run what was asked for; 1 if a job failed."""
    options = _arguments()
    console = Console(stderr=True, highlight=False)
    given = options.data_dir or os.environ.get("DLCLI_DATA_DIR")
    mnist = data.find_mnist(Path(given).expanduser().absolute() if given else None)
    if options.data_dir is not None and mnist is None:
        console.print(f"no MNIST in {options.data_dir}/mnist: using generated images")
    compileall.compile_dir(ROOT / "dlcli", quiet=2)  # as an installation has it
    try:
        installed = versions(options.peer_python)
    except (OSError, subprocess.CalledProcessError) as error:
        console.print(f"--peer-python {options.peer_python}: {error}", markup=False)
        return 2
    about = report.machine(
        installed, "MNIST" if mnist else "generated, of MNIST's shape", options.rounds
    )
    results: list[Result] = []
    found: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="dlcli-benchmark-") as folder:
        data.write_all(Path(folder), mnist)
        track = Track(
            Path(folder),
            options.peer_python,
            absentees(options.peers, installed),
            options.rounds,
            lambda text: console.print(text, markup=False),
        )
        for case in CASES:
            if case.name in options.only:
                results.append(race(track, case))
                found += verdicts.of_case(case, results[-1])
        if "whole" in options.only:
            results.append(processes.whole(track, mnist))
            found += verdicts.of_whole(results[-1])
        if "start" in options.only:
            results.append(processes.start_up(track))
            found.append(verdicts.of_start(results[-1]))
    report.show(about, results, found)
    if options.json is not None:
        report.write(options.json, about, results, found)
    failed = any("failed" in turns.absent for r in results for turns in r.turns.values())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
