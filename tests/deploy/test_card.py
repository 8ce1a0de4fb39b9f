"""The model card: what it says of every kind of network, the same bytes everywhere, and nothing in
it but words of ours that a renderer could take for Markdown."""

import csv
import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import MODEL_CARD
from dlcli.deploy.markdown import code, prose, table
from dlcli.pipeline import card_rows
from dlcli.pipeline.interruption import Interrupted
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.reproduce import reproduce
from dlcli.printable import printable
from tests.cli.calls import dlcli, refused, train
from tests.cli.small import write
from tests.data.scenes import write_scenes
from tests.exactness.runs import CNN, edit_manifest, resume, stop_after
from tests.exactness.runs import train as trained
from tests.exactness.runs import write as written

RENDERER = MarkdownIt("commonmark").enable("table")


def card(run: Path) -> str:
    return (run / MODEL_CARD).read_bytes().decode()


def rendered(text: str) -> str:
    page = RENDERER.render(text)
    assert isinstance(page, str)
    return page


def rows_below(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading or a sentence."""
    lines = text[text.index(heading) :].splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[begin:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return [found[0], *found[2:]]


# What is written of foreign texts.

_ANY = st.text(st.sampled_from("`|\\ ab<>&*_[]()!#\n$~-'\"@:/.\x1b\u202e\ud800é"), max_size=12)


def _shown(text: str) -> str:
    shown = printable(text).replace("\n", "\\n")
    shown = shown.encode("utf-8", "backslashreplace").decode()
    return shown if shown.strip(" ") else repr(shown)


@given(_ANY | st.text(max_size=60))
@example("\\|")
@example("`")
@example(" ``a`` ")
def test_a_name_is_shown_as_it_is_wherever_it_stands(text: str) -> None:
    wanted = _shown(text)
    if len(wanted) > 80:
        return
    assert rendered(f"- a {code(text)} b") == (
        f"<ul>\n<li>a <code>{html.escape(wanted, quote=True).replace('&#x27;', chr(39))}</code> b"
        "</li>\n</ul>\n"
    )
    page = rendered("\n".join(table(["x", "y"], [[code(text), "z"]])))
    found = re.search(r"<td><code>(.*?)</code></td>\s*<td>z</td>", page, re.DOTALL)
    assert found is not None
    assert html.unescape(found[1]) == wanted.replace("\\|", "\\\\x7c")


@given(_ANY | st.text(max_size=60))
def test_a_sentence_is_shown_as_it_is(text: str) -> None:
    page = rendered(f"- a {prose(text)} b")
    assert not re.search(r"<(?!/?(ul|li|code)>)", page)
    found = html.unescape(re.sub(r"</?(ul|li|code)>", "", page)).strip("\n")
    wanted = printable(text).replace("\n", "\\n").encode("utf-8", "backslashreplace").decode()
    assert found == f"a {wanted} b" or not wanted.strip() or "<code>" in page


def test_a_long_name_is_cut() -> None:
    assert code("x" * 500) == f"`{'x' * 79}…`"


# What it says.


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    return train(write(folder, "trees"), folder / "runs").run


def test_of_classes_it_has_what_training_measured(trees: Path) -> None:
    text = card(trees)
    evaluation = json.loads((trees / "evaluation.json").read_text())
    metrics = evaluation["test"]["metrics"]
    assert text.startswith("# Model card: `trees`\n")
    assert "tells 3 classes of `kind` apart" in text
    assert ["`accuracy`", f"{metrics['accuracy']:.4g}"] in rows_below(text, "### The test part")
    below = text[text.index("### The test part") :]
    (header, *rows) = rows_below(below, "| class")
    assert header == ["class", "precision", "recall", "rows"]
    matrix = np.array(metrics["confusion_matrix"])
    for k, row in enumerate(rows):
        right, said, true = matrix[k, k], matrix[:, k].sum(), matrix[k].sum()
        assert row[1:] == [f"{right / said if said else 0:.4g}", f"{right / true:.4g}", f"{true}"]
    (names, *rows) = rows_below(below, "Confusion matrix")
    assert names == ["", "`ash`", "`beech`", "`cédre`"]
    assert [[int(n) for n in row[1:]] for row in rows] == matrix.tolist()
    layers = rows_below(text, "- Seed: 4")
    assert ["`dense_2`", "`dense`", "`dropout_1`", "3", "24"] in layers
    columns = {row[0]: row[1:] for row in rows_below(text, "### Input")}
    assert columns["`soil`"] == ["texts", "`clay`, `sand`", "refused", "refused"]
    assert columns["`height`"][0] == "numbers"
    parts = {row[0]: row[2] for row in rows_below(text, "Source:")}
    assert parts == {"part": "rows", "train": "66", "validation": "24", "test": "30"}
    manifest = read_manifest(trees)
    assert manifest.config_digest in text
    assert all(digest in text for digest in manifest.data.values())
    assert manifest.files["model/weights.safetensors"].sha256 in text


def test_it_says_which_epoch_was_kept(trees: Path, tmp_path: Path) -> None:
    assert re.search(r"Kept: the weights of epoch \d of 4, the best \(`val_loss` ", card(trees))
    run = train(write(tmp_path, "prices"), tmp_path / "runs").run
    assert "Kept: the weights of epoch 3 of 3, the last; the best was epoch" in card(run)


def test_of_two_classes_it_says_which_one_is_meant(tmp_path: Path) -> None:
    text = card(train(write(tmp_path, "yes-no"), tmp_path / "runs").run)
    assert "the probability of `malignant`; above 0.5 that is the answer" in text
    (precision,) = [
        row[0] for row in rows_below(text, "### The test part") if "precision" in row[0]
    ]
    assert precision == "`precision` of `malignant`"


def test_of_numbers_it_has_the_range_of_the_target(tmp_path: Path) -> None:
    run = train(write(tmp_path, "prices"), tmp_path / "runs").run
    text = card(run)
    assert "predicts a number: the value of `height`" in text
    assert "answers are transformed back" in text
    name, low, middle, high = rows_below(text, "The value of `height`")[1]
    assert name == "`height`" and float(low) < float(middle) < float(high)
    assert "class" not in {row[0] for row in rows_below(text, "Source:")}


def test_of_images_it_has_shape_and_pixels(tmp_path: Path) -> None:
    text = card(train(write(tmp_path, "images"), tmp_path / "runs").run)
    assert "of shape 8 x 8 x 1, stored as `uint8`; pixels were 0 to 16 in training" in text
    assert "- `{type: rescale, offset: 0.0, scale: 0.0625}`" in text


def test_of_several_inputs_it_has_each(tmp_path: Path) -> None:
    write_scenes(tmp_path)
    (tmp_path / "c.yaml").write_text(Path("configs/scenes.yaml").read_text())
    run = train(
        tmp_path / "c.yaml", tmp_path / "runs", "--data-dir", tmp_path,
        "--set", "training.max_steps=3",
    ).run  # fmt: skip
    text = card(run)
    assert "- `image`: an image (height x width x channels) of shape" in text
    assert "- `facts`: numbers of shape" in text and "- `facts`: `standardize`" in text
    assert dlcli("reproduce", run, "--data-dir", tmp_path, "--workers", "2").code == 0


def arrays(folder: Path, x: Any, y: Any, units: int, loss: str, more: str = "") -> Path:
    np.savez(folder / "d.npz", x=x, y=y)
    (folder / "c.yaml").write_text(
        f"data: {{source: {{type: npz, path: d.npz}}{more}}}\n"
        f"model: {{layers: [{{type: dense, units: {units}}}]}}\nloss: {loss}\n"
        "optimizer: adam\ntraining: {epochs: 2}\n"
        + ("evaluation: {metrics: [accuracy, confusion_matrix]}\n" if loss != "mse" else "")
    )
    return train(folder / "c.yaml", folder / "runs").run


X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)


def test_of_labels_each_has_its_line(tmp_path: Path) -> None:
    y = (np.arange(240).reshape(80, 3) % [2, 3, 5] == 0).astype(np.float32)
    text = card(arrays(tmp_path, X, y, 3, "bce"))
    assert "judges 3 labels, each on its own" in text
    below = text[text.index("### The test part") :]
    header = ["label", "right no", "wrong yes", "wrong no", "right yes"]
    assert header in rows_below(below[below.index("right no") - 20 :], "| label")
    assert rows_below(below, "| label")[0] == ["label", "precision", "recall", "rows"]


def test_of_several_numbers_and_of_rows_given_back(tmp_path: Path) -> None:
    text = card(arrays(tmp_path, X, X[:, :2].astype(np.float64), 2, "mse"))
    assert "predicts 2 numbers" in text
    assert len(rows_below(text, "| target, in")) == 3
    text = card(arrays(tmp_path, X, X, 3, "mse", ", target: features"))
    assert "gives its rows back" in text and "| target, in" not in text


def test_units_without_a_class_have_a_line(tmp_path: Path) -> None:
    layers = "[{type: dense, units: 5, activation: softmax}]"
    run = train(write(tmp_path, "trees"), tmp_path / "runs", "--set", f"model.layers={layers}").run
    text = card(run)
    assert "`unit_3`, `unit_4`." in text and "`surplus_units`: " in text
    assert "Fewer than 20 training rows: 3, 4." in text


def test_of_many_classes_and_epochs_some_are_shown(tmp_path: Path) -> None:
    y = np.minimum(np.arange(400) % 40, np.arange(400) % 37)
    loss = "sparse_categorical_crossentropy"
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    run = arrays(tmp_path, x, y, 40, loss)
    text = card(run)
    assert "The 20 largest of 40 classes are shown." in text
    assert len(rows_below(text[text.index("### The test") :], "| class")) == 21
    assert len(rows_below(text, "Confusion matrix")[0]) == 21
    call = dlcli("train", "--resume", run, "--set", "training.epochs=40", "--workers", "1")
    assert call.code == 0
    lines = rows_below(card(run), "### By epoch")
    assert 10 <= len(lines) - 1 <= 12 and lines[1][0] == "1" and lines[-1][0] == "40 (kept)"
    assert "▁" in card(run)


def test_without_parts_to_judge_it_says_so(tmp_path: Path) -> None:
    y = np.arange(80) % 2
    run = arrays(tmp_path, X, y, 1, "bce", ", split: {test: 0.0, validation: 0.0}")
    assert "No part was kept apart" in card(run) and "All rows are learned." in card(run)
    run = arrays(tmp_path, X, y, 1, "bce", ", split: {test: 0.0}")
    assert "There is no test part" in card(run)


def test_of_much_data_the_first_rows_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_rows, "LOOKED_AT", 60)
    run = train(write(tmp_path, "trees"), tmp_path / "runs").run
    assert "is what the first 20 of 66 training rows hold." in card(run)


GAPS = """\
data:
  source: {type: csv, path: t.csv, target: y, kinds: {day: date}}
  transforms:
    - {type: date_parts, parts: [year]}
    - {type: impute, strategy: median, columns: [filled, day.year]}
    - {type: one_hot, columns: [open], handle_unknown: ignore}
    - {type: one_hot, columns: [strict]}
    - {type: hash, columns: [hashed], num_bins: 4}
model: {layers: [{type: dense, units: 1}]}
loss: bce
optimizer: adam
training: {epochs: 1}
"""


def gaps(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    lines = ["filled,plain,open,strict,hashed,day,y"]
    for row in range(100):
        texts = [("p", "q")[int(draw.integers(2))] for _ in range(3)]
        filled = "" if row % 9 == 0 else f"{draw.normal():.3f}"
        day = f"20{10 + row % 7}-03-0{1 + row % 9}"
        lines.append(f"{filled},{draw.normal():.3f},{','.join(texts)},{day},{row % 2}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    (folder / "c.yaml").write_text(GAPS)
    return train(folder / "c.yaml", folder / "runs").run


def test_what_it_says_of_cells_is_what_predict_does(tmp_path: Path) -> None:
    run = gaps(tmp_path)
    (header, *lines) = rows_below(card(run), "### Input")
    assert header == [
        "column", "holds", "seen in training", "missing in training", "a missing cell",
        "an unknown category",
    ]  # fmt: skip
    said = {line[0].strip("`"): line[1:] for line in lines}
    kinds = {"numbers": 2, "texts": 3, "dates": 1}
    for kind, count in kinds.items():
        assert sum(line[0] == kind for line in said.values()) == count
    assert said["day"][1] == "2010-03-01 to 2016-03-09"
    good = {"filled": "0", "plain": "0", "open": "p", "strict": "q", "hashed": "p",
            "day": "2011-01-01"}  # fmt: skip
    for name, line in said.items():
        for cell, words in (("", line[3]), ("never", line[4])):
            if cell and not words:
                continue
            with (tmp_path / "new.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(good))
                writer.writeheader()
                writer.writerow({**good, name: cell})
            code_ = dlcli("predict", run, tmp_path / "new.csv").code
            assert code_ == (3 if words == "refused" else 0), (name, cell, words)
    assert {line[3] for line in said.values()} == {"refused", "allowed"}


# Where it lies, and that it is the same everywhere.


def test_it_is_a_file_of_the_run(trees: Path, tmp_path: Path) -> None:
    assert MODEL_CARD in read_manifest(trees).files
    copy = Path(shutil.copytree(trees, tmp_path / "run"))
    (copy / MODEL_CARD).write_text("# better\n")
    assert MODEL_CARD in refused(dlcli("verify", copy), 4)


def test_workers_places_and_interruptions_change_no_byte(tmp_path: Path) -> None:
    lines = ["a,b,y", *(f"{n * 7 % 13},{n % 5},{n % 2}" for n in range(60))]
    twice = [*lines, *lines[1:]]  # so that the audit names rows of the file
    config = (
        "name: same\ndata: {source: {type: csv, path: t.csv, target: y}}\n"
        "model: {layers: [{type: dense, units: 1}]}\nloss: bce\noptimizer: adam\n"
        "training: {epochs: 3, batch_size: 8, checkpoint: {every_steps: 2}}\n"
    )
    cards = []
    for number, workers in enumerate(("1", "2")):
        folder = tmp_path / f"place {number}" / "deep"
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text("\n".join(twice) + "\n")
        (folder / "c.yaml").write_text(config)
        call = dlcli(
            "train", folder / "c.yaml", "--output-dir", folder / "runs", "--workers", workers
        )
        cards.append(card(call.run))
    assert cards[0] == cards[1]
    assert "`duplicate_rows`: " in cards[0] and "t.csv, line" in cards[0]
    assert str(tmp_path) not in cards[0] and "deep" not in cards[0]
    again = dlcli("reproduce", tmp_path / "place 0" / "deep" / "runs" / "latest", "--workers", "3")
    assert again.code == 0, again.err


def test_a_run_that_was_stopped_has_the_same_card(tmp_path: Path) -> None:
    from dlcli.config import load_config
    from dlcli.pipeline import run as pipeline

    path = written(tmp_path, CNN)
    whole = trained(path, tmp_path / "whole")
    options = pipeline.Options(1, None, tmp_path / "stopped", stop=stop_after(3))
    with pytest.raises(Interrupted):
        pipeline.run(load_config(path), path.read_bytes(), path, options, NullReporter())
    (stopped,) = (tmp_path / "stopped").glob("*-0001")
    resume(stopped)
    assert card(stopped) == card(whole)


def test_a_run_without_one_reproduces_and_it_is_said(trees: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trees, tmp_path / "run"))
    edit_manifest(run / "manifest.json", lambda document: document["files"].pop(MODEL_CARD))
    (run / MODEL_CARD).unlink()
    assert dlcli("verify", run).code == 0
    call = dlcli("reproduce", run, "--data-dir", trees.parents[1])
    assert call.code == 0, call.err
    assert f"{MODEL_CARD} is not compared: the version that made the run did not write it" in (
        " ".join(call.err.split())
    )


def test_one_with_other_words_is_a_difference_unless_versions_changed(
    trees: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trees, tmp_path / "run"))
    manifest = run / "manifest.json"
    edit_manifest(manifest, lambda d: d["files"][MODEL_CARD].update(sha256="0" * 64))
    call = dlcli("reproduce", run, "--data-dir", trees.parents[1])
    assert call.code == 10 and MODEL_CARD in call.err
    edit_manifest(manifest, lambda d: d["versions"].update(dlcli="0.0.1"))
    found = reproduce(run, None, None, trees.parents[1], 1, NullReporter())
    assert found.files == len(read_manifest(run).files) - 2  # config.yaml is not, either


HOSTILE = [
    "a|b", "<script>alert(1)</script>", "x`y``z", "[l](http://evil.example)\n# head", "t*_x_*",
    "@who www.a.b", "![i](x)\n| a | b |", "``tick", "\x1b[31mred", "&lt;b&gt;", "</td></tr>",
    "~~~\n$x$",
]  # fmt: skip


def test_nothing_foreign_is_markdown(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*HOSTILE, "text", "<y>|`"])
        for row in range(240):
            numbers = [f"{draw.normal():.3f}" for _ in HOSTILE[:-1]]
            writer.writerow([*numbers, 7, HOSTILE[row % 5], HOSTILE[row // 2 % 12]])
    (tmp_path / "c.yaml").write_text(
        "name: <img src=x onerror=alert(1)>\n"
        "data: {source: {type: csv, path: t.csv, target: '<y>|`'}, transforms: [one_hot]}\n"
        "model: {layers: [{type: dense, units: 12}]}\nloss: sparse_categorical_crossentropy\n"
        "optimizer: adam\ntraining: {epochs: 2}\n"
        "evaluation: {metrics: [accuracy, recall_per_class, confusion_matrix]}\n"
    )
    run = train(tmp_path / "c.yaml", tmp_path / "runs").run
    text = card(run)
    page = rendered(text)
    tags = set(re.findall(r"</?([a-zA-Z0-9]+)", page))
    assert tags <= {
        "h1", "h2", "h3", "p", "ul", "li", "code", "pre", "strong", "table", "thead", "tbody", "tr",
        "th", "td",
    }  # fmt: skip
    codes = {html.unescape(found) for found in re.findall(r"<code>(.*?)</code>", page, re.DOTALL)}
    assert {_shown(name) for name in HOSTILE} <= codes
    for block in re.findall(r"<table>(.*?)</table>", page, re.DOTALL):
        lines = re.findall(r"<tr>.*?</tr>", block, re.DOTALL)
        widths = {len(re.findall(r"<t[hd]\b", line)) for line in lines}
        assert len(widths) == 1
    assert "\x1b" not in text
    # GitHub makes links of addresses and names outside of code, escaped or not.
    bare = re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert not re.search(r"@|://|www\.", bare)
    # Read as plain text, tables have straight columns.
    for table_ in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(line) for line in table_.splitlines()}) == 1
    assert dlcli("reproduce", run, "--workers", "2").code == 0
