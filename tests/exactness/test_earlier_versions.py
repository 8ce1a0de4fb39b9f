"""What earlier versions left behind still means what it meant, or is refused by its version.

`tests/fixtures/schema_1` holds two finished runs of the version before schema 2 of the manifest,
their data, and what their `predict` answered to the first rows; `schema_2` three of the version
before schema 3, whose bundles held the config. One has batch normalization, decay of some arrays
and a block, one a table without a header and scaled targets, one several values a row.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcli.artifacts.digests import digest_document, readable_json
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import EVALUATION_CURVES, MODEL_CARD, RunDirectory
from dlcli.artifacts.verification import verify
from dlcli.config import load_config, load_recorded, resolved
from dlcli.config.base import Section
from dlcli.config.data import Split
from dlcli.config.resolved import cut_to
from dlcli.config.tables import Csv
from dlcli.deploy.program.files import OF_THE_PROGRAM
from dlcli.numerics import PORTABLE, numerics_class
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.finished import evaluate_run
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.reproduce import reproduce
from tests.cli.calls import dlcli
from tests.exactness.runs import (
    SMALL,
    a_few,
    assert_same,
    content,
    edit_manifest,
    resume,
    stop_after,
    write,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schema_1"
NAMES = ("flowers", "houses")


@pytest.fixture(params=a_few(NAMES, 1))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A finished run of an earlier version, as it would lie on somebody's disk."""
    run = tmp_path / f"{request.param}-0001"
    shutil.copytree(FIXTURES / run.name, run)
    return run


def command(*arguments: str | Path, expect: int = 0) -> tuple[str, str]:
    """What a command writes on stdout and stderr; in this process, whose class is asked for."""
    call = dlcli(*arguments)
    assert call.code == expect, f"exit {call.code}: {call.out}{call.err}"
    return call.out, call.err


def _same_class() -> bool:
    return numerics_class() == PORTABLE


def test_a_finished_run_of_schema_1_verifies_and_evaluates(old: Path) -> None:
    assert verify(RunDirectory(old)).status == "complete"
    out, _ = command("evaluate", old, "--data-dir", FIXTURES, "--json")
    recorded = json.loads((old / "evaluation.json").read_bytes())["test"]
    found = json.loads(out)
    assert found["rows"] == recorded["rows"]
    for name, value in recorded["metrics"].items():
        exact = 0.0 if _same_class() else 1e-4
        assert _flat(found["metrics"][name]) == pytest.approx(_flat(value), rel=max(exact, 1e-12))


def _flat(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for part in value for number in _flat(part)]
    return [value]


def test_a_finished_run_of_schema_1_predicts_as_it_did(old: Path, tmp_path: Path) -> None:
    name = old.name.removesuffix("-0001")
    rows = tmp_path / "rows.csv"
    lines = (FIXTURES / f"{name}.csv").read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:4]))
    out, _ = command("predict", old, rows)
    expected = (FIXTURES / f"{name}.predicted.csv").read_text().splitlines()
    found = out.splitlines()
    assert found[0] == expected[0] and len(found) == len(expected) == 4
    for line, recorded in zip(found[1:], expected[1:], strict=True):
        for cell, before in zip(line.split(","), recorded.split(","), strict=True):
            # Values in the target's own units have more digits now.
            assert cell == before or float(cell) == pytest.approx(float(before), rel=1e-6)


def test_a_manifest_of_schema_1_reproduces(old: Path) -> None:
    code = 0 if _same_class() else 11
    out, err = command("reproduce", old, "--data-dir", FIXTURES, expect=code)
    if code == 0:
        assert "identical" in out and "schema 1" in err


def test_a_run_that_went_on_gets_a_card(trees: Path) -> None:
    def begun(document: dict[str, Any]) -> None:
        early = ("config.yaml", "config.resolved.yaml")
        files = {name: document["files"][name] for name in early}
        document |= {"status": "running", "epochs": [], "tensors": {}, "files": files}

    edit_manifest(trees / "manifest.json", begun)
    code = 0 if _same_class() else 11
    command("train", "--resume", trees, "--data-dir", trees.parent, expect=code)
    if code == 0:
        assert MODEL_CARD in read_manifest(trees).files
        out, err = command("reproduce", trees, "--data-dir", SECOND)
        assert "identical" in out
        versions = read_manifest(trees).versions
        assert ("is not compared" in err) == any(", then " in one for one in versions.values())


def test_a_difference_from_a_manifest_of_schema_1_names_the_tensor(old: Path) -> None:
    path = old / "manifest.json"
    document = json.loads(path.read_bytes())
    document["epochs"][1]["tensors"]["dense_1.bias"] = "0" * 64
    document.pop("digest")
    path.write_bytes(readable_json(document | {"digest": digest_document(document)}))
    _, err = command("reproduce", old, "--data-dir", FIXTURES, expect=10 if _same_class() else 11)
    assert "tensor dense_1.bias" in err or not _same_class()


def test_an_unfinished_run_of_schema_1_is_refused_by_its_version(old: Path) -> None:
    path = old / "manifest.json"
    document = json.loads(path.read_bytes())
    document |= {"status": "running", "epochs": []}
    document.pop("digest")
    path.write_bytes(readable_json(document | {"digest": digest_document(document)}))
    before = content(old)
    _, err = command("train", "--resume", old, expect=4)
    assert "schema 1" in err and "0.1.0" in err
    assert_same(content(old), before)


SECOND = Path(__file__).parents[1] / "fixtures" / "schema_2"
ROWS_OF = {"trees": "trees.rows.csv", "prices": "prices.rows.csv", "scenes": "scenes.rows.npz"}


@pytest.fixture(params=a_few([*ROWS_OF], 1))
def second(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A finished run of the version before this one, on somebody's disk beside its data."""
    return _second(request.param, tmp_path)


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    return _second("trees", tmp_path)


def _second(name: str, folder: Path) -> Path:
    for data in (*SECOND.glob("*.csv"), *SECOND.glob("*.npz")):
        shutil.copy(data, folder)
    return Path(shutil.copytree(SECOND / f"{name}-0001", folder / f"{name}-0001"))


def _reproduced(run: Path, code: int = 0) -> tuple[str, str]:
    return command("reproduce", run, "--data-dir", SECOND, expect=code if _same_class() else 11)


def test_a_finished_run_of_schema_2_verifies_and_evaluates(second: Path) -> None:
    before = content(second)
    assert verify(RunDirectory(second)).status == "complete"
    assert read_manifest(second).schema == 2
    out, _ = command("evaluate", second, "--data-dir", SECOND, "--json")
    recorded = json.loads((second / "evaluation.json").read_bytes())["test"]
    found = json.loads(out)
    for name, value in recorded["metrics"].items():
        exact = pytest.approx(_flat(value), rel=1e-12 if _same_class() else 1e-4)
        assert _flat(found["metrics"][name]) == exact
    assert_same(content(second), before)


def test_a_finished_run_of_schema_2_predicts_as_it_did(second: Path) -> None:
    name = second.name.removesuffix("-0001")
    expected = (SECOND / f"{name}.predicted.csv").read_text(encoding="utf-8")
    out, _ = command("predict", second, SECOND / ROWS_OF[name])
    if _same_class():
        assert out == expected
    assert out.splitlines()[0] == expected.splitlines()[0]
    shutil.rmtree(second / "deploy")  # then `model/` answers
    document = json.loads((second / "manifest.json").read_bytes())
    gone = [file for file in document["files"] if file.startswith("deploy/")]
    edit_manifest(second / "manifest.json", lambda d: [d["files"].pop(file) for file in gone])
    assert command("predict", second, SECOND / ROWS_OF[name])[0] == out


def test_a_manifest_of_schema_2_reproduces_but_for_the_format_of_model_json(second: Path) -> None:
    out, err = _reproduced(second)
    if _same_class():
        files = read_manifest(second).files.keys() - {"config.yaml"}
        alike = [name for name in files if not name.endswith("/model.json")]
        assert len(alike) == len(files) - 2
        assert f"and so are all {len(alike)} files" in out
        assert "schema 2" in err and "model.json" in err
        told = " ".join(err.split())
        assert (
            f"{MODEL_CARD} is not compared: the version that made the run did not write it" in told
        )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("model/model.json", 0),
        ("deploy/bundle/model.json", 0),
        ("model/preprocessing.json", 10),
        ("deploy/bundle/classes.json", 10),
        ("deploy/bundle/golden.safetensors", 10),
        ("checkpoints/index.json", 10),
        ("metrics.jsonl", 10),
        ("rows.safetensors", 10),
        ("evaluation.json", 10),
    ],
)
def test_all_other_files_of_schema_2_are_compared(name: str, code: int, trees: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["files"][name]["sha256"] = "0" * 64

    edit_manifest(trees / "manifest.json", change)
    _, err = _reproduced(trees, code)
    assert not code or not _same_class() or "every epoch is identical, but the" in err


def test_metrics_of_schema_2_are_compared(trees: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["epochs"][1]["metrics"]["f1"] = document["epochs"][0]["metrics"]["f1"]

    edit_manifest(trees / "manifest.json", change)
    _, err = _reproduced(trees, 10)
    assert not _same_class() or "equal tensors but other metrics" in err


def _made(run: Path) -> dict[str, bytes]:
    """The files that training made, but for the card: earlier versions wrote none, and it names the
    versions that a run went on with."""
    return {
        name: data
        for name, data in content(run).items()
        if name != MODEL_CARD
        and name.startswith(("model/", "deploy/", "checkpoints/", "metrics", "evaluation", "rows."))
    }


def _numbers_alone(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The files, but of the histories only numbers: that of an earlier version holds lists, too."""
    found: dict[str, Any] = dict(files)
    del found["checkpoints/index.json"]  # it has the digest of the history
    for name in ("metrics.jsonl", "checkpoints/history.jsonl"):
        rows = [json.loads(line) for line in files[name].splitlines()]
        for row in rows:
            metrics = row.get("metrics", row)
            for key in [key for key, value in metrics.items() if isinstance(value, list)]:
                del metrics[key]
        found[name] = rows
    return found


def test_a_run_of_schema_2_gets_more_epochs_and_is_one_of_today(trees: Path) -> None:
    code = 0 if _same_class() else 11
    more = ("--set", "training.epochs=6")
    command("train", "--resume", trees, *more, "--data-dir", trees.parent, expect=code)
    if code == 0:
        assert verify(RunDirectory(trees)).status == "complete"
        assert read_manifest(trees).schema == 3
        shutil.copy(trees / "config.yaml", trees.parent)
        new = trees.parent / "new"
        then = ("--set", "data.source.missing=null")  # then there were no marks of missing cells
        command("train", trees.parent / "config.yaml", *more, *then, "--output-dir", new)
        after, today = _made(trees), _made(new / "trees-0001")
        assert b"val_confusion_matrix" in after["metrics.jsonl"]
        assert b"val_confusion_matrix" not in today["metrics.jsonl"]
        assert_same(_numbers_alone(after), _numbers_alone(today))


@pytest.mark.parametrize("saved", [True, False])
def test_an_unfinished_run_of_schema_2_goes_on(saved: bool, trees: Path) -> None:
    def begun(document: dict[str, Any]) -> None:
        early = ("config.yaml", "config.resolved.yaml")
        files = {name: document["files"][name] for name in early}
        document |= {"status": "running", "epochs": [], "tensors": {}, "files": files}

    before = _made(trees)
    edit_manifest(trees / "manifest.json", begun)
    assert read_manifest(trees).schema == 2
    if not saved:
        shutil.rmtree(trees / "checkpoints")
    code = 0 if _same_class() else 11
    command("train", "--resume", trees, "--data-dir", trees.parent, expect=code)
    if code == 0:
        assert verify(RunDirectory(trees)).status == "complete"
        assert read_manifest(trees).schema == 3
        after = _made(trees)
        for name in ("model/model.json", "deploy/bundle/model.json"):
            assert json.loads(before.pop(name))["schema"] == 1
            assert json.loads(after.pop(name))["schema"] == 2
        for name in ("deploy/bundle.pyz", *(f"deploy/bundle/{one}" for one in OF_THE_PROGRAM)):
            assert after.pop(name)  # bundles did not answer by themselves then
        assert after.pop(EVALUATION_CURVES)  # nothing of answers was kept
        if saved:  # its history goes on as it began, with lists among the numbers
            assert_same(after, before)
        else:
            assert b"val_confusion_matrix" not in after["metrics.jsonl"]
            assert_same(_numbers_alone(after), _numbers_alone(before))


LATER: list[tuple[type[Section], str, tuple[str, ...]]] = [
    (Split, "keep_rare", ("data", "split")),
    (Csv, "header", ("data", "source")),
    (Csv, "positive_class", ("data", "source")),
]
"""Options that came later: the class, the option, and where it stands."""


def _without(config: Mapping[str, Any], *options: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(config))
    for option, path in options:
        section = document
        for key in path:
            section = section[key]
        del section[option]
    return document


def test_an_option_that_came_later_changes_nothing_for_a_recorded_run(tmp_path: Path) -> None:
    """A run as an earlier version would have left it: without the options that it did not know."""
    path = write(tmp_path, SMALL)
    loaded = load_config(path)
    old_config = _without(resolved(loaded.config), *((name, at) for _, name, at in LATER))
    before = replace(loaded, recorded=old_config)
    assert before.resolved() == old_config

    def train(stop: Any = lambda: None, output: str = "runs") -> Path:
        options = pipeline.Options(1, None, tmp_path / output, stop=stop)
        return pipeline.run(before, path.read_bytes(), path, options, NullReporter())

    run = train()
    assert read_manifest(run).config == old_config
    assert "keep_rare" not in (run / "config.resolved.yaml").read_text()
    verify(RunDirectory(run))
    evaluate_run(run, None, None, 1, Gates(), NullReporter())
    assert reproduce(run, None, None, None, 1, NullReporter()).files
    with pytest.raises(Interrupted):
        train(stop_after(5), "stopped")
    stopped = tmp_path / "stopped" / "small-0001"
    resume(stopped)
    assert_same(content(stopped), content(run))


@pytest.mark.parametrize(("kind", "option", "path"), LATER, ids=lambda value: str(value)[-20:])
def test_a_recorded_config_without_an_option_means_what_it_meant(
    kind: type[Section], option: str, path: tuple[str, ...], tmp_path: Path
) -> None:
    loaded = load_config(write(tmp_path, SMALL))
    file = tmp_path / "recorded.yaml"
    file.write_text(json.dumps(_without(resolved(loaded.config), (option, path))))
    section: Any = load_recorded(file.read_bytes(), str(file)).config
    for key in path:
        section = getattr(section, key)
    default = kind.model_fields[option].default
    assert getattr(section, option) == kind.before.get(option, default)
    # A person's config takes the default.
    section = load_config(file).config
    for key in path:
        section = getattr(section, key)
    assert getattr(section, option) == default


def test_nothing_but_what_was_recorded_is_left() -> None:
    assert cut_to({"a": {"b": 1, "c": 2}}, {"a": {"c": 9}}) == {"a": {"c": 2}}
