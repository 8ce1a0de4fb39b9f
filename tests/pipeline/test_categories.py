"""Categories from the table to the answers: ids with vectors, beside scikit-learn's encoders and
products that are worked out here; what is unknown to training; what is said of mistakes."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from dlcli.artifacts.documents import readable_json
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.sources import columnar
from tests.cli.calls import Call, dlcli, refused, train
from tests.deploy.test_forged import _install

Array = np.ndarray[Any, Any]
COLOURS = ("red", "red", "green", "blue", "green", "red", "grey", "über")
TOWNS = ("Ulm", "Aachen", "Bonn")
COUNT = 90


def table() -> list[tuple[float, str, str, int]]:
    draw = np.random.default_rng(8)
    found = []
    for row in range(COUNT):
        colour = "odd" if row == 40 else COLOURS[int(draw.integers(8))]
        age, town = int(draw.integers(18, 90)), TOWNS[int(draw.integers(3))]
        found.append((age, colour, town, int((age > 50) != (colour == "red"))))
    return found


ROWS = table()
NEW = [(30, "red", "Bonn"), (70, "violet", "Ulm"), (55, "odd", "Aachen"), (20, "green", "Essen")]

CONFIG = """\
data:
  source: {type: csv, path: t.csv, target: kind}
  split: {validation: 0, test: 0}
  transforms: TRANSFORMS
model:
  layers: LAYERS
loss: binary_crossentropy
optimizer: {type: adam, learning_rate: 0.05}
training: {epochs: 3, batch_size: 16, early_stopping: {monitor: loss}}
"""
IDS = "[{type: standardize, columns: [age]}, {type: category, handle_unknown: bucket, " \
    "min_frequency: 5}]"  # fmt: skip
EMBEDDED = "[{type: column_embeddings, output_dim: {colour: 3}, default_output_dim: 2}, " \
    "{type: dense, units: 1, activation: sigmoid}]"  # fmt: skip


def write(folder: Path, transforms: str = IDS, layers: str = EMBEDDED) -> Path:
    lines = ["age,colour,town,kind", *(",".join(map(str, row)) for row in ROWS)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    new = ["town,colour,age", *(f"{town},{colour},{age}" for age, colour, town in NEW)]
    (folder / "new.csv").write_text("\n".join(new) + "\n", encoding="utf-8")
    path = folder / "c.yaml"
    path.write_text(CONFIG.replace("TRANSFORMS", transforms).replace("LAYERS", layers))
    return path


def answers(call: Call) -> Array:
    assert call.code == 0, call.err
    return np.array([float(row["p_1"]) for row in csv.DictReader(io.StringIO(call.out))])


def weights(run: Path) -> dict[str, Array]:
    arrays = read_tensors(run / "deploy/bundle/weights.safetensors").arrays
    return {name: array.astype(np.float64) for name, array in arrays.items()}


def texts(rows: Any) -> Array:
    return np.array([row[1:3] for row in rows], object)


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded")
    return train(write(folder), folder / "runs").run


def test_predicted_answers_are_those_of_scikit_learns_ids_and_the_vectors(embedded: Path) -> None:
    call = dlcli("predict", embedded, embedded.parents[1] / "new.csv")
    scaler = StandardScaler().fit([[row[0]] for row in ROWS])
    ids = OrdinalEncoder(
        min_frequency=5, handle_unknown="use_encoded_value", unknown_value=-1
    ).fit(texts(ROWS))  # fmt: skip
    found = ids.transform(texts(NEW)).astype(int)
    known = [len(one) for one in ids.categories_]
    rare = [len(one) for one in ids.infrequent_categories_ if one is not None]
    assert rare == [1] and known == [6, 3]
    p = weights(embedded)
    assert p["column_embeddings_1.embeddings_1"].shape == (6, 3)  # five, and the rare ones
    assert p["column_embeddings_1.embeddings_2"].shape == (3, 2)
    assert found[1, 0] == -1 and found[3, 1] == -1
    found[1, 0] = 5  # unknown colours are with the rare; there is no rare town
    vectors = [p["column_embeddings_1.embeddings_1"][found[:, 0]]]
    vectors.append(np.vstack([p["column_embeddings_1.embeddings_2"], np.zeros(2)])[found[:, 1]])
    x = np.hstack([scaler.transform([[row[0]] for row in NEW]), *vectors])
    wanted = sigmoid(x @ p["dense_1.kernel"] + p["dense_1.bias"])[:, 0]
    np.testing.assert_allclose(answers(call), wanted, rtol=1e-5)


def test_cells_that_training_did_not_meet_are_counted_on_stderr(embedded: Path) -> None:
    call = dlcli("predict", embedded, embedded.parents[1] / "new.csv")
    assert call.err.splitlines() == [
        "warning: column 'colour': 1 of 4 cells, the first in row 1 (counted from 0), hold "
        "categories that the model was not trained on; they are taken as rare ones",
        "warning: column 'town': 1 of 4 cells, the first in row 3 (counted from 0), hold "
        "categories that the model was not trained on; they are taken as none of those it knows",
    ]
    document = json.loads(dlcli("predict", embedded, embedded.parents[1] / "new.csv", "--json").out)
    assert document["rows"] == 4


@pytest.mark.parametrize(("unknown", "theirs"), [("ignore", "ignore"),
                                                 ("bucket", "infrequent_if_exist")])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_predicted_answers_are_those_of_scikit_learns_columns_of_0_and_1(
    unknown: str, theirs: str, tmp_path: Path
) -> None:
    steps = f"[{{type: one_hot, handle_unknown: {unknown}, max_categories: 4}}, " \
        "{type: standardize, columns: numeric}]"  # fmt: skip
    config = write(tmp_path, steps, "[{type: dense, units: 1, activation: sigmoid}]")
    run = train(config, tmp_path / "runs").run
    encoder = OneHotEncoder(handle_unknown=theirs, max_categories=4, sparse_output=False)
    other = ColumnTransformer([("age", StandardScaler(), [0]), ("text", encoder, [1, 2])])
    x = other.fit(np.array([row[:3] for row in ROWS], object)).transform(np.array(NEW, object))
    p = weights(run)
    wanted = sigmoid(x.astype(float) @ p["dense_1.kernel"] + p["dense_1.bias"])[:, 0]
    np.testing.assert_allclose(answers(dlcli("predict", run, tmp_path / "new.csv")), wanted, 1e-5)


def test_what_is_refused_in_training_is_refused_in_predicting(tmp_path: Path) -> None:
    run = train(write(tmp_path, IDS.replace("bucket", "error")), tmp_path / "runs").run
    said = refused(dlcli("predict", run, tmp_path / "new.csv"), 3)
    assert "new.csv, line 3, column 'colour' holds 'violet'" in said
    assert "train with `handle_unknown: ignore` or `bucket`" in said


def test_parts_that_training_does_not_see_may_hold_more(tmp_path: Path) -> None:
    config = write(tmp_path)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    (tmp_path / "more.csv").write_text("\n".join([lines[0], "33,lila,Ulm,1", *lines[3:9]]) + "\n")
    text = config.read_text().replace("path: t.csv", "path: t.csv, test_path: more.csv")
    for unknown in ("bucket", "ignore", "error"):
        config.write_text(text.replace(", test: 0", "").replace("bucket", unknown))
        call = train(config, tmp_path / "runs")
        if unknown == "error":
            assert "line 2 (in the test part) holds 'lila'" in refused(call, 3)
        else:
            assert dlcli("evaluate", call.run).code == 0
            assert "lila" in (call.run / "deploy/bundle/preprocessing.json").read_text()


def test_the_model_says_which_columns_its_vectors_are_for(embedded: Path, tmp_path: Path) -> None:
    document = json.loads((embedded / "deploy/bundle/model.json").read_bytes())
    assert document["layers"][0] == {
        "name": "column_embeddings_1",
        "type": "column_embeddings",
        "inputs": [""],
        "columns": [[1, 6, 3], [2, 3, 2]],
    }
    expected = dlcli("predict", embedded, embedded.parents[1] / "new.csv").out
    copied = tmp_path / "runs/copy"
    shutil.copytree(embedded, copied)
    for columns in (
        [[1, 6, 3], [2, 4, 2]],
        [[0, 6, 3], [2, 3, 2]],
        [[1, 6, 3]],
        [[1, 6, 2], [2, 3, 3]],
        [[2, 3, 2], [1, 6, 3]],
        [[1, 6, 3], [2, 3, 2], [3, 1, 1]],
    ):
        document["layers"][0]["columns"] = columns
        _install(copied, "deploy/bundle/model.json", readable_json(document))
        call = dlcli("predict", copied, embedded.parents[1] / "new.csv")
        assert call.code == 4 and call.out != expected, columns


def test_steps_that_were_changed_are_no_steps_of_the_run(embedded: Path, tmp_path: Path) -> None:
    copied = tmp_path / "runs/copy"
    shutil.copytree(embedded, copied)
    name = "deploy/bundle/preprocessing.json"
    for key, value in (("type", "one_hot"), ("handle_unknown", "ignore"), ("categories", [])):
        document = json.loads((embedded / name).read_bytes())
        document["steps"][1][key] = value
        _install(copied, name, readable_json(document))
        assert dlcli("predict", copied, embedded.parents[1] / "new.csv").code == 4, key
    assert RunDirectory(copied).path(name).is_file()


DENSE = "{type: dense, units: 1, activation: sigmoid}"


@pytest.mark.parametrize(
    ("transforms", "layers", "words"),
    [
        ("[one_hot]", EMBEDDED, "c.yaml:6:12: `column_embeddings` needs columns of ids: put"),
        (
            IDS,
            f"[{{type: dense, units: 2}}, column_embeddings, {DENSE}]",
            "c.yaml:6:37: `column_embeddings` replaces columns of the data, but what `dense_1`",
        ),
        (IDS, f"[column_embeddings, {DENSE}]", "how long the vectors of the column 'colour' are"),
        (
            IDS,
            EMBEDDED.replace("{colour:", "{color:"),
            "there is no column 'color'; did you mean 'colour'?",
        ),
        (IDS, EMBEDDED.replace("{colour:", "{age: 2, colour:"), "column 'age' holds no ids; the"),
        (IDS, EMBEDDED.replace("colour: 3", "colour: 0"), "must be a whole number from 1 to"),
        ("[category, {type: one_hot, columns: category}]", EMBEDDED, "finds no column of ids"),
        ("[category, {type: reshape, target_shape: [3, 1]}]", EMBEDDED, "a layer `reshape`"),
        ("[{type: category, min_frequency: 0}]", EMBEDDED, "must be a number of rows, 1 or more"),
        ("[{type: category, min_frequency: 1.5}]", EMBEDDED, "a share of them, above 0 and below"),
        ("[{type: category, max_categories: 0}]", EMBEDDED, "must be a whole number from 1"),
        ("[{type: category, handle_unknown: warn}]", EMBEDDED, "`error`, `ignore` or `bucket`"),
        ("[{type: category, columns: category}]", EMBEDDED, "`text` or `numeric`, or a list"),
        ("[ordinal_encoder]", EMBEDDED, "did you mean `ordinal`?"),
    ],
)
def test_mistakes_are_named_at_their_place(
    transforms: str, layers: str, words: str, tmp_path: Path
) -> None:
    for command in ("validate", "train"):
        assert words in refused(dlcli(command, write(tmp_path, transforms, layers)), 2), command


def test_ids_that_are_computed_with_and_buckets_that_nothing_fills_are_warned_of(
    tmp_path: Path,
) -> None:
    call = dlcli("validate", write(tmp_path, IDS, f"[{DENSE}]"))
    assert call.code == 0
    assert "layer `dense_1` computes with the ids of 'colour', 'town', whose order" in call.out
    rare = IDS.replace("min_frequency: 5", "min_frequency: 1")
    told = dlcli("validate", write(tmp_path, rare, f"[{DENSE}]")).out
    assert "'town' is rare in the training part" in told, told
    plain = IDS.replace("handle_unknown: bucket, ", "")
    assert "warning" not in dlcli("validate", write(tmp_path, plain)).out


def test_what_would_change_ids_at_random_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path)
    noise = "  augmentation: [{type: gaussian_noise, stddev: 0.1}]\nmodel:"
    config.write_text(config.read_text().replace("model:", noise))
    said = refused(dlcli("validate", config), 2)
    assert "c.yaml:5:18: it would change the ids of the column 'colour'" in said


def test_of_a_large_table_it_is_said_that_more_categories_may_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "FEW", 30)
    call = dlcli("validate", write(tmp_path))
    assert call.code == 0, call.err
    assert "depend on how many categories all rows have" in call.out + call.err


def test_a_value_of_a_row_may_have_columns_of_ids_without_names(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    codes = draw.integers(0, 4, (60, 2)).astype(np.int16)
    facts = draw.normal(size=(60, 3))
    y = ((codes[:, 0] == 2) ^ (facts[:, 0] > 0)).astype(np.int64)
    np.savez(tmp_path / "rows.npz", codes=codes, facts=facts, y=y)
    (tmp_path / "c.yaml").write_text("""\
data:
  source: {type: npz, path: rows.npz, target: y}
  split: {validation: 0, test: 0}
  inputs:
    codes: {array: codes, transforms: [{type: category, columns: [0, 1], handle_unknown: ignore}]}
    facts: {array: facts, transforms: [standardize]}
model:
  layers:
    - {type: column_embeddings, input: codes, output_dim: {"0": 2}, default_output_dim: 3, name: c}
    - {type: concatenate, inputs: [c, facts]}
    - {type: dense, units: 1, activation: sigmoid}
loss: binary_crossentropy
optimizer: sgd
training: {epochs: 1, early_stopping: {monitor: loss}}
""")
    run = train(tmp_path / "c.yaml", tmp_path / "runs").run
    p = weights(run)
    assert p["c.embeddings_1"].shape == (4, 2) and p["c.embeddings_2"].shape == (4, 3)
    new = codes.copy()
    new[5, 1] = 77
    with (tmp_path / "new.npz").open("wb") as file:
        np.savez(file, codes=new, facts=facts)
    call = dlcli("predict", run, tmp_path / "new.npz")
    tables = [np.vstack([p["c.embeddings_1"], np.zeros(2)]),
              np.vstack([p["c.embeddings_2"], np.zeros(3)])]  # fmt: skip
    scaled = StandardScaler().fit_transform(facts)
    x = np.hstack([tables[0][new[:, 0]], tables[1][np.minimum(new[:, 1], 4)], scaled])
    wanted = sigmoid(x @ p["dense_1.kernel"] + p["dense_1.bias"])[:, 0]
    np.testing.assert_allclose(answers(call), wanted, rtol=1e-4)
    assert "column '1' of the input 'codes': 1 of 60 cells, the first in row 5" in call.err
