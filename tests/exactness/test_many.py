"""Folds and seeds: several runs in one directory, exact as one."""

import csv
import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from dlcli.artifacts.run_directory import PLAN
from dlcli.errors import ArtifactError, DataError, DivergedError, UsageError
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.many import resume_many, train_many, verify_many
from dlcli.pipeline.many_plan import Plan
from dlcli.pipeline.options import Options
from dlcli.pipeline.progress import NullReporter
from tests.cli.calls import dlcli, refused
from tests.drawn.drawing import draw
from tests.exactness.killing import Place, killed
from tests.exactness.runs import a_few, a_part, assert_same, content, stop_after

CONFIG = """\
data:
  source: {source}
  split: {{validation: 0.1, {split}}}
  transforms: [standardize]
model:
  layers:
    - {{type: dense, units: 8, activation: relu}}
    - {{type: dropout, rate: 0.2}}
    - {{type: dense, units: 1{activation}}}
loss: {loss}
optimizer: adam
training: {{epochs: 3, batch_size: 64, checkpoint: {{every_steps: 3}}}}
evaluation: {{metrics: [{metrics}]}}
"""
CLASSES = CONFIG.format(
    source="breast_cancer",
    split="stratify: true",
    activation=", activation: sigmoid",
    loss="binary_crossentropy",
    metrics="accuracy, balanced_accuracy, roc_auc, f1, log_loss",
)
FOLDS = 5


def train(config: Path, output: Path, stop: Any = lambda: None, workers: int = 1) -> Path:
    options = Options(workers, None, output, stop=stop)
    plan = Plan.of_folds(FOLDS, (), config.name)
    return train_many(plan, config.read_bytes(), config.absolute(), options, NullReporter())


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folds") / "c.yaml"
    path.write_text(CLASSES)
    return path


@pytest.fixture(scope="module")
def whole(config: Path) -> Path:
    return train(config, config.parent / "whole")


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "out_of_fold.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_of_the_answers_are_those_of_the_runs(whole: Path) -> None:
    table = rows(whole)
    assert [int(row["row"]) for row in table] == list(range(569))
    summary = json.loads((whole / "summary.json").read_bytes())
    values: dict[str, list[float]] = {}
    for fold in range(1, FOLDS + 1):
        mine = [row for row in table if int(row["fold"]) == fold]
        true = [row["target"] == "malignant" for row in mine]
        told = [row["class"] == "malignant" for row in mine]
        # As the network gave them: float32.
        p = np.array([row["p_malignant"] for row in mine], np.float32).astype(float)
        expected = {
            "accuracy": metrics.accuracy_score(true, told),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, told),
            "roc_auc": metrics.roc_auc_score(true, p),
            "f1": metrics.f1_score(true, told),
            "log_loss": metrics.log_loss(true, p),
        }
        run = json.loads((whole / f"fold-{fold}" / "evaluation.json").read_bytes())["test"]
        assert run["rows"] == len(mine)
        for name, value in expected.items():
            assert run["metrics"][name] == pytest.approx(value, rel=1e-6), (fold, name)
            assert summary["runs"][f"fold-{fold}"][name] == run["metrics"][name]
            values.setdefault(name, []).append(run["metrics"][name])
    for name, found in values.items():
        assert summary["mean"][name] == pytest.approx(np.mean(found), rel=1e-12)
        assert summary["spread"][name] == pytest.approx(np.std(found), rel=1e-9)
    assert set(Counter(row["fold"] for row in table).values()) <= {113, 114}


def test_any_number_of_workers_gives_the_same_bytes(config: Path, whole: Path) -> None:
    assert_same(content(train(config, config.parent / "three", workers=3)), content(whole))


@pytest.mark.parametrize("after", a_few([30, 95, 1, 9, 21, 47, 66], 2))
def test_a_stop_anywhere_is_made_good(
    config: Path, whole: Path, tmp_path: Path, after: int
) -> None:
    with pytest.raises(Interrupted) as stopped:
        train(config, tmp_path, stop_after(after))
    root = tmp_path / "c-0001"
    assert f"--resume {root}" in str(stopped.value) and f"{root}/fold" not in str(stopped.value)
    assert verify_many(root).status == "running"
    assert not (root / "summary.json").exists()
    resume_many(root, Options(2), NullReporter())
    assert_same(content(root), content(whole))
    before = content(root)
    resume_many(root, Options(2), NullReporter())
    assert_same(content(root), before)


CHAINS = 16
"""So many sets of runs are killed twice each before they may finish."""


@pytest.mark.parametrize("chain", a_part(CHAINS))
def test_killed_again_and_again_all_runs_end_the_same(
    chain: int, config: Path, whole: Path, tmp_path: Path
) -> None:
    dice = random.Random(chain)
    workers = ["--workers", str(1 + chain % 3)]
    root = tmp_path / "none yet"
    kills = 0
    while kills < 2:
        if (root / PLAN).exists():
            arguments: list[str | Path] = ["train", "--resume", root]
        else:
            arguments = ["train", config, "--folds", str(FOLDS), "--output-dir", tmp_path]
        operation = dice.random() < 0.6
        place: Place = "operation" if operation else dice.choice(["step", "in a step"])
        if killed([*arguments, *workers], place, dice.randint(1, 400 if operation else 80)):
            kills += 1
            root = max(tmp_path.glob("c-0*"), default=root)
        else:  # it was quicker than the kill: another one
            root = max(tmp_path.glob("c-0*"))
            assert_same(content(root), content(whole))
            root = tmp_path / "none yet"
    if not (root / PLAN).exists():
        return  # there is nothing to go on with, as of a run that was killed before it began
    assert not killed(["train", "--resume", root, *workers], None)
    assert_same(content(root), content(whole))


def test_what_was_killed_between_runs_goes_on(config: Path, whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "c-0001"
    shutil.copytree(whole, root, symlinks=True)
    for name in ("fold-3", "fold-5"):
        shutil.rmtree(root / name)
    (root / "fold-5").mkdir()  # claimed, and nothing in it yet
    (root / "summary.json").unlink()
    resume_many(root, Options(1), NullReporter())
    assert_same(content(root), content(whole))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "out_of_fold.csv",
            lambda text: text.replace("malignant,malignant", "malignant,benign", 1),
        ),
        ("summary.json", lambda text: text.replace("0.", "0.1", 1)),
        ("fold-2/evaluation.json", lambda text: text.replace("0.", "0.1", 1)),
        ("many.json", lambda text: text.replace('"folds"', '"fold"', 1)),
    ],
)
def test_an_edit_is_found(whole: Path, tmp_path: Path, name: str, change: Any) -> None:
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    assert verify_many(root).status == "complete"
    path = root / name
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(ArtifactError):
        verify_many(root)
    assert dlcli("verify", root).code == 4


def test_the_commands_take_all_runs_together(whole: Path, config: Path) -> None:
    call = dlcli("evaluate", whole, "--json")
    assert call.code == 0, call.err
    found, summary = json.loads(call.out), json.loads((whole / "summary.json").read_bytes())
    assert found["mean"] == summary["mean"] and found["runs"] == summary["runs"]
    assert "balanced_accuracy" in dlcli("evaluate", whole).out
    assert dlcli("evaluate", whole, "--expect", "accuracy>0").code == 0
    assert dlcli("evaluate", whole, "--expect", "accuracy>1").code == 8
    assert dlcli("reproduce", whole, "--epochs", "1").code == 0
    assert dlcli("verify", whole).code == 0
    assert "fold-1" in refused(dlcli("predict", whole, "rows.csv"), 2)
    assert dlcli("predict", whole / "fold-1", config).code == 3  # which is a run, and no rows
    with pytest.raises(UsageError, match="one of them"):
        resume_many(whole, Options(1, epochs=5), NullReporter())


def test_from_the_command_line(config: Path, tmp_path: Path) -> None:
    call = dlcli(
        "train", config, "--folds", "3", "--output-dir", tmp_path, "--expect", "accuracy>0.1",
        "--set", "training.epochs=1", "--json",
    )  # fmt: skip
    assert call.code == 0, call.err
    told = json.loads(call.out)
    assert told["kind"] == "folds" and list(told["runs"]) == ["fold-1", "fold-2", "fold-3"]
    assert told["gates"][0]["met"] and Path(told["run"]).name == "c-0001"
    shown = dlcli("train", config, "--seeds", "2", "--output-dir", tmp_path, "--set", "seed=7")
    assert shown.code == 0 and "accuracy" in shown.err and "±" in shown.err
    runs = Path(shown.out.strip())
    assert sorted(p.name for p in runs.iterdir() if p.is_dir()) == ["seed-7", "seed-8"]
    assert not (runs / "out_of_fold.csv").exists()
    assert dlcli("train", "--resume", runs).code == 0
    for words in (("--folds", "2", "--seeds", "2"), ("--folds", "1")):
        assert refused(dlcli("train", config, *words), 2)
    assert refused(dlcli("train", "--resume", runs, "--folds", "2"), 2)


def test_answers_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        CONFIG.format(
            source="{type: friedman1, samples: 120}",
            split="by: order",
            activation="",
            loss="mse",
            metrics="r2, mean_absolute_error",
        )
    )
    root = train(path, tmp_path / "runs")
    table = rows(root)
    assert [int(row["row"]) for row in table] == list(range(20, 120))  # the first are never tested
    for fold in range(1, FOLDS + 1):
        mine = [row for row in table if int(row["fold"]) == fold]
        true, told = ([float(row[name]) for row in mine] for name in ("target", "value"))
        run = json.loads((root / f"fold-{fold}" / "evaluation.json").read_bytes())["test"]
        assert run["metrics"]["r2"] == pytest.approx(metrics.r2_score(true, told), rel=1e-5)


@pytest.mark.parametrize(
    ("first", "count"), [(10_000, 5), pytest.param(20_000, 150, marks=pytest.mark.thorough)]
)
def test_folds_of_drawn_configs_are_exact_too(tmp_path: Path, first: int, count: int) -> None:
    """Configs with parts of their own are refused, and some diverge; of the others all hold."""
    learned = sum(_is_exact(tmp_path / str(seed), seed) for seed in range(first, first + count))
    assert learned >= count // 3


def _is_exact(folder: Path, seed: int) -> bool:
    config = draw(seed).write(folder)

    def run(place: str, stop: Any = lambda: None, workers: int = 1) -> Path:
        plan = Plan.of_folds(2, ("data.split.validation=0.2", "training.epochs=2"), config.name)
        options = Options(workers, None, folder / place, stop=stop)
        source = config.read_bytes()
        return train_many(plan, source, config.absolute(), options, NullReporter())

    try:
        whole = run("whole")
    except (UsageError, DataError, DivergedError):
        return False
    assert verify_many(whole).status == "complete"
    assert_same(content(run("three", workers=3)), content(whole))
    try:
        run("stopped", stop_after(4))
    except Interrupted:
        (root,) = (path for path in (folder / "stopped").iterdir() if not path.is_symlink())
        resume_many(root, Options(2), NullReporter())
        assert_same(content(root), content(whole))
    return True
