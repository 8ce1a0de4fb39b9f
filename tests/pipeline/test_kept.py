"""The end of a run says whose weights it keeps, which epoch was the best, and how to keep that."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import Call, dlcli, settings, train
from tests.cli.small import write


def told(call: Call) -> list[str]:
    """The lines about the weights, which follow the last stage."""
    lines = call.err.splitlines()
    behind = lines[next(i for i, line in enumerate(lines) if line.startswith("[5/5]")) + 1 :]
    return [line.strip() for line in behind]


def losses(run: Path) -> list[float]:
    rows = (run / "metrics.jsonl").read_text().splitlines()
    return [float(json.loads(row)["val_loss"]) for row in rows]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Its learning rate is so large that the first epochs are the best."""
    path = write(tmp_path, "trees")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("learning_rate: 0.02", "learning_rate: 0.9"), encoding="utf-8")
    return path


def test_a_last_epoch_that_was_not_the_best_is_told_with_the_remedy(
    config: Path, tmp_path: Path
) -> None:
    call = train(config, tmp_path / "r", *settings(training__keep="last", training__epochs=9))
    found = losses(call.run)
    best = found.index(min(found)) + 1
    assert best < 9, "the config must not learn for nine epochs"
    remedy = "to keep that one, set training.keep: best"
    assert told(call) == [
        "kept: the weights of epoch 9, the last",
        f"best: epoch {best} (val_loss {min(found):.4g}); {remedy}",
    ]
    assert remedy in (call.run / "train.log").read_text()
    # What is advised does what is said.
    call = train(config, tmp_path / "r", *settings(training__keep="best", training__epochs=9))
    assert told(call) == [
        f"kept: the weights of epoch {best}, the best (val_loss {min(found):.4g}); 9 was the last"
    ]


def test_a_last_epoch_that_is_the_best_needs_no_remedy(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    for keep in ("last", "best"):
        call = train(config, tmp_path / "r", *settings(training__keep=keep, training__epochs=1))
        words = f"the last and the best (val_loss {losses(call.run)[0]:.4g})"
        assert told(call) == [f"kept: the weights of epoch 1, {words}"]


def test_the_monitor_of_early_stopping_decides_what_is_best(tmp_path: Path) -> None:
    stopping = "{monitor: val_accuracy, patience: 1}"
    call = train(
        write(tmp_path, "trees"),
        tmp_path / "r",
        *settings(training__early_stopping=stopping, training__keep="last", training__epochs=30),
    )
    assert "(val_accuracy " in told(call)[-1]


def test_a_resumed_run_knows_the_best_of_all_its_epochs(config: Path, tmp_path: Path) -> None:
    whole = settings(training__keep="last", training__epochs=9)
    expected = told(train(config, tmp_path / "whole", *whole))
    part = settings(training__keep="last", training__epochs=5)
    run = train(config, tmp_path / "part", *part).run
    call = dlcli("train", "--resume", run, "--workers", "1", *settings(training__epochs=9))
    assert told(call) == expected


def test_the_document_says_the_same(config: Path, tmp_path: Path) -> None:
    for keep in ("last", "best"):
        options = settings(training__keep=keep, training__epochs=9)
        found = json.loads(train(config, tmp_path / "r", *options, "--json").out)
        values = losses(Path(found["run"]))
        best = values.index(min(values)) + 1
        assert found["best"] == {"epoch": best, "monitor": "val_loss", "value": min(values)}
        assert (found["epochs"], found["keep"]) == (9, keep)
        assert found["kept_epoch"] == (best if keep == "best" else 9)


def test_the_best_training_loss_is_no_reason_to_keep_an_epoch(config: Path, tmp_path: Path) -> None:
    """Where there is no validation part, and where early stopping looks at the training part."""
    alone = settings(data__split__validation=0, training__keep="last", training__epochs=9)
    stopping = "{monitor: loss, patience: 20}"
    looked = settings(training__early_stopping=stopping, training__keep="last", training__epochs=9)
    for words in (alone, looked):
        call = train(config, tmp_path / "r", *words)
        assert told(call) == ["kept: the weights of epoch 9, the last"]
        assert "best so far" not in call.err and "best training loss so far" in call.err
