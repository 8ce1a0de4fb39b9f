"""Races of whole commands: a training with all its files, and the start of the command line."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from tests.benchmarks import cases, data, watching
from tests.benchmarks.race import Result, Track, Turns, busy

CONFIG = watching.ROOT / "configs" / "mnist_cnn.yaml"
HELP, BARE = "dlcli --help", "import typer, rich"
STARTS = 10
"""How often a command is started in a round."""


def whole(track: Track, mnist: Path | None) -> Result:
    """`dlcli train` of the shipped config with one epoch against the Keras script."""
    result = Result("whole", "mnist_cnn, 1 epoch, whole process")
    with tempfile.TemporaryDirectory(prefix="dlcli-benchmark-") as name:
        folder = Path(name)
        config = CONFIG if mnist is not None else _generated(folder)
        ours = [sys.executable, "-m", "dlcli", "train", str(config)]
        ours += ["--set", "training.epochs=1", "--output-dir", str(folder / "runs")]
        if mnist is not None:
            ours += ["--data-dir", str(mnist.parent)]
        keras = [track.python, "-m", "tests.benchmarks.whole_keras", str(mnist or folder)]
        for number in range(track.rounds):
            for who, command in ((cases.DLCLI, ours), (cases.KERAS, keras)):
                turns = result.turns.setdefault(who, Turns())
                turns.absent = turns.absent or track.missing(who)
                if turns.absent:
                    if number == 0:
                        track.say(f"{result.title}: {who}: {turns.absent}")
                    continue
                done = watching.run(command)
                if done.code:
                    turns.absent = f"failed: {done.complaint}"
                    turns.seconds.clear()
                else:
                    turns.add(done)
                peak = "" if done.peak is None else f", {done.peak / 1e6:,.0f} MB"
                told = turns.absent or f"{done.seconds:.2f} s{peak}{busy(turns)}"
                track.say(f"{result.title}: {who}, round {number + 1}: {told}")
    return result


def _generated(folder: Path) -> Path:
    """The shipped config on generated images: everything else stays as it is."""
    x, t = data.generate(60_000, (28, 28, 1), 0)
    test_x, test_t = data.generate(10_000, (28, 28, 1), 1)
    np.savez(folder / "whole.npz", x_train=x, y_train=t, x_test=test_x, y_test=test_t)
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["data"]["source"] = {"type": "npz", "path": "whole.npz"}
    path = folder / CONFIG.name
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def start_up(track: Track) -> Result:
    """The help text against the mere import of the two libraries that print it."""
    result = Result("start", "dlcli --help")
    commands = {
        HELP: [sys.executable, "-m", "dlcli", "--help"],
        BARE: [sys.executable, "-c", BARE],
    }
    for who, command in commands.items():
        watching.run(command, look=None)  # caches bytecode
        result.turns[who] = Turns()
    for _ in range(track.rounds):
        seconds: dict[str, list[float]] = {who: [] for who in commands}
        for _ in range(STARTS):
            for who, command in commands.items():
                done = watching.run(command, look=None)
                if done.code:
                    result.turns[who].absent = f"failed: {done.complaint}"
                seconds[who].append(done.seconds)
        for who in commands:
            result.turns[who].seconds.append(float(np.median(seconds[who])))
    shown = ", ".join(f"{who} {turns.seconds[-1]:.3f} s" for who, turns in result.turns.items())
    track.say(f"{result.title}: {shown}")
    return result
