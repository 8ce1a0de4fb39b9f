import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.artifacts import files
from dlcli.artifacts.run_directory import (
    CHECKPOINTS,
    LOG,
    MANIFEST,
    RESOLVED_CONFIG,
    RunDirectory,
    check_name,
    is_listed,
)
from dlcli.errors import ArtifactError, StorageError, UsageError
from tests.artifacts.faults import Disk, Killed


def test_runs_are_numbered_from_1_and_latest_points_at_the_newest(tmp_path: Path) -> None:
    parent = tmp_path / "some" / "runs"
    roots = [RunDirectory.create(parent, name).root.name for name in ("a", "a", "b", "a-0001")]
    assert roots == ["a-0001", "a-0002", "b-0001", "a-0001-0001"]
    assert (parent / "latest").readlink() == Path("a-0001-0001")
    assert RunDirectory.create(parent, "a").root.name == "a-0003"
    (parent / "a-9999").mkdir()
    assert RunDirectory.create(parent, "a").root.name == "a-10000"
    assert RunDirectory.create(str(parent), "a").root == parent / "a-10001"


def test_many_processes_at_once_never_share_a_directory(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from dlcli.artifacts.run_directory import RunDirectory\n"
        "sys.stdin.readline()\n"
        "for _ in range(10):\n"
        "    print(RunDirectory.create(sys.argv[1], 'net').root)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "runs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * 8
    assert sorted(claimed) == [str(tmp_path / "runs" / f"net-{n:04d}") for n in range(1, 81)]
    assert (tmp_path / "runs" / "latest").readlink() == Path("net-0080")
    assert len(list((tmp_path / "runs").iterdir())) == 81


def test_a_file_system_without_links_still_has_runs(tmp_path: Path) -> None:
    def refuse(target: str, link: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    with files.using(files.Operations(symlink=refuse)):
        assert RunDirectory.create(tmp_path, "net").root.is_dir()
    assert not (tmp_path / "latest").exists()


def test_something_else_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    RunDirectory.create(tmp_path, "net")
    assert (tmp_path / "latest").is_dir() and not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("name", ["", ".", "..", ".net", "-net", "a/b", "a\0", "a\nb", "x" * 300])
def test_a_name_that_cannot_be_a_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        RunDirectory.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_output_directory_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(UsageError, match="is a file"):
        RunDirectory.create(tmp_path / "runs", "net")


def test_a_disk_that_fails_while_claiming_is_a_storage_error(tmp_path: Path) -> None:
    for n in range(1, 5):
        disk = Disk(n, "ENOSPC", for_good=True)
        with files.using(disk.operations()):
            if n <= 4:
                with pytest.raises(StorageError, match="the disk is full"):
                    RunDirectory.create(tmp_path / str(n) / "runs", "net")


def test_a_run_is_opened_by_path_or_by_the_link_to_the_latest(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "net")
    run.path(MANIFEST).write_text("{}")
    assert RunDirectory.open(run.root) == run
    latest = RunDirectory.open(str(tmp_path / "latest"))
    RunDirectory.create(tmp_path, "net")
    assert latest == run


def test_what_is_no_run_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path, words in [
        ("nothing", "there is no run directory"),
        ("file", "is a file"),
        (".", "is not a run directory"),
        ("loop", "cannot open"),
        ("nul\0", "cannot open"),
        ("x" * 300, "cannot open.*too long"),
    ]:
        with pytest.raises(UsageError, match=words):
            RunDirectory.open(tmp_path / path)
    for sign in (RESOLVED_CONFIG, CHECKPOINTS):
        (tmp_path / sign).mkdir()
        assert RunDirectory.open(tmp_path).root == tmp_path.resolve()
        (tmp_path / sign).rmdir()


@pytest.mark.parametrize(
    "name",
    ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "C:x", "a\0"],
)
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError):
        check_name(name)
    with pytest.raises(ArtifactError):
        RunDirectory(tmp_path).path(name)


def test_no_link_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model").symlink_to("../outside")
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(ArtifactError, match=r"model is a symbolic link"):
        run.path("model/file")
    assert run.entries() == [("model", False)]
    with pytest.raises(ArtifactError, match="cannot look at"):
        run.path("x" * 300)


def test_temporary_files_of_a_killed_write_are_removed_and_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    (tmp_path / "model").mkdir()
    for name in (".hidden", LOG, "model/weights.safetensors"):
        run.path(name).write_text("x")
    for n in (2, 3, 4):
        with pytest.raises(Killed), files.using(Disk(n, "KILL").operations()):
            files.write_bytes(run.path("model/model.json"), b"x")
    assert len(run.entries()) == 6
    run.remove_strays()
    assert [name for name, _ in run.entries()] == [".hidden", "model/weights.safetensors", LOG]


def test_listed_files_are_all_but_a_few() -> None:
    assert is_listed("config.yaml") and is_listed("deploy/bundle/model.json")
    unlisted = (MANIFEST, "environment.json", LOG, "report.html", "tracking/events")
    assert not any(is_listed(name) for name in unlisted)
    assert is_listed("deploy/train.log") and is_listed("tracking.csv") and os.sep == "/"
