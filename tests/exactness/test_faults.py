"""The disk fails, or the process dies, at every single operation of a whole run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcli.artifacts import files
from dlcli.artifacts.checkpoint import Checkpoint
from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.errors import StorageError, UsageError
from dlcli.pipeline.interruption import Interrupted
from tests.artifacts.faults import ERRORS, Disk, Killed
from tests.exactness.runs import (
    SMALL,
    a_few,
    a_part,
    assert_same,
    changed,
    content,
    resume,
    stop_after,
    train,
    write,
)

SHORT = changed(SMALL, training__epochs=2, training__checkpoint={"every_steps": 2})
PARTS = 24
"""The operations are dealt out to so many tests, which may then run side by side."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("config"), SHORT)


@pytest.fixture(scope="module")
def expected(config: Path) -> dict[str, bytes]:
    return content(train(config, config.parent / "expected"))


@pytest.fixture(scope="module")
def operations(config: Path) -> list[str]:
    """Every operation of a whole run, in order."""
    disk = Disk()
    with files.using(disk.operations()):
        train(config, config.parent / "counted")
    return disk.log


def numbers(operations: list[str], part: int) -> Iterator[tuple[int, str]]:
    for n in range(1 + part, len(operations) + 1, PARTS):
        yield n, operations[n - 1]


def last_good(run: Path) -> Checkpoint | None:
    """The checkpoint that is there; whatever it is, it must load."""
    return Checkpoints(RunDirectory(run)).load() if run.is_dir() else None


def assert_recovers(config: Path, output: Path, expected: dict[str, bytes]) -> None:
    """What is left can be resumed to the same end, or is too little to be called a run."""
    run = output / "small-0001"
    before = last_good(run)
    try:
        resume(run)
    except UsageError:
        # Neither a config nor a manifest was there yet, so nothing is lost by starting again.
        assert not (run / "config.resolved.yaml").exists()
        assert before is None
        run = train(config, output)
    assert_same(content(run), expected)
    verify(RunDirectory(run))


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize("fault", ["KILL", "TORN"])
def test_a_run_that_dies_at_any_operation_is_resumed_to_the_same_end(
    fault: str,
    part: int,
    config: Path,
    expected: dict[str, bytes],
    operations: list[str],
    tmp_path: Path,
) -> None:
    for n, operation in numbers(operations, part):
        if fault == "TORN" and operation != "write":
            continue
        output = tmp_path / str(n)
        with files.using(Disk(n, fault).operations()), pytest.raises(Killed):
            train(config, output)
        assert_recovers(config, output, expected)


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
def test_a_disk_that_fails_at_any_operation_ends_the_run_with_code_6_and_nothing_lost(
    for_good: bool,
    part: int,
    config: Path,
    expected: dict[str, bytes],
    operations: list[str],
    tmp_path: Path,
) -> None:
    names = list(ERRORS)
    for n, operation in numbers(operations, part):
        kinds = names if operation == "write" else [names[n // PARTS % 3]]
        for fault in kinds:
            output = tmp_path / f"{n}-{fault}"
            disk = Disk(n, fault, for_good)
            try:
                with files.using(disk.operations()):
                    run = train(config, output)
            except StorageError as error:
                assert error.exit_code == 6
                assert str(output) in str(error)
                if not for_good:  # it could clean up behind itself
                    left = [path.name for path in output.rglob(f"*{files.TEMPORARY}")]
                    assert left == []
            else:
                # A short write was completed, or what failed is not needed (the link `latest`).
                assert not for_good or operation in ("symlink", "replace", "sync_directory")
                assert_same(content(run), expected)
                continue
            assert_recovers(config, output, expected)


@pytest.mark.parametrize("part", a_part(4))
@pytest.mark.parametrize("fault", a_few(["KILL", "ENOSPC", "EIO"], 1))
def test_a_resume_that_fails_at_any_operation_can_be_resumed(
    fault: str, part: int, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    def stopped(output: Path) -> Path:
        with pytest.raises(Interrupted):
            train(config, output, stop=stop_after(3))
        return output / "small-0001"

    run, disk = stopped(tmp_path / "counted"), Disk()
    with files.using(disk.operations()):
        resume(run)
    for n in range(1 + part, disk.count + 1, 12):
        run = stopped(tmp_path / str(n))
        with files.using(Disk(n, fault).operations()), pytest.raises((StorageError, Killed)):
            resume(run)
        assert last_good(run) is not None
        assert_recovers(config, run.parent, expected)


def test_a_finished_run_never_goes_back_to_unfinished(
    config: Path, operations: list[str], tmp_path: Path
) -> None:
    """The manifest is completed last: whoever sees `complete` sees everything."""
    for n in range(len(operations) - 12, len(operations) + 1):
        output = tmp_path / str(n)
        with files.using(Disk(n, "KILL").operations()), pytest.raises(Killed):
            train(config, output)
        run = output / "small-0001"
        if read_manifest(run).status == "complete":
            verify(RunDirectory(run))
