"""Pictures as rows to predict on: decoded as those of training, named by their files."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from dlcli.artifacts.digests import readable_json
from dlcli.data.pictures import decoding
from dlcli.data.places import Places
from dlcli.data.sources import ImageFolder
from tests.cli.calls import Call, dlcli, refused, train
from tests.deploy.test_forged import _install

DECODED: dict[str, dict[str, Any]] = {
    "cut": {"image_size": [6, 5], "crop_to_aspect_ratio": True, "interpolation": "lanczos"},
    "padded": {"image_size": [6, 5], "pad_to_aspect_ratio": True, "color_mode": "grayscale"},
    "stretched": {"image_size": [6, 5], "color_mode": "rgba", "interpolation": "area"},
}


def noise(seed: int, *shape: int, kind: str = "u1") -> Image.Image:
    top = 65_536 if kind == "u2" else 256
    return Image.fromarray(np.random.default_rng(seed).integers(0, top, shape).astype(kind))


def pictures(root: Path) -> Path:
    """A few of each class, of different sizes."""
    for place, name in enumerate(("cat", "dog")):
        for number in range(4):
            path = root / name / f"{number}.{'png' if number % 2 else 'jpg'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise(number + place, 7 + number, 9 - place, 3).save(path)
    return root


def config(folder: Path, name: str, source: dict[str, Any], transform: str = "min_max") -> Path:
    document = {
        "version": 1,
        "data": {"source": source, "transforms": [transform]},
        "model": {
            "layers": [
                {"type": "conv2d", "filters": 2, "kernel_size": 3, "activation": "relu"},
                "flatten",
                {"type": "dense", "units": 2, "activation": "softmax"},
            ]
        },
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    pictures(folder / "pets")
    return folder


@pytest.fixture(scope="module", params=DECODED)
def trained(request: pytest.FixtureRequest, home: Path) -> tuple[Path, ImageFolder]:
    """A run on pictures, and its source."""
    options = DECODED[request.param]
    path = config(home, request.param, {"type": "image_folder", "path": "pets", **options})
    size = tuple(options["image_size"])
    return train(path, home / "runs").run, ImageFolder("pets", **{**options, "image_size": size})


@pytest.fixture(scope="module")
def cut(home: Path) -> Path:
    path = config(home, "cut", {"type": "image_folder", "path": "pets", **DECODED["cut"]})
    return train(path, home / "cut").run


def lines(call: Call) -> list[list[str]]:
    assert call.code == 0, call.err
    return list(csv.reader(io.StringIO(call.out)))


def test_a_folder_gets_the_answers_of_its_pixels(
    trained: tuple[Path, ImageFolder], home: Path, tmp_path: Path
) -> None:
    run, source = trained
    (tmp_path / "data").mkdir()
    raw = source.load(Places(tmp_path / "data", home), 0)
    np.save(tmp_path / "pixels.npy", raw.parts["all"].features)
    (header, *wanted), (named, *found) = (
        lines(dlcli("predict", run, rows)) for rows in (tmp_path / "pixels.npy", home / "pets")
    )
    assert named == ["file", *header]
    names = [f"{one}/{number}.{'png' if number % 2 else 'jpg'}"
             for one in ("cat", "dog") for number in range(4)]  # fmt: skip
    assert found == [[name, *line] for name, line in zip(names, wanted, strict=True)]


def test_each_alone_by_any_workers_in_any_form_the_same(cut: Path, home: Path) -> None:
    together = dlcli("predict", cut, home / "pets", "--workers", "1")
    header, *rows = lines(together)
    assert dlcli("predict", cut, home / "pets", "--workers", "3").out == together.out
    for name, *answer in rows:
        alone = lines(dlcli("predict", cut, home / "pets" / name))
        assert alone == [header, [Path(name).name, *answer]]
    document = json.loads(dlcli("predict", cut, home / "pets", "--json").out)
    assert [one["file"] for one in document["predictions"]] == [row[0] for row in rows]
    best = lines(dlcli("predict", cut, home / "pets", "--top", "1", "--id", "file"))
    assert [(row[0], row[1]) for row in rows] == [(row[0], row[1]) for row in best[1:]]


def test_the_bundle_by_itself_prints_the_same(cut: Path, home: Path) -> None:
    wanted = dlcli("predict", cut, home / "pets").out
    assert dlcli("predict", cut / "deploy/bundle.pyz", home / "pets").out == wanted
    for program in ("bundle/predict.py", "bundle.pyz"):
        command = [sys.executable, "-I", str(cut / "deploy" / program), str(home / "pets")]
        assert subprocess.run(command, capture_output=True, text=True).stdout == wanted


def test_how_they_were_decoded_is_written_down_and_reproduced(cut: Path) -> None:
    document = json.loads((cut / "deploy/bundle/model.json").read_text())
    assert document["schema"] == 3 and document["tiled"] is False
    assert document["pictures"] == {
        "color_mode": "rgb",
        "image_size": [6, 5],
        "interpolation": "lanczos",
        "crop_to_aspect_ratio": True,
        "pad_to_aspect_ratio": False,
    }
    assert dlcli("reproduce", cut).code == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("color_mode", "grayscale"),
        ("color_mode", "cmyk"),
        ("image_size", [5, 6]),
        ("image_size", None),
        ("image_size", [6, 5.0]),
        ("interpolation", "bilinear"),
        ("interpolation", "best"),
        ("crop_to_aspect_ratio", False),
        ("crop_to_aspect_ratio", 1),
        ("pad_to_aspect_ratio", True),
        ("more", True),
    ],
)
def test_another_way_of_decoding_is_refused(
    key: str, value: Any, cut: Path, home: Path, tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "runs" / cut.name
    shutil.copytree(cut, copy)
    document = json.loads((cut / "deploy/bundle/model.json").read_text())
    document["pictures"][key] = value
    _install(copy, "deploy/bundle/model.json", readable_json(document))
    assert dlcli("predict", copy, home / "pets").code == 4


# --- what is wrong with pictures --------------------------------------------------------------


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Path]:
    """A folder of which some files cannot be read."""
    root = tmp_path / "odd"
    pictures(root)
    (root / "cat" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes(b"")
    noise(9, 6, 5, 3).save(tmp_path / "outside.png")
    (root / "dog" / "7.png").symlink_to(tmp_path / "outside.png")
    yield root


def test_the_first_that_cannot_be_read_is_named(cut: Path, odd: Path) -> None:
    message = refused(dlcli("predict", cut, odd), 3)
    assert "cat/1.png" in message and "errors: skip" not in message


def test_with_skip_bad_they_are_named_and_left_out(cut: Path, odd: Path) -> None:
    call = dlcli("predict", cut, odd, "--skip-bad")
    names = [row[0] for row in lines(call)[1:]]
    assert len(names) == 7 and "cat/1.png" not in names and "dog/7.png" not in names
    assert "cat/1.png" in call.err and "is a link out of the folder" in call.err
    assert "2 rows of" in call.err and "are left out" in call.err
    assert "1 file in" in call.err and "notes.txt" in call.err and ".hidden" not in call.err


def test_a_folder_without_pictures(cut: Path, tmp_path: Path) -> None:
    assert "has no pictures" in refused(dlcli("predict", cut, tmp_path), 3)


def test_pictures_have_no_other_column(cut: Path, home: Path) -> None:
    message = refused(dlcli("predict", cut, home / "pets", "--id", "name"), 2)
    assert "--id name" in message and "named by their files" in message


def test_without_pillow_one_sentence_says_how_to_get_it(cut: Path, home: Path) -> None:
    with mock.patch.object(decoding, "_pillow", side_effect=ImportError):
        message = refused(dlcli("predict", cut, home / "pets"), 2)
    assert "pip install 'dlcli[images]'" in message


# --- models that were not trained on files ----------------------------------------------------


def of_arrays(folder: Path, kind: str, channels: int) -> Path:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (20, 6, 5, channels)).astype(kind)
    np.savez(folder / "pixels.npz", x=pixels, y=np.arange(20) % 2)
    source = {"type": "npz", "path": "pixels.npz", "features": "x", "target": "y"}
    return train(config(folder, "arrays", source), folder / "runs").run


@pytest.mark.parametrize(
    ("kind", "channels", "mode"),
    [("u1", 1, "L"), ("u1", 3, "RGB"), ("u1", 4, "RGBA"), ("u2", 1, "I;16")],
)
def test_pictures_are_taken_where_rows_were_pixels(
    kind: str, channels: int, mode: str, tmp_path: Path
) -> None:
    run = of_arrays(tmp_path, kind, channels)
    shape = (6, 5) if channels == 1 else (6, 5, channels)
    image = noise(1, *shape, kind=kind)
    assert image.mode == mode
    image.save(tmp_path / "one.png")
    np.save(tmp_path / "one.npy", np.asarray(image).reshape(1, 6, 5, channels))
    wanted = lines(dlcli("predict", run, tmp_path / "one.npy"))
    found = lines(dlcli("predict", run, tmp_path / "one.png"))
    assert found == [["file", *wanted[0]], ["one.png", *wanted[1]]]
    noise(1, 5, 6, kind="u1").save(tmp_path / "other.png")
    message = refused(dlcli("predict", run, tmp_path / "other.png"), 3)
    assert "is 5 x 6 pixels" in message and "takes 6 x 5" in message


@pytest.mark.parametrize(("kind", "other"), [("u1", "u2"), ("u2", "u1")])
def test_of_as_many_bits_only(kind: str, other: str, tmp_path: Path) -> None:
    run = of_arrays(tmp_path, kind, 1)
    noise(1, 6, 5, kind=other).save(tmp_path / "one.png")
    assert "bits a pixel" in refused(dlcli("predict", run, tmp_path / "one.png"), 3)


@pytest.mark.parametrize("kind", ["f4", "i8"])
def test_not_where_rows_were_numbers_of_another_kind(kind: str, tmp_path: Path) -> None:
    run = of_arrays(tmp_path, kind, 3)
    noise(1, 6, 5, 3).save(tmp_path / "one.png")
    message = refused(dlcli("predict", run, tmp_path / "one.png"), 3)
    assert "is a picture" in message and "no pixels of pictures" in message


def test_not_where_rows_are_of_a_table(tmp_path: Path) -> None:
    text = "\n".join(f"{row % 7},{row % 5},{row % 3}" for row in range(30))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{text}\n")
    document = {
        "version": 1,
        "data": {"source": {"type": "csv", "path": "t.csv", "target": "y"}},
        "model": {"layers": [{"type": "dense", "units": 1}]},
        "loss": "mse",
        "optimizer": "sgd",
        "training": {"epochs": 1},
    }
    (tmp_path / "t.yaml").write_text(json.dumps(document))
    run = train(tmp_path / "t.yaml", tmp_path / "runs").run
    noise(1, 6, 5, 3).save(tmp_path / "one.png")
    for rows, what in ((tmp_path / "one.png", "a picture"), (tmp_path, "a folder")):
        message = refused(dlcli("predict", run, rows), 3)
        assert f"is {what}" in message and "'a', 'b'" in message
