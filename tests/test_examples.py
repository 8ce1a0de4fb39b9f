"""The configs that ship: each validates, goes through all five stages, and says what it does."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.artifacts.verification import verify
from tests.cli.calls import dlcli, settings, train
from tests.data.shapes import write_shapes

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "configs").glob("*.yaml"))
TINY = settings(training__epochs=1, training__max_steps=3)


Options = Callable[[Path], list[str]]


@pytest.fixture
def options(
    few_images: list[str],
    scenes: list[str],
    orders: list[str],
    signals: list[str],
    shapes: list[str],
) -> Options:
    """What an example needs beside its file."""
    needs = {"mnist": few_images, "scenes": scenes, "orders": orders, "signal": signals}
    needs["image"] = shapes
    return lambda path: needs.get(path.stem.partition("_")[0], [])


def test_the_five_of_the_readme_are_there() -> None:
    names = {path.stem for path in EXAMPLES}
    assert {"digits_cnn", "mnist_cnn", "mnist_mlp", "breast_cancer", "friedman1"} <= names


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_first_line_is_the_command_and_the_second_the_result(path: Path) -> None:
    command, expected = path.read_text(encoding="utf-8").splitlines()[:2]
    assert command == f"# dlcli train configs/{path.name}"
    assert expected.startswith("# expected: ")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_validates(path: Path, options: Options) -> None:
    call = dlcli("validate", path, *options(path))
    assert call.code == 0, call.err
    assert call.out.endswith(f"{path} is valid\n")
    assert "not checked" not in call.out or path.stem.startswith("mnist")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_trains_a_tiny_epoch_through_all_five_stages(
    path: Path, options: Options, tmp_path: Path
) -> None:
    goes_through(path, options(path), tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.stem.startswith("mnist")], ids=lambda path: path.stem
)
def test_so_do_those_of_mnist_on_the_real_images(
    path: Path, mnist: list[str], tmp_path: Path
) -> None:
    if mnist[0] != "--data-dir":
        pytest.skip("MNIST is not there")
    goes_through(path, mnist, tmp_path)


def goes_through(path: Path, options: list[str], folder: Path) -> None:
    """A tiny epoch, all five stages, and an evaluation that gives the same once more."""
    call = train(path, folder, *TINY, *options)
    run = call.run
    assert [line[:5] for line in call.err.splitlines() if line.startswith("[")] == [
        f"[{stage}/5]" for stage in range(1, 6)
    ]
    assert verify(RunDirectory.open(run)).status == "complete"
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert set(evaluation) == {"validation", "test"}
    assert all(part["rows"] > 0 for part in evaluation.values())
    assert (run / "deploy" / "bundle" / "golden.safetensors").is_file()
    places = options if "--data-dir" in options else []
    again = dlcli("evaluate", run, "--json", "--workers", "1", *places)
    assert json.loads(again.out) == evaluation["test"]


def test_mnist_without_its_files_says_where_it_looked(tmp_path: Path) -> None:
    path = ROOT / "configs" / "mnist_cnn.yaml"
    call = train(path, tmp_path / "runs", "--data-dir", tmp_path / "nowhere")
    assert call.code == 3
    assert str(tmp_path / "nowhere" / "mnist") in call.err
    assert "--data-dir" in call.err and "DLCLI_DATA_DIR" in call.err
    assert not (tmp_path / "runs").exists()
    checked = dlcli("validate", path, "--data-dir", tmp_path / "nowhere")
    assert checked.code == 0
    assert "not checked: MNIST was not found" in checked.out


def test_the_network_of_mnist_cnn_is_the_one_that_was_asked_for() -> None:
    call = dlcli("validate", ROOT / "configs" / "mnist_cnn.yaml", "--json")
    layers = [(row["name"], tuple(row["out_shape"])) for row in json.loads(call.out)["layers"]]
    assert layers == [
        ("conv2d_1", (26, 26, 32)),
        ("conv2d_1.activation", (26, 26, 32)),
        ("max_pooling2d_1", (13, 13, 32)),
        ("conv2d_2", (11, 11, 64)),
        ("conv2d_2.activation", (11, 11, 64)),
        ("max_pooling2d_2", (5, 5, 64)),
        ("flatten_1", (1600,)),
        ("dense_1", (10,)),
    ]
    assert json.loads(call.out)["parameters"] == 320 + 18_496 + 16_010


def test_examples_travel_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"configs": "dlcli/examples"}
    assert project["project"]["scripts"] == {"dlcli": "dlcli.__main__:main"}


def test_the_generated_images_have_the_shape_of_mnist(mnist: list[str]) -> None:
    """Whoever has no MNIST tests the same network."""
    call = dlcli("validate", ROOT / "configs" / "mnist_mlp.yaml", "--json", *mnist)
    first = json.loads(call.out)["layers"][0]
    assert np.prod(first["out_shape"]) == 28 * 28


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "gate"),
    [
        ("autoencoder", "mean_squared_error<=0.0098"),
        ("signal_cnn", "accuracy>=0.91"),
        ("image_folder", "accuracy>=0.89"),
    ],
)
def test_an_example_reaches_its_second_line(
    name: str, gate: str, signals: list[str], tmp_path: Path
) -> None:
    places = {"signal_cnn": signals}.get(name, [])
    if name == "image_folder":
        places = ["--data-dir", str(write_shapes(tmp_path).parent)]
    run = train(ROOT / "configs" / f"{name}.yaml", tmp_path, *places).run
    evaluated = dlcli("evaluate", run, "--expect", gate, *places)
    assert evaluated.code == 0, evaluated.err
