"""What is done to rows at random: by addresses alone, and what each word says it does."""

from typing import Any

import numpy as np
import pytest

from dlcli.data.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    Augmentations,
    Draws,
    GaussianNoise,
    RandomCrop,
    RandomFlip,
    RandomTranslation,
)
from dlcli.data.fitting import Misfit
from dlcli.randomness import Stream

Array = Any
IMAGE = (7, 6, 2)
SIGNAL = (9, 3)
CASES: dict[str, list[tuple[Augmentation, tuple[int, ...]]]] = {
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


def test_every_word_has_a_case() -> None:
    assert CASES.keys() == AUGMENTATIONS.keys()


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_a_row_is_changed_by_its_address_alone(one: Augmentation, shape: tuple[int, ...]) -> None:
    """The same pixels in whatever batch, order and shard a row is, and others in the next epoch."""
    x, places = rows(40, shape), np.arange(40)
    both = Augmentations([one, GaussianNoise(0.125)], 7, "image")
    whole = both.apply(x.copy(), places, 3)
    assert whole.dtype == np.float32 and whole.shape == x.shape
    order = Stream(5, "order").permutation(40)
    for part in (order[:1], order[1:14], order[14:]):
        np.testing.assert_array_equal(both.apply(x[part], part, 3), whole[part])
    others = {
        "epoch": both.apply(x.copy(), places, 4),
        "seed": Augmentations([one, GaussianNoise(0.125)], 8, "image").apply(x.copy(), places, 3),
        "value": Augmentations([one, GaussianNoise(0.125)], 7, "facts").apply(x.copy(), places, 3),
        "place": Augmentations([GaussianNoise(0.125), one], 7, "image").apply(x.copy(), places, 3),
        "row": both.apply(x.copy(), places + 1, 3),
    }
    for what, other in others.items():
        assert (other != whole).mean() > 0.5, what


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_it_changes_rows_and_says_yes_to_them(one: Augmentation, shape: tuple[int, ...]) -> None:
    one.check(shape)
    x = rows(40, shape)
    changed = one.apply(x.copy(), draws("law", np.arange(40)))
    same = (changed == x).reshape(40, -1).all(axis=1)
    assert same.sum() < 36, "hardly any row is changed"


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
