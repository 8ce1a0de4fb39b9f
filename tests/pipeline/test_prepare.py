"""Stages 1 and 2 by themselves: what is fitted, what is scaled back, what is said about it."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.config.loading import LoadedConfig, parse_config
from dlcli.data.dataset import ONLY
from dlcli.errors import ConfigError, DataError
from dlcli.pipeline import design, prepare
from dlcli.pipeline.compare import differences
from dlcli.pipeline.job import Job
from dlcli.pipeline.progress import NullReporter
from dlcli.pipeline.validate import validate
from tests.cli.small import IMAGES, PRICES, TREES, trees
from tests.data.conftest import idx_bytes


def prepared(loaded: LoadedConfig, folder: Path) -> prepare.Prepared:
    (folder / "trees.csv").write_text(trees(), encoding="utf-8")
    return prepare.prepare(loaded, prepare.places(folder, None))


def test_the_target_gets_the_range_that_was_asked_for(tmp_path: Path) -> None:
    stage = prepared(parse_config(PRICES, "prices"), tmp_path)
    assert stage.target_scale is not None
    scaled = stage.target_scale.forward(stage.dataset.train.targets_array)
    assert (scaled.min(), scaled.max()) == (pytest.approx(-1.0), pytest.approx(3.0))


def test_metrics_are_in_the_targets_own_units(tmp_path: Path) -> None:
    loaded = parse_config(PRICES, "prices")
    stage = prepared(loaded, tmp_path)
    metrics = design.design(loaded, stage).recipe.metrics
    assert stage.target_scale is not None
    truth = np.array([10.0, 20.0])
    t = stage.target_scale.forward(truth).astype(np.float32)
    y = stage.target_scale.forward(truth + 3.0).astype(np.float32)[:, None]
    found = metrics.values(metrics.tally(y, t))
    assert found["mean_absolute_error"] == pytest.approx(3.0, abs=1e-4)


def test_transforms_are_fitted_on_the_training_part_alone(tmp_path: Path) -> None:
    stage = prepared(parse_config(TREES, "trees"), tmp_path)
    train = stage.dataset.train
    x = stage.preprocessing[ONLY].apply(train.take_features(slice(None)))
    assert np.abs(x.mean(axis=0)).max() < 1e-6
    assert stage.dataset.test is not None
    other = stage.preprocessing[ONLY].apply(stage.dataset.test.take_features(slice(None)))
    assert np.abs(other.mean(axis=0)).max() > 1e-3


def test_the_stages_describe_themselves(tmp_path: Path) -> None:
    loaded = parse_config(IMAGES, "images")
    stage = prepared(loaded, tmp_path)
    assert stage.describe() == ("train 1,258  validation 180  test 359  rows of 8x8x1, 10 classes")
    assert design.design(loaded, stage).describe() == (
        "5 layers, 910 parameters, 0.01 MFLOP a row, shards of 16 rows"
    )


def test_a_mistake_in_a_transform_is_shown_on_its_line(tmp_path: Path) -> None:
    text = TREES.replace("columns: [soil]", "columns: [sail]")
    with pytest.raises(ConfigError, match=r"trees:7:33: .*'soil'"):
        prepared(parse_config(text, "trees"), tmp_path)


def test_a_class_that_is_alone_leaves_nothing_to_learn(tmp_path: Path) -> None:
    loaded = parse_config(TREES, "trees")
    stage = prepared(loaded, tmp_path)
    alone = prepare.Prepared(
        stage.dataset.__class__(stage.dataset.train, classes=("ash",)),
        stage.preprocessing,
        None,
    )
    with pytest.raises(DataError, match="every row of the data is of the class 'ash'"):
        design.design(loaded, alone)


class Listener(NullReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, number: int, verb: str, text: str) -> None:
        self.told.append(verb)

    def note(self, text: str) -> None:
        self.told.append(text)


def told(text: str, folder: Path) -> list[str]:
    listener = Listener()
    Job.ready(parse_config(text, "x"), prepare.places(folder, None), listener)
    return listener.told


def network(data: str, units: int, activation: str, loss: str, first: str = "") -> str:
    return (
        f"data: {data}\n"
        f"model: {{layers: [{first}{{type: dense, units: {units}, activation: {activation}}}]}}\n"
        f"loss: {loss}\noptimizer: sgd\ntraining: {{epochs: 1}}\n"
    )


CONVOLVED = network(
    "{source: {type: npy, features: x.npy, target: y.npy}}", 3, "softmax",
    "sparse_categorical_crossentropy",
    "{type: conv2d, filters: 2, kernel_size: 3}, flatten, ",
)  # fmt: skip


def test_channels_that_come_first_are_told_in_stage_one_and_by_validate(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(60 * 504).reshape(60, 3, 12, 14) // 100)
    np.save(tmp_path / "y.npy", np.arange(60) % 3)
    prepare_, warning, design_ = told(CONVOLVED, tmp_path)
    assert (prepare_, design_) == ("prepare", "design")
    assert warning.startswith("warning: rows of 3x12x14 look like images of 12 x 14 pixels with")
    found = validate(parse_config(CONVOLVED, "x"), tmp_path, None)
    assert [f"warning: {finding.told()}" for finding in found.findings] == [warning]
    turned = CONVOLVED.replace("}}\n", "}, transforms: [{type: transpose, dims: [2, 3, 1]}]}\n", 1)
    assert told(turned, tmp_path) == ["prepare", "design"]
    found = validate(parse_config(turned, "x"), tmp_path, None)
    assert found.findings == () and found.layers[0].out_shape == (10, 12, 2)


def test_channels_that_a_layer_puts_first_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(60 * 300).reshape(60, 300) // 100)
    np.save(tmp_path / "y.npy", np.arange(60) % 3)
    reshaped = CONVOLVED.replace(
        "[{type: conv", "[{type: reshape, target_shape: [3, 10, 10]}, {type: conv"
    )
    warning = told(reshaped, tmp_path)[2]
    assert warning.startswith("warning: layer `reshape_1`: rows of 3x10x10 look like images of")
    found = validate(parse_config(reshaped, "x"), tmp_path, None)
    assert [f"warning: {finding.told()}" for finding in found.findings] == [warning]
    learned = reshaped.replace("[{type: reshape", "[{type: dense, units: 300}, {type: reshape")
    assert told(learned, tmp_path) == ["prepare", "design"]


def test_labels_that_exclude_each_other_are_told(tmp_path: Path) -> None:
    rows = np.eye(2)[np.arange(60) % 2]
    np.savez(tmp_path / "d.npz", x=np.arange(240.0).reshape(60, 4), y=rows)
    text = network("{source: {type: npz, path: d.npz}}", 2, "sigmoid", "binary_crossentropy")
    assert told(text, tmp_path)[-1].startswith("warning: every row of the target holds exactly one")
    rows[7] = 1.0
    np.savez(tmp_path / "d.npz", x=np.arange(240.0).reshape(60, 4), y=rows)
    assert told(text, tmp_path) == ["prepare", "design"]


def binary(folder: Path, source: str) -> tuple[prepare.Prepared, design.Design]:
    text = network(f"{{source: {source}}}", 1, "sigmoid", "binary_crossentropy", "flatten, ")
    loaded = parse_config(text, "x")
    stage = prepare.prepare(loaded, prepare.places(folder, None))
    return stage, design.design(loaded, stage)


def binary_files(folder: Path) -> np.ndarray:  # type: ignore[type-arg]
    """The same features and labels as files of every kind."""
    x, y = np.arange(120.0).reshape(40, 3), (np.arange(40) % 3 == 0).astype(np.uint8)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "d.npz", x=x, y=y)
    (folder / "images").write_bytes(idx_bytes(x.reshape(40, 3, 1).astype(np.uint8)))
    (folder / "labels").write_bytes(idx_bytes(y))
    lines = [f"{a},{b},{c},{label}" for (a, b, c), label in zip(x, y, strict=True)]
    (folder / "d.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    return y


SOURCES = (
    "{type: npy, features: x.npy, target: y.npy, positive_class: %s}",
    "{type: npz, path: d.npz, positive_class: %s}",
    "{type: idx, images: images, labels: labels, positive_class: %s}",
    "{type: csv, path: d.csv, target: y, positive_class: %s}",
)


@pytest.mark.parametrize("source", SOURCES)
def test_the_positive_class_of_every_source_of_labels(source: str, tmp_path: Path) -> None:
    labels = binary_files(tmp_path)
    plain, _ = binary(tmp_path, source.replace(", positive_class: %s", ""))
    zero, designed = binary(tmp_path, source % 0)
    one, same = binary(tmp_path, source % '"1"')
    assert plain.dataset.classes is None
    assert zero.dataset.classes == ("1", "0") and one.dataset.classes == ("0", "1")
    assert plain.digests == zero.digests == one.digests  # the data is what it was
    rows = zero.dataset.train.index
    assert (designed.learned["train"].targets == 1 - labels[rows]).all()
    assert (same.learned["train"].targets == labels[rows]).all()


def test_the_positive_class_of_a_known_source() -> None:
    stage, _ = binary(Path(), "{type: breast_cancer, positive_class: benign}")
    assert stage.dataset.classes == ("malignant", "benign")
    with pytest.raises(ConfigError, match="did you mean 'benign'"):
        binary(Path(), "{type: breast_cancer, positive_class: benin}")
    text = network(
        "{source: {type: breast_cancer, positive_class: good}}", 1, "sigmoid", "binary_crossentropy"
    )
    with pytest.raises(ConfigError, match=r"x:1:54: .*'benign' and 'malignant'"):
        validate(parse_config(text, "x"), None, None)


KNOWN = [
    ("breast_cancer", 1, "sigmoid", "binary_crossentropy"),
    ("digits", 10, "softmax", "sparse_categorical_crossentropy"),
    ("friedman1", 1, "linear", "mse"),
]


@pytest.mark.parametrize(("source", "units", "activation", "loss"), KNOWN)
def test_a_known_source_needs_no_positive_class_to_be_valid(
    source: str, units: int, activation: str, loss: str
) -> None:
    first = "flatten, " if source == "digits" else ""
    text = network(f"{{source: {source}}}", units, activation, loss, first)
    found = validate(parse_config(text, "x"), None, None)
    assert found.unchecked == () and found.layers[-1].out_shape == (units,)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("chosen", [None, 0, 1, 2])
def test_validate_takes_the_positive_classes_that_the_data_has(
    source: str, chosen: int | None, tmp_path: Path
) -> None:
    binary_files(tmp_path)
    option = ", positive_class: %s" if chosen is None else "%s"
    given = source.replace(option, "" if chosen is None else f'"{chosen}"')
    text = network(f"{{source: {given}}}", 1, "sigmoid", "binary_crossentropy", "flatten, ")
    if chosen == 2:
        with pytest.raises(ConfigError, match="not one of the two classes '0' and '1'"):
            validate(parse_config(text, "x"), tmp_path, None)
    else:
        assert validate(parse_config(text, "x"), tmp_path, None).unchecked == ()


def test_numbers_have_no_positive_class(tmp_path: Path) -> None:
    binary_files(tmp_path)
    text = network("{source: {type: npz, path: d.npz, positive_class: 1}}", 1, "linear", "mse")
    for check in (validate, lambda loaded, folder, _: prepared(loaded, folder)):
        with pytest.raises(ConfigError, match=r"x:1:.*is for numbers, which have no positive"):
            check(parse_config(text, "x"), tmp_path, None)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "known"),
    [(4, "softmax", "sparse_categorical_crossentropy", (0, 1, 2)),
     (4, "softmax", "categorical_crossentropy", (0, 1, 2)),
     (1, "sigmoid", "binary_crossentropy", (0,))],
)  # fmt: skip
def test_a_class_of_the_test_part_alone_is_refused(
    units: int, activation: str, loss: str, known: tuple[int, ...], tmp_path: Path
) -> None:
    y = np.resize(known, 40)
    test = np.append(np.resize(known, 9), len(known))
    np.savez(
        tmp_path / "d.npz", x_train=np.zeros((40, 2)), y_train=y, x_test=np.ones((10, 2)),
        y_test=test,
    )  # fmt: skip
    text = network("{source: {type: npz, path: d.npz}}", units, activation, loss)
    words = rf"class {len(known)}, but the test part has 1 row in .*d.npz, array 'y_test', row 9 "
    with pytest.raises(DataError, match=words):
        told(text, tmp_path)


def test_a_class_of_the_test_file_alone_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(trees(12).replace("beech", "larch"), encoding="utf-8")
    text = TREES.replace("path: trees.csv", "path: trees.csv, test_path: test.csv")
    text = text.replace(", test: 0.25", "").replace("units: 3", "units: 4")
    words = r"'larch', but the test part has 4 rows, the first in .*test.csv, line 3: "
    (tmp_path / "trees.csv").write_text(trees(), encoding="utf-8")
    with pytest.raises(DataError, match=words):
        told(text, tmp_path)


def test_the_only_row_of_a_class_is_kept_or_refused_but_never_silently_lost(tmp_path: Path) -> None:
    lines = trees().splitlines()
    lines[50] = lines[50].rsplit(",", 1)[0] + ",yew"
    (tmp_path / "trees.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = TREES.replace("units: 3", "units: 4")
    refused = 0
    for seed in range(8):
        drawn = text.replace("seed: 4", f"seed: {seed}")
        assert "'yew' (1 row: " in told(drawn, tmp_path)[1]
        loose = drawn.replace(", stratify: true", "")
        try:
            told(loose, tmp_path)
        except DataError as error:
            assert "'yew', but the" in str(error) and "trees.csv, line 51: " in str(error)
            assert "Set data.split.stratify to true" in str(error)
            refused += 1
    assert 0 < refused < 8


def test_differences_are_told_by_their_path() -> None:
    before = {"a": 1, "b": [1, {"c": 2.0}], "d": {}}
    after = {"a": True, "b": [1, {"c": 3.0}, 4], "e": None}
    assert differences(before, after) == [
        "a: 1, now True",
        "b.1.c: 2.0, now 3.0",
        "b.2: missing, now 4",
        "d: {}, now missing",
        "e: missing, now None",
    ]
    assert differences({"a": list(range(9))}, {"a": []}, most=2)[-1] == "... and 7 more"
