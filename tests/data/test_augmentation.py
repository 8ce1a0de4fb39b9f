"""What is done to rows at random: by addresses alone, and what each word says it does."""

from typing import Any

import numpy as np
import pytest

from dlcli.data.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    Augmentations,
    CutMix,
    Draws,
    GaussianNoise,
    Mixing,
    MixUp,
    Others,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Suited,
)
from dlcli.data.fitting import Misfit
from dlcli.randomness import Stream

Array = Any
IMAGE = (7, 6, 2)
SIGNAL = (9, 3)
CASES: dict[str, list[tuple[Suited, tuple[int, ...]]]] = {
    "random_flip": [
        (RandomFlip(), IMAGE),
        (RandomFlip("horizontal"), IMAGE),
        (RandomFlip("vertical"), IMAGE),
        (RandomFlip("horizontal"), SIGNAL),
    ],
    "random_crop": [
        (RandomCrop(padding=(2, 1)), IMAGE),
        (RandomCrop(7, 6, (1, 3), -1.0), IMAGE),
        (RandomCrop(padding=(0, 4)), SIGNAL),
    ],
    "random_translation": [
        *(
            (RandomTranslation((-0.5, 0.5), (-0.2, 0.9), fill, how, 0.5), IMAGE)
            for fill in ("constant", "nearest", "reflect", "wrap")
            for how in ("bilinear", "nearest")
        ),
        (RandomTranslation(width_factor=(-0.3, 0.3)), SIGNAL),
    ],
    "gaussian_noise": [(GaussianNoise(0.5), IMAGE), (GaussianNoise(2.0), (4,))],
    "random_rotation": [
        (RandomRotation((-0.5, 0.9), fill, how, 0.5), IMAGE)
        for fill in ("constant", "nearest", "reflect", "wrap")
        for how in ("bilinear", "nearest")
    ],
    "random_zoom": [
        *(
            (RandomZoom((-0.5, 0.9), (-0.9, 0.5), fill, how, 0.5), IMAGE)
            for fill in ("constant", "nearest", "reflect", "wrap")
            for how in ("bilinear", "nearest")
        ),
        (RandomZoom((0.0, 1.0)), IMAGE),
        (RandomZoom((0.0, 0.0), (-0.7, 0.0)), IMAGE),
    ],
    "random_contrast": [
        (RandomContrast((0.5, 1.0)), IMAGE),
        (RandomContrast((0.9, 0.0), (-1.0, 1.0)), SIGNAL),
    ],
    "random_brightness": [
        (RandomBrightness((-0.5, 0.5), (-4.0, 4.0)), IMAGE),
        (RandomBrightness((0.0, 1.0), (-1.0, 1.0)), SIGNAL),
    ],
    "random_erasing": [
        (RandomErasing((1.0, 1.0), (0.2, 0.9), value_range=(-1.0, 2.0)), IMAGE),
        (RandomErasing((0.0, 1.0), (0.5, 1.0), 0.5), IMAGE),
    ],
    "mix_up": [(MixUp(), IMAGE), (MixUp(3.0), SIGNAL), (MixUp(0.5), (4,))],
    "cut_mix": [(CutMix(), IMAGE), (CutMix((1.0, 1.0)), IMAGE)],
}
EACH = [
    pytest.param(one, shape, id=f"{word}-{i}")
    for word, cases in CASES.items()
    for i, (one, shape) in enumerate(cases)
]


def rows(count: int, shape: tuple[int, ...]) -> Array:
    size = int(np.prod(shape))
    return Stream(3, "rows").normal(count * size).reshape(count, *shape)


def draws(word: str, places: Array) -> Draws:
    return Draws(places, 1, word)


def applied(
    steps: list[Suited], x: Array, places: Array, epoch: int, seed: int = 7, name: str = "image"
) -> Array:
    """What an epoch sees of the rows x, which are those at these places of a training part."""
    part = rows(100, x.shape[1:])
    others = Others(len(part), lambda rows: part[rows])
    return Augmentations(steps, seed, name).apply(x.copy(), places, epoch, others).x


def changed(one: Suited, x: Array) -> Array:
    """The rows, changed by this alone."""
    return applied([one], x, np.arange(len(x)), 0)


def test_every_word_has_a_case() -> None:
    assert CASES.keys() == AUGMENTATIONS.keys()


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_a_row_is_changed_by_its_address_alone(one: Suited, shape: tuple[int, ...]) -> None:
    """The same pixels in whatever batch, order and shard a row is, and others in the next epoch."""
    x, places = rows(40, shape), np.arange(40)
    both: list[Suited] = [one, GaussianNoise(0.125)]
    whole = applied(both, x, places, 3)
    assert whole.dtype == np.float32 and whole.shape == x.shape
    order = Stream(5, "order").permutation(40)
    for part in (order[:1], order[1:14], order[14:]):
        np.testing.assert_array_equal(applied(both, x[part], part, 3), whole[part])
    others = {
        "epoch": applied(both, x, places, 4),
        "seed": applied(both, x, places, 3, seed=8),
        "value": applied(both, x, places, 3, name="facts"),
        "place": applied(both[::-1], x, places, 3),
        "row": applied(both, x, places + 1, 3),
    }
    for what, other in others.items():
        assert (other != whole).mean() > 0.5, what


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_it_changes_rows_and_says_yes_to_them(one: Suited, shape: tuple[int, ...]) -> None:
    one.check(shape)
    x = rows(40, shape)
    same = (changed(one, x) == x).reshape(40, -1).all(axis=1)
    assert same.sum() < 36, "hardly any row is changed"


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_the_numbers_of_rows_and_partners_are_finite(one: Suited, shape: tuple[int, ...]) -> None:
    assert np.isfinite(changed(one, rows(100, shape))).all()


def test_every_call_draws_numbers_of_its_own() -> None:
    twice = draws("law", np.arange(5))
    first, second = twice.uniform(3), twice.uniform(4)
    assert len({*first.reshape(-1).tolist(), *second.reshape(-1).tolist()}) == 15 + 20
    again = draws("law", np.arange(5))
    np.testing.assert_array_equal(again.uniform(3), first)


def test_a_flip_turns_about_half_of_the_rows_round() -> None:
    x, places = rows(400, IMAGE), np.arange(400)
    both = RandomFlip().apply(x.copy(), draws("flip", places))
    kinds = {
        "as it was": x,
        "left to right": x[:, :, ::-1],
        "upside down": x[:, ::-1],
        "both": x[:, ::-1, ::-1],
    }
    counts = {
        what: int((both == kind).reshape(400, -1).all(axis=1).sum()) for what, kind in kinds.items()
    }
    assert sum(counts.values()) == 400
    assert all(70 < count < 130 for count in counts.values()), counts
    sideways = RandomFlip("horizontal").apply(x.copy(), draws("flip", places))
    turned = (sideways == x[:, :, ::-1]).reshape(400, -1).all(axis=1)
    assert (sideways[~turned] == x[~turned]).all() and 160 < turned.sum() < 240


def test_a_crop_is_a_window_of_the_padded_row_and_every_window_comes() -> None:
    x = rows(600, (3, 4, 1))
    cropped = RandomCrop(3, 4, (1, 2), 9.0).apply(x.copy(), draws("crop", np.arange(600)))
    padded = np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)), constant_values=9.0)
    seen: dict[tuple[int, int], int] = {}
    for number, row in enumerate(cropped):
        found = [
            (top, left)
            for top in range(3)
            for left in range(5)
            if (padded[number, top : top + 3, left : left + 4] == row).all()
        ]
        assert len(found) == 1
        seen[found[0]] = seen.get(found[0], 0) + 1
    assert len(seen) == 15 and min(seen.values()) > 15


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("wrap", [3, 4, 0, 1, 2]),
        ("nearest", [0, 0, 0, 1, 2]),
        ("reflect", [1, 0, 0, 1, 2]),
        ("constant", [7, 7, 0, 1, 2]),
    ],
)
def test_a_row_moved_by_whole_pixels(fill: Any, expected: list[float]) -> None:
    """Two to the right, and down; by hand."""
    line = np.arange(5, dtype=np.float32)
    move = RandomTranslation(fill_mode=fill, fill_value=7.0)
    across = line.reshape(1, 1, 5, 1)
    two = np.array([2.0], np.float32)
    assert move.moved(across, two, 2).reshape(-1).tolist() == expected
    assert move.moved(line.reshape(1, 5, 1, 1), two, 1).reshape(-1).tolist() == expected
    back = move.moved(across[:, :, ::-1], -two, 2).reshape(-1)[::-1]
    assert back.tolist() == expected


def test_between_two_pixels_both_count() -> None:
    line = np.array([[0, 8, 4, 0]], np.float32).reshape(1, 1, 4, 1)
    quarter = np.array([0.25], np.float32)
    move = RandomTranslation(fill_mode="constant", fill_value=16.0)
    assert move.moved(line, quarter, 2).reshape(-1).tolist() == [4.0, 6.0, 5.0, 1.0]
    nearest = RandomTranslation(interpolation="nearest", fill_mode="nearest")
    assert nearest.moved(line, quarter, 2).reshape(-1).tolist() == [0, 8, 4, 0]


def test_noise_has_the_deviation_that_it_says() -> None:
    x = np.zeros((200, 50), np.float32)
    noise = GaussianNoise(0.25).apply(x, draws("noise", np.arange(200)))
    assert abs(float(noise.mean())) < 0.01
    assert float(noise.std()) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize(
    ("one", "shape", "words"),
    [
        (RandomFlip(), (5,), "random_flip needs images"),
        (RandomFlip(), SIGNAL, "a signal is turned round by `mode: horizontal`"),
        (RandomCrop(8, 6, (1, 1)), IMAGE, "cannot have `height: 8`"),
        (RandomCrop(None, 5, (1, 1)), IMAGE, "cannot have `width: 5`"),
        (RandomCrop(5, None, (1, 1)), SIGNAL, "cannot have `height: 5`"),
        (RandomCrop(padding=(3, 0)), SIGNAL, "without `padding` changes nothing"),
        (RandomTranslation((0.1, 0.2)), SIGNAL, "a signal is moved by `width_factor`"),
        (RandomTranslation((0.1, 0.2)), (2, 2, 2, 2), "random_translation needs images"),
    ],
)
def test_rows_that_do_not_suit_are_refused(
    one: Augmentation, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(Misfit) as caught:
        one.check(shape)
    assert words in str(caught.value)
