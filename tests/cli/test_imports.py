"""What a command loads: help and schema start at once, and training does not drag along what it
does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exactness.runs import environment

SCRIPT = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from dlcli.cli.main import run
sys.argv = ["dlcli", *{arguments!r}]
try:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        run()
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""

HEAVY = {
    "numpy",
    "rich",
    "pydantic",
    "pydantic_core",
    "yaml",
    "safetensors",
    "asyncio",
    "ssl",
    "multiprocessing",
    "concurrent",
    "email",
    "http",
    "urllib3",
    "tarfile",
    "pickletools",
    "scipy",
    "pandas",
    "matplotlib",
    "PIL",
}


def loaded(*arguments: str | Path) -> tuple[int, set[str]]:
    script = SCRIPT.format(arguments=[str(word) for word in arguments])
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(PYTHONPATH=root), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    code, names = json.loads(done.stdout)
    return code, HEAVY & set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["doctor", "--help"],
        ["data", "--help"],
        ["data", "fetch", "--help"],
        ["runs", "--help"],
        ["runs", "prune", "--help"],
        ["diff", "--help"],
        ["list", "--help"],
        ["explain", "--help"],
        ["--version"],
        ["init", "--list"],
        ["train"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code, names = loaded(*arguments)
    assert code == (2 if arguments == ["train"] else 0)
    # What typer itself may bring; everything else would be ours.
    assert names <= {"rich", "pydantic", "pydantic_core", "email"}


def test_schema_and_bad_configs_load_no_numpy(tmp_path: Path) -> None:
    code, names = loaded("schema")
    assert code == 0 and "numpy" not in names and "pydantic" in names
    for words in (["list", "layers"], ["explain", "layers.conv2d"], ["explain", "conv2"]):
        code, names = loaded(*words)
        assert code == (2 if words[-1] == "conv2" else 0) and "numpy" not in names
    bad = tmp_path / "bad.yaml"
    bad.write_text("optimizer: {type: adam, learnin_rate: 1}\n")
    for command in ("validate", "train"):
        code, names = loaded(command, bad)
        assert code == 2 and "numpy" not in names
    code, names = loaded("init", "--example", "digits_cnn", "-o", tmp_path / "new.yaml")
    assert code == 0 and not names & {"numpy", "yaml"}


NETWORK = {"http", "ssl", "urllib3", "tarfile", "pickletools"}


@pytest.mark.parametrize("source", ["digits", "iris", "mnist"])
def test_training_loads_nothing_of_the_network(source: str, tmp_path: Path) -> None:
    """Nor does listing the known sets, or refusing to fetch one."""
    config = tmp_path / "c.yaml"
    config.write_text(
        f"data: {{source: {source}}}\nmodel: {{layers: [flatten, {{type: dense, units: 10}}]}}\n"
        "loss: sparse_categorical_crossentropy\noptimizer: adam\ntraining: {epochs: 1}\n"
    )
    code, names = loaded("train", config, "--output-dir", tmp_path, "--data-dir", tmp_path)
    assert code == (3 if source == "mnist" else 0)
    assert not names & NETWORK
    code, names = loaded("data", "list", "--data-dir", tmp_path)
    assert code == 0 and not names & NETWORK


def test_validate_loads_no_checkpoints(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {source: digits}\nmodel: {layers: [flatten, {type: dense, units: 10}]}\n"
        "loss: sparse_categorical_crossentropy\noptimizer: adam\ntraining: {epochs: 1}\n"
    )
    code, names = loaded("validate", config)
    assert code == 0 and "numpy" in names
    assert not names & {"scipy", "pandas", "urllib3", "http", "multiprocessing"}
