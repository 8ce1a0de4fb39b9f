"""`python -m tests.benchmarks.deployed RUN --peer-python PYTHON`: what each format needs.

RUN has been exported as bundle, onnx, torch and keras. In turns, each is started, answers its
golden batch, and ends; so all that it loads counts. Then: bytes of the format, and of the packages
that answer by it, with all that these need. With --rows FILE, `dlcli predict` and the bundle by
itself also answer that file.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ONNX = """
import sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
kinds = {"tensor(string)": str, "tensor(double)": np.float64, "tensor(float)": np.float32,
         "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}
rows = {one.name: np.zeros([d if isinstance(d, int) else 16 for d in one.shape], kinds[one.type])
        for one in session.get_inputs()}
session.run(None, rows)
"""

SIZES = """
import importlib.metadata as m, re, sys
def needed(name, known):
    name = re.split(r"[^A-Za-z0-9_.-]", name.strip())[0].lower().replace("_", "-")
    if name in known:
        return known
    try:
        found = m.distribution(name)
    except m.PackageNotFoundError:
        return known
    known[name] = sum((f.size or 0) for f in found.files or ())
    for one in found.requires or ():
        if "extra ==" not in one:
            needed(one, known)
    return known
known = {}
for name in sys.argv[1:]:
    needed(name, known)
print(sum(known.values()))
"""

PACKAGES = {
    "bundle": ("numpy",),
    "onnx": ("onnxruntime",),
    "torch": ("torch", "numpy", "safetensors"),
    "keras": ("keras", "torch", "numpy", "safetensors"),
}


def main() -> None:
    """Race, and print a table; ratios are over the bundle."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.deployed")
    parser.add_argument("run", type=Path)
    parser.add_argument("--peer-python", default=sys.executable, help="who has them installed")
    parser.add_argument("--rows", type=Path, help="a file for `dlcli predict` and the bundle")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    place, python = options.run / "deploy", options.peer_python
    commands: dict[str, Sequence[str]] = {
        "bundle": [python, "-I", str(place / "bundle/predict.py"), "--check"],
        "onnx": [python, "-c", ONNX, str(place / "onnx/model.onnx")],
        "torch": [python, str(place / "torch/model.py")],
        "keras": [python, str(place / "keras/model.py")],
    }
    seconds = _turns(commands, options.rounds)
    print("| format | cold start over the bundle's | its files | packages over the bundle's |")
    print("| --- | --- | --- | --- |")
    sizes = {kind: _installed(python, names) for kind, names in PACKAGES.items()}
    for kind in commands:
        size = sum(path.stat().st_size for path in (place / kind).iterdir())
        packages = f"{sizes[kind] / sizes['bundle']:.1f} ({sizes[kind] / 1e6:,.0f} MB)"
        print(f"| {kind} | {_ratio(seconds, kind, 'bundle')} | {size / 1e3:,.0f} KB | {packages} |")
    if options.rows is not None:
        rows = str(options.rows)
        commands = {
            "dlcli predict": [sys.executable, "-m", "dlcli", "predict", str(options.run), rows],
            "the same, one worker": [
                *(sys.executable, "-m", "dlcli", "predict", str(options.run), rows),
                *("--workers", "1"),
            ],
            "bundle": [sys.executable, "-I", str(place / "bundle/predict.py"), rows],
        }
        seconds = _turns(commands, min(options.rounds, 3))
        for kind in commands:
            print(f"{kind}: seconds over the bundle's {_ratio(seconds, kind, 'bundle')}")


def _turns(commands: dict[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {kind: [] for kind in commands}
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    for turn in range(rounds + 1):
        for kind, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            if turn:  # the first compiles modules, and fetches files from the disk
                seconds[kind].append(time.perf_counter() - began)
    return seconds


def _ratio(seconds: dict[str, list[float]], kind: str, other: str) -> str:
    ratios = sorted(a / b for a, b in zip(seconds[kind], seconds[other], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def _installed(python: str, names: Sequence[str]) -> int:
    command = [python, "-c", SIZES, *names]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
