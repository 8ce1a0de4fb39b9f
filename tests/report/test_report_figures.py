"""`dlcli report --figures DIR`: files that are the same everywhere, and replace nothing else."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.artifacts import files as artifact_files
from dlcli.pipeline import report_figures as drawing
from dlcli.pipeline.interruption import Interrupted
from dlcli.report.figure_files import ENDINGS
from dlcli.report.figures import figures_of
from tests.cli.calls import dlcli, files, refused
from tests.exactness.runs import changed, environment, stop_after, train, write
from tests.report.test_report import CURVED

ONE_METRIC = changed(CURVED, evaluation={"metrics": ["confusion_matrix"]})
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    return train(write(folder / "table", ONE_METRIC), folder / "runs")


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "small-0001"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two figures only, which takes less time."""
    monkeypatch.setattr(drawing, "figures_of", lambda runs: figures_of(runs)[:2])


@pytest.fixture(scope="module")
def drawn(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its figures."""
    folder = tmp_path_factory.mktemp("drawn")
    call = dlcli(
        "report", made, "-o", folder / "page.html", "--figures", folder / "new" / "figures"
    )
    assert (call.code, call.out) == (0, f"{folder / 'page.html'}\n")
    count = len(files(folder / "new" / "figures")) // 3
    assert f"{count} figures in {folder / 'new' / 'figures'}" in call.err
    return folder / "new" / "figures"


def test_there_are_files_of_all_kinds(drawn: Path) -> None:
    found = files(drawn)
    assert {"loss.svg", "loss.pdf", "loss.png", "learning_rate.svg", "test_confusion_matrix.png",
            "test_roc.pdf", "test_calibration.svg"} <= found.keys()  # fmt: skip
    starts = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG"}
    assert all(data.startswith(starts[name[-3:]]) for name, data in found.items())


def test_another_process_elsewhere_writes_the_same_bytes(
    made: Path, drawn: Path, tmp_path: Path
) -> None:
    """With other settings of matplotlib, no home, another language, zone and day."""
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\naxes.facecolor: red\ntext.usetex: True\nsvg.fonttype: path\n"
        "backend: TkAgg\nno.such_word: 3\nfont.family: serif\nsavefig.dpi: 10\n"
    )
    extra = {
        "HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", "LC_ALL": "C", "LANG": "C",
        "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7", "MPLBACKEND": "TkAgg",
        "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "dlcli", "report", str(made), "-o", "page.html", "--figures", "f"],
        env=environment(**extra), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert files(tmp_path / "f") == files(drawn)
    assert done.stdout == "page.html\n"
    assert done.stderr.splitlines() == [
        f"{len(files(drawn)) // 3} figures in f, each as svg, pdf, png"
    ]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"matplotlibrc", "page.html", "f"}  # no cache of matplotlib stays


def test_settings_that_matplotlib_cannot_read_are_told(made: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00")
    done = subprocess.run(
        [sys.executable, "-m", "dlcli", "report", str(made), "-o", "page.html", "--figures", "f"],
        env=environment(PYTHONPATH=str(ROOT)), cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (
        done.returncode == 2 and "matplotlib, which draws figures, cannot be loaded" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"matplotlibrc"}


@pytest.mark.usefixtures("few")
def test_once_more_replaces_its_own(made: Path, drawn: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(drawn, tmp_path / "figures"))
    (again / "notes.txt").write_text("mine")
    call = dlcli("report", made, "-o", tmp_path / "p.html", "--figures", again, "--json")
    assert call.code == 0, call.err
    document = json.loads(call.out)
    assert document["report"] == str(tmp_path / "p.html")
    names = [Path(one).name for one in document["figures"]]
    assert names == [f"{stem}.{end}" for stem in ("loss", "learning_rate") for end in ENDINGS]
    assert files(again) == {**files(drawn), "notes.txt": b"mine"}


@pytest.mark.usefixtures("few")
def test_what_somebody_else_made_is_not_replaced(run: Path, drawn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    for kind in ("file", "folder", "link", "pipe"):
        path = folder / "loss.pdf"
        if kind == "file":
            path.write_bytes(b"%PDF-1.4 mine")
        elif kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(tmp_path / "nothing")
        else:
            os.mkfifo(path)
        told = refused(dlcli("report", run, "--figures", folder), 2)
        assert f"{path} is there and no figure of dlcli" in told
        assert [one.name for one in folder.iterdir()] == ["loss.pdf"]
        assert not (run / "report.html").exists()
        path.rmdir() if kind == "folder" else path.unlink()
    assert dlcli("report", run, "--figures", folder).code == 0
    assert (run / "report.html").read_bytes() == before
    assert files(folder).items() <= files(drawn).items() and len(files(folder)) == 6
    assert dlcli("verify", run).code == 0


@pytest.mark.usefixtures("few")
def test_a_folder_that_cannot_be_one_is_refused(run: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert "is a file" in refused(dlcli("report", run, "--figures", taken), 2)
    refused(dlcli("report", run, "--figures", "a\0b"), 2)
    page = tmp_path / "figures" / "loss.svg"
    (tmp_path / "figures").mkdir()
    told = refused(dlcli("report", run, "-o", page, "--figures", tmp_path / "figures"), 2)
    assert "also the name of a figure" in told and not page.exists()
    assert refused(dlcli("report", run, "--figures", taken / "below"), 6)
    assert taken.read_text() == "mine"


@pytest.mark.usefixtures("few")
def test_a_full_disk_leaves_whole_files(run: Path, tmp_path: Path) -> None:
    def replace(source: Path, target: Path) -> None:
        if target.name == "loss.png":
            raise OSError(errno.ENOSPC, "full")
        source.replace(target)

    with artifact_files.using(artifact_files.Operations(replace=replace)):
        told = refused(dlcli("report", run, "--figures", tmp_path / "f"), 6)
    assert "loss.png" in told and "the disk is full" in told
    assert set(files(tmp_path / "f")) == {"loss.svg", "loss.pdf"}


def test_an_unfinished_run_has_its_curves(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(write(tmp_path, ONE_METRIC), tmp_path / "runs", stop=stop_after(14))
    call = dlcli("report", tmp_path / "runs" / "small-0001", "--figures", tmp_path / "f")
    assert call.code == 0
    assert {Path(name).stem for name in files(tmp_path / "f")} == {"loss", "learning_rate"}


@pytest.mark.usefixtures("few")
def test_several_runs_share_figures(made: Path, tmp_path: Path) -> None:
    page, folder = tmp_path / "p.html", tmp_path / "f"
    assert dlcli("report", made, made, "-o", page, "--figures", folder).code == 0
    found = files(folder)
    assert {Path(name).stem for name in found} == {"loss", "val_loss"}
    assert b"2. small-0001" in found["loss.svg"]


def test_without_matplotlib_nothing_is_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (run / "report.html").unlink()
    told = refused(dlcli("report", run, "--figures", tmp_path / "f"), 2)
    assert "matplotlib, which is not installed" in told
    assert "pip install 'dlcli[figures]'" in told
    assert not (tmp_path / "f").exists() and not (run / "report.html").exists()
    document = json.loads(dlcli("report", run, "--figures", tmp_path / "f", "--json").out)
    assert document["error"]["hint"] == "pip install 'dlcli[figures]'"
    assert dlcli("report", run).code == 0  # the page needs nothing


def test_only_figures_load_matplotlib(made: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom dlcli.pipeline.report import report_runs\n"
        "report_runs([Path(sys.argv[1])], Path(sys.argv[2]))\n"
        "drawing = ('matplotlib', 'PIL', 'dlcli.report.fig')\n"
        "print([name for name in sys.modules if name.startswith(drawing)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(made), str(tmp_path / "p.html")],
        env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
