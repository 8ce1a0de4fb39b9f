"""Races of tables: reading CSV, encoding and scaling columns, predicting from a file.

    python -m tests.benchmarks.tables [--rounds 5] [--peer-python PYTHON] [--before TREE] [--small]

Everybody reads the same generated files, each time in a process of its own, in turns (A B C A B C).
A ratio is of the two rates of one round; the median of the rounds is shown, so a machine that is
slower for a while slows down both. Peak memory is what a process has gained, at most, since its
imports; seconds leave the imports out, too, except for `dlcli predict`, where the whole command
counts.

peer-python: an interpreter that has pandas and scikit-learn, pyarrow too if Arrow is to be raced.
before: the checkout of an earlier version, which then takes part. small: tenths of the rows.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WORDS = [f"word{i}" for i in range(8)]


def write(path: Path, rows: int, numbers: int, texts: int, form: str = "%.5f") -> None:
    """A table of numbers, words, and a target of two classes that depends on both."""
    draw = np.random.default_rng(rows)
    names = [f"n{j}" for j in range(numbers)] + [f"t{j}" for j in range(texts)]
    with path.open("w") as file:
        file.write(",".join([*names, "y"]) + "\n")
        for first in range(0, rows, 10_000):
            count = min(10_000, rows - first)
            values = draw.normal(size=(count, numbers)) * 10
            codes = draw.integers(0, len(WORDS), (count, texts))
            y = values[:, 0] + (codes.sum(axis=1) if texts else 0) > 3
            for row, code, label in zip(values.tolist(), codes.tolist(), y.tolist(), strict=True):
                cells = [form % value for value in row] + [WORDS[k] for k in code]
                file.write(",".join([*cells, "yes" if label else "no"]) + "\n")


# What a process does: it is set up, and what it gives back is timed.


def read_own(path: Path, way: str | None = None) -> Callable[[], object]:
    from dlcli.data.formats.columns import read_columns
    from dlcli.data.formats.text import read_header

    options: dict[str, Any] = {} if way is None else {"way": way}

    def run() -> object:
        file = read_header(path)
        return read_columns(file, file.names, **options)

    return run


def read_pandas(path: Path) -> Callable[[], object]:
    import pandas

    return lambda: pandas.read_csv(path)


def read_numpy(path: Path) -> Callable[[], object]:
    """The numbers only."""
    names = path.open().readline().split(",")
    columns = [j for j, name in enumerate(names) if name.startswith("n")]
    return lambda: np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns)


def transform_own(path: Path) -> Callable[[], object]:
    from dlcli.data import Places, Preprocessing, Split
    from dlcli.data.sources import Csv
    from dlcli.data.transforms import OneHot, Standardize

    raw = Csv(path.name, "y").load(Places(path.parent), 0)
    part = Split(0.0, 0.0).apply(raw, 0).train

    def run() -> object:
        fitted = Preprocessing.fit(part, [OneHot(), Standardize()])
        return fitted.apply(part.take_features(slice(0, len(part))))

    return run


def transform_sklearn(path: Path) -> Callable[[], object]:
    import pandas
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pandas.read_csv(path).drop(columns="y")
    texts = [name for name in table if name.startswith("t")]

    def run() -> object:
        encode = make_column_transformer(
            (OneHotEncoder(sparse_output=False), texts), remainder="passthrough"
        )
        rows = encode.fit_transform(table)
        return StandardScaler(copy=False).fit_transform(rows).astype(np.float32)

    return run


JOBS: Mapping[str, Callable[[Path], Callable[[], object]]] = {
    "read_own": read_own,
    "read_lines": lambda path: read_own(path, "lines"),
    "read_blocks": lambda path: read_own(path, "blocks"),
    "read_arrow": lambda path: read_own(path, "arrow"),
    "read_pandas": read_pandas,
    "read_numpy": read_numpy,
    "transform_own": transform_own,
    "transform_sklearn": transform_sklearn,
}


def job(name: str, path: Path) -> None:
    """Do one, and print seconds and bytes."""
    run = JOBS[name](path)
    before = _peak()
    began = time.perf_counter()
    kept = run()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": _peak() - before}))
    del kept


def _peak() -> int:
    """Bytes, at most so far. On Linux what getrusage says is at least the starting process's."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text().splitlines())
        return next(int(words[1]) for words in lines if words[:1] == ["VmHWM:"]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def predict_sklearn(train: Path, rows: Path) -> None:
    """As a script that somebody writes instead: a fitted pipeline with scikit-learn's MLP. Neither
    fitting it nor imports count."""
    import pandas
    from sklearn.compose import make_column_transformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pandas.read_csv(train)
    texts = [name for name in table if name.startswith("t")]
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), texts), remainder="passthrough"
        ),
        StandardScaler(),
        MLPClassifier((32,), max_iter=2),
    )
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two epochs do not converge
        model.fit(table.drop(columns="y"), table["y"])
    before, began = _peak(), time.perf_counter()
    new = pandas.read_csv(rows)
    answers = pandas.DataFrame(model.predict_proba(new.drop(columns="y")), columns=model.classes_)
    answers.insert(0, "prediction", model.predict(new.drop(columns="y")))
    answers.to_csv(os.devnull, index=False)
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": _peak() - before}))


# Races.


class Racer:
    """Somebody who does a job. python: with which interpreter; tree: with whose dlcli."""

    def __init__(self, name: str, command: Sequence[str], python: str, tree: Path = ROOT) -> None:
        self.name, self.command, self.python, self.tree = name, command, python, tree
        self.seconds: list[float] = []
        self.peaks: list[int] = []
        self.absent = ""

    def run(self) -> None:
        """One round. Who fails once takes part no more."""
        if self.absent:
            return
        environment = {**os.environ, "PYTHONPATH": str(self.tree)}
        done = subprocess.run(
            [self.python, *self.command], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            self.absent = (done.stderr.strip().splitlines() or ["failed"])[-1]
            return
        told = json.loads(done.stdout.splitlines()[-1])
        self.seconds.append(told["seconds"])
        self.peaks.append(told["peak"])


def race(title: str, racers: Sequence[Racer], rounds: int, amount: float, unit: str) -> None:
    """Turns, then a table; the first racer is what the others are compared with."""
    for _ in range(rounds):
        for racer in racers:
            racer.run()
    first = racers[0]
    print(f"\n{title}\n\n| who | {unit}/s | peak MB | {first.name} is faster by |")
    print("| --- | ---: | ---: | ---: |")
    for racer in racers:
        if racer.absent:
            print(f"| {racer.name} | - | - | {racer.absent} |")
            continue
        rate = amount / statistics.median(racer.seconds)
        ratios = [b / a for a, b in zip(first.seconds, racer.seconds, strict=False)]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        peak = statistics.median(racer.peaks) / 1e6
        print(f"| {racer.name} | {rate:,.1f} | {peak:,.0f} | {shown if ratios else '-'} |")
    sys.stdout.flush()


def _reading(path: Path, options: argparse.Namespace) -> list[Racer]:
    script, peer = str(Path(__file__)), options.peer_python
    racers = [Racer("dlcli", [script, "--job", "read_blocks", str(path)], sys.executable)]
    if options.before is not None:
        command = [script, "--job", "read_own", str(path)]
        racers.append(Racer("dlcli before", command, sys.executable, options.before))
    racers += [
        Racer("dlcli, line by line", [script, "--job", "read_lines", str(path)], sys.executable),
        Racer("dlcli with pyarrow", [script, "--job", "read_arrow", str(path)], peer),
        Racer("pandas", [script, "--job", "read_pandas", str(path)], peer),
    ]
    what = "numpy.loadtxt (numbers only)"
    racers.append(Racer(what, [script, "--job", "read_numpy", str(path)], sys.executable))
    return racers


CONFIG = """
version: 1
data:
  source: {type: csv, path: few.csv, target: y}
  split: {validation: 0.1, test: 0.1}
  transforms: [one_hot, standardize]
model:
  layers: [{type: dense, units: 32, activation: relu}, {type: dense, units: 2, activation: softmax}]
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 1, batch_size: 64}
"""


def _train(folder: Path, python: str, tree: Path) -> Path:
    """A run to predict with."""
    runs = folder / f"runs-{len(list(folder.iterdir()))}"
    (folder / "few.yaml").write_text(CONFIG)
    command = [python, "-m", "dlcli", "train", str(folder / "few.yaml")]
    subprocess.run(
        [*command, "--output-dir", str(runs), "--data-dir", str(folder)],
        env={**os.environ, "PYTHONPATH": str(tree)},
        check=True,
        capture_output=True,
    )
    return next(path for path in sorted(runs.iterdir()) if path.is_dir() and not path.is_symlink())


def predict_own(run: Path, rows: Path) -> None:
    """`dlcli predict`, as a command: starting counts."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "dlcli", "predict", str(run), str(rows)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tables")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--before", type=Path)
    known = ("read", "transform", "predict")
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def _race_reading(folder: Path, small: int, options: argparse.Namespace) -> None:
    for rows, numbers, texts, form, title in (
        (200_000 // small, 10, 0, "%.5f", "10 numbers with 5 decimals, 1 text"),
        (1_000_000 // small, 19, 0, "%.5f", "19 numbers with 5 decimals, 1 text"),
        (200_000 // small, 10, 0, "%r", "10 numbers of 16 to 18 digits, 1 text"),
        (200_000 // small, 10, 0, "%.18e", "10 numbers as numpy.savetxt writes, 1 text"),
    ):
        path = folder / "t.csv"
        write(path, rows, numbers, texts, form)
        size = path.stat().st_size / 1e6
        title = f"Read {rows:,} rows: {title} ({size:,.1f} MB)"
        race(title, _reading(path, options), options.rounds, size, "MB")


def _race_transforms(folder: Path, rows: int, options: argparse.Namespace) -> None:
    script = str(Path(__file__))
    pair = [
        Racer("dlcli", [script, "--job", "transform_own", str(folder / "t.csv")], sys.executable),
        Racer(
            "pandas, scikit-learn",
            [script, "--job", "transform_sklearn", str(folder / "t.csv")],
            options.peer_python,
        ),
    ]
    title = f"one_hot of 4 columns, standardize of all, fitted and applied: {rows:,} rows"
    race(title, pair, options.rounds, rows, "rows")


def main() -> None:
    """Run all races and print their tables."""
    options = _arguments()
    if options.job is not None:
        name, *paths = options.job
        whole = {"predict_own": predict_own, "predict_sklearn": predict_sklearn}
        if name in whole:
            whole[name](*map(Path, paths))
        else:
            job(name, Path(paths[0]))
        return
    small = 10 if options.small else 1
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    script = str(Path(__file__))
    with tempfile.TemporaryDirectory(prefix="dlcli-tables-") as name:
        folder = Path(name)
        if "read" in options.only:
            _race_reading(folder, small, options)
        rows = 1_000_000 // small
        write(folder / "t.csv", rows, 15, 4)
        write(folder / "few.csv", 5_000, 15, 4)
        if "transform" in options.only:
            _race_transforms(folder, rows, options)
        if "predict" not in options.only:
            return
        run = _train(folder, sys.executable, ROOT)
        command = [script, "--job", "predict_own", str(run), str(folder / "t.csv")]
        racers = [Racer("dlcli predict", command, sys.executable)]
        if options.before is not None:
            earlier = _train(folder, sys.executable, options.before)
            command = [script, "--job", "predict_own", str(earlier), str(folder / "t.csv")]
            racers.append(Racer("dlcli predict before", command, sys.executable, options.before))
        command = [script, "--job", "predict_sklearn", str(folder / "few.csv")]
        command.append(str(folder / "t.csv"))
        racers.append(Racer("pandas, scikit-learn", command, options.peer_python))
        title = f"Predict from a CSV to a CSV: {rows:,} rows of 15 numbers, 4 texts; 32 units"
        race(title, racers, options.rounds, rows, "rows")


if __name__ == "__main__":
    main()
