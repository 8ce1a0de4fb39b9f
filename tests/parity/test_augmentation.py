"""What augmentations and transforms of images do to pixels, beside Keras."""

from typing import Any

import numpy as np
import pytest

from dlcli.data import Preprocessing
from dlcli.data.augmentation import (
    Blend,
    CutMix,
    MixUp,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from dlcli.data.augmentation.base import Draws
from dlcli.data.augmentation.boxes import boxes
from dlcli.data.dataset import Part
from dlcli.data.transforms import CenterCrop, Resizing
from dlcli.pipeline.mixed import mixed
from tests.parity.twins import keras

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

Array = Any
FILLS = pytest.mark.parametrize("fill", ["constant", "nearest", "reflect", "wrap"])
HOWS = pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
SHAPES = pytest.mark.parametrize("shape", [(9, 7, 2), (6, 10, 1), (8, 8, 3)])


@pytest.fixture(autouse=True)
def _float32() -> None:
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def images(shape: tuple[int, ...], count: int = 24) -> Array:
    return np.random.default_rng(0).uniform(size=(count, *shape)).astype(np.float32)


def numpy(tensor: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


@FILLS
@HOWS
def test_a_translation_is_that_of_keras(fill: Any, interpolation: Any) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(8, 9, 7, 2)).astype(np.float32)
    down, right = draw.uniform(-4, 4, (2, 8)).astype(np.float32)
    ours = RandomTranslation(fill_mode=fill, interpolation=interpolation, fill_value=0.5)
    found = ours.moved(ours.moved(x, down, 1), right, 2)
    transforms = np.zeros((8, 8), np.float32)
    transforms[:, [0, 4]] = 1.0
    transforms[:, 2], transforms[:, 5] = -right, -down
    wanted = keras.ops.image.affine_transform(
        x, transforms, interpolation=interpolation, fill_mode=fill, fill_value=0.5
    )
    np.testing.assert_allclose(found, np.asarray(wanted), atol=2e-6)


@FILLS
@HOWS
@SHAPES
def test_a_rotation_is_that_of_keras(fill: Any, interpolation: Any, shape: Any) -> None:
    x = images(shape)
    degrees = np.random.default_rng(1).uniform(-360, 360, len(x)).astype(np.float32)
    ours = RandomRotation((-1.0, 1.0), fill, interpolation, 0.5)
    twin = keras.layers.RandomRotation(
        1.0, fill_mode=fill, interpolation=interpolation, fill_value=0.5
    )
    nothing, one = keras.ops.zeros(len(x)), keras.ops.ones(len(x))
    matrix = twin._compute_affine_matrix(
        center_x=0.5, center_y=0.5, angle=keras.ops.convert_to_tensor(degrees),
        translate_x=nothing, translate_y=nothing, scale=one,
        shear_x=nothing, shear_y=nothing,
        height=shape[0], width=shape[1],
    )  # fmt: skip
    wanted = numpy(twin.transform_images(x, {"rotation_matrix": matrix}))
    found = ours.turned(x, degrees * np.float32(np.pi / 180))
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_quarters_of_a_turn_go_the_way_of_keras() -> None:
    """A quarter of a positive turn is NumPy's rot90, against the clock."""
    x = images((6, 6, 2))
    found = RandomRotation((0.25, 0.25)).apply(x.copy(), Draws(np.arange(len(x)), 0, "a"))
    np.testing.assert_allclose(found, np.rot90(x, axes=(1, 2)), atol=2e-6)
    twin = keras.layers.RandomRotation((0.25, 0.25))
    np.testing.assert_allclose(found, numpy(twin(x, training=True)), atol=2e-6)


@FILLS
@HOWS
@SHAPES
def test_a_zoom_is_that_of_keras(fill: Any, interpolation: Any, shape: Any) -> None:
    x = images(shape)
    down, across = np.random.default_rng(1).uniform(0.1, 2.0, (2, len(x))).astype(np.float32)
    ours = RandomZoom((-0.9, 1.0), None, fill, interpolation, 0.5)
    twin = keras.layers.RandomZoom(0.9, fill_mode=fill, interpolation=interpolation, fill_value=0.5)
    zooms = {"height_zoom": down[:, None], "width_zoom": across[:, None]}
    zooms = {name: keras.ops.convert_to_tensor(zoom) for name, zoom in zooms.items()}
    wanted = numpy(twin.transform_images(keras.ops.convert_to_tensor(x), zooms))
    np.testing.assert_allclose(ours.zoomed(x, down, across), wanted, atol=2e-6)


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.25, 0.5)])
def test_contrast_and_brightness_are_those_of_keras(span: tuple[float, float]) -> None:
    x = images((7, 5, 3))
    contrast = np.random.default_rng(1).uniform(0.2, 2, len(x)).astype(np.float32)
    twin = keras.layers.RandomContrast(0.5, value_range=span)
    by_row = keras.ops.convert_to_tensor(contrast.reshape(-1, 1, 1, 1))
    given = keras.ops.convert_to_tensor(x.copy())
    wanted = numpy(twin.transform_images(given, {"contrast_factor": by_row}))
    found = RandomContrast((0.5, 0.5), span).changed(x.copy(), contrast)
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    share = np.random.default_rng(2).uniform(-1, 1, len(x)).astype(np.float32)
    twin = keras.layers.RandomBrightness(0.5, value_range=span)
    delta = keras.ops.convert_to_tensor(share.reshape(-1, 1, 1, 1) * np.float32(span[1] - span[0]))
    given = keras.ops.convert_to_tensor(x.copy())
    wanted = numpy(twin.transform_images(given, {"rgb_delta": delta}))
    found = RandomBrightness((-0.5, 0.5), span).changed(x.copy(), share)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@SHAPES
def test_rectangles_are_those_of_keras(shape: Any) -> None:
    """The masks of keras.layers.RandomErasing and CutMix, from the same sides and places."""
    draw = np.random.default_rng(3)
    tall, wide = draw.uniform(0, 1, (2, 24)).astype(np.float32)
    chances = draw.uniform(0, 1, (24, 2)).astype(np.float32)
    height, width = np.float32(shape[0]), np.float32(shape[1])
    top = chances[:, 0] * (height - tall * height)
    left = chances[:, 1] * (width - wide * width)
    corners = (left, left + wide * width, top, top + tall * height)
    corners = tuple(map(keras.ops.convert_to_tensor, corners))
    found = boxes(shape[0], shape[1], tall, wide, chances)
    twin = keras.layers.RandomErasing()._generate_batch_mask((24, *shape), corners)
    np.testing.assert_array_equal(np.broadcast_to(found, (24, *shape)), numpy(twin))
    mask, _ = keras.layers.CutMix()._generate_batch_mask((24, *shape), corners)
    np.testing.assert_array_equal(np.broadcast_to(found, (24, *shape)), numpy(mask))


def test_images_are_erased_as_often_and_as_much_as_by_keras() -> None:
    """Shares of erased pixels, of both over many images."""
    x = np.zeros((4000, 12, 12, 1), np.float32)
    found = RandomErasing(fill_value=1.0).apply(x.copy(), Draws(np.arange(4000), 0, "a"))
    keras.utils.set_random_seed(0)
    twin = numpy(keras.layers.RandomErasing(fill_value=1.0)(x, training=True))
    for one in (found, twin):
        assert 0.45 < one.any(axis=(1, 2, 3)).mean() < 0.55
    shares, others = (one.mean(axis=(1, 2, 3)) for one in (found, twin))
    assert abs(shares.mean() - others.mean()) < 0.01
    ours, theirs = (np.quantile(one[one > 0], [0.1, 0.5, 0.9]) for one in (shares, others))
    np.testing.assert_allclose(ours, theirs, atol=0.015)


def test_mixed_rows_and_targets_are_those_of_keras() -> None:
    """MixUp and CutMix of Keras with our partners, shares and rectangles."""
    x, rows = images((7, 5, 3)), np.arange(24)
    one_hot = np.eye(4, dtype=np.float32)[rows % 4]
    tensor = keras.ops.convert_to_tensor
    for ours, twin in ((MixUp(0.5), keras.layers.MixUp()), (CutMix(), keras.layers.CutMix())):
        mix = ours.draw((7, 5, 3), 24, Draws(rows, 0, "a"))
        blend = Blend(
            np.stack([rows, mix.partners], axis=1), np.stack([mix.shares, 1 - mix.shares], axis=1)
        )
        given = {"permutation_order": tensor(mix.partners), "mix_weight": tensor(mix.shares)}
        if mix.theirs is not None:
            given["batch_masks"] = tensor(np.broadcast_to(mix.theirs, x.shape).copy())
        wanted = numpy(twin.transform_images(tensor(x.copy()), given, training=True))
        np.testing.assert_allclose(mix.of(x.copy(), x[mix.partners]), wanted, atol=2e-6)
        labels = numpy(twin.transform_labels(tensor(one_hot), given, training=True))
        np.testing.assert_allclose(mixed(blend, rows % 4, None, 4)[0], labels, atol=2e-6)


SIZES = [(8, 8), (5, 11), (13, 4), (1, 1), (3, 24), (7, 9), (20, 18)]


def resized(one: Any, x: Array) -> Array:
    return Preprocessing.fit(Part(x, np.zeros(len(x))), [one]).apply(x)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("keeps", ["", "crop", "pad"])
@SHAPES
def test_resizing_is_that_of_keras(size: Any, how: Any, keeps: str, shape: Any) -> None:
    x = images(shape, 5)
    options: dict[str, Any] = {f"{keeps}_to_aspect_ratio": True} if keeps else {}
    if keeps == "pad":
        options["fill_value"] = 0.25
    for antialias in (False, True)[: 1 + (how != "nearest")]:
        found = resized(Resizing(*size, how, antialias=antialias, **options), x)
        twin = keras.layers.Resizing(*size, interpolation=how, antialias=antialias, **options)
        # Padded to 72 pixels, places are rounded to 4e-6 of a pixel there, and not here.
        np.testing.assert_allclose(found, numpy(twin(x)), atol=6e-6 if keeps == "pad" else 2e-6)


def test_nearest_pixels_are_those_of_keras_for_all_lengths() -> None:
    for old in range(1, 40):
        line = np.arange(old, dtype=np.float32).reshape(1, 1, old, 1)
        for new in range(1, 40):
            found = resized(Resizing(1, new, "nearest"), line)
            twin = keras.layers.Resizing(1, new, interpolation="nearest")
            np.testing.assert_array_equal(found, numpy(twin(line)), f"{old} to {new}")


def test_bytes_are_resized_without_rounding() -> None:
    x = np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3)).astype(np.uint8)
    found = resized(Resizing(6, 10), x)
    twin = keras.layers.Resizing(6, 10)
    np.testing.assert_allclose(found, numpy(twin(x.astype(np.float32))), atol=2e-4)
    assert np.abs(found - numpy(twin(x)).astype(np.float32)).max() <= 0.51


@pytest.mark.parametrize("size", [(9, 7), (4, 7), (5, 2), (2, 5), (1, 1), (8, 6)])
def test_the_middle_is_that_of_keras(size: Any) -> None:
    x = images((9, 7, 2), 5)
    found = resized(CenterCrop(*size), x)
    np.testing.assert_array_equal(found, numpy(keras.layers.CenterCrop(*size)(x)))
