"""What a command loads: help and schema start at once, and training does not drag along what it
does not need."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.exactness.runs import environment

SCRIPT = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from dlcli.cli.main import run
told = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["dlcli", *arguments]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            run()
    except SystemExit as end:
        told.append([end.code, sorted({name.partition(".")[0] for name in sys.modules})])
print(json.dumps(told))
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


def loaded(*commands: Sequence[str | Path]) -> list[tuple[int, set[str]]]:
    """Of commands one after the other in one process: how each ended, and what was loaded then.

    What none of them may load, one process shows as well as many: the first to have it is named.
    """
    words = json.dumps([[str(word) for word in command] for command in commands])
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, words], env=environment(PYTHONPATH=root),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = [(code, HEAVY & set(names)) for code, names in json.loads(done.stdout)]
    assert len(told) == len(commands)
    return told


HELP: list[list[str]] = [
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
]


def test_help_loads_nothing_heavy() -> None:
    for arguments, (code, names) in zip(HELP, loaded(*HELP), strict=True):
        assert code == (2 if arguments == ["train"] else 0), arguments
        # What typer itself may bring; everything else would be ours.
        assert names <= {"rich", "pydantic", "pydantic_core", "email"}, arguments


def test_schema_and_bad_configs_load_no_numpy(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("optimizer: {type: adam, learnin_rate: 1}\n")
    commands: list[tuple[int, list[str | Path]]] = [
        (0, ["init", "--example", "digits_cnn", "-o", tmp_path / "new.yaml"]),
        (0, ["schema"]),
        (0, ["list", "layers"]),
        (0, ["explain", "layers.conv2d"]),
        (2, ["explain", "conv2"]),
        (2, ["validate", bad]),
        (2, ["train", bad]),
    ]
    told = loaded(*(words for _, words in commands))
    for (wanted, words), (code, names) in zip(commands, told, strict=True):
        assert code == wanted and "numpy" not in names, words
    assert "yaml" not in told[0][1], "an example is copied as it is"
    assert "pydantic" in told[1][1]


NETWORK = {"http", "ssl", "urllib3", "tarfile", "pickletools"}


def test_training_loads_nothing_of_the_network(tmp_path: Path) -> None:
    """Nor does listing the known sets, or refusing to fetch one."""
    sources = ("digits", "iris", "mnist")
    for source in sources:
        (tmp_path / f"{source}.yaml").write_text(
            f"data: {{source: {source}}}\n"
            "model: {layers: [flatten, {type: dense, units: 10}]}\n"
            "loss: sparse_categorical_crossentropy\noptimizer: adam\ntraining: {epochs: 1}\n"
        )
    places = ["--data-dir", tmp_path]
    listed, *trained = loaded(
        ["data", "list", *places],
        *(["train", tmp_path / f"{s}.yaml", "--output-dir", tmp_path, *places] for s in sources),
    )
    assert listed[0] == 0 and not listed[1] & NETWORK
    for source, (code, names) in zip(sources, trained, strict=True):
        assert code == (3 if source == "mnist" else 0)
        assert not names & NETWORK, source


def test_validate_loads_no_checkpoints(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {source: digits}\nmodel: {layers: [flatten, {type: dense, units: 10}]}\n"
        "loss: sparse_categorical_crossentropy\noptimizer: adam\ntraining: {epochs: 1}\n"
    )
    ((code, names),) = loaded(["validate", config])
    assert code == 0 and "numpy" in names
    assert not names & {"scipy", "pandas", "urllib3", "http", "multiprocessing"}
