"""Runs in every state that a command may meet: whole, stopped, damaged, at work."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcli.pipeline.interruption import Interrupted
from tests.exactness import runs
from tests.exactness.runs import SMALL, changed, environment, stop_after

ROOT = Path(__file__).parents[2]

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from dlcli.artifacts.locks import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('holds', flush=True)\n"
    "    sys.stdin.readline()\n"
)


def make(folder: Path) -> Path:
    """Three whole runs with two learning rates and two widths, and a fourth that was stopped."""
    for number, (rate, units) in enumerate(((0.05, 4), (0.01, 4), (0.05, 6)), 1):
        config = changed(
            SMALL,
            optimizer__learning_rate=rate,
            model__layers__0__units=units,
            training__epochs=2 + number,
            training__early_stopping=None,
        )
        runs.train(runs.write(folder / str(number), config), folder / "runs")
    config = runs.write(folder / "4", changed(SMALL, training__early_stopping=None))
    with pytest.raises(Interrupted):
        runs.train(config, folder / "runs", stop=stop_after(12))
    return folder / "runs"


def copied(original: Path, folder: Path) -> Path:
    """A copy to be spoiled, its link included."""
    return Path(shutil.copytree(original, folder / "runs", symlinks=True))


@contextlib.contextmanager
def at_work(run: Path) -> Iterator[int]:
    """Another process holds the lock of a run; its number."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)],
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "holds\n"
        yield process.pid
    finally:
        process.communicate("go\n")


def _edited(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"seed": 5', b'"seed": 6', 1))
    assert path.read_bytes() != data


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a manifest cut short": (
        lambda run: (run / "manifest.json").write_bytes(b'{"config": {'),
        "not a valid JSON",
    ),
    "an edited manifest": (lambda run: _edited(run / "manifest.json"), "damaged or was edited"),
    "no weights": (lambda run: (run / "model/weights.safetensors").unlink(), "is missing"),
    "weights cut short": (
        lambda run: (run / "model/weights.safetensors").write_bytes(b"1"),
        "is not the file of",
    ),
    "an edited evaluation": (
        lambda run: (run / "evaluation.json").write_bytes(
            (run / "evaluation.json").read_bytes().replace(b"0", b"1", 1)
        ),
        "evaluation.json is not what",
    ),
    "a manifest that is a folder": (
        lambda run: ((run / "manifest.json").unlink(), (run / "manifest.json").mkdir()),
        "manifest.json is missing",
    ),
}
"""What was done to a whole run, and a part of what is said of it."""
