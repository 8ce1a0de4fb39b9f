"""What whoever looks on is told of a run, in order: stages, epochs and what became of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.run_directory import TRACKING, RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.config import load_config
from dlcli.engine.metrics import Subjects
from dlcli.errors import ArtifactError, DivergedError
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import SMALL, changed, stop_after, write
from tests.pipeline.watching import Everything

PLAIN = changed(SMALL, training={"epochs": 3, "batch_size": 8, "shard_size": 4})
BATCHES = 3
"""24 of the 40 rows are trained on, in batches of 8."""


def trained(folder: Path, config: dict[str, Any] = PLAIN, **options: Any) -> Everything:
    reporter = Everything()
    path = write(folder, config)
    asked = pipeline.Options(1, None, folder / "runs", **options)
    pipeline.run(load_config(path), path.read_bytes(), path, asked, reporter)
    return reporter


def resumed(folder: Path, **options: Any) -> Everything:
    reporter = Everything()
    pipeline.resume(folder / "runs" / "small-0001", pipeline.Options(1, **options), reporter)
    return reporter


def test_a_run_is_told_stage_by_stage(tmp_path: Path) -> None:
    reporter = trained(tmp_path)
    rows = "train 24  validation 8  test 8  rows of 2, 2 classes"
    assert [words[:3] for words in reporter.of("stage")] == [
        (1, "prepare", rows),
        (2, "design", reporter.of("stage")[1][2]),
        (3, "train", "adam, 3 epochs of 3 batches, 1 worker"),
        (4, "evaluate", "test: 8 rows"),
        (5, "deploy", "deploy/bundle"),
    ]
    assert reporter.of("begin") == [(3, BATCHES, 24, None)]
    steps = [(epoch, batch) for epoch in (1, 2, 3) for batch in (1, 2, 3)]
    assert reporter.of("step") == steps
    assert [words[0] for words in reporter.of("epoch")] == [1, 2, 3]
    assert reporter.of("end") == [()]
    assert reporter.of("result") == [("test", 8, Subjects(("no", "yes")))]
    kinds = [words[0] for words in reporter.told]
    an_epoch = ["step"] * BATCHES + ["epoch"]
    behind = kinds[kinds.index("begin") :]
    assert behind[: 2 + 3 * len(an_epoch)] == ["begin", *an_epoch * 3, "end"]


def test_a_run_without_a_part_to_evaluate_says_so(tmp_path: Path) -> None:
    reporter = trained(tmp_path, changed(PLAIN, data__split={"validation": 0, "test": 0}))
    assert reporter.of("stage")[3] == (4, "evaluate", "no part to evaluate")
    assert reporter.of("result") == []


def test_without_a_test_part_the_validation_part_is_shown(tmp_path: Path) -> None:
    reporter = trained(tmp_path, changed(PLAIN, data__split={"validation": 0.3, "test": 0}))
    assert reporter.of("stage")[3] == (4, "evaluate", "validation: 12 rows")
    assert [words[0] for words in reporter.of("result")] == ["validation"]


def test_without_deployment_only_the_model_is_written(tmp_path: Path) -> None:
    reporter = trained(tmp_path, changed(PLAIN, deployment={"formats": []}))
    assert reporter.of("stage")[4] == (5, "deploy", "model/ only")


def test_an_epoch_that_is_better_than_all_before_is_told_as_the_best_so_far(
    tmp_path: Path,
) -> None:
    reporter = trained(tmp_path, changed(PLAIN, training__epochs=40, optimizer__learning_rate=0.5))
    best = float("inf")
    expected = []
    for number, _, loss in reporter.of("epoch"):
        better, best = loss < best, min(best, loss)
        expected.append((number, "best so far" if better and number > 1 else "", loss))
    assert reporter.of("epoch") == expected
    assert {remark for _, remark, _ in expected} == {"best so far", ""}
    assert expected[0][1] == ""


def test_the_epoch_that_ends_training_early_says_why(tmp_path: Path) -> None:
    stopping = {"monitor": "val_loss", "patience": 2}
    config = changed(
        PLAIN,
        training__epochs=200,
        training__early_stopping=stopping,
        optimizer__learning_rate=0.5,
    )
    epochs = trained(tmp_path, config).of("epoch")
    assert len(epochs) < 200
    assert epochs[-1][1] == "no better val_loss for 2 epochs: stopping early"
    assert all(remark in ("", "best so far") for _, remark, _ in epochs[:-1])
    assert min(loss for _, _, loss in epochs) == epochs[-3][2]


@pytest.mark.parametrize(
    ("reports", "where"),
    [
        (2, "resumed at epoch 1, step 2"),
        (4, "resumed at epoch 2, step 3"),
        (7, "resumed at epoch 2, step 6"),
        (8, "resumed at epoch 3, step 6"),
        (9, "resumed at epoch 3, step 7"),
    ],
)
def test_a_resumed_run_says_from_where(reports: int, where: str, tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        trained(tmp_path, stop=stop_after(reports))
    run = tmp_path / "runs" / "small-0001"
    step = int(where.rpartition(" ")[2])
    assert str(caught.value) == (
        f"stopped after step {step}; go on with `dlcli train --resume {run}`"
    )
    reporter = resumed(tmp_path)
    assert reporter.of("stage")[2] == (3, "train", where)
    assert reporter.of("begin") == [(3, BATCHES, 24, None)]
    assert len(reporter.of("step")) == 9 - step
    assert reporter.of("end") == [()]


def test_a_resumed_run_is_told_the_epochs_before(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path, stop=stop_after(9))
    past = resumed(tmp_path).past
    rows = (tmp_path / "runs" / "small-0001" / "metrics.jsonl").read_text().splitlines()
    kept = [json.loads(row) for row in rows[: len(past)]]
    assert len(past) == 2
    assert [dict(metrics) for metrics, _ in past] == [
        {name: value for name, value in row.items() if name not in ("epoch", "step")}
        for row in kept
    ]
    assert [next(iter(metrics)) for metrics, _ in past] == ["loss"] * 2
    assert [best for _, best in past] == [True, kept[1]["val_loss"] < kept[0]["val_loss"]]


def test_a_limit_of_steps_is_told_at_the_beginning(tmp_path: Path) -> None:
    reporter = trained(tmp_path, changed(PLAIN, training__max_steps=4))
    assert reporter.of("begin") == [(3, BATCHES, 24, 4)]
    assert [words[0] for words in reporter.of("epoch")] == [1, 2]


def test_what_is_told_is_in_the_log_but_for_steps(tmp_path: Path) -> None:
    reporter = trained(tmp_path)
    log = (tmp_path / "runs" / "small-0001" / "train.log").read_text()
    for number, verb, text in reporter.of("stage")[2:]:
        assert f"  [{number}/5] {verb}: {text}\n" in log
    for number, remark, loss in reporter.of("epoch"):
        (line,) = [line for line in log.splitlines() if f"  epoch {number}, step" in line]
        assert f"epoch {number}, step {BATCHES * number}: " in line
        assert line.endswith(remark or "}") and repr(loss) in line
    for (text,) in reporter.of("say"):
        assert f"  {text}\n" in log


def test_files_that_somebody_else_has_put_into_a_run_are_named_at_its_end(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path, stop=stop_after(4))
    run = tmp_path / "runs" / "small-0001"
    others = ["a b.txt", "checkpoints/notes", "deploy/bundle/more.json", "own/folder/plot.png"]
    for name in (*others, f"{TRACKING}/events"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("x")
    (said,) = [text for (text,) in resumed(tmp_path).of("note") if "not part of this run" in text]
    assert said == (
        f"not part of this run, and `dlcli verify` will say so: {', '.join(others)}. Move what "
        f"you want to keep out of {run}"
    )
    assert said in (run / "train.log").read_text()
    with pytest.raises(ArtifactError) as caught:
        verify(RunDirectory.open(run))
    problems = [problem["file"] for problem in caught.value.details["problems"]]
    assert problems == [str(run / name) for name in others]
    for name in others:
        (run / name).unlink()
    verify(RunDirectory.open(run))


def test_a_run_with_nothing_but_its_own_files_has_nothing_to_note(tmp_path: Path) -> None:
    assert trained(tmp_path).of("note") == []
    (words,) = resumed(tmp_path).of("note")
    assert "complete already" in words[0]


@pytest.mark.parametrize("saved", [False, True])
def test_a_training_that_diverges_says_whether_a_checkpoint_is_kept(
    saved: bool, tmp_path: Path
) -> None:
    wild = changed(
        PLAIN,
        data={"source": {"type": "friedman1", "samples": 40}},
        model={"layers": [{"type": "dense", "units": 4}, {"type": "dense", "units": 1}]},
        loss={"type": "mean_squared_error"},
        optimizer={"type": "sgd", "learning_rate": 1000},
        evaluation={"metrics": []},
        training__epochs=50,
        training__checkpoint={"every_steps": 1 if saved else None, "every_epochs": None},
    )
    reporter = Everything()
    path = write(tmp_path, wild)
    options = pipeline.Options(1, None, tmp_path / "runs")
    with pytest.raises(DivergedError) as caught:
        pipeline.run(load_config(path), path.read_bytes(), path, options, reporter)
    run = tmp_path / "runs" / "small-0001"
    step = caught.value.details["step"]
    assert caught.value.details["run"] == str(run)
    message = str(caught.value)
    assert message.startswith(f"training diverged at step {step}: ")
    kept = (run / "checkpoints" / "last.safetensors").exists()
    assert (f"The checkpoint before it is kept in {run}. " in message) == kept
    assert kept == (saved and step > 2)
    assert reporter.of("end") == [()]
