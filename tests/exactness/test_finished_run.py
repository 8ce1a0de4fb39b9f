"""What a finished run holds, and what it must not tell."""

import platform
import re
import time
from pathlib import Path

import pytest

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import (
    CNN,
    SMALL,
    assert_same,
    changed,
    command,
    content,
    resume,
    stop_after,
    train,
    write,
)

UNLISTED = {"manifest.json", "environment.json", "train.log", "report.html"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with telling names for everything that no listed file may name."""
    folder = tmp_path_factory.mktemp("telltale")
    config = write(folder / "configfolder", SMALL)
    (folder / "datafolder").mkdir()
    (folder / "configfolder" / "small.csv").rename(folder / "datafolder" / "small.csv")
    out, _ = command(
        *("train", config, "--output-dir", folder / "outputfolder", "--workers", "3"),
        *("--data-dir", folder / "datafolder", "--name", "chosenname"),
    )
    return Path(out.strip())


def test_the_manifest_lists_every_file_but_those_that_may_differ(run: Path) -> None:
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert there == read_manifest(run).files.keys() | UNLISTED


def test_nothing_is_hidden_temporary_or_a_lock(run: Path) -> None:
    for path in [run, *run.rglob("*")]:
        assert not path.name.startswith("."), path
        assert not re.search(r"tmp|temp|lock|staged|partial|\.pid|~$", path.name), path
        assert not path.is_symlink()
    assert {path.name for path in run.parent.iterdir()} == {run.name, "latest"}


def test_no_listed_file_names_a_directory_time_host_process_or_worker_count(run: Path) -> None:
    words = [
        *("chosenname", "configfolder", "datafolder", "outputfolder", "telltale"),
        *("workers", "output_dir", "data_dir", str(Path.home()), str(Path.cwd())),
        *{platform.node(), platform.release()},
    ]
    words.append(time.strftime("%Y-%m", time.localtime(run.stat().st_mtime)))
    for name, data in content(run).items():
        # Programs are the same for all runs, and name options and times of examples of their own.
        program = name.endswith((".zip", ".pyz", ".py", "/README.txt"))
        for word in words:
            if not (program and word in ("workers", "output_dir", "data_dir")):
                assert word.encode() not in data, f"{name} says {word!r}"
        assert program or not re.search(rb"\b\d\d:\d\d:\d\d\b", data), name
        assert program or not re.search(rb"--[a-z]", data), f"{name} says an option"
    told = (run / "environment.json").read_text()
    for word in ("configfolder", "datafolder", "workers", str(platform.node())):
        assert word in told


def test_folders_options_and_interruptions_leave_no_trace(run: Path, tmp_path: Path) -> None:
    """The same config elsewhere, under another name, in two goes: the same bytes."""
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "other", stop=stop_after(7))
    other = tmp_path / "other" / "small-0001"
    resume(other)
    assert_same(content(other), content(run))


def test_two_runs_of_the_same_config_side_by_side_are_equal(tmp_path: Path) -> None:
    config = write(tmp_path, changed(CNN, training__max_steps=5))
    first, second = train(config, tmp_path / "runs"), train(config, tmp_path / "runs", workers=2)
    assert first != second
    assert_same(content(first), content(second))
    assert sorted(RunDirectory(first).entries()) == sorted(RunDirectory(second).entries())
    assert (tmp_path / "runs" / "latest").resolve() == second
