"""`dlcli report`, and the page that training writes: the same bytes, the exit codes, what it is
made of."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.history import write_history
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.errors import ArtifactError
from dlcli.pipeline import page as pages
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.report import recorded
from tests.cli.calls import dlcli, files, refused
from tests.exactness.runs import (
    CNN,
    SMALL,
    changed,
    edit_manifest,
    environment,
    resume,
    stop_after,
    train,
    write,
)
from tests.report.pages import HOSTILE, parsed, sound, titles

FIXTURES = Path(__file__).parents[1] / "fixtures"
CURVED = changed(
    SMALL,
    optimizer={"type": "sgd", "learning_rate": {"type": "cosine", "peak": 0.5}},
    training__early_stopping=None,
    evaluation={"metrics": ["accuracy", "confusion_matrix", "recall_per_class"]},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A table and pictures."""
    folder = tmp_path_factory.mktemp("made")
    return {
        "table": train(write(folder / "table", CURVED), folder / "runs"),
        "pictures": train(write(folder / "cnn", CNN), folder / "runs"),
    }


@pytest.fixture
def run(made: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made["table"], tmp_path / "small-0001"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In its fourth epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Interrupted):
        train(write(folder, CURVED), folder / "runs", stop=stop_after(14))
    return folder / "runs" / "small-0001"


def text(path: Path) -> str:
    return path.read_bytes().decode()


@pytest.mark.parametrize("name", ["table", "pictures"])
def test_a_page_is_sound_and_the_same_whenever_it_is_made(
    name: str, made: dict[str, Path], tmp_path: Path
) -> None:
    written = text(made[name] / "report.html")
    sound(written)
    assert "<script" not in written and "http" not in written
    call = dlcli("report", made[name], "-o", tmp_path / "page.html")
    assert (call.code, call.out) == (0, f"{tmp_path / 'page.html'}\n")
    assert text(tmp_path / "page.html") == written
    again = dlcli("report", made[name])
    assert again.out == f"{made[name] / 'report.html'}\n"
    assert text(made[name] / "report.html") == written
    assert dlcli("verify", made[name]).code == 0
    assert json.loads(dlcli("report", made[name], "--json").out) == {
        "report": str(made[name] / "report.html")
    }


def test_the_page_says_what_the_run_is(made: dict[str, Path]) -> None:
    run = made["table"]
    root = parsed(text(run / "report.html"))
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    told = titles(root)
    assert len([t for t in told if t.startswith("training, epoch")]) == 2 * len(rows)
    page = recorded(RunDirectory.open(run))
    assert page.curves["val_loss"] == [row["val_loss"] for row in rows]
    assert page.best == min(rows, key=lambda row: row["val_loss"])["epoch"]
    words = "".join(root.itertext())
    evaluation = json.loads((run / "evaluation.json").read_text())["test"]
    matrix = next(t for t in root.iter("table") if t.get("class") == "matrix")
    cells = [[int(str(c.text)) for c in row if c.tag == "td"] for row in matrix[1]]
    assert cells == evaluation["metrics"]["confusion_matrix"]
    assert "cut by the split" in words  # the model card's words of the data
    manifest = json.loads((run / "manifest.json").read_text())
    assert all(digest in words for digest in manifest["data"].values())
    assert manifest["files"]["model/weights.safetensors"]["sha256"] in words
    assert "dense_1" in words and "dlcli reproduce RUN" in words
    assert (run / "config.resolved.yaml").read_text() in words


def test_the_learning_rate_is_that_of_the_last_update_of_each_epoch(made: dict[str, Path]) -> None:
    page = recorded(RunDirectory.open(made["table"]))
    assert len(page.rates) == page.epochs == 8
    assert page.rates == sorted(page.rates, reverse=True)
    assert 0.45 < page.rates[0] < 0.5 and 0 < page.rates[-1] < 0.01
    assert list(recorded(RunDirectory.open(made["pictures"])).rates) == pytest.approx([0.003] * 2)


def test_a_plateau_lowers_the_rate_of_the_epochs_behind_it(tmp_path: Path) -> None:
    rate = {"type": "reduce_on_plateau", "peak": 0.1, "patience": 1, "min_delta": 100.0}
    config = changed(CURVED, optimizer={"type": "sgd", "learning_rate": rate})
    page = recorded(RunDirectory.open(train(write(tmp_path, config), tmp_path / "runs")))
    # The first epoch is the best, since nothing improves by so much.
    assert list(page.rates) == pytest.approx([0.1, 0.1, *(0.1**n for n in range(2, 8))])


def test_pictures_have_filters_and_layers_have_flops(made: dict[str, Path]) -> None:
    page = recorded(RunDirectory.open(made["pictures"]))
    assert page.filters is not None and page.filters.count == 4
    assert [len(grid) for grid in page.filters.values] == [3] * 4
    call = json.loads(dlcli("validate", made["pictures"] / "config.yaml", "--json").out)
    assert [layer.flops for layer in page.layers] == [row["flops"] for row in call["layers"]]
    root = parsed(text(made["pictures"] / "report.html"))
    assert len([t for t in titles(root) if t.startswith("filter ")]) == 4


def test_time_is_the_runs_own(made: dict[str, Path], run: Path) -> None:
    page = recorded(RunDirectory.open(run))
    stages = [timing.stage for timing in page.timings]
    assert stages == ["prepare and design", "train", "evaluate and deploy"]
    assert page.timings[1].rows == 8 * 24  # epochs, rows of the training part
    # 20 batches an epoch, of which the second is cut after 5 of 64 rows.
    (rows,) = [t.rows for t in recorded(RunDirectory.open(made["pictures"])).timings if t.rows]
    assert rows % 64 < 64 and 5 * 64 < rows < 2 * 1797
    document = json.loads((run / "environment.json").read_text())
    for wrong in (None, 5, {"train": "fast"}, {"train": None, HOSTILE: 3}, {"train": 10**390}):
        document["seconds"] = wrong
        (run / "environment.json").write_text(json.dumps(document))
        assert recorded(RunDirectory.open(run)).timings == ()


def test_a_run_without_its_environment_has_a_page(run: Path) -> None:
    for content in (None, b"{", b"[]", b'{"seconds": [], "findings": 3, "packages": 1}'):
        path = run / "environment.json"
        path.unlink() if content is None else path.write_bytes(content)
        assert dlcli("report", run).code == 0
        sound(text(run / "report.html"))


def test_what_the_environment_says_is_text(run: Path) -> None:
    document = json.loads((run / "environment.json").read_text())
    document |= {"host": HOSTILE, "command": [HOSTILE], "packages": {HOSTILE: [HOSTILE]}}
    document["findings"] = [{"code": HOSTILE, "message": 5}]
    (run / "environment.json").write_text(json.dumps(document))
    assert dlcli("report", run).code == 0
    sound(text(run / "report.html"))


def test_hostile_names_of_classes_and_columns(tmp_path: Path) -> None:
    odd = "</pre><script>alert('1')</script>&|`x"
    config = write(tmp_path, changed(CURVED, data__source__features=[odd, "b"]))
    table = tmp_path / "small.csv"
    lines = table.read_text().replace("yes", f'"{odd}"').splitlines()
    lines[0] = f'"{odd}",b,kind'
    table.write_text("\n".join(lines) + "\n")
    run = train(config, tmp_path / "runs")
    written = text(run / "report.html")
    sound(written)
    assert "<script" not in written
    assert odd[:29] in "".join(parsed(written).itertext())


def test_several_runs_overlay_their_curves(
    made: dict[str, Path], stopped: Path, tmp_path: Path
) -> None:
    output = tmp_path / "page.html"
    assert dlcli("report", made["table"], stopped, made["pictures"], "-o", output).code == 0
    written = text(output)
    sound(written)
    told = titles(parsed(written))
    for place, epochs in ((1, 8), (2, 3), (3, 2)):
        assert {t.partition(": ")[0] for t in told if t.startswith(f"run {place},")} == {
            f"run {place}, epoch {epoch}" for epoch in range(1, epochs + 1)
        }
    assert "small-0001 is not finished." in "".join(parsed(written).itertext())
    assert dlcli("report", made["table"], stopped, made["pictures"], "-o", output).code == 0
    assert text(output) == written


def test_runs_that_are_alike_have_no_differences(made: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    assert dlcli("report", made["table"], made["table"], "-o", output).code == 0
    assert text(output).count("Nothing: every ") == 4


def test_a_directory_of_several_runs_is_each_of_them(tmp_path: Path) -> None:
    config, out = write(tmp_path, changed(CURVED, training__epochs=2)), tmp_path / "runs"
    root = dlcli("train", config, "--seeds", "2", "--output-dir", out, "--workers", "1").run
    assert (root / "seed-5" / "report.html").is_file()
    assert dlcli("report", root, "-o", tmp_path / "page.html").code == 0
    words = "".join(parsed(text(tmp_path / "page.html")).itertext())
    assert "1. seed-5" in words and "2. seed-6" in words
    assert "-o FILE" in refused(dlcli("report", root), 2)
    assert dlcli("verify", root).code == 0


def test_an_unfinished_run_is_shown_and_says_so(stopped: Path, tmp_path: Path) -> None:
    before = files(stopped)
    assert not (stopped / "report.html").exists()
    assert dlcli("report", stopped, "-o", tmp_path / "page.html").code == 0
    root = parsed(text(tmp_path / "page.html"))
    words = "".join(root.itertext())
    assert "not finished: it has 3 epochs so far" in words
    assert len([t for t in titles(root) if t.startswith("validation, epoch")]) == 6
    assert files(stopped) == before


def test_a_run_that_goes_on_gets_its_page_at_the_end(
    stopped: Path, made: dict[str, Path], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(stopped, tmp_path / "small-0001"))
    shutil.copy(stopped.parents[1] / "small.csv", tmp_path / "small.csv")
    assert dlcli("report", run).code == 0
    assert dlcli("verify", run).code == 0
    resume(run)
    assert "not finished" not in text(run / "report.html")
    curves = [recorded(RunDirectory.open(one)).curves for one in (run, made["table"])]
    assert curves[0] == curves[1]
    assert dlcli("verify", run).code == 0


def test_a_run_that_somebody_works_on_is_not_written_to(run: Path, tmp_path: Path) -> None:
    (run / "report.html").unlink()
    with RunDirectory.open(run).lock():
        done = subprocess.run(
            [sys.executable, "-m", "dlcli", "report", str(run)], capture_output=True, text=True,
            env=environment(), check=False,
        )  # fmt: skip
        assert done.returncode == 5 and not (run / "report.html").exists()
        assert dlcli("report", run, "-o", tmp_path / "page.html").code == 0  # only looks


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "evaluation.json", "model/model.json", "model/weights.safetensors",
     "model/classes.json", "deploy/MODEL_CARD.md", "config.resolved.yaml"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "edited"])
def test_a_damaged_run_is_an_artifact_at_fault(name: str, damage: str, run: Path) -> None:
    before = (run / "report.html").read_bytes()
    path = run / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-2] + b" \n")
    assert name in refused(dlcli("report", run), 4)
    assert (run / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    "evaluation",
    [
        [], {"test": 1}, {"test": {"metrics": [], "rows": 1}}, {"test": {"metrics": {}}},
    ],
)  # fmt: skip
def test_an_evaluation_that_dlcli_did_not_write(evaluation: Any, run: Path) -> None:
    forge(run, evaluation)
    assert "evaluation.json" in refused(dlcli("report", run), 4)


@pytest.mark.parametrize(
    "value",
    [
        10**390, True, None, "text", [], [[]], [[1], [2, 3]], [[1, 2]], [["a", "b"], [1, 2]],
        [[-1.0, -2.0], [3.0, 1e308]], [1, "a"], [[[1, 2], [3]]], [10**390], {"a": 1},
        [[[1, 2], [3, 4]]], [[10**300, 1e300], [1, 1]],
    ],
)  # fmt: skip
def test_a_metric_of_any_shape_is_shown_or_left_out(value: Any, run: Path) -> None:
    forge(run, {HOSTILE: {"rows": 3, "metrics": {"m": value, "loss": 0.5}}})
    assert dlcli("report", run).code == 0
    sound(text(run / "report.html"))


def forge(run: Path, evaluation: Any) -> None:
    """Another evaluation, with the digest that belongs to it."""
    from hashlib import sha256

    content = json.dumps(evaluation).encode()
    (run / "evaluation.json").write_bytes(content)
    edit_manifest(
        run / "manifest.json",
        lambda document: document["files"].update(
            {"evaluation.json": {"size": len(content), "sha256": sha256(content).hexdigest()}}
        ),
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["{"], ["[]"], ['{"epoch": 2, "step": 1, "val_loss": 1.0}'],
        ['{"epoch": 1, "step": 0, "val_loss": 1.0}'],
        ['{"epoch": 1, "step": "a", "val_loss": 1.0}'],
        ['{"epoch": 1, "step": 1, "val_loss": "a"}'], ['{"epoch": 1, "step": 1}'],
    ],
)  # fmt: skip
def test_a_history_that_dlcli_did_not_write(
    lines: list[str], stopped: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(stopped, tmp_path / "small-0001"))
    (run / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    assert "metrics.jsonl" in refused(dlcli("report", run), 4)


def test_a_run_without_an_epoch_has_nothing_to_show(stopped: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(stopped, tmp_path / "small-0001"))
    write_history(RunDirectory.open(run), [])
    assert "not finished an epoch" in refused(dlcli("report", run), 2)
    assert not (run / "report.html").exists()


def test_what_is_no_run_or_no_place_is_refused(run: Path, tmp_path: Path) -> None:
    refused(dlcli("report", tmp_path / "nothing"), 2)
    refused(dlcli("report", tmp_path), 2)
    refused(dlcli("report", run / "manifest.json"), 2)
    refused(dlcli("report"), 2)
    for path in (run / "manifest.json", run / "config.yaml"):
        before = path.read_bytes()
        assert "inside the run" in refused(dlcli("report", run, "-o", path), 2)
        assert path.read_bytes() == before
    other = tmp_path / "other.html"
    other.write_text("mine")
    assert "no page of dlcli" in refused(dlcli("report", run, "-o", other), 2)
    assert other.read_text() == "mine"
    assert "is a folder" in refused(dlcli("report", run, "-o", tmp_path), 2)
    refused(dlcli("report", run, "-o", tmp_path / "no" / "folder.html"), 6)
    assert not (tmp_path / "no").exists()


def test_runs_of_earlier_versions_have_a_page(tmp_path: Path) -> None:
    for manifest in sorted(FIXTURES.glob("schema_*/*/manifest.json")):
        output = tmp_path / f"{manifest.parent.name}.html"
        call = dlcli("report", manifest.parent, "-o", output)
        assert call.code == 0, call.err
        sound(text(output))


def test_a_page_that_cannot_be_made_does_not_cost_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise ArtifactError("somebody took a file away")

    monkeypatch.setattr(pages, "described", fail)
    config = write(tmp_path, CURVED)
    call = dlcli("train", config, "--output-dir", tmp_path / "runs", "--workers", "1")
    assert call.code == 0 and "no report.html was written: somebody took" in call.err
    assert not (call.run / "report.html").exists()
    assert dlcli("verify", call.run).code == 0
    monkeypatch.undo()
    assert dlcli("report", call.run).code == 0


def test_a_page_loads_nothing_that_training_had_not_loaded(made: dict[str, Path]) -> None:
    script = """
import sys
from dlcli.pipeline import run
import dlcli.engine.schedules, dlcli.engine.optimizers
before = set(sys.modules)
from pathlib import Path
from dlcli.pipeline.report import report_runs
report_runs([Path(sys.argv[1])], Path(sys.argv[2]))
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(made["table"]), str(made["table"].parent / "p.html")],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    others = [name for name in done.stdout.split() if not name.startswith("dlcli.")]
    assert others == []
    own = re.compile(
        r"dlcli\.(report|pipeline\.(report|many_plan|page|places)|artifacts|deploy|engine)\b"
    )
    assert all(own.match(name) for name in done.stdout.split())


def test_the_page_is_shown_in_the_browser_that_is_named(run: Path, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o755)
    for named, words in ((f"{browser} %s", ""), (str(tmp_path / "absent"), "no browser was found")):
        done = subprocess.run(
            [sys.executable, "-m", "dlcli", "report", str(run), "--open"],
            env={**environment(), "BROWSER": named, "PATH": "/nowhere", "DISPLAY": ""},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == f"{run / 'report.html'}\n" and words in done.stderr
        if not words:
            assert shown.read_text() == f"{(run / 'report.html').as_uri()}\n"


@pytest.mark.parametrize("place", ["", "figures", "model"])
def test_nothing_is_written_into_a_run_that_it_does_not_know(run: Path, place: str) -> None:
    before = files(run)
    words = refused(dlcli("report", run, "--figures", run / place), 2)
    assert "inside the run" in words
    assert "inside the run" in refused(dlcli("report", run, "-o", run / place / "page.html"), 2)
    assert files(run) == before and dlcli("verify", run).code == 0
    assert dlcli("report", run, "-o", run / "report.html").code == 0
    assert files(run) == before


def test_a_data_folder_is_for_rows_alone(run: Path, tmp_path: Path) -> None:
    assert "--rows" in refused(dlcli("report", run, "--data-dir", tmp_path), 2)
