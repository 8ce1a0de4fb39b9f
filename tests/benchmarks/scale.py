"""Whether cost stays flat where data grows.

    python -m tests.benchmarks.scale [--only memory,rows,csv] [--gigabytes 4] [--json FILE]

memory  a large .npy trains in little anonymous memory, all workers included. The file is sparse:
        it has its full size for everybody who reads it, but takes no room on the disk.
rows    the time of a row, in preparation and in training, from 10^4 to 10^7 rows
csv     megabytes a second, beside numpy.loadtxt
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dlcli  # noqa: F401 (pins the BLAS before NumPy is imported)

import numpy as np  # isort: skip
import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks import watching

MEMORY_LIMIT = 500e6
"""Bytes of anonymous memory that a training on a large file may take."""

FLATNESS = 1.5
"""How many times the time of a row at 10^4 rows it may take at 10^7."""

CSV_FLOOR = 1.0
"""Times the speed of numpy.loadtxt."""

STEPS = 300
PIXELS = 784
COLUMNS = 8
CSV_ROWS, CSV_COLUMNS = 100_000, 20

Finding = dict[str, Any]


def _config(folder: Path, network: list[Any], training: dict[str, Any], scaled: bool) -> Path:
    """A config on x.npy and t.npy of the folder."""
    document = {
        "version": 1,
        "data": {
            "source": {"type": "npy", "features": "x.npy", "target": "t.npy"},
            "split": {"validation": 0, "test": 0},
            "transforms": [{"type": "rescale", "scale": 1 / 255}] if scaled else [],
        },
        "model": {"layers": [*network, {"type": "dense", "units": 10, "activation": "softmax"}]},
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "adam",
        "training": training,
    }
    path = folder / "scale.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _targets(folder: Path, rows: int) -> None:
    np.save(folder / "t.npy", np.resize(np.arange(10, dtype=np.int64), rows))


class Once:
    """Looks at anonymous memory, and keeps the peak of it with shared pages counted once."""

    def __init__(self) -> None:
        self.peak = 0

    def __call__(self, pids: Sequence[int]) -> int:
        self.peak = max(self.peak, watching.anonymous_proportional(pids))
        return watching.anonymous(pids)


def memory(folder: Path, gigabytes: float) -> list[Finding]:
    """`dlcli train` on a sparse file of that size, some hundred steps of a small network."""
    rows = int(gigabytes * 1e9) // PIXELS
    shape = (rows, PIXELS)
    features = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, shape)
    features[:1000] = np.random.default_rng(0).integers(0, 256, (1000, PIXELS), np.uint8)
    del features
    _targets(folder, rows)
    hidden = {"type": "dense", "units": 128, "activation": "relu"}
    training = {"epochs": 1, "max_steps": STEPS}
    found = []
    for split in ({"validation": 0, "test": 0}, {"validation": 0.01, "test": 0.01}):
        config = _config(folder, [hidden], training, scaled=True)
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
        document["data"]["split"] = split
        config.write_text(yaml.safe_dump(document), encoding="utf-8")
        runs = folder / "runs"
        command = [sys.executable, "-m", "dlcli", "train", str(config), "--output-dir", str(runs)]
        once = Once()
        done = watching.run(command, look=once)
        drawn = "a validation and a test part" if any(split.values()) else "all rows to train on"
        what = f"{gigabytes:g} GB .npy, {rows:,} rows, {STEPS} steps, {drawn}"
        if done.code:
            found.append({"what": what, "failed": done.complaint, "met": False})
            continue
        found.append(
            {
                "what": what,
                "value": done.peak,
                "shown": "unknown"
                if done.peak is None
                else f"{done.peak / 1e6:,.0f} MB anonymous ({once.peak / 1e6:,.0f} MB with shared "
                f"pages counted once), {done.seconds:.1f} s",
                "once": once.peak,
                "target": f"< {MEMORY_LIMIT / 1e6:.0f} MB",
                "met": None if done.peak is None else done.peak < MEMORY_LIMIT,
                "seconds": done.seconds,
            }
        )
    return found


def rows(folder: Path, _: float) -> list[Finding]:
    """Preparation and one epoch (several of the small ones), each size in a process of its own."""
    found: list[Finding] = []
    first: dict[str, float] = {}
    for exponent in (4, 5, 6, 7):
        count = 10**exponent
        rng = np.random.default_rng(0)
        np.save(folder / "x.npy", rng.random((count, COLUMNS), np.float32))
        _targets(folder, count)
        training = {"epochs": max(1, 10 ** (6 - exponent)), "batch_size": 256}
        config = _config(
            folder, [{"type": "dense", "units": 16, "activation": "relu"}], training, False
        )
        command = [sys.executable, "-m", "tests.benchmarks.scale", "--job", str(config)]
        done = watching.run(command, look=watching.anonymous)
        what = f"10^{exponent} rows of {COLUMNS} numbers, batch 256"
        if done.code:
            found.append({"what": what, "failed": done.complaint, "met": False})
            continue
        told: dict[str, float] = json.loads(done.out.splitlines()[-1])
        first = first or told
        ratio = told["train"] / first["train"]
        peak = "" if done.peak is None else f", {done.peak / 1e6:,.0f} MB anonymous"
        found.append(
            {
                "what": what,
                "value": told["train"],
                "shown": f"{told['train']:.2f} us a row ({ratio:.2f} of the first), preparing "
                f"{told['prepare']:.2f} us{peak}",
                "target": f"<= {FLATNESS:g} of the first",
                "met": ratio <= FLATNESS,
                "prepare": told["prepare"],
            }
        )
    return found


def rows_job(config: Path) -> dict[str, float]:
    """Microseconds a row, in preparation and in training (the median epoch), of a config."""
    from dlcli.config import load_config
    from dlcli.engine.team import team
    from dlcli.engine.training import EpochReport
    from dlcli.pipeline import prepare
    from dlcli.pipeline.job import Job
    from dlcli.pipeline.progress import NullReporter
    from tests.benchmarks.ours import processors

    began = time.perf_counter()
    ready = Job.ready(load_config(config), prepare.places(config.parent, None), NullReporter())
    session = ready.session
    count = len(session.training)
    prepared = (time.perf_counter() - began) / count
    epochs = []
    with team(session.training.phases, processors()) as crew:
        began = time.perf_counter()
        for report in session.run(crew):
            if isinstance(report, EpochReport):
                now = time.perf_counter()
                epochs.append((now - began) / count)
                began = now
    return {"prepare": 1e6 * prepared, "train": 1e6 * statistics.median(epochs)}


def csv(folder: Path, _: float) -> list[Finding]:
    """The CSV source and numpy.loadtxt on the same file of numbers, in turn."""
    from dlcli.data.places import Places
    from dlcli.data.sources import SOURCES

    path = folder / "rows.csv"
    rng = np.random.default_rng(0)
    table = np.column_stack(
        [rng.normal(size=(CSV_ROWS, CSV_COLUMNS)), rng.integers(0, 10, CSV_ROWS)]
    )
    header = ",".join([*(f"x{number}" for number in range(CSV_COLUMNS)), "label"])
    np.savetxt(
        path, table, fmt=["%.9g"] * CSV_COLUMNS + ["%d"], delimiter=",", header=header, comments=""
    )
    megabytes = path.stat().st_size / 1e6
    source = SOURCES["csv"](path=str(path), target="label")  # type: ignore[call-arg]
    readers: dict[str, Callable[[], Any]] = {
        "dlcli": lambda: source.load(Places(folder), 0),
        "numpy.loadtxt": lambda: np.loadtxt(path, delimiter=",", skiprows=1),
    }
    speeds: dict[str, list[float]] = {name: [] for name in readers}
    for _turn in range(3):
        for name, read in readers.items():
            began = time.perf_counter()
            read()
            speeds[name].append(megabytes / (time.perf_counter() - began))
    ratio = statistics.median(a / b for a, b in zip(*speeds.values(), strict=True))
    shown = ", ".join(f"{name} {statistics.median(s):.1f} MB/s" for name, s in speeds.items())
    return [
        {
            "what": f"CSV, {CSV_ROWS:,} rows of {CSV_COLUMNS} numbers, {megabytes:.0f} MB",
            "value": ratio,
            "shown": f"{ratio:.2f} times numpy.loadtxt ({shown})",
            "target": f">= {CSV_FLOOR:g}",
            "met": ratio >= CSV_FLOOR,
        }
    ]


PARTS: dict[str, Callable[[Path, float], list[Finding]]] = {
    "memory": memory,
    "rows": rows,
    "csv": csv,
}


def main() -> int:
    """Run what was asked for and print it; 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of the large file")
    parser.add_argument("--folder", type=Path, help="for the files; must take sparse ones")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job is not None:
        print(json.dumps(rows_job(options.job)))
        return 0
    wanted = [word for word in options.only.split(",") if word]
    if any(word not in PARTS for word in wanted):
        parser.error(f"--only takes {', '.join(PARTS)}")
    found: list[Finding] = []
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="dlcli-scale-", dir=options.folder) as folder:
            found += PARTS[name](Path(folder), options.gigabytes)
    table = Table(title="Scale", box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("what", "found", "target", "met"):
        table.add_column(title)
    for finding in found:
        met = {True: "yes", False: "no", None: ""}[finding["met"]]
        shown = finding.get("shown") or f"failed: {finding['failed']}"
        table.add_row(finding["what"], shown, finding.get("target", ""), met)
    Console(width=100, highlight=False).print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(any(finding["met"] is False for finding in found))


if __name__ == "__main__":
    sys.exit(main())
