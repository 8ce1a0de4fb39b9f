"""`validate` says valid of what it looked at, and says what it did not look at."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.data.sources import columnar
from tests.cli.calls import Call, dlcli
from tests.cli.small import trees

NET = """\
data:
  source: SOURCE
  transforms: TRANSFORMS
model: {layers: [{type: dense, units: UNITS, activation: softmax}]}
loss: LOSS
optimizer: adam
training: {epochs: 1}
"""
TABLE = "{type: csv, path: trees.csv, target: kind}"


def net(
    folder: Path,
    source: str = TABLE,
    transforms: str = "[one_hot, standardize]",
    units: int = 3,
    loss: str = "sparse_categorical_crossentropy",
) -> Path:
    text = NET.replace("SOURCE", source).replace("TRANSFORMS", transforms)
    path = folder / "net.yaml"
    path.write_text(text.replace("UNITS", str(units)).replace("LOSS", loss))
    if not (folder / "trees.csv").exists():
        (folder / "trees.csv").write_text(trees(), encoding="utf-8")
    return path


def edited(old: str, new: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        text = trees()
        assert old in text
        (folder / "trees.csv").write_text(text.replace(old, new, 1), encoding="utf-8")

    return write


LINES = trees().splitlines()
CELLS = LINES[40].split(",")
WRONG: Mapping[str, tuple[Callable[[Path], None], Mapping[str, Any], str]] = {
    "text without one_hot": (lambda _: None, {"transforms": "[]"}, "olumn 'soil' holds text"),
    "a gap": (edited(LINES[40], f"{CELLS[0]},,{','.join(CELLS[2:])}"), {}, "line 41 (in the"),
    "a gap in the target": (edited(f",{CELLS[4]}\n", ",\n"), {}, "'kind' is missing"),
    "a cell of text": (edited(CELLS[1], "high"), {}, "column 'height' holds 'high'"),
    "a class too many": (edited(CELLS[4], "doum"), {}, "4 classes"),
    "too few units": (lambda _: None, {"units": 2}, "3 classes"),
    "a loss for numbers": (lambda _: None, {"loss": "mse"}, "column 'kind' holds text"),
    "no such column": (edited("girth", "girht"),
                       {"source": TABLE.replace("kind}", "kind, features: [girth]}"),
                        "transforms": "[]"}, "no column 'girth'"),
    "no header": (edited(LINES[0] + "\n", ""), {}, "looks like data"),
    "numbers too large": (edited(CELLS[1], "1e308"), {}, "overflow"),
}  # fmt: skip


def both(path: Path, folder: Path) -> tuple[Call, Call]:
    return dlcli("validate", path), dlcli("train", path, "--output-dir", folder / "runs")


@pytest.mark.parametrize("case", WRONG)
def test_what_train_refuses_is_not_valid(case: str, tmp_path: Path) -> None:
    write, options, words = WRONG[case]
    write(tmp_path)
    checked, trained = both(net(tmp_path, **options), tmp_path)
    assert trained.code in (2, 3), trained.err
    assert words in trained.err
    assert checked.code == trained.code
    assert checked.err == trained.err[trained.err.index("error:") :]
    assert "is valid" not in checked.out


@pytest.mark.parametrize(
    "case", ["text without one_hot", "a gap", "a cell of text", "a gap in the target", "no header"]
)
def test_the_first_rows_of_a_long_file_are_looked_at(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "FEW", 60)
    write, options, words = WRONG[case]
    write(tmp_path)
    checked = dlcli("validate", net(tmp_path, **options))
    assert checked.code in (2, 3), checked.out
    assert words in checked.err


def test_what_was_not_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "FEW", 30)
    edited(CELLS[1], "high")(tmp_path)  # behind the first rows
    checked = dlcli("validate", net(tmp_path))
    assert checked.code == 0, checked.err
    assert "trees.csv: the cells behind the first 30 rows" in checked.out
    assert "The layers' shapes depend on how many categories" in checked.out
    narrow = dlcli("validate", net(tmp_path, TABLE.replace("kind}", "kind, features: [girth]}"),
                                   "[standardize]"))  # fmt: skip
    assert "not checked: " in narrow.out
    assert "dense_1" in narrow.out
    path = net(tmp_path, TABLE.replace("kind}", "kind, features: [girth]}"), "[]", units=2)
    assert "3 classes" in dlcli("validate", path).err


def test_a_good_small_table_is_checked_as_a_whole(tmp_path: Path) -> None:
    checked, trained = both(net(tmp_path), tmp_path)
    assert trained.code == 0, trained.err
    assert "not checked" not in checked.out
    assert "dense_1" in checked.out and "is valid" in checked.out
    warned = [line.strip() for line in trained.err.splitlines() if "warning:" in line]
    assert warned == [line for line in checked.out.splitlines() if "warning:" in line]
    assert len(warned) == 1 and "'id' (0, 1, 2, ...)" in warned[0]


def arrays(folder: Path, rows: int) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(rows, 6))
    y = np.arange(rows) % 3
    x[rows - 5, 2] = np.nan
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "a.npz", x=x, y=y)
    return x, y


NPY = "{type: npy, features: x.npy, target: y.npy}"


@pytest.mark.parametrize("source", [NPY, "{type: npz, path: a.npz}"])
def test_arrays_are_looked_at(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcli.data.sources import arrays as sources

    arrays(tmp_path, 3000)
    path = net(tmp_path, source, "[standardize]")
    checked, trained = both(path, tmp_path)
    assert checked.code == trained.code == 3
    assert "nan in row 2995, column_3" in checked.err
    monkeypatch.setattr(sources, "FEW_BYTES", 1000)
    checked = dlcli("validate", path)
    assert checked.code == 0, checked.err
    words = "x.npy: the rows behind the first 1,000." if source == NPY else "only their headers"
    assert words in checked.out


def test_initial_weights_that_are_not_there_are_said(tmp_path: Path) -> None:
    path = net(tmp_path)
    path.write_text(path.read_text().replace("}]}", "}], initial_weights: w.safetensors}"))
    checked = dlcli("validate", path)
    assert checked.code == 0
    assert "not checked: The data file 'w.safetensors' was not found" in checked.out
    (tmp_path / "w.safetensors").write_bytes(b"no tensors")
    assert dlcli("validate", path).code == 4


def broken(
    folder: Path, name: str = "bad.yaml", old: str = "training", new: str = "trainin"
) -> Path:
    """A config with a mistake on line 7, where `training` is written otherwise."""
    path = folder / name
    path.write_text(net(folder).read_text().replace(old, new))
    return path


def test_all_files_are_checked_whatever_is_wrong_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = net(tmp_path)
    bad = broken(tmp_path)
    call = dlcli("validate", good, bad, tmp_path / "nothing.yaml", good)
    assert call.code == 2
    assert call.out.count(f"{good} is valid: 1 layers, ") == 2
    assert "dense_1" not in call.out  # the tables are of one config
    assert "unknown key `trainin`" in call.err and "nothing.yaml: there is no such" in call.err
    assert call.err.endswith("error: 2 of 4 configs are not valid\n")
    call = dlcli("validate", good, good)
    assert (call.code, call.err) == (0, "")


def test_the_document_of_several_has_one_for_each(tmp_path: Path) -> None:
    good, bad = net(tmp_path), broken(tmp_path)
    alone = json.loads(dlcli("validate", good, "--json").out)
    assert json.loads(dlcli("validate", good, "--format", "json").out) == alone
    for options in (
        ["--json"],
        ["--format=json"],
        ["--format", "json"],
        ["--json", "--format=json"],
    ):
        found = json.loads(dlcli("validate", good, good, *options).out)
        assert found == {"valid": True, "configs": [{"config": str(good), **alone}] * 2}
    call = dlcli("validate", bad, good, "--format", "json")
    found = json.loads(call.out)
    assert call.code == found["error"]["code"] == 2
    assert found["valid"] is False
    first, second = found["configs"]
    assert (first["config"], first["valid"]) == (str(bad), False)
    assert first["error"] == json.loads(dlcli("validate", bad, "--json").out)["error"]
    assert found["error"]["problems"] == first["error"]["problems"]
    assert second == {"config": str(good), **alone}


def test_a_mistake_in_a_config_counts_more_than_one_in_data(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    edited(CELLS[1], "high")(first)
    data, config = net(first), broken(second)
    assert dlcli("validate", data).code == 3
    assert dlcli("validate", data, data, "--json").code == 3
    assert dlcli("validate", data, config, "--json").code == 2


@pytest.mark.parametrize("arguments", [["--json", "--format", "github"],
                                       ["--format", "text", "--json"]])  # fmt: skip
def test_two_formats_are_one_too_many(arguments: list[str], tmp_path: Path) -> None:
    call = dlcli("validate", net(tmp_path), *arguments)
    assert call.code == 2 and "give one of them" in call.err


def test_a_format_without_its_word_is_a_mistake(tmp_path: Path) -> None:
    """As with other options, `--json` is not swallowed; and a mistake is a document then, too."""
    call = dlcli("validate", net(tmp_path), "--format", "--json")
    assert call.code == json.loads(call.out)["error"]["code"] == 2
    call = dlcli("validate", "--format", "json", "--frobnicate")
    assert call.code == json.loads(call.out)["error"]["code"] == 2


COMMAND = re.compile(r"::(error|warning) ((?:[a-z]+=[^,:\n]*,?)+)::([^\n]*)")


def annotations(call: Call) -> list[tuple[str, dict[str, str], str]]:
    """As GitHub's runner reads them: https://github.com/actions/runner, ActionCommand.cs."""
    found = []
    for line in call.out.splitlines():
        if not line.lstrip().startswith("::"):
            continue
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
        back = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
        for code, character in back.items():
            pairs = {name: text.replace(code, character) for name, text in pairs.items()}
        message = match[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        found.append((match[1], pairs, message))
    return found


def test_annotations_stand_at_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    good, bad = net(tmp_path / "configs"), broken(tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    call = dlcli("validate", bad, "--format", "github")
    assert call.code == 2
    assert "\n  " not in call.err  # no line of the file, which could be a command itself
    (one,) = annotations(call)
    kind, place, message = one
    problem = json.loads(dlcli("validate", bad, "--json").out)["error"]["problems"][0]
    assert kind == "error" and message == problem["message"]
    assert place == {
        "file": "configs/bad.yaml", "line": str(problem["line"]), "col": str(problem["column"]),
        "title": "config error",
    }  # fmt: skip
    assert annotations(dlcli("validate", "configs/../configs/bad.yaml", "--format=github")) == [one]
    monkeypatch.chdir(tmp_path / "configs")
    assert annotations(dlcli("validate", bad, "--format=github"))[0][1]["file"] == "bad.yaml"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert annotations(dlcli("validate", bad, "--format=github"))[0][1]["file"] == str(bad)
    call = dlcli("validate", good, "--format", "github")
    assert call.code == 0 and call.out.endswith("1 config is valid\n")
    ((kind, place, message),) = annotations(call)  # what the audit found
    assert kind == "warning" and place["file"] == str(good) and "'id'" in message


def test_annotations_of_data_stand_in_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(CELLS[1], "high")(tmp_path)
    monkeypatch.chdir(tmp_path)
    call = dlcli("validate", net(tmp_path), "--format", "github")
    assert call.code == 3
    ((_, place, message),) = annotations(call)
    assert "column 'height' holds 'high'" in message
    assert (place["file"], place["title"]) == ("trees.csv", "data error")
    assert place["line"] == "41"


@pytest.mark.parametrize("name", ["a,b.yaml", "a:b.yaml", "100%.yaml", "a%0Ab.yaml", "ünï.yaml"])
def test_annotations_of_odd_names_can_be_read_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = broken(tmp_path, name, "softmax", '"50 %,\\n::error::x\\r"')
    ((_, place, message),) = annotations(dlcli("validate", path, "--format", "github"))
    assert place["file"] == name
    assert "50 %," in message


def test_what_an_option_gave_is_about_the_config(tmp_path: Path) -> None:
    path = net(tmp_path)
    call = dlcli("validate", path, "--format", "github", "--set", "seed=-1")
    ((_, place, message),) = annotations(call)
    assert (
        place["file"] == str(path) and "line" not in place and message.startswith("--set seed=-1")
    )


@pytest.mark.parametrize("wrong", [9, 10, 11, 25])
def test_no_more_than_ten_annotations_are_printed(wrong: int, tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(net(tmp_path).read_text() + "".join(f"key_{i}: 1\n" for i in range(wrong)))
    found = annotations(dlcli("validate", path, "--format", "github"))
    assert len(found) == min(wrong, 10)
    assert not any("more" in message for _, _, message in found[:9])
    told = re.search(r"and (\d+) more; `dlcli validate .*many.yaml` lists them all", found[-1][2])
    assert (0 if told is None else int(told[1])) == max(0, wrong - 10)


SPARSE, ONE_HOT, BINARY = (
    "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy",
)  # fmt: skip
Net = tuple[str, int, str, str, str]
"""The source, units and activation of the last layer, the loss, a metric."""

MISMATCHED: Mapping[str, tuple[Net, str, Net]] = {
    # What does not suit, the fix in words, and the network after it.
    "too few units": (
        ("iris", 2, "softmax", SPARSE, "f1"), "3 classes and the last layer 2 outputs. Give it "
        "units: 3", ("iris", 3, "softmax", SPARSE, "f1"),
    ),
    "too few units for one-hot rows": (
        ("iris", 2, "linear", ONE_HOT, "f1"), "Give it units: 3",
        ("iris", 3, "linear", ONE_HOT, "f1"),
    ),
    "sigmoid for one of many": (
        ("iris", 3, "sigmoid", SPARSE, "f1"), "use `softmax` (or `linear`",
        ("iris", 3, "softmax", SPARSE, "f1"),
    ),
    "one sigmoid unit": (
        ("breast_cancer", 1, "sigmoid", SPARSE, "f1"), "or, for two classes by one unit, the loss "
        "`binary_crossentropy`", ("breast_cancer", 1, "sigmoid", BINARY, "f1"),
    ),
    "one unit": (
        ("breast_cancer", 1, "linear", SPARSE, "f1"), "at least 2; for one unit use binary_",
        ("breast_cancer", 1, "linear", BINARY, "f1"),
    ),
    "softmax for yes or no": (
        ("breast_cancer", 2, "softmax", BINARY, "f1"), "or, for a unit for each class, the loss "
        "`sparse_categorical_crossentropy`", ("breast_cancer", 2, "softmax", SPARSE, "f1"),
    ),
    "two units for yes or no": (
        ("breast_cancer", 2, "sigmoid", BINARY, "f1"), "needs a last layer with units: 1",
        ("breast_cancer", 1, "sigmoid", BINARY, "f1"),
    ),
    "yes or no for three": (
        ("iris", 1, "sigmoid", BINARY, "f1"), "use sparse_categorical_crossentropy and a last "
        "layer with units: 3", ("iris", 3, "linear", SPARSE, "f1"),
    ),
    "classes as numbers": (
        ("iris", 1, "linear", "mean_squared_error", "r2"), "Choose a loss for classes",
        ("iris", 3, "linear", SPARSE, "f1"),
    ),
    "numbers as classes": (
        ("friedman1", 1, "linear", BINARY, "f1"), "use a loss for numbers, such as "
        "`mean_squared_error`", ("friedman1", 1, "linear", "mean_squared_error", "r2"),
    ),
    "softmax of one": (
        ("friedman1", 1, "softmax", "mean_squared_error", "r2"), "is always 1: use 2 or more, or "
        "`sigmoid`", ("friedman1", 1, "sigmoid", "mean_squared_error", "r2"),
    ),
    "two outputs for one number": (
        ("friedman1", 2, "linear", "mean_squared_error", "r2"), "give as many outputs as a row has "
        "targets", ("friedman1", 1, "linear", "mean_squared_error", "r2"),
    ),
    "a metric of classes": (
        ("friedman1", 1, "linear", "mean_squared_error", "f1"), "available: `mean_squared_error`, "
        "`mean_absolute_error`, `r2`", ("friedman1", 1, "linear", "mean_squared_error", "r2"),
    ),
    "a metric of numbers": (
        ("iris", 3, "softmax", SPARSE, "r2"), "available: `accuracy`",
        ("iris", 3, "softmax", SPARSE, "accuracy"),
    ),
    "a metric that says nothing": (
        ("iris", 3, "softmax", SPARSE, "{type: top_k_accuracy, k: 3}"), "use a smaller `k`",
        ("iris", 3, "softmax", SPARSE, "{type: top_k_accuracy, k: 2}"),
    ),
}  # fmt: skip


def of(folder: Path, wanted: Net) -> Path:
    source, units, activation, loss, metric = wanted
    path = folder / "last.yaml"
    path.write_text(
        f"data: {{source: {source}}}\n"
        f"model: {{layers: [{{type: dense, units: {units}, activation: {activation}}}]}}\n"
        f"loss: {loss}\noptimizer: adam\ntraining: {{epochs: 1}}\n"
        f"evaluation: {{metrics: [{metric}]}}\n"
    )
    return path


@pytest.mark.parametrize("case", MISMATCHED)
def test_what_does_not_suit_is_told_with_its_fix(case: str, tmp_path: Path) -> None:
    """And who does what is said has a config that is valid."""
    wrong, words, right = MISMATCHED[case]
    checked, trained = both(of(tmp_path, wrong), tmp_path)
    assert checked.code == trained.code == 2
    assert words in checked.err and words in trained.err
    assert re.match(r"error: .*last\.yaml:\d+:\d+: ", checked.err)
    checked, trained = both(of(tmp_path, right), tmp_path)
    assert (checked.code, trained.code) == (0, 0), checked.err + trained.err
