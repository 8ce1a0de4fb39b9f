"""Small runs, in this process or in one of their own, and what they leave behind."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.digests import digest_document
from dlcli.artifacts.manifest import encode_document
from dlcli.artifacts.run_directory import ENVIRONMENT, LOG, REPORT
from dlcli.config import load_config
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.progress import NullReporter

CNN: dict[str, Any] = {
    "name": "cnn",
    "seed": 3,
    "data": {"source": {"type": "digits"}, "transforms": [{"type": "rescale", "scale": 0.0625}]},
    "model": {
        "layers": [
            {"type": "conv2d", "filters": 4, "kernel_size": 3, "activation": "relu"},
            {"type": "max_pooling2d"},
            {"type": "flatten"},
            {"type": "dropout", "rate": 0.3},
            {"type": "dense", "units": 10, "activation": "softmax"},
        ]
    },
    "loss": {"type": "sparse_categorical_crossentropy"},
    "optimizer": {"type": "adam", "learning_rate": 0.003},
    "training": {"epochs": 2, "batch_size": 64, "shard_size": 16, "max_steps": 25},
    "evaluation": {"metrics": ["accuracy", "f1"]},
}
"""A convolutional network with dropout: one epoch of 20 steps, and a quarter of another."""

SMALL: dict[str, Any] = {
    "name": "small",
    "seed": 5,
    "data": {
        "source": {"type": "csv", "path": "small.csv", "target": "kind"},
        "split": {"validation": 0.2, "test": 0.2},
        "transforms": [{"type": "standardize"}],
    },
    "model": {
        "layers": [
            {"type": "dense", "units": 4, "activation": "tanh"},
            {"type": "dropout", "rate": 0.25},
            {"type": "dense", "units": 1, "activation": "sigmoid"},
        ]
    },
    "loss": {"type": "binary_crossentropy"},
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "training": {
        "epochs": 8,
        "batch_size": 8,
        "shard_size": 4,
        "early_stopping": {"monitor": "val_loss", "patience": 2},
    },
    "evaluation": {"metrics": ["accuracy"]},
}
"""Shuffling, dropout, validation and early stopping in a training of milliseconds."""

ROWS = 40


def changed(config: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """A copy of a config with other values: `changed(SMALL, training__epochs=2)`.

    None removes a key; a component is changed by the number of its place.
    """
    new = copy.deepcopy(dict(config))
    for path, value in values.items():
        *parents, last = path.split("__")
        section: Any = new
        for name in parents:
            section = (
                section[int(name)] if isinstance(section, list) else section.setdefault(name, {})
            )
        if value is None:
            section.pop(last, None)
        else:
            section[last] = value
    return new


def write(folder: Path, config: Mapping[str, Any] = SMALL) -> Path:
    """The YAML of a config, with the data that SMALL needs beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["a,b,kind"]
    for row in range(ROWS):
        a, b = row * 7 % 11, row * 5 % 13
        lines.append(f"{a},{b / 4},{'no' if (a + b + row % 3) % 4 < 2 else 'yes'}")
    (folder / "small.csv").write_text("\n".join(lines) + "\n")
    path = folder / f"{config['name']}.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML, too
    return path


def a_few(values: Sequence[Any], few: int) -> list[Any]:
    """The first of them; the others are `thorough`. A tuple is the values of several names."""
    others = [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.thorough)
        for value in values[few:]
    ]
    return [*values[:few], *others]


def a_part(count: int, of_these: int = 1) -> list[Any]:
    """The numbers of equal parts of a long test: the first belong to the README's command, the
    others are `thorough`."""
    return [
        number if number < of_these else pytest.param(number, marks=pytest.mark.thorough)
        for number in range(count)
    ]


class Recorder(NullReporter):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def train(
    config: Path,
    output: Path,
    workers: int = 1,
    stop: Callable[[], int | None] = lambda: None,
    data_dir: Path | None = None,
) -> Path:
    """Train in this process; returns the run directory."""
    options = pipeline.Options(workers, data_dir, output, stop=stop)
    return pipeline.run(load_config(config), config.read_bytes(), config, options, Recorder())


def resume(
    run: Path,
    workers: int = 1,
    stop: Callable[[], int | None] = lambda: None,
    epochs: int | None = None,
) -> list[str]:
    """Go on in this process; returns the notes that a person would have seen."""
    reporter = Recorder()
    pipeline.resume(run, pipeline.Options(workers, stop=stop, epochs=epochs), reporter)
    return reporter.notes


def content(run: Path) -> dict[str, bytes]:
    """Every file of a run by name, but those that may differ between equal runs."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in (ENVIRONMENT, LOG, REPORT)
    }


def without_source(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a run, but for the YAML as it was written and what the manifest says of it."""
    manifest = json.loads(files["manifest.json"])
    assert manifest["files"].pop("config.yaml")
    assert manifest.pop("digest")
    others = {name: data for name, data in files.items() if name != "config.yaml"}
    return {**others, "manifest.json": json.dumps(manifest, sort_keys=True).encode()}


def assert_same(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> None:
    """The same files with the same bytes; a failure names them instead of printing bytes."""
    names = sorted(one.keys() | other.keys())
    different = [name for name in names if one.get(name) != other.get(name)]
    assert not different, f"other bytes, or only on one side: {', '.join(different)}"


def stop_after(step: int, signal: int = 15) -> Callable[[], int | None]:
    """Asks training to stop after so many reports (steps and epochs)."""
    left = [step]

    def stop() -> int | None:
        left[0] -= 1
        return signal if left[0] <= 0 else None

    return stop


def edit_manifest(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a manifest by hand, but well: with the digests that belong to it."""
    document = json.loads(path.read_bytes())
    change(document)
    document["config_digest"] = digest_document(document["config"])
    document.pop("digest")
    path.write_bytes(encode_document(document, document.pop("epochs")))


ROOT = str(Path(__file__).parents[2])
"""Where a process of its own finds the tests."""

PATIENCE = 600
"""Seconds after which a process that says nothing hangs: no test waits so long unless it fails."""

PRESETS = ("OPENBLAS_", "NPY_", "DLCLI_", "PYTHONPATH")


def environment(**extra: str) -> dict[str, str]:
    """This process's environment as a person's shell has it: without our pins, but offline."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PRESETS)}
    return own | {"DLCLI_OFFLINE": "1"} | extra


def start(
    arguments: Sequence[str | Path],
    *,
    python: Sequence[str] = (sys.executable, "-m", "dlcli"),
    extra: Mapping[str, str] | None = None,
    **options: Any,
) -> subprocess.Popen[str]:
    """A dlcli command in a process of its own."""
    return subprocess.Popen(
        [*python, *map(str, arguments)],
        env=environment(**(extra or {})),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        **options,
    )


def command(
    *arguments: str | Path,
    python: Sequence[str] = (sys.executable, "-m", "dlcli"),
    extra: Mapping[str, str] | None = None,
    expect: int = 0,
    **options: Any,
) -> tuple[str, str]:
    """Run a dlcli command to its end; returns what it wrote on stdout and stderr."""
    process = start(arguments, python=python, extra=extra, **options)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == expect, f"exit {process.returncode}: {out}{err}"
    return out, err
