"""`--expect`: gates of `train` and `evaluate`, of all rows and of one class, and when each is
refused."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from dlcli.errors import UsageError
from dlcli.pipeline import prepare
from dlcli.pipeline.gates import Gate
from tests.cli.calls import Call, dlcli, files, refused, settings, train
from tests.cli.small import write

ODD = ("a>=0.5]", "x = y", " [b] ", "ünï]>=1")
"""Names of classes that look like parts of a gate; blanks around them are theirs in quotes."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gates")
    return train(write(folder, "trees"), folder / "runs").run


def gate(call: Call) -> dict[str, Any]:
    """The one gate of a document."""
    (found,) = json.loads(call.out)["gates"]
    assert isinstance(found, dict)
    return found


def matrix(run: Path) -> np.ndarray[Any, Any]:
    document = json.loads((run / "evaluation.json").read_bytes())
    return np.array(document["test"]["metrics"]["confusion_matrix"])


def by_class(counts: np.ndarray[Any, Any]) -> dict[str, list[float]]:
    """scikit-learn's precision, recall and f1 of every class."""
    true = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    answered = np.concatenate([np.repeat(np.arange(len(counts)), row) for row in counts])
    scores = precision_recall_fscore_support(
        true, answered, labels=range(len(counts)), zero_division=0
    )
    return dict(zip(("precision", "recall", "f1"), map(list, scores[:3]), strict=True))


def test_gates_that_are_met_are_said_to_the_person(run: Path, tmp_path: Path) -> None:
    options = ("--expect", "recall[ash]>=0", "--expect", "accuracy>-1")
    call = dlcli("evaluate", run, *options)
    recall = by_class(matrix(run))["recall"][0]
    assert f"as expected: recall[ash] {recall:.4g} >= 0; accuracy " in call.err
    call = train(write(tmp_path, "trees"), tmp_path / "r", *options)
    assert call.code == 0 and "as expected: recall[ash]" in call.err
    assert call.out == f"{call.run}\n"


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_a_gate_of_a_class_reads_scikit_learns_score(metric: str, run: Path) -> None:
    """Two of the three are not among the config's metrics."""
    expected = by_class(matrix(run))[metric]
    for index, name in enumerate(("ash", "beech", "cédre")):
        call = dlcli("evaluate", run, "--expect", f"{metric}[{name}]>=0", "--json")
        found = gate(call)
        assert found["found"] == pytest.approx(expected[index], abs=1e-12)
        assert found == {
            "expect": f"{metric}[{name}]>=0", "metric": metric, "class": name, "wanted": ">= 0",
            "found": found["found"], "part": "test", "met": True,
        }  # fmt: skip
        assert call.code == 0
        # What the run measures is the same, with gates and without.
        document = json.loads(call.out)
        del document["gates"]
        assert document == json.loads(dlcli("evaluate", run, "--json").out)


def test_a_gate_of_a_class_that_is_missed_exits_8(run: Path) -> None:
    call = dlcli("evaluate", run, "--expect", "recall[ash]>=1.5", "--expect", "accuracy>=0")
    recall = float(by_class(matrix(run))["recall"][0])
    assert call.code == 8 and "accuracy" in call.out  # the result is shown all the same
    assert call.err == f"error: not good enough: expected recall[ash] >= 1.5, got {recall!r}\n"


def test_the_part_of_a_gate_is_the_one_that_is_evaluated(run: Path) -> None:
    for part in ("train", "validation", "test"):
        arguments = ("evaluate", run, "--split", part, "--expect", "f1[ash]>=0", "--json")
        assert gate(dlcli(*arguments))["part"] == part


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recall[oak]>=0", "there is no class 'oak'; the classes are 'ash', 'beech', 'cédre'"),
        ("recall[beach]>=0", "Did you mean 'beech'?"),
        ("recall[]>=0", "there is no class ''"),
        ("accuracy[ash]>=0", "by class there are precision, recall and f1, not 'accuracy'"),
        ("f1_weighted[ash]>=0", "not 'f1_weighted'"),
        ("loss[ash]>=0", "not 'loss'"),
        ("recal[ash]>=0", "not 'recal'"),
        ("recall_per_class>=0", "name one class, 'recall[CLASS]'"),
        ("recall[ash>=0", "write a metric"),
        ("recall]ash[>=0", "write a metric"),
        ("recall[ash]", "write a metric"),
        ("recall[ash]>=", "write a metric"),
        ("recall[ash]>=0]", "write a metric"),
        ("[ash]>=0", "write a metric"),
    ],
)
def test_a_gate_that_cannot_be_is_refused_by_both(
    text: str, words: str, run: Path, tmp_path: Path
) -> None:
    assert words in refused(dlcli("evaluate", run, "--expect", text), 2)
    assert words in refused(train(write(tmp_path, "trees"), tmp_path / "r", "--expect", text), 2)
    assert not (tmp_path / "r").exists()


def test_numbers_have_no_classes(tmp_path: Path) -> None:
    config = write(tmp_path, "prices")
    message = refused(train(config, tmp_path / "r", "--expect", "recall[1]>=0"), 2)
    assert "mean_squared_error is for numbers, which have no classes" in message
    assert train(config, tmp_path / "r", "--expect", "r2>=-9", "--expect", "mae<99").code == 0


@pytest.mark.parametrize("text", ["acuracy>=0.9", "accuracy", "r2>=0", "recall[ash]>=high"])
def test_train_refuses_a_gate_before_it_reads_any_data(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(*arguments: Any) -> None:
        pytest.fail("the data was looked at")

    monkeypatch.setattr(prepare, "prepare", prepared)
    refused(train(write(tmp_path, "trees"), tmp_path / "r", "--expect", text), 2)
    assert not (tmp_path / "r").exists()


def test_train_prints_the_path_of_the_complete_run_and_exits_8(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    call = train(config, tmp_path / "r", "--expect", "accuracy>=2", "--expect", "recall[ash]<0")
    run = tmp_path / "r" / "trees-0001"
    assert (call.code, call.out) == (8, f"{run}\n")
    assert "expected accuracy >= 2, got " in call.err
    assert "expected recall[ash] < 0, got " in call.err
    assert dlcli("verify", run).code == 0
    # A gate is the command's and leaves nothing in the run.
    other = train(config, tmp_path / "other").run
    unlisted = ("environment.json", "train.log", "report.html")
    for name, content in files(run).items():
        assert name in unlisted or content == (other / name).read_bytes()


def test_the_document_of_a_missed_gate_has_the_run(tmp_path: Path) -> None:
    options = ("--expect", "accuracy>=2", "--expect", "loss>=0", "--json")
    call = train(write(tmp_path, "trees"), tmp_path / "r", *options)
    found = json.loads(call.out)
    assert call.code == 8 == found["error"]["code"] and found["error"]["kind"] == "gate"
    assert found["run"] == str(tmp_path / "r" / "trees-0001")
    missed, met = found["gates"]
    assert found["error"]["gates"] == [missed]
    assert (missed["met"], met["met"]) == (False, True)
    assert missed["found"] == found["metrics"]["test"]["metrics"]["accuracy"]


def test_a_resumed_run_is_judged_whether_it_was_finished_or_not(tmp_path: Path) -> None:
    run = train(write(tmp_path, "trees"), tmp_path / "r").run
    for text, code in (("f1[ash]>=2", 8), ("f1[ash]>=0", 0)):
        call = dlcli("train", "--resume", run, "--expect", text)
        assert (call.code, call.out) == (code, f"{run}\n")
    more = ("--set", "training.epochs=6", "--expect", "f1[ash]>=2", "--json")
    call = dlcli("train", "--resume", run, "--workers", "1", *more)
    assert call.code == 8 and json.loads(call.out)["epochs"] == 6
    assert "no class 'oak'" in refused(dlcli("train", "--resume", run, "--expect", "f1[oak]>0"), 2)


@pytest.mark.parametrize(
    ("cut", "part"),
    [([], "test"), (["test"], "validation"), (["test", "validation"], "train")],
)
def test_train_judges_the_part_that_evaluate_shows(
    cut: list[str], part: str, tmp_path: Path
) -> None:
    options = settings(**{f"data__split__{name}": 0 for name in cut}, training__keep="last")
    options += ["--expect", "recall[ash]>=0", "--expect", "accuracy>=0", "--json"]
    call = train(write(tmp_path, "trees"), tmp_path / "r", *options)
    trained = json.loads(call.out)
    assert [each["part"] for each in trained["gates"]] == [part, part]
    assert part == "train" or part in trained["metrics"]
    options = ["--expect", "recall[ash]>=0", "--expect", "accuracy>=0", "--json"]
    assert json.loads(dlcli("evaluate", trained["run"], *options).out)["gates"] == trained["gates"]


def test_classes_of_any_name_can_be_written(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    table = tmp_path / "trees.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for number, row in enumerate(rows[1:]):
        row[-1] = ODD[number % len(ODD)]
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    units = ["--set", "model.layers.2.units=4"]
    run = train(config, tmp_path / "r", *units).run
    recalls = by_class(matrix(run))["recall"]
    names = json.loads((run / "model" / "classes.json").read_bytes())["classes"]
    assert len(names) == len(ODD)
    for name, recall in zip(names, recalls, strict=True):
        found = gate(dlcli("evaluate", run, "--expect", f"recall[{name}] >= 0", "--json"))
        assert (found["class"], found["found"]) == (name, pytest.approx(recall))


def test_classes_without_names_are_their_numbers(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    np.save(tmp_path / "x.npy", draw.normal(size=(90, 3)))
    np.save(tmp_path / "y.npy", np.eye(3)[draw.integers(0, 3, 90)])
    options = settings(
        data__source="{type: npy, features: x.npy, target: y.npy}",
        data__transforms="[standardize]",
        data__split="{test: 0.4}",
        loss="categorical_crossentropy",
    )
    call = train(write(tmp_path, "trees"), tmp_path / "r", *options)
    recalls = by_class(matrix(call.run))["recall"]
    for index, recall in enumerate(recalls):
        text = f"recall[{index}]>=0"
        assert gate(dlcli("evaluate", call.run, "--expect", text, "--json"))["found"] == recall
    message = refused(dlcli("evaluate", call.run, "--expect", "recall[3]>=0"), 2)
    assert "the classes are '0', '1', '2'" in message


def test_both_of_two_classes_have_scores_of_their_own(tmp_path: Path) -> None:
    run = train(
        write(tmp_path, "yes-no"),
        tmp_path / "r",
        "--set",
        "evaluation.metrics=[accuracy, confusion_matrix]",
    ).run
    recalls = by_class(matrix(run))["recall"]
    for name, recall in zip(("benign", "malignant"), recalls, strict=True):
        found = gate(dlcli("evaluate", run, "--expect", f"recall[{name}]>=0", "--json"))
        assert found["found"] == recall


@given(st.text(), st.sampled_from([">=", "<=", "==", ">", "<"]), st.floats(allow_nan=False))
def test_every_name_between_the_brackets_is_read_as_it_is(
    name: str, sign: str, bound: float
) -> None:
    gate = Gate(f"recall[{name}]{sign}{bound!r}")
    assert (gate.metric, gate.of, gate.wanted) == ("recall", name, f"{sign} {bound!r}")
    gate.check_class([name])
    with pytest.raises(UsageError):
        gate.check_class([f"{name.strip()}?"])
