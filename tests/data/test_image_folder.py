"""Folders of pictures: the pixels that Pillow gives, decoded once; what cannot be read is named."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image, ImageOps

from dlcli import progress
from dlcli.data.pictures import cache, decoding
from dlcli.data.places import Places
from dlcli.data.sources import Csv, ImageFolder
from dlcli.errors import DataError, DlcliError, UsageError
from tests.cli.calls import dlcli, train

Pixels = np.ndarray[Any, Any]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "data").mkdir()
    return Places(tmp_path / "data", tmp_path)


def noise(seed: int, *shape: int, kind: str = "u1") -> Pixels:
    top = 65_536 if kind == "u2" else 256
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def pictures(root: Path, count: int = 3, size: tuple[int, ...] = (5, 4, 3)) -> list[Path]:
    """A few pictures of each of two classes."""
    return [
        save(root / name / f"{number:02}.png", Image.fromarray(noise(number + place, *size)))
        for place, name in enumerate(("cat", "dog"))
        for number in range(count)
    ]


def features(raw: Any, role: str = "all") -> Pixels:
    found: Pixels = raw.parts[role].features
    return found


# --- pixels -----------------------------------------------------------------------------------


def _palette() -> Image.Image:
    return Image.fromarray(noise(1, 6, 7, 3)).quantize(16)


def _transparent_palette() -> Image.Image:
    image = _palette()
    image.info["transparency"] = 3
    return image


KINDS: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(noise(1, 6, 7)).convert("1"),
    "L": lambda: Image.fromarray(noise(1, 6, 7)),
    "LA": lambda: _with_alpha("L"),
    "RGB": lambda: Image.fromarray(noise(1, 6, 7, 3)),
    "RGBA": lambda: _with_alpha("RGB"),
    "P": _palette,
    "P with a transparent color": _transparent_palette,
}


def _with_alpha(mode: str) -> Image.Image:
    image = Image.fromarray(noise(1, 6, 7, 3)).convert(mode)
    image.putalpha(Image.fromarray(noise(2, 6, 7)))
    return image


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize("kind", KINDS)
def test_colors_greys_palettes_and_alpha_are_those_of_pillow(
    kind: str, color_mode: str, places: Places, tmp_path: Path
) -> None:
    path = save(tmp_path / "p" / "a" / "1.png", KINDS[kind]())
    found = features(ImageFolder("p", color_mode=color_mode).load(places, 0))
    mode = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[color_mode]
    with Image.open(path) as image:
        wanted = np.asarray(image.convert(mode)).reshape(6, 7, -1)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_exif_says(orientation: int, places: Places, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(noise(1, 6, 9, 3))
    path = save(tmp_path / "p" / "a" / "1.png", image, exif=exif)
    source = ImageFolder("p")
    found = features(source.load(places, 0))
    with Image.open(path) as opened:
        wanted = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(found[0], wanted)
    assert source.declare(places).row_shape == wanted.shape


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_greys_of_16_bits_stay_what_they_are(ending: str, places: Places, tmp_path: Path) -> None:
    pixels = noise(1, 6, 7, kind="u2")
    path = tmp_path / "p" / "a" / f"1.{ending}"
    path.parent.mkdir(parents=True)
    if ending == "pgm":
        path.write_bytes(b"P5 7 6 65535\n" + pixels.astype(">u2").tobytes())
    else:
        save(path, Image.fromarray(pixels))
    found = features(ImageFolder("p", color_mode="grayscale").load(places, 0))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0, :, :, 0], pixels)
    with pytest.raises(DataError, match=r"more than 8 bits a pixel.*color_mode: grayscale"):
        ImageFolder("p").load(places, 0)


@pytest.mark.parametrize("interpolation", [None, *decoding.FILTERS])
def test_greys_of_16_bits_are_the_same_however_they_are_stored(
    interpolation: str | None, places: Places, tmp_path: Path
) -> None:
    """Of the other order of bytes, or in 32 bits: Pillow's modes I;16, I;16B and I."""
    pixels = noise(1, 9, 8, kind="u2")
    for name, kind in (("1", "<u2"), ("2", ">u2"), ("3", "<i4")):
        image = Image.fromarray(pixels.astype(kind))
        save(tmp_path / "p" / "a" / f"{name}.tif", image)
    size = {} if interpolation is None else {"image_size": (6, 5), "interpolation": interpolation}
    source = ImageFolder("p", color_mode="grayscale", **size)  # type: ignore[arg-type]
    found = features(source.load(places, 0))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_pictures_of_8_and_of_16_bits_do_not_mix(places: Places, tmp_path: Path) -> None:
    save(tmp_path / "p" / "a" / "1.png", Image.fromarray(noise(1, 6, 7)))
    save(tmp_path / "p" / "a" / "2.png", Image.fromarray(noise(1, 6, 7, kind="u2")))
    with pytest.raises(DataError, match=r"2\.png has 16 bits a pixel, and those before it"):
        ImageFolder("p", color_mode="grayscale").load(places, 0)


FORMATS = ["bmp", "gif", "jpg", "jpeg", "png", "ppm", "tif", "tiff", "webp", "PNG", "JPG"]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_pixels_of_pillow(
    ending: str, places: Places, tmp_path: Path
) -> None:
    path = save(tmp_path / "p" / "a" / f"1.{ending}", Image.fromarray(noise(1, 16, 12, 3)))
    found = features(ImageFolder("p").load(places, 0))
    with Image.open(path) as image:
        np.testing.assert_array_equal(found[0], np.asarray(image.convert("RGB")))


def test_every_ending_that_is_taken_for_a_picture_has_a_format_that_is_read() -> None:
    Image.init()
    for ending in decoding.FORMATS:
        assert ending in Image.OPEN
    from dlcli.data.pictures.walking import ENDINGS

    known = Image.registered_extensions()
    assert {known[f".{ending}"] for ending in ENDINGS} <= set(decoding.FORMATS)


@pytest.mark.parametrize("how", ["", "crop_to_aspect_ratio", "pad_to_aspect_ratio"])
@pytest.mark.parametrize("interpolation", list(decoding.FILTERS))
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_pictures_are_brought_to_a_size_as_pillow_does_it(
    kind: str, interpolation: str, how: str, places: Places, tmp_path: Path
) -> None:
    channels = (3,) if kind == "u1" else ()
    sizes = [(9, 14, *channels), (8, 6, *channels), (20, 7, *channels)]
    images = [Image.fromarray(noise(seed, *size, kind=kind)) for seed, size in enumerate(sizes)]
    folder = tmp_path / "p" / "a"
    files = [save(folder / f"{number}.png", image) for number, image in enumerate(images)]
    source = ImageFolder(
        "p",
        image_size=(8, 6),
        interpolation=interpolation,
        color_mode="rgb" if kind == "u1" else "grayscale",
        **{how: True} if how else {},
    )
    found = features(source.load(places, 0))
    filters = {
        "nearest": Image.Resampling.NEAREST,
        "bilinear": Image.Resampling.BILINEAR,
        "bicubic": Image.Resampling.BICUBIC,
        "lanczos": Image.Resampling.LANCZOS,
        "area": Image.Resampling.BOX,
    }
    for row, path in zip(found, files, strict=True):
        with Image.open(path) as image:
            method = filters[interpolation]
            if how.startswith("crop"):
                wanted = ImageOps.fit(image, (6, 8), method)
            elif how.startswith("pad"):
                wanted = ImageOps.pad(image, (6, 8), method)
            else:
                wanted = image.resize((6, 8), method)
            np.testing.assert_array_equal(row, np.asarray(wanted).reshape(row.shape))
    assert source.declare(places).row_shape == found.shape[1:]


# --- which files, of which class ----------------------------------------------------------------


def test_a_class_per_subfolder(places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "pets")
    save(tmp_path / "pets" / "dog" / "deep" / "er" / "9.png", Image.fromarray(noise(9, 5, 4, 3)))
    (tmp_path / "pets" / "dog" / ".DS_Store").write_bytes(b"x")
    raw = ImageFolder("pets").load(places, 0)
    assert raw.classes == ("cat", "dog")
    table = raw.parts["all"]
    assert table.targets.tolist() == [0, 0, 0, 1, 1, 1, 1] and table.targets.dtype == np.int64
    np.testing.assert_array_equal(table.features[-1], noise(9, 5, 4, 3))
    assert table.place is not None
    assert table.place(6).endswith("pets/dog/deep/er/9.png")
    assert raw.findings == ()
    declared = ImageFolder("pets").declare(places)
    assert declared.rows == {"all": 7} and declared.class_names == ("cat", "dog")
    assert declared.row_shape == (5, 4, 3)


@pytest.mark.parametrize(
    "names", [("train", "test"), ("training", "val"), ("train", "valid", "test")]
)
def test_parts_have_classes_of_their_own(
    names: tuple[str, ...], places: Places, tmp_path: Path
) -> None:
    for number, name in enumerate(names):
        pictures(tmp_path / "pets" / name, number + 1)
    raw = ImageFolder("pets").load(places, 0)
    roles = {"train": "train", "training": "train", "val": "validation", "valid": "validation"}
    for number, name in enumerate(names):
        assert len(raw.parts[roles.get(name, "test")]) == 2 * (number + 1)  # type: ignore[index]
    assert raw.classes == ("cat", "dog")


def test_a_class_may_be_called_train(places: Places, tmp_path: Path) -> None:
    for name in ("train", "bus", "tram"):
        save(tmp_path / "p" / name / "1.png", Image.fromarray(noise(1, 5, 4, 3)))
    assert ImageFolder("p").load(places, 0).classes == ("bus", "train", "tram")


def test_parts_beside_other_folders_are_no_classes(places: Places, tmp_path: Path) -> None:
    for name in ("Train", "Test"):
        pictures(tmp_path / "p" / name)
    assert list(ImageFolder("p").load(places, 0).parts) == ["train", "test"]
    for name in (".old", "__MACOSX"):
        (tmp_path / "p" / name).mkdir()
    assert list(ImageFolder("p").load(places, 0).parts) == ["train", "test"]
    (tmp_path / "p" / "docs").mkdir()
    assert "(Test, Train) beside 'docs', so the others cannot be" in refused(
        ImageFolder("p"), places
    )
    (tmp_path / "p" / "docs").rename(tmp_path / "p" / "testing")
    assert "several folders for one part" in refused(ImageFolder("p"), places)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train", "holdout"), "so they are parts of the data and no classes: call the others"),
        (("Training",), "has one folder, 'Training', whose folders (cat, dog) are the classes"),
    ],
)
def test_parts_by_other_names_are_no_classes(
    names: tuple[str, ...], words: str, places: Places, tmp_path: Path
) -> None:
    for name in names:
        pictures(tmp_path / "p" / name)
    assert words in refused(ImageFolder("p"), places)


@pytest.mark.parametrize("below", ["", "train"])
def test_a_class_folder_that_is_a_link_is_no_other_file(
    below: str, places: Places, tmp_path: Path
) -> None:
    pictures(tmp_path / "p" / below)
    if below:
        pictures(tmp_path / "p" / "test")
    pictures(tmp_path / "q")
    link = tmp_path / "p" / below / "emu"
    link.symlink_to(tmp_path / "q" / "cat")
    assert "emu is a link to a folder, which is not followed" in refused(ImageFolder("p"), places)
    link.rename(link.with_name(".emu"))
    assert ImageFolder("p").load(places, 0).classes == ("cat", "dog")


@pytest.mark.parametrize("where", ["p/labels.csv", "labels.csv", "data/labels.csv"])
def test_files_and_labels_in_a_csv(where: str, places: Places, tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "p" / f"{number}.png", Image.fromarray(noise(number, 5, 4, 3)))
    text = "file,label\n2.png,b\n0.png,a\n3.png,b\n"
    (tmp_path / where).write_text(text)
    raw = ImageFolder("p", labels="labels.csv").load(places, 0)
    assert raw.classes == ("a", "b")
    assert raw.parts["all"].targets.tolist() == [1, 0, 1]
    for row, number in enumerate((2, 0, 3)):
        np.testing.assert_array_equal(features(raw)[row], noise(number, 5, 4, 3))


@pytest.mark.parametrize(("labels", "kind"), [("1.5 0 2", "float64"), ("1 0 2", "int64")])
def test_labels_may_be_numbers(labels: str, kind: str, places: Places, tmp_path: Path) -> None:
    lines = ["picture;age"]
    for number, label in enumerate(labels.split()):
        save(tmp_path / "p" / f"{number}.png", Image.fromarray(noise(number, 5, 4, 3)))
        lines.append(f"{number}.png;{label}")
    (tmp_path / "p" / "l.csv").write_text("\n".join(lines).replace(";", ","))
    source = ImageFolder("p", labels="l.csv", file_column="picture", label_column="age")
    raw = source.load(places, 0)
    assert raw.classes is None
    assert raw.parts["all"].targets.tolist() == [float(label) for label in labels.split()]
    assert raw.parts["all"].targets.dtype == kind


LABELS = {
    "texts": "file,label\n0.png,b\n1.png,a\n2.png,b\n3.png,c\n",
    "texts as numbers are written": "file,label\n0.png,01\n1.png,1\n2.png,1.0\n3.png,01\n",
    "whole numbers": "file,label\n0.png,3\n1.png,1\n2.png,2\n3.png,1\n",
    "numbers": "file,label\n0.png,3.5\n1.png,1e2\n2.png,2\n3.png,-1\n",
    "spaces around": "file,label\n0.png, b\n1.png,a \n2.png,b\n3.png,a\n",
    "a gap": "file,label\n0.png,b\n1.png,\n2.png,a\n3.png,NA\n",
    "a mark as a label": "file,label\n0.png,NA\n1.png,None\n2.png,b\n3.png,a\n",
    "another delimiter": "file;label\n0.png;b\n1.png;a,b\n2.png;b\n3.png;a,b\n",
}


@pytest.mark.parametrize("missing_target", ["error", "drop"])
@pytest.mark.parametrize("kinds", [{}, {"label": "text"}, {"label": "number"}])
@pytest.mark.parametrize("text", LABELS)
def test_labels_are_those_of_any_table(
    text: str, kinds: dict[str, str], missing_target: str, places: Places, tmp_path: Path
) -> None:
    """The csv source reads the same labels from the file, or refuses it in the same words."""
    for number in range(4):
        save(tmp_path / "p" / f"{number}.png", Image.fromarray(noise(number, 5, 4, 3)))
    (tmp_path / "labels.csv").write_text(LABELS[text])
    options: dict[str, Any] = {"missing_target": missing_target}
    options["delimiter"] = ";" if "delimiter" in text else ","
    table = Csv("labels.csv", "label", ("file",), kinds={**kinds, "file": "text"}, **options)
    source = ImageFolder("p", labels="labels.csv", kinds=kinds, **options)
    try:
        wanted = table.load(places, 0)
    except DlcliError as error:
        assert refused(source, places) == str(error)
        return
    raw = source.load(places, 0)
    assert raw.classes == wanted.classes and raw.findings == wanted.findings
    found, labels = raw.parts["all"].targets, wanted.parts["all"].targets
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == labels.dtype


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0.png,b", "line 4 gives '0.png' another label than "),
        (",a", "line 4 names no file: fill the cell, or remove the row"),
        ("7.png,a", "7.png was not found ("),
    ],
)
def test_lines_that_do_not_go_together(
    line: str, words: str, places: Places, tmp_path: Path
) -> None:
    for number in range(2):
        save(tmp_path / "p" / f"{number}.png", Image.fromarray(noise(number, 5, 4, 3)))
    (tmp_path / "labels.csv").write_text(f"file,label\n0.png,a\n1.png,b\n{line}\n")
    text = refused(ImageFolder("p", labels="labels.csv"), places)
    assert words in text and "labels.csv" in text


def test_a_picture_that_is_listed_again_is_another_row(places: Places, tmp_path: Path) -> None:
    save(tmp_path / "p" / "0.png", Image.fromarray(noise(0, 5, 4, 3)))
    save(tmp_path / "p" / "1.png", Image.fromarray(noise(1, 5, 4, 3)))
    (tmp_path / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n0.png,a\n")
    raw = ImageFolder("p", labels="labels.csv").load(places, 0)
    assert raw.parts["all"].targets.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(features(raw)[2], features(raw)[0])


# --- decoded once ---------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that are decoded."""
    seen: list[bytes] = []
    decode = cache.decode

    def counting(content: bytes, wanted: Any) -> Pixels:
        seen.append(content)
        return decode(content, wanted)

    monkeypatch.setattr(cache, "decode", counting)
    return seen


def test_pictures_are_decoded_once_and_mapped_from_then_on(
    places: Places, tmp_path: Path, counted: list[bytes]
) -> None:
    pictures(tmp_path / "p")
    first = features(ImageFolder("p").load(places, 0))
    assert len(counted) == 6
    again = features(ImageFolder("p").load(places, 0))
    assert len(counted) == 6
    assert isinstance(again.base, np.memmap) or isinstance(again, np.memmap)
    np.testing.assert_array_equal(first, again)


def test_a_folder_that_is_moved_is_not_decoded_again(
    places: Places, tmp_path: Path, counted: list[bytes]
) -> None:
    pictures(tmp_path / "p")
    ImageFolder("p").load(places, 0)
    shutil.copytree(tmp_path / "p", tmp_path / "q")
    ImageFolder("q").load(places, 0)
    assert len(counted) == 6


def test_whatever_changes_is_decoded_again(
    places: Places, tmp_path: Path, counted: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_YOUNG", -(10**18))  # trust files that were written just now
    files = pictures(tmp_path / "p")
    before = features(ImageFolder("p").load(places, 0)).copy()
    status = files[2].stat()
    size = len(files[2].read_bytes())
    while True:  # another picture of the same size in bytes, under the same times
        pixels = noise(int.from_bytes(os.urandom(3), "big"), 5, 4, 3)
        save(files[2], Image.fromarray(pixels))
        if files[2].stat().st_size == size:
            break
    os.utime(files[2], ns=(status.st_atime_ns, status.st_mtime_ns))
    after = features(ImageFolder("p").load(places, 0))
    np.testing.assert_array_equal(after[2], pixels)
    np.testing.assert_array_equal(np.delete(after, 2, 0), np.delete(before, 2, 0))


def test_a_content_is_read_once_where_nothing_changed(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_YOUNG", -(10**18))
    pictures(tmp_path / "p")
    ImageFolder("p").load(places, 0)

    def refused(path: Path) -> str:
        raise AssertionError(path)

    monkeypatch.setattr(cache, "_content", refused)
    ImageFolder("p").load(places, 0)


def test_other_options_are_other_pixels(
    places: Places, tmp_path: Path, counted: list[bytes]
) -> None:
    pictures(tmp_path / "p")
    for number, source in enumerate(
        [
            ImageFolder("p"),
            ImageFolder("p", color_mode="grayscale"),
            ImageFolder("p", image_size=(4, 4)),
            ImageFolder("p", image_size=(4, 4), interpolation="area"),
            ImageFolder("p", image_size=(4, 4), crop_to_aspect_ratio=True),
            ImageFolder("p", image_size=(4, 4), pad_to_aspect_ratio=True),
        ],
        1,
    ):
        source.load(places, 0)
        assert len(counted) == 6 * number


@pytest.mark.parametrize("damage", ["cut", "flip", "index", "gone", "no index"])
def test_a_damaged_cache_is_made_again(
    damage: str, places: Places, tmp_path: Path, counted: list[bytes]
) -> None:
    pictures(tmp_path / "p")
    before = features(ImageFolder("p").load(places, 0)).copy()
    (stored,) = places.data.glob("image_folder/*/pixels.npy")
    content = stored.read_bytes()
    index = stored.with_name("index.json")
    if damage == "cut":
        stored.write_bytes(content[:-1])
    elif damage == "flip":
        stored.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif damage == "index":
        index.write_text("{")
    elif damage == "gone":
        stored.unlink()
    else:
        index.unlink()
    np.testing.assert_array_equal(features(ImageFolder("p").load(places, 0)), before)
    assert len(counted) == 12
    np.testing.assert_array_equal(features(ImageFolder("p").load(places, 0)), before)
    assert len(counted) == 12


def test_where_nothing_can_be_kept_it_works_and_says_so(
    places: Places, tmp_path: Path, counted: list[bytes]
) -> None:
    pictures(tmp_path / "p")
    (places.data / "image_folder").write_text("in the way")
    told: list[str] = []
    with progress.shown_by(lambda *_: None, told.append):
        found = features(ImageFolder("p").load(places, 0))
        ImageFolder("p").load(places, 0)
    assert len(counted) == 12
    assert all("will be decoded again next time" in text for text in told) and len(told) == 2
    np.testing.assert_array_equal(found[0], noise(0, 5, 4, 3))


def test_killed_while_decoding_it_begins_again(places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "p", 100)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from dlcli.data import storing
        from dlcli.data.places import Places
        from dlcli.data.sources import Csv, ImageFolder
        write, count = storing.write, 0
        def counting(*arguments):
            global count
            count += 1
            write(*arguments)
            if count == 40:
                os.kill(os.getpid(), signal.SIGKILL)
        storing.write = counting
        ImageFolder("p").load(Places(Path(sys.argv[1]), Path(sys.argv[2])), 0)
        """
    )
    words = [sys.executable, "-c", script, str(places.data), str(tmp_path)]
    assert subprocess.run(words).returncode == -signal.SIGKILL
    (part,) = places.data.glob("image_folder/*/*.part")
    assert part.stat().st_size > 0
    raw = ImageFolder("p").load(places, 0)
    assert len(features(raw)) == 200 and not part.exists()
    np.testing.assert_array_equal(features(raw)[100], noise(1, 5, 4, 3))


# --- what cannot be read --------------------------------------------------------------------------


def refused(source: ImageFolder, places: Places) -> str:
    with pytest.raises(DlcliError) as caught:
        source.load(places, 0)
    text = str(caught.value)
    assert "Traceback" not in text
    return text


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _text(path: Path) -> None:
    path.write_text("this is a letter")


def _bomb(path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(noise(1, 4, 4, 3)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)


def _link_out(path: Path) -> None:
    path.unlink()
    outside = path.parents[2] / "outside.png"
    save(outside, Image.fromarray(noise(1, 5, 4, 3)))
    path.symlink_to(outside)


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


def _folder_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1], target_is_directory=True)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (_cut, "cannot be decoded: "),
    "text": (_text, "is no picture of a kind that is read"),
    "empty": (_empty, "is no picture of a kind that is read"),
    "a bomb": (_bomb, "is larger than 89,478,485 pixels: make it smaller"),
    "a link out": (_link_out, "is a link out of the folder, which is not followed"),
    "a link to nowhere": (_dangling, "is a link that leads nowhere"),
    "a link to a folder": (_folder_link, "is a link to a folder, which is not followed"),
    "a pipe": (_pipe, "is no file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_picture_that_cannot_be_read_is_named_or_left_out(
    fault: str, places: Places, tmp_path: Path
) -> None:
    make, words = FAULTS[fault]
    files = pictures(tmp_path / "p")
    make(files[1])
    text = refused(ImageFolder("p"), places)
    assert "cat/01.png" in text and words in text and "errors: skip" in text

    raw = ImageFolder("p", errors="skip").load(places, 0)
    assert raw.parts["all"].targets.tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(features(raw)[1], noise(2, 5, 4, 3))
    (finding,) = raw.findings
    assert finding.code == "pictures_left_out"
    assert "1 picture in" in finding.sentence and words in finding.sentence
    again = ImageFolder("p", errors="skip").load(places, 0)
    assert again.findings == raw.findings
    assert refused(ImageFolder("p"), places) == text  # also from the cache


def test_a_link_inside_is_followed(places: Places, tmp_path: Path) -> None:
    files = pictures(tmp_path / "p")
    files[1].unlink()
    files[1].symlink_to(files[0])
    found = features(ImageFolder("p").load(places, 0))
    np.testing.assert_array_equal(found[1], found[0])


def test_all_faulty_is_an_error_also_when_skipping(places: Places, tmp_path: Path) -> None:
    for path in pictures(tmp_path / "p"):
        _text(path)
    text = refused(ImageFolder("p", errors="skip"), places)
    assert "none of the 6 pictures" in text and "the first, cat/00.png, is no picture" in text
    assert "errors: skip" not in text
    assert not list(places.data.glob("image_folder/*/*.part"))


def test_half_a_picture_is_named_by_whoever_looks(places: Places, tmp_path: Path) -> None:
    for path in pictures(tmp_path / "p", 3, (40, 40, 3)):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be decoded" in refused(ImageFolder("p"), places)
    assert ImageFolder("p", errors="skip").declare(places).row_shape is None
    assert "none of its pictures can be read" in refused_call(dlcli("init", tmp_path / "p"))
    assert "none of its pictures can be read" in refused_call(dlcli("describe", tmp_path / "p"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(24, "Too many open files"), "Too many open files"),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_a_picture(
    error: Exception,
    words: str,
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures(tmp_path / "p")
    fail = mock.Mock(side_effect=error)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_is_deep", fail)
        assert words in refused(ImageFolder("p", errors="skip"), places)
    raw = ImageFolder("p", errors="skip").load(places, 0)
    assert len(features(raw)) == 6 and raw.findings == ()


def test_a_picture_that_changes_while_it_is_read_is_not_kept(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pictures(tmp_path / "p")
    before = files[3].read_bytes()
    content = cache._content

    def changing(path: Path) -> str:
        found = content(path)
        if path == files[3]:
            save(path, Image.fromarray(noise(99, 5, 4, 3)))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(cache, "_content", changing)
        assert "was changed while the pictures were read" in refused(ImageFolder("p"), places)
    files[3].write_bytes(before)
    np.testing.assert_array_equal(features(ImageFolder("p").load(places, 0))[3], noise(1, 5, 4, 3))


def test_a_name_that_is_no_text(places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "p")
    Path(os.fsdecode(os.fsencode(tmp_path / "p") + b"/caf\xe9")).mkdir()
    assert "caf" in (text := refused(ImageFolder("p"), places)) and "not UTF-8: rename it" in text


def test_pictures_of_different_sizes(places: Places, tmp_path: Path) -> None:
    files = pictures(tmp_path / "p")
    save(files[4], Image.fromarray(noise(1, 7, 9, 3)))
    text = refused(ImageFolder("p"), places)
    assert "cat/00.png is 5 x 4 pixels (height x width), " in text
    assert "dog/01.png 7 x 9" in text and "image_size: [5, 4]" in text


def test_a_class_folder_without_pictures(places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "p")
    (tmp_path / "p" / "emu").mkdir()
    assert "emu has no pictures: put some in, or take it away" in refused(ImageFolder("p"), places)


@pytest.mark.parametrize("twin", ["Cat/00.png", "cat/00.PNG"])
def test_two_cases_of_one_name(twin: str, places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "p")
    path = tmp_path / "p" / twin
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(noise(1, 5, 4, 3)).save(path, "PNG")
    text = refused(ImageFolder("p"), places)
    assert "which are one name where capitals (or ways to write an accent) do not count" in text


def test_other_files_are_counted(places: Places, tmp_path: Path) -> None:
    pictures(tmp_path / "p")
    (tmp_path / "p" / "cat" / "notes.txt").write_text("x")
    (tmp_path / "p" / "LICENSE").write_text("x")
    (finding,) = ImageFolder("p").load(places, 0).findings
    assert finding.code == "other_files" and finding.sentence.startswith("2 files in ")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "The folder 'p' was not found. Looked at:"),
        (lambda root: (root / "p").write_text(""), "is a file, not a folder"),
        (lambda root: (root / "p").mkdir(), "has no subfolders: put the pictures of each class"),
    ],
)
def test_no_folder_of_pictures(
    make: Callable[[Path], object], words: str, places: Places, tmp_path: Path
) -> None:
    make(tmp_path)
    assert words in refused(ImageFolder("p"), places)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("9.png,a", "9.png was not found"),
        ("../x.png,a", "labels.csv, line 3 names '../x.png', which is not in"),
        ("/etc/passwd,a", "names '/etc/passwd', which is not in"),
        (f"{'x' * 300}.png,a", "x.png was not found"),
        ("linked/2.png,a", "is a link out of the folder"),
        ("inside/0.png,a", "is below a link to a folder"),
    ],
)
def test_labels_of_files_that_are_not_there(
    line: str, words: str, places: Places, tmp_path: Path
) -> None:
    save(tmp_path / "p" / "0.png", Image.fromarray(noise(0, 5, 4, 3)))
    save(tmp_path / "q" / "2.png", Image.fromarray(noise(0, 5, 4, 3)))
    save(tmp_path / "p" / "real" / "0.png", Image.fromarray(noise(0, 5, 4, 3)))
    (tmp_path / "p" / "linked").symlink_to(tmp_path / "q")
    (tmp_path / "p" / "inside").symlink_to(tmp_path / "p" / "real")
    (tmp_path / "p" / "labels.csv").write_text(f"file,label\n0.png,a\n{line}\n")
    assert words in refused(ImageFolder("p", labels="labels.csv"), places)


def test_without_pillow_it_says_what_to_install(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "p")
    decoding._pillow.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)
    try:
        with pytest.raises(UsageError, match=r"pip install 'dlcli\[images\]'"):
            ImageFolder("p").load(places, 0)
    finally:
        decoding._pillow.cache_clear()


# --- trained on -----------------------------------------------------------------------------------

NET = """
  split: {validation: 0.1, test: 0.1}
  transforms: [{type: rescale, scale: 0.00392156862745098}]
model:
  layers:
    - {type: conv2d, filters: 4, kernel_size: 3, strides: 2, activation: relu}
    - flatten
    - {type: dense, units: 10, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 1, batch_size: 32}
"""


def written_twice(folder: Path, each: int) -> tuple[Path, Path]:
    """The same pixels as a folder of pictures and as an archive; a config for each."""
    draw, x, y = np.random.default_rng(0), [], []
    for kind in range(10):
        for number in range(each):
            pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
            pixels[:, kind : kind + 3] = 0
            path = folder / "pics" / f"c{kind}" / f"{number:04}.png"
            save(path, Image.fromarray(pixels), compress_level=1)
            x.append(pixels)
            y.append(kind)
    np.savez(folder / "x.npz", x=np.array(x), y=np.array(y))
    configs = folder / "pics.yaml", folder / "npz.yaml"
    for path, source in zip(
        configs, ("{type: image_folder, path: pics}", "{type: npz, path: x.npz}"), strict=True
    ):
        path.write_text(f"data:\n  source: {source}{NET}")
    return configs


ANONYMOUS = """
import json, sys
from pathlib import Path
from dlcli.data.places import Places
from dlcli.data.sources import Csv, ImageFolder
raw = ImageFolder("pics").load(Places(Path(sys.argv[1]), Path(sys.argv[2])), 0)
total = int(raw.parts["all"].features[::7].sum())
status = Path("/proc/self/status").read_text()
print(json.dumps(int(status.split("RssAnon:")[1].split()[0])))
"""


@pytest.mark.parametrize("each", [20, pytest.param(1000, marks=pytest.mark.thorough)])
def test_a_folder_trains_as_the_archive_of_its_pixels_does(
    each: int, tmp_path: Path, counted: list[bytes]
) -> None:
    pics, npz = written_twice(tmp_path, each)
    where = ("--data-dir", tmp_path / "data")
    first = train(pics, tmp_path / "runs", *where).run
    assert len(counted) == 10 * each
    second = train(pics, tmp_path / "runs", *where).run
    assert len(counted) == 10 * each
    archive = train(npz, tmp_path / "runs", *where).run
    weights = {(run / "model/weights.safetensors").read_bytes() for run in (first, second, archive)}
    assert len(weights) == 1
    rows = np.load(tmp_path / "x.npz")["x"][:9]
    np.save(tmp_path / "rows.npy", rows)
    answers = [dlcli("predict", run, tmp_path / "rows.npy").out for run in (second, archive)]
    lines = [[line.split(",")[1:] for line in one.splitlines()[1:]] for one in answers]
    assert lines[0] == lines[1] and len(lines[0]) == 9
    assert dlcli("evaluate", second, *where).code == 0
    assert dlcli("verify", second).code == 0


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    taken = []
    for each in (10, 400):
        folder = tmp_path / str(each)
        draw = np.random.default_rng(1)
        for kind in ("a", "b"):
            for number in range(each):
                pixels = draw.integers(0, 256, (96, 96, 3), np.uint8)
                path = folder / "pics" / kind / f"{number}.png"
                save(path, Image.fromarray(pixels), compress_level=0)
        words = [sys.executable, "-c", ANONYMOUS, str(folder / "data"), str(folder)]
        for _ in range(2):  # decoding, then mapped
            taken.append(int(subprocess.run(words, capture_output=True, check=True).stdout))
    decoding = taken[2] - taken[0]
    mapped = taken[3] - taken[1]
    assert max(decoding, mapped) < 8_000, f"{taken} kB, for 0.5 and 22 MB of pixels"


# --- looked at ------------------------------------------------------------------------------------


def test_init_writes_a_config_that_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "pets", 30, (12, 10, 3))
    (tmp_path / "pets" / "cat" / "02.png").write_text("broken")
    monkeypatch.chdir(tmp_path)
    made = dlcli("init", "pets")
    assert made.code == 0 and made.out == "pets.yaml\n"
    for words in ("60", "2 classes", "30 pictures of each", "12 x 10", "in colors", "errors: skip"):
        assert words in made.err
    text = Path("pets.yaml").read_text()
    assert "source: {type: image_folder, path: pets, errors: skip}" in text
    assert "loss: binary_crossentropy" in text and "residual" in text
    assert dlcli("validate", "pets.yaml").code == 0
    settings = ("--set", "training.epochs=1")
    run = train(Path("pets.yaml"), tmp_path / "runs", *settings)
    assert run.code == 0 and "1 picture in" in run.err
    assert dlcli("init", "pets").code == 2
    document = json.loads(dlcli("init", "pets", "-o", "other.yaml", "--json").out)
    assert document["concluded"]["rows"] == 60
    assert document["concluded"]["classes"] == [
        {"class": "cat", "rows": 30}, {"class": "dog", "rows": 30},
    ]  # fmt: skip
    shown = dlcli("describe", "pets")
    assert shown.code == 0 and "60 pictures" in shown.out and "cat" in shown.out
    told = json.loads(dlcli("describe", "pets", "--json").out)
    assert told["sizes"] == [{"height": 12, "width": 10, "pictures": 59}]
    assert told["unreadable"] == 1


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([(28, 28)] * 4, "path: p, color_mode: grayscale}"),
        ([(90, 60)] * 4, "path: p, color_mode: grayscale}"),
        ([(200, 100)] * 4, "image_size: [64, 32]}"),
        ([(30, 30), (34, 34), (32, 32), (30, 30)], "image_size: [32, 32]}"),
        ([(30, 40), (40, 30), (36, 36), (30, 40)], "crop_to_aspect_ratio: true}"),
    ],
)
def test_init_brings_pictures_to_a_size_for_them(
    sizes: list[tuple[int, int]], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("a", "b"):
        for number, size in enumerate(sizes):
            save(tmp_path / "p" / kind / f"{number}.png", Image.fromarray(noise(number, *size)))
    monkeypatch.chdir(tmp_path)
    assert dlcli("init", "p").code == 0
    assert wanted in Path("p.yaml").read_text()
    assert dlcli("validate", "p.yaml").code == 0


def test_init_of_pictures_of_16_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("a", "b"):
        for number in range(12):
            image = Image.fromarray(noise(number, 16, 16, kind="u2"))
            save(tmp_path / "p" / kind / f"{number}.png", image)
    monkeypatch.chdir(tmp_path)
    assert dlcli("init", "p").code == 0
    assert f"scale: {1 / 65_535!r}".replace("e", ".0e" if "." not in repr(1 / 65_535) else "e") in (
        Path("p.yaml").read_text()
    )
    assert train(Path("p.yaml"), tmp_path / "runs", "--set", "training.epochs=1").code == 0


@pytest.mark.parametrize("command", ["init", "describe"])
def test_folders_of_nothing_to_learn(command: str, tmp_path: Path) -> None:
    save(tmp_path / "p" / "a" / "1.png", Image.fromarray(noise(1, 5, 4)))
    assert "there is nothing to tell apart" in refused_call(dlcli(command, tmp_path / "p"))
    assert "whose classes are its subfolders" in refused_call(
        dlcli(command, tmp_path / "p", "--target", "a")
    )
    (tmp_path / "q").mkdir()
    assert "has no subfolders" in refused_call(dlcli(command, tmp_path / "q"))


def refused_call(call: Any) -> str:
    assert call.code in (2, 3) and "Traceback" not in call.err
    return str(call.err)
