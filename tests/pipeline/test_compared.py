"""What a reproduction tells of the epochs that it compares."""

from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.history import Epoch, digest_of_tensors
from dlcli.artifacts.manifest import Manifest, read_manifest
from dlcli.errors import DiffersError
from dlcli.pipeline import provenance
from dlcli.pipeline.reproduce import _require_identical, reproduce
from tests.exactness.runs import SMALL, changed, edit_manifest, train, write
from tests.pipeline.watching import Everything

PLAIN = changed(SMALL, training={"epochs": 4, "batch_size": 8, "shard_size": 4})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    return train(write(folder, PLAIN), folder / "runs")


def reproduced(run: Path, epochs: int | None = None, tolerance: float | None = None) -> Everything:
    reporter = Everything()
    found = reproduce(run, epochs, tolerance, None, 1, reporter)
    assert (found.epochs, found.of) == (epochs or 4, 4)
    assert bool(found.files) == (epochs in (None, 4) and tolerance is None)
    assert (found.worst, found.tolerance) == (0.0, tolerance)
    return reporter


@pytest.mark.parametrize("epochs", [None, 1, 3, 4])
@pytest.mark.parametrize(("tolerance", "remark"), [(None, "identical"), (0.5, "within tolerance")])
def test_every_compared_epoch_is_told(
    epochs: int | None, tolerance: float | None, remark: str, run: Path
) -> None:
    reporter = reproduced(run, epochs, tolerance)
    count = epochs or 4
    stages = reporter.of("stage")
    assert [(number, verb) for number, verb, _ in stages] == [
        (1, "prepare"),
        (2, "design"),
        (3, "train"),
    ]
    assert stages[2][2] == f"again, comparing {count} of 4 epochs"
    assert reporter.of("begin") == [(count, 3, 24, None)]
    assert [words[:2] for words in reporter.of("epoch")] == [
        (number, remark) for number in range(1, count + 1)
    ]
    assert len(reporter.of("step")) == 3 * count
    assert reporter.of("end") == [()]


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        (5, "the recorded run ended after epoch 4, this one goes on."),
        (3, "training ended after epoch 3, the recorded run went on to epoch 4."),
    ],
)
def test_a_run_of_another_length_is_told(epochs: int, words: str, tmp_path: Path) -> None:
    run = train(write(tmp_path, PLAIN), tmp_path / "runs")

    def lie(document: dict[str, Any]) -> None:
        document["config"]["training"]["epochs"] = epochs

    edit_manifest(run / "manifest.json", lie)
    reporter = Everything()
    with pytest.raises(DiffersError) as caught:
        reproduce(run, None, None, None, 1, reporter)
    assert str(caught.value).startswith(words)
    assert reporter.of("end") == [()]
    assert len(reporter.of("epoch")) == min(epochs, 4)


TENSORS = {"a": "1" * 64, "b": "2" * 64, "c": "3" * 64}


def compared(now: dict[str, str], known: dict[int, dict[str, str]] | None = None) -> DiffersError:
    expected = Epoch(2, 6, {"loss": 1.0}, digest_of_tensors(TENSORS))
    found = Epoch(2, 6, {"loss": 1.5}, digest_of_tensors(now))
    manifest = Manifest(
        {}, {}, 0, 1, "", provenance.versions(), tensors={2: TENSORS} if known is None else known
    )
    with pytest.raises(DiffersError) as caught:
        _require_identical(expected, found, {2: now}, manifest)
    assert caught.value.details["epoch"] == 2
    assert "loss: 1.0, now 1.5" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("a", "tensor a."),
        ("c", "tensor c."),
        ("ab", "tensor a (and 1 more tensors)."),
        ("bc", "tensor b (and 1 more tensors)."),
        ("abc", "tensor a (and 2 more tensors)."),
    ],
)
def test_the_first_tensor_that_differs_is_named_and_the_others_are_counted(
    changed: str, words: str
) -> None:
    error = compared(TENSORS | dict.fromkeys(changed, "0" * 64))
    assert str(error).startswith(f"differs: first at epoch 2, {words}")
    assert error.details["tensor"] == changed[0]


def test_without_digests_of_tensors_the_epoch_alone_is_named() -> None:
    error = compared(TENSORS | {"a": "0" * 64}, known={1: TENSORS})
    assert str(error).startswith("differs: first at epoch 2. ")
    assert "tensor" not in error.details


def test_tensors_of_other_names_are_told() -> None:
    expected = Epoch(2, 6, {}, digest_of_tensors(TENSORS))
    now = {"z": "1" * 64, "a": "1" * 64}
    with pytest.raises(DiffersError, match=r"epoch 2 has other tensors now: a, z\."):
        _require_identical(
            expected,
            Epoch(2, 6, {}, digest_of_tensors(now)),
            {2: now},
            Manifest({}, {}, 0, 1, "", provenance.versions(), tensors={2: TENSORS}),
        )


def test_equal_tensors_with_other_metrics_are_told(run: Path) -> None:
    manifest = read_manifest(run)
    expected = manifest.epochs[1]
    tensors = {expected.epoch: manifest.tensors[expected.epoch]}
    _require_identical(expected, expected, tensors, manifest)
    other = Epoch(expected.epoch, expected.step, {**expected.metrics, "loss": 9.0}, expected.digest)
    with pytest.raises(DiffersError, match="with equal tensors but other metrics"):
        _require_identical(expected, other, tensors, manifest)
