"""Several values a row, on the command line: validate, train, predict, and what is told."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from dlcli.config import load_config
from dlcli.deploy.bundle import Bundle
from tests.cli.calls import dlcli, refused, settings, train
from tests.cli.test_standard_input import Piped
from tests.data.scenes import scenes

TEXT = """\
name: scenes
seed: 2
data:
  source: {type: npz, path: scenes.npz, target: y}
  inputs:
    image: {array: x_image, transforms: [{type: rescale, scale: 0.00392156862745098}]}
    facts: {array: x_facts, transforms: [standardize]}
model:
  layers:
    - {type: flatten, input: image}
    - {type: dense, units: 6, activation: leaky_relu, name: seen}
    - {type: dense, input: facts, units: 5, activation: tanh, name: known}
    - {type: concatenate, inputs: [seen, known]}
    - {type: dense, units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: {type: adam, learning_rate: 0.01}
training: {epochs: 2, batch_size: 32}
"""
N = 200
DATA = scenes(N)


def written(folder: Path, text: str = TEXT, **arrays: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "scenes.npz", **{**DATA, **arrays})
    path = folder / "scenes.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    return train(written(folder), folder / "runs").run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return tmp_path / "rows.npz"


NEW = scenes(20, seed=99)
IMAGES, FACTS = NEW["x_image"], NEW["x_facts"]


def by_hand(run: Path, images: Any, facts: Any) -> Any:
    """The answers of the network, in float64, from nothing but its weights and its data."""
    weights = {
        n: a.astype(np.float64) for n, a in load_file(run / "model/weights.safetensors").items()
    }
    recorded = json.loads((run / "manifest.json").read_bytes())
    assert recorded["status"] == "complete"
    constants = load_file(run / "model" / "preprocessing.safetensors")
    known = (facts - constants["facts.0.subtract"]) / constants["facts.0.divide"]
    pixels = images.astype(np.float64).reshape(len(images), -1) / 255
    seen = pixels @ weights["seen.kernel"] + weights["seen.bias"]
    seen = np.where(seen > 0, seen, 0.2 * seen)
    known = np.tanh(known @ weights["known.kernel"] + weights["known.bias"])
    both = np.concatenate([seen, known], axis=1)
    scores = both @ weights["dense_3.kernel"] + weights["dense_3.bias"]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return chances / chances.sum(axis=1, keepdims=True)


def answers(out: str) -> Any:
    lines = list(csv.DictReader(io.StringIO(out)))
    return np.array([[float(line[f"p_{number}"]) for number in range(3)] for line in lines])


def test_the_fitted_constants_are_those_of_the_training_rows(run: Path, tmp_path: Path) -> None:
    """Split by hand: the rows that are in no other part."""
    from dlcli.data import Split
    from dlcli.data.dataset import Raw, Table

    table = Table(np.arange(N)[:, np.newaxis], DATA["y"])
    part = Split().apply(Raw({"all": table}), 2).train
    facts = DATA["x_facts"][part.take_features(slice(None))[:, 0]].astype(np.float64)
    constants = load_file(run / "model" / "preprocessing.safetensors")
    np.testing.assert_allclose(constants["facts.0.subtract"], facts.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(constants["facts.0.divide"], facts.std(axis=0), rtol=1e-12)


def test_predict_gives_what_the_network_gives_by_hand(run: Path, rows: Path) -> None:
    np.savez(rows, x_image=IMAGES, x_facts=FACTS)
    call = dlcli("predict", run, rows)
    assert call.code == 0 and call.err == ""
    np.testing.assert_allclose(answers(call.out), by_hand(run, IMAGES, FACTS), atol=2e-6)
    assert np.abs(answers(call.out) - by_hand(run, IMAGES[::-1], FACTS)).max() > 0.01


def test_arrays_may_have_the_names_of_the_values_and_any_order(run: Path, rows: Path) -> None:
    np.savez(rows, x_image=IMAGES, x_facts=FACTS)
    expected = dlcli("predict", run, rows).out
    np.savez(rows, other=np.zeros(3), facts=FACTS, image=IMAGES[..., 0])
    assert dlcli("predict", run, rows).out == expected
    np.savez_compressed(rows, x_facts=FACTS, y=np.zeros(20), x_image=IMAGES)
    assert dlcli("predict", run, rows).out == expected
    document = json.loads(dlcli("predict", run, rows, "--json").out)
    assert document["rows"] == 20 and "p_0" in document["predictions"][0]


def test_a_row_gets_the_same_answer_alone_and_at_every_place(run: Path, rows: Path) -> None:
    np.savez(rows, image=IMAGES, facts=FACTS)
    together = dlcli("predict", run, rows).out.splitlines()
    for place in (0, 7, 19):
        np.savez(rows, image=IMAGES[place : place + 1], facts=FACTS[place : place + 1])
        assert dlcli("predict", run, rows).out.splitlines()[1:] == [together[1 + place]]
    bundle = Bundle.load(run / "deploy" / "bundle")
    found = bundle.predict({"image": IMAGES, "facts": FACTS})
    turned = bundle.predict({"facts": FACTS[::-1], "image": IMAGES[::-1]})
    assert turned[::-1].tobytes() == found.tobytes()
    wild = FACTS.copy()
    wild[::2] = np.inf
    with np.errstate(all="ignore"):
        assert (
            bundle.predict({"image": IMAGES, "facts": wild})[1::2].tobytes()
            == found[1::2].tobytes()
        )


def test_rows_come_through_standard_input(
    run: Path, rows: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    np.savez(rows, image=IMAGES, facts=FACTS)
    piped = Piped(monkeypatch, tmp_path / "temporary")
    assert piped.predict(rows.read_bytes(), run).out == dlcli("predict", run, rows).out
    message = refused(piped.predict(b"a,b\n1,2\n", run), 3)
    assert message.startswith("error: standard input is not an .npz archive, but the model takes")
    message = refused(piped.predict(rows.read_bytes()[:700], run), 3)
    assert "standard input is not an intact .npz archive" in message


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one array": ({"x_image": IMAGES}, "lacks the array 'x_facts' (or 'facts' and 'image', as"),
    "a name of each kind": (
        {"x_image": IMAGES, "facts": FACTS},
        "lacks the array 'x_facts' (or 'facts' and 'image', as the model calls its values); it "
        "holds 'x_image', 'facts'.",
    ),
    "nothing": ({}, "lacks the arrays 'x_facts' and 'x_image'"),
    "unlike rows": (
        {"image": IMAGES, "facts": FACTS[1:]},
        "the array 'facts' has 19 rows but 'image' has 20",
    ),
    "another width": (
        {"image": IMAGES, "facts": FACTS[:, :4]},
        "array 'facts' holds an array of shape (20, 4); the model takes rows of shape (5,)",
    ),
    "a row without an axis of rows": (
        {"image": IMAGES[0], "facts": FACTS[0]},
        "array 'facts' holds one row of shape (5,) without an axis of rows",
    ),
    "no rows": ({"image": IMAGES[:0], "facts": FACTS[:0]}, "with at least one row"),
    "not a number": ({"image": IMAGES, "facts": FACTS * np.nan}, "'facts' holds nan in row 0"),
    "text": ({"image": IMAGES, "facts": FACTS.astype("U9")}, "array 'facts' holds values of type"),
    "too large": (
        {"image": IMAGES.astype(float) * 1e300, "facts": FACTS},
        "in the input 'image' of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_refused_with_their_array(case: str, run: Path, rows: Path) -> None:
    arrays, words = BAD[case]
    np.savez(rows, **arrays)
    message = refused(dlcli("predict", run, rows), 3)
    assert words in message and str(rows) in message, message


def test_files_of_another_kind_are_refused_with_what_is_wanted(run: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", FACTS)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    wanted = "give an .npz file with the arrays 'x_facts' (n, 5) and 'x_image' (n, 16, 16, 1)"
    for name in ("rows.npy", "rows.csv", "none.npz"):
        assert wanted in refused(dlcli("predict", run, tmp_path / name), 3)


def test_a_model_of_one_value_says_what_it_takes_of_an_archive(tmp_path: Path, rows: Path) -> None:
    text = TEXT.replace("input: image, ", "").replace("{type: flatten, input: image}", "flatten")
    text = text[: text.index("  inputs:")] + text[text.index("model:") :]
    text = text.replace("target: y", "features: x_image, target: y").replace("input: facts, ", "")
    text = text.replace("    - {type: concatenate, inputs: [seen, known]}\n", "")
    one = train(written(tmp_path, text), tmp_path / "runs").run
    np.savez(rows, x_image=IMAGES)
    assert "give them as a .npy file" in refused(dlcli("predict", one, rows), 3)


def test_validate_shows_what_each_layer_reads(tmp_path: Path) -> None:
    path = written(tmp_path)
    call = dlcli("validate", path)
    assert call.code == 0 and "not checked" not in call.out
    table = {line.split("│")[1].strip(): line for line in call.out.splitlines() if "│" in line}
    assert "│ image " in table["flatten_1"] and "│ facts " in table["known"]
    layers = json.loads(dlcli("validate", path, "--json").out)["layers"]
    reads = {row["name"]: row["inputs"] for row in layers}
    assert reads["flatten_1"] == ["image"] and reads["known"] == ["facts"]
    assert reads["concatenate_1"] == ["seen.activation", "known.activation"]
    (tmp_path / "scenes.npz").unlink()
    call = dlcli("validate", path)
    assert call.code == 0 and "'scenes.npz' was not found" in call.out


WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "an unknown array": (
        "array: x_facts", "array: x_fact", {},
        "scenes.yaml:7:20: {folder}/scenes.npz has no array 'x_fact'; did you mean 'x_facts'?"),
    "an unknown target": (
        "target: y", "target: z", {}, "scenes.yaml:4:49: {folder}/scenes.npz has no array 'z'"),
    "fewer rows": (
        "", "", {"x_facts": DATA["x_facts"][1:]},
        "array 'x_facts' has 199 rows but {folder}/scenes.npz, array 'y' has 200"),
    "a transform that does not suit": (
        "[standardize]", "[standardize, {type: reshape, target_shape: [2, 3]}]", {},
        "scenes.yaml:7:55: a row of shape (5,) has 5 numbers"),
    "a column that is not there": (
        "[standardize]", "[{type: one_hot, columns: [7]}]", {},
        "scenes.yaml:7:68: there is no column '7'"),
    "a layer that cannot take it": (
        "flatten, input: image", "conv2d, filters: 2, kernel_size: 3, input: facts", {},
        "no layer reads this value"),
    "a layer that wants images": (
        "flatten, input: image", "max_pooling2d, input: facts, name: pooled}\n"
        "    - {type: flatten, input: image, name: flat}\n    - {type: concatenate, inputs: [flat, "
        "pooled]", {},
        "scenes.yaml:10:7: max_pooling2d slides over images"),
    "a number that is none": ("", "", {"x_facts": DATA["x_facts"] * np.inf}, "'x_facts' holds"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_train_refuses_is_not_valid_and_told_with_its_name(case: str, tmp_path: Path) -> None:
    old, new, arrays, words = WRONG[case]
    path = written(tmp_path, TEXT.replace(old, new), **arrays)
    trained = dlcli("train", path, "--output-dir", tmp_path / "runs")
    checked = dlcli("validate", path)
    assert trained.code in (2, 3), trained.err
    assert words.format(folder=tmp_path) in trained.err, trained.err
    assert checked.code == trained.code
    assert checked.err == trained.err[trained.err.index("error:") :]
    assert not (tmp_path / "runs").exists()


def test_what_is_odd_about_a_value_is_told_with_its_name(tmp_path: Path) -> None:
    facts = DATA["x_facts"].astype(np.float64)
    facts[:, 2] = DATA["y"] * 1.5
    facts[:, 4] = np.arange(N)
    facts[:, 0] = 1e9 + np.arange(N) % 7 / 1000
    pixels = np.repeat(DATA["x_image"].reshape(N, 1, 16, 16), 3, axis=1)
    text = TEXT.replace("transforms: [standardize]", "transforms: []")
    path = written(tmp_path, text, x_facts=facts, x_image=pixels)
    call = dlcli("validate", path, *settings(optimizer__learning_rate=1e-6))
    assert call.code == 0, call.err
    warnings = [line for line in call.out.splitlines() if line.startswith("warning: ")]
    for words in (
        "warning: input 'facts': column_3 alone tells the class",
        "warning: input 'facts': column_5 (0, 1, 2, ...) looks like an identifier",
        "warning: input 'facts': column_1 holds numbers such as 1000000000.0",
        "warning: input 'image': rows of 3x16x16 look like images",
    ):
        assert any(line.startswith(words) for line in warnings), "\n".join(warnings)
    assert any("first among data.inputs.image.transforms" in line for line in warnings)
    assert sum("out of the array 'x_facts'" in line for line in warnings) == 2


def test_parts_of_its_own_and_a_positive_class(tmp_path: Path) -> None:
    more = scenes(50, seed=5)
    yes = {"y": DATA["y"] % 2, "y2": more["y"] % 2}
    text = (
        TEXT.replace("target: y", "target: y, test_target: y2, positive_class: 0")
        .replace("array: x_image", "array: x_image, test_array: i2")
        .replace("array: x_facts", "array: x_facts, test_array: f2")
        .replace("units: 3, activation: softmax", "units: 1, activation: sigmoid")
        .replace("sparse_categorical_crossentropy", "bce")
    )
    path = written(tmp_path, text, i2=more["x_image"], f2=more["x_facts"], **yes)
    run = train(path, tmp_path / "runs").run
    found = json.loads((run / "evaluation.json").read_bytes())
    assert found["test"]["rows"] == 50 and found["test"]["positive_class"] == "0"
    assert "test.features.image" in (run / "manifest.json").read_text()
    assert dlcli("reproduce", run).code == 0


def test_one_named_value_needs_no_word_in_the_first_layer(tmp_path: Path, rows: Path) -> None:
    text = TEXT.replace("    image: {array: x_image, transforms: [{type: rescale, scale: "
                        "0.00392156862745098}]}\n", "")  # fmt: skip
    start, end = text.index("    - {type: flatten"), text.index("    - {type: dense, units: 3")
    text = text[:start] + "    - {type: dense, units: 4}\n" + text[end:]
    run = train(written(tmp_path, text), tmp_path / "runs").run
    np.savez(rows, facts=FACTS)
    assert dlcli("predict", run, rows).code == 0
    np.savez(rows, x_image=FACTS)
    assert "lacks the array 'x_facts' (or 'facts'" in refused(dlcli("predict", run, rows), 3)


def test_an_archive_of_several_arrays_leads_to_inputs(tmp_path: Path) -> None:
    text = TEXT[: TEXT.index("  inputs:")].replace(", target: y", "") + TEXT[TEXT.index("model:") :]
    text = (
        text[: text.index("    - {type: flatten")]
        + text[text.index("    - {type: dense, units: 3") :]
    )
    message = refused(dlcli("validate", written(tmp_path, text)), 3)
    assert "Arrays that make up a row together are named by `data.inputs`." in message


def test_both_values_of_the_example_are_needed(scenes: list[str], tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "configs" / "scenes.yaml"
    epochs = settings(training__epochs=7)  # half of them: enough to tell
    whole = train(path, tmp_path, *scenes, *epochs, "--expect", "accuracy>=0.95")
    assert whole.code == 0, whole.err
    config = load_config(path).resolved()
    layers = config["model"]["layers"]
    for name, own in (("image", layers[:4]), ("facts", layers[4:5])):
        inputs = {name: config["data"]["inputs"][name]}
        half = {
            **config,
            "data": {**config["data"], "inputs": inputs},
            "model": {"layers": [*own, *layers[6:]]},
        }
        (tmp_path / "half.yaml").write_text(json.dumps(half))
        gate = ("--expect", "accuracy<0.45")
        alone = train(tmp_path / "half.yaml", tmp_path, *scenes, *epochs, *gate)
        assert alone.code == 0, alone.err
