"""What goes where: one line on stdout, JSON and nothing else, progress on stderr, help."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dlcli.cli.main import app
from tests.cli.calls import dlcli, train
from tests.cli.small import write


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    return train(write(folder, "trees"), folder / "runs").run


def test_train_prints_exactly_the_absolute_path_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow the terminal is, however long the path, and relative or not."""
    deep = tmp_path / ("a long name " * 6).strip() / "ünï [bold]cödé[/bold]" / "runs"
    config = write(tmp_path, "prices")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.chdir(tmp_path)
    call = train(config, deep.relative_to(tmp_path))
    assert call.out == f"{deep / 'prices-0001'}\n"
    assert train(config, deep).out == f"{deep / 'prices-0002'}\n"
    assert (deep / "latest").resolve() == deep / "prices-0002"
    assert dlcli("train", "--resume", deep / "latest").out == f"{deep / 'prices-0002'}\n"


def test_the_name_of_the_run_can_be_chosen(tmp_path: Path) -> None:
    config = write(tmp_path, "prices")
    assert train(config, tmp_path / "runs", "--name", "first try").run.name == "first try-0001"


def test_runs_go_below_the_working_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, "prices")
    monkeypatch.chdir(tmp_path)
    call = dlcli("train", config.name, "--workers", "1")
    assert call.out == f"{tmp_path / 'runs' / 'prices-0001'}\n"


def test_nothing_is_written_but_the_run(tmp_path: Path) -> None:
    config = write(tmp_path / "config", "trees")
    before = sorted(path.name for path in config.parent.iterdir())
    run = train(config, tmp_path / "runs").run
    assert sorted(path.name for path in config.parent.iterdir()) == before
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["latest", run.name]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "runs"]
    assert not [path for path in run.rglob("*") if path.name.startswith(".")]


def test_every_stage_announces_itself(tmp_path: Path) -> None:
    call = train(write(tmp_path, "trees"), tmp_path / "runs")
    lines = [line for line in call.err.splitlines() if line.startswith("[")]
    assert [line.split()[:2] for line in lines] == [
        ["[1/5]", "prepare"], ["[2/5]", "design"], ["[3/5]", "train"], ["[4/5]", "evaluate"],
        ["[5/5]", "deploy"],
    ]  # fmt: skip
    assert "train 66  validation 24  test 30  rows of 4, 3 classes" in lines[0]
    assert re.search(r"4 layers, 59 parameters", lines[1])
    epochs = re.findall(r"epoch (\d)/4  loss .* accuracy .* val_loss .* rows/s", call.err)
    assert epochs == ["1", "2", "3", "4"]


def document(*arguments: str | Path) -> Any:
    """The one JSON document on stdout."""
    call = dlcli(*arguments)
    assert call.code == 0, call.err
    assert call.out.count("\n") == 1
    return json.loads(call.out, parse_constant=pytest.fail)


def test_the_json_of_train(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    found = document("train", config, "--output-dir", tmp_path / "r", "--json", "--workers", "1")
    run = tmp_path / "r" / "trees-0001"
    assert list(found) == [
        "run", "metrics", "epochs", "keep", "kept_epoch", "best", "findings", "digests", "seconds",
    ]  # fmt: skip
    assert found["run"] == str(run)
    assert found["metrics"] == json.loads((run / "evaluation.json").read_bytes())
    losses = [
        json.loads(line)["val_loss"] for line in (run / "metrics.jsonl").read_text().splitlines()
    ]
    best = losses.index(min(losses)) + 1
    assert found["best"] == {"epoch": best, "monitor": "val_loss", "value": min(losses)}
    assert (found["epochs"], found["keep"], found["kept_epoch"]) == (4, "best", best)
    manifest = (run / "manifest.json").read_bytes()
    weights = (run / "model" / "weights.safetensors").read_bytes()
    assert found["digests"] == {
        "manifest": hashlib.sha256(manifest).hexdigest(),
        "weights": hashlib.sha256(weights).hexdigest(),
        "data": json.loads(manifest)["data"],
    }
    assert found["seconds"] > 0
    again = document("train", "--resume", found["run"], "--json")
    assert {**again, "seconds": 0} == {**found, "seconds": 0}


def test_the_json_of_train_is_not_made_of_an_edited_evaluation(tmp_path: Path) -> None:
    """Of a run that is complete, nothing else is read again."""
    run = train(write(tmp_path, "trees"), tmp_path / "r").run
    path = run / "evaluation.json"
    good = path.read_bytes()
    other = json.loads(good)
    other["test"]["metrics"]["accuracy"] = 1.0
    for content in (json.dumps(other).encode(), good + b"\n", b"", None):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        call = dlcli("train", "--resume", run, "--json")
        error = json.loads(call.out)["error"]
        assert (call.code, error["code"], error["file"]) == (4, 4, str(path))
        path.write_bytes(good)
    assert document("train", "--resume", run, "--json")["metrics"] == json.loads(good)


def test_the_json_of_init(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    found = document("init", "--example", "digits_cnn", "-o", path, "--json")
    assert found == {"config": str(path), "example": "digits_cnn"} and path.is_file()
    listed = document("init", "--list", "--json")["examples"]
    assert [set(entry) for entry in listed] == [{"name", "expected"}] * len(listed)
    assert "digits_cnn" in [entry["name"] for entry in listed]


def test_the_json_of_evaluate(run: Path) -> None:
    found = document("evaluate", run, "--json")
    assert list(found) == ["split", "rows", "metrics"]
    assert (found["split"], found["rows"]) == ("test", 30)
    assert list(found["metrics"]) == [
        "loss", "accuracy", "f1", "recall_per_class", "confusion_matrix",
    ]  # fmt: skip
    assert len(found["metrics"]["recall_per_class"]) == 3
    matrix = found["metrics"]["confusion_matrix"]
    assert [len(row) for row in matrix] == [3, 3, 3] and sum(map(sum, matrix)) == 30


def test_the_json_of_validate(run: Path) -> None:
    found = document("validate", run.parents[1] / "trees.yaml", "--json")
    assert list(found) == [
        "valid", "layers", "parameters", "trainable_parameters", "flops", "memory",
        "not_checked", "findings",
    ]  # fmt: skip
    assert found["valid"] is True and found["not_checked"] == []
    assert [row["parameters"] for row in found["layers"]] == [7 * 5 + 7 - 7, 0, 0, 24]
    found = document("validate", run.parents[1] / "trees.yaml", "--json", "--set",
                     "data.source.features=[height, girth]", "--set",
                     "data.transforms=[standardize]")  # fmt: skip
    assert found["layers"][0] == {
        "name": "dense_1", "type": "dense", "inputs": ["data"], "out_shape": [7],
        "parameters": 21, "trainable_parameters": 21, "frozen": False, "flops": 35,
    }  # fmt: skip
    assert [row["type"] for row in found["layers"]] == ["dense", "relu", "dropout", "dense"]
    assert found["parameters"] == 21 + 24


def test_the_json_of_verify(run: Path) -> None:
    found = document("verify", run, "--json")
    listed = [path for path in run.rglob("*") if path.is_file()]
    assert found["status"] == "complete"
    assert found["files"] == len(listed) - 4  # manifest, environment, log, page
    assert found["bytes"] > 1000


def test_the_json_of_reproduce(run: Path) -> None:
    found = document("reproduce", run, "--json", "--workers", "1")
    assert (found["result"], found["epochs"], found["recorded_epochs"]) == ("identical", 4, 4)
    listed = json.loads((run / "manifest.json").read_bytes())["files"]
    assert found["files"] == len(listed) - 1 and found["tolerance"] is None


def test_the_json_of_predict(run: Path) -> None:
    found = document("predict", run, run.parents[1] / "trees.csv", "--json")
    assert list(found) == ["rows", "predictions"]
    assert found["rows"] == 120 == len(found["predictions"])
    assert list(found["predictions"][0]) == ["class", "p_ash", "p_beech", "p_cédre"]


def test_the_schema_is_a_json_schema_of_the_config() -> None:
    call = dlcli("schema")
    assert dlcli("schema", "--json") == call
    schema = json.loads(call.out)
    assert call.code == 0
    assert schema["required"] == ["data", "model", "loss", "optimizer", "training"]


def test_results_for_people_name_classes_and_fit_eighty_columns(run: Path) -> None:
    call = dlcli("evaluate", run)
    assert call.code == 0
    assert "test: 30 rows" in call.out and "cédre" in call.out
    assert "confusion matrix: rows are true, columns predicted" in call.out
    assert max(map(len, call.out.splitlines())) <= 80
    assert "accuracy" in call.out


def test_the_layer_table_is_never_cut_off_in_a_pipe(run: Path) -> None:
    layers = "[{type: dense, units: 100000, name: " + "a_very_" * 9 + "}, {type: dense, units: 3}]"
    call = dlcli(
        "validate", run.parents[1] / "trees.yaml", "--set", f"model.layers={layers}", "--set",
        "data.source.features=[height, girth]", "--set", "data.transforms=[standardize]",
    )  # fmt: skip
    assert "a_very_" * 9 in call.out and "300,000" in call.out and "…" not in call.out


COMMANDS = {command.name: command.callback for command in app.registered_commands} | {
    f"{group.name} {command.name}": command.callback
    for group in app.registered_groups
    if group.typer_instance is not None
    for command in group.typer_instance.registered_commands
}


@pytest.mark.parametrize("name", sorted(str(name) for name in COMMANDS))
def test_help_tells_every_option_in_words(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    lines = result.output.splitlines()
    told = [line.split()[0] for line in lines if line.startswith("  -")]
    assert "-h," in told
    for line in lines:
        if line.startswith("  --") and not line[4:].strip().count(" "):
            position = lines.index(line)  # an option so long that its words come below
            assert lines[position + 1].strip()
    wanted = {
        "train": "--resume --output-dir --name --folds --seeds --set --expect --data-dir --workers "
        "--summary --quiet --verbose --json --debug",
        "watch": "--json --debug",
        "evaluate": "--split --expect --data-dir --workers --summary --quiet --verbose --json "
        "--debug",
        "validate": "--set --format --data-dir --json --debug",
        "predict": "-o, --format --top --proba --classes --id --skip-bad --workers --json --debug",
        "export": "--format --output --data-dir --json --debug",
        "importance": "--split --repeats --seed --metric --data-dir --workers --json --debug",
        "verify": "--json --debug",
        "reproduce": "--epochs --tolerance --data-dir --workers --summary --quiet --verbose --json "
        "--debug",
        "report": "-o, --rows --figures --data-dir --open --json --debug",
        "init": "--target -o, --example --list --json --debug",
        "describe": "--target --json --debug",
        "schema": "--json --debug",
        "doctor": "--output-dir --data-dir --json --debug",
        "list": "--json --debug",
        "explain": "--all --json --debug",
        "data list": "--data-dir --json --debug",
        "data fetch": "--all --data-dir --json --debug",
        "diff": "--exit-code --json --debug",
        "runs list": "--sort --where --csv --json --debug",
        "runs show": "--json --debug",
        "runs rm": "--dry-run --json --debug",
        "runs prune": "--keep-best --by --dry-run --json --debug",
    }
    assert told == [*wanted[name].split(), "-h,"]


def test_help_tells_every_command_and_every_exit_code() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert "..." not in result.output.partition("Commands:")[2], (
        "the first sentence of a command is too long"
    )
    for name in COMMANDS:
        assert re.search(rf"^  {str(name).split()[0]} ", result.output, re.MULTILINE)
    words = " ".join(result.output.split())
    for code in (*range(12), 130, 143):
        assert re.search(rf"\b{code}\b", words.partition("Exit codes")[2])


def test_no_command_at_all_shows_the_help() -> None:
    call = dlcli()
    assert call.code == 2 and "Commands:" in call.err + call.out


def test_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcli import __version__

    assert dlcli("--version").out == f"dlcli {__version__}\n"
