"""The process dies, or the disk fails, at every single operation of an export."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts import documents, files
from dlcli.artifacts.manifest import Manifest
from dlcli.artifacts.run_directory import MODEL, RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import Proof
from dlcli.deploy.exporters import BundleExporter
from dlcli.errors import ArtifactError, StorageError
from dlcli.pipeline import deploy
from dlcli.pipeline import export as exports
from dlcli.pipeline.export import export
from dlcli.pipeline.finished import load_bundle, open_complete
from dlcli.pipeline.progress import NullReporter
from tests.artifacts.faults import Disk, Killed
from tests.exactness.runs import SMALL, a_few, a_part, assert_same, changed, content, train, write

SHORT = changed(SMALL, training__epochs=1, deployment__formats=[])


class Quick(BundleExporter):
    """Is proved in this process alone."""

    def prove_by_itself(self, folder: Path, golden: Path) -> Proof:
        return self.prove(Bundle.load(folder), folder, golden)


class Earlier(Quick):
    """A bundle with another program, and a file more."""

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        written = super().write(bundle, run, folder)
        for name in ("README.txt", "more.txt"):
            documents.write_text(run, f"{folder}/{name}", "of an earlier version")
        return [*written, f"{folder}/more.txt"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "EXPORTERS", {"bundle": Quick()})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    return train(write(folder, SHORT), folder / "runs")


@pytest.fixture(params=a_few(["replaced", "new"], 1))
def before(
    request: pytest.FixtureRequest, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A run without the format, or with another version of it."""
    run = trained.parent / f"before-{request.param}"
    shutil.copytree(trained, run)
    if request.param == "replaced":
        with monkeypatch.context() as patched:
            patched.setattr(deploy, "EXPORTERS", {"bundle": Earlier()})
            exported(run)
    yield run
    shutil.rmtree(run)


def exported(run: Path) -> None:
    assert [one.kind for one in export(run, ["bundle"], None, None, NullReporter())] == ["bundle"]


def the_model_answers(run: Path) -> None:
    load_bundle(*open_complete(run), MODEL)


def verifies_or_says_what_to_do(run: Path) -> bool:
    try:
        verify(RunDirectory(run))
    except ArtifactError as error:
        lines = str(error).splitlines()[1:]
        for line in lines:
            assert "is not listed" in line, line
            if files.TEMPORARY in line:
                assert "`dlcli train --resume` removes it" in line
            else:
                assert line.startswith("  deploy/bundle"), line
                assert "if an interrupted `dlcli export` left it, do that again" in line
        return False
    return True


BEFORE, EVERY, PARTS = 40, {"KILL": 1, "TORN": 1, "ENOSPC": 5, "EIO": 5}, 3
"""Of the operations before the run is touched one in so many is tried, and of those after it; they
are dealt out to so many tests."""


def numbers(log: list[str], touched: int, fault: str) -> Iterator[int]:
    """The operations that go wrong; touched: the first one in the run itself."""
    for n in range(1, len(log) + 1):
        is_tried = (n - 1) % (BEFORE if n < touched else EVERY[fault]) == 0
        if (is_tried or n == log.index("write") + 1) and (fault != "TORN" or log[n - 1] == "write"):
            yield n


@pytest.mark.parametrize("part", a_part(PARTS))
@pytest.mark.parametrize("fault", a_few(["KILL", "TORN", "ENOSPC", "EIO"], 1))
def test_whatever_happens_the_run_verifies_or_says_what_to_do(
    fault: str, part: int, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "wanted"
    shutil.copytree(before, wanted)
    disk, touched = Disk(), []
    with files.using(disk.operations()), monkeypatch.context() as patched:
        listed = exports._listed

        def noted(*arguments: Any) -> Manifest:
            touched.append(disk.count + 1)
            return listed(*arguments)

        patched.setattr(exports, "_listed", noted)
        exported(wanted)
    expected = content(wanted)
    assert "deploy/bundle/more.txt" not in expected
    verify(RunDirectory(wanted))
    intact = []
    tried = [*numbers(disk.log, touched[0], fault)]
    for n in tried[part::PARTS]:
        run = tmp_path / str(n)
        shutil.copytree(before, run)
        with files.using(Disk(n, fault).operations()), pytest.raises((Killed, StorageError)):
            exported(run)
        the_model_answers(run)
        intact.append(verifies_or_says_what_to_do(run))
        exported(run)
        assert_same(content(run), expected)
        verify(RunDirectory(run))
        shutil.rmtree(run)
    if fault in ("KILL", "TORN"):  # what fails in an orderly way may be cleaned up
        assert not all(intact)
    if part == 0:  # before anything is touched, all is as it was
        assert intact[0]
    if fault == "KILL" and part == (len(tried) - 1) % PARTS:
        assert intact[-1]
