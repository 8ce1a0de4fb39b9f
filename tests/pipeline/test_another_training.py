"""A checkpoint that is whole, but of another training, is refused with what does not fit."""

from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config import load_config
from dlcli.errors import ArtifactError
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.job import Job
from dlcli.pipeline.prepare import places
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.session import Session
from tests.exactness.runs import SMALL, changed, stop_after, train, write

TRAINING = {
    "epochs": 9,
    "batch_size": 8,
    "shard_size": 4,
    "early_stopping": {"monitor": "val_loss", "patience": 8},
    "checkpoint": {"every_steps": 1},
}
CONFIG = changed(SMALL, training=TRAINING, optimizer__learning_rate=0.9)
"""Three batches an epoch; the rate is so large that many epochs are no better."""

REPORTS = {"in an epoch": 4 * 6 + 2, "at an end": 4 * 6}
"""Three steps and an epoch's end make four: six epochs, and two batches of another."""


@pytest.fixture(scope="module", params=REPORTS)
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("another")
    with pytest.raises(Interrupted):
        train(write(folder, CONFIG), folder / "runs", stop=stop_after(REPORTS[request.param]))
    return folder / "runs" / "small-0001"


def restored(run: Path, folder: Path, config: dict[str, Any]) -> Session:
    """A session of this config that goes on from the run's last checkpoint."""
    loaded = load_config(write(folder, config))
    session = Job.ready(loaded, places(folder, None), NullReporter()).session
    store = Checkpoints(RunDirectory(run))
    checkpoint = store.load()
    assert checkpoint is not None
    session.restore(checkpoint, store.history())
    return session


def test_the_same_training_goes_on_where_it_was(stopped: Path, tmp_path: Path) -> None:
    session = restored(stopped, tmp_path, CONFIG)
    progress = session.training.progress
    batch = session.training.batches * 6 - progress.step
    assert (progress.epoch, -batch) == (6, progress.batch)
    assert len(session.history.epochs) == 6 and not session.finished and not session.history.stopped
    assert session.history.best_epoch < 6
    assert session.training.batches == 3 and progress.batch in (0, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": {"type": "sgd"}}, "other vectors of the optimizer"),
        ({"optimizer": {"type": "momentum"}}, "other vectors of the optimizer"),
        ({"model__layers__0__units": 5}, "another shape or type of dense_1.kernel"),
        ({"model__layers__0__name": "mine"}, "arrays of other names"),
        ({"model__layers__0__use_bias": False}, "arrays of other names"),
        ({"training__epochs": 5}, "more epochs than there are to train"),
        ({"training__early_stopping": {"patience": 1}}, "epochs after the end"),
        ({"training__batch_size": 4}, "counters that do not agree with its epochs"),
        ({"training__batch_size": 12}, "counters that do not agree with its epochs"),
        ({"evaluation__metrics": []}, "arrays of other names"),
        ({"evaluation__metrics": ["f1"]}, "other metrics"),
        (
            {
                "data__split": {"validation": 0, "test": 0.4},
                "training__early_stopping": {"monitor": "loss", "patience": 8},
            },
            "other metrics",
        ),
    ],
    ids=str,
)
def test_another_training_does_not(
    changes: dict[str, Any], words: str, stopped: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError) as caught:
        restored(stopped, tmp_path, changed(CONFIG, **changes))
    assert f"does not belong to this config (it has {words}); it was" in str(caught.value)


@pytest.mark.parametrize("limit", [4, 17, 18, 19, 20])
def test_fewer_steps_than_were_taken_do_not(limit: int, stopped: Path, tmp_path: Path) -> None:
    config = changed(CONFIG, training__max_steps=limit)
    last = Checkpoints(RunDirectory(stopped)).load()
    assert last is not None and last.state["step"] in (18, 20)
    if limit >= last.state["step"]:
        session = restored(stopped, tmp_path, config)
        assert session.finished == (limit == last.state["step"])
        return
    words = "more steps than there are to take" if last.state["batch"] else "counters that do not"
    with pytest.raises(ArtifactError, match=words):
        restored(stopped, tmp_path, config)
