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
    Unsuited,
)
from dlcli.data.augmentation.beta import CHANCES, NORMALS, beta
from dlcli.data.augmentation.light import _mean
from dlcli.data.fitting import Misfit
from dlcli.randomness import Stream
from tests.engine.portability import Used, refused, tracked
from tests.exactness.runs import a_few

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


EXACT = {"rint", "ldexp", "clip", "np.clip", "np.flip"}
"""Operations that round nothing, or as they must."""


class TrackedDraws(Draws):
    """Random numbers that write down what is done with them."""

    used: Used

    def uniform(self, count: int) -> Array:
        return tracked(super().uniform(count), self.used)

    def normal(self, count: int) -> Array:
        return tracked(super().normal(count), self.used)


@pytest.mark.parametrize(("one", "shape"), EACH)
def test_all_operations_have_the_same_bits_everywhere(one: Suited, shape: tuple[int, ...]) -> None:
    numbers = TrackedDraws(np.arange(40), 1, "tracked")
    numbers.used = used = set()
    x = tracked(rows(40, shape), used)
    if isinstance(one, Mixing):
        one.draw(shape, 40, numbers).of(x, tracked(rows(40, shape), used))
    else:
        assert isinstance(one, Augmentation)
        one.apply(x, numbers)
    assert used
    assert not {name for name in refused(used) if name.split("(")[0] not in EXACT}


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


def test_contrast_by_hand() -> None:
    x = np.array([[[[0.0, 1.0], [2.0, 1.0]], [[4.0, 1.0], [2.0, 5.0]]]], np.float32)
    twice = RandomContrast((1.0, 1.0)).changed(x.copy(), np.array([2.0], np.float32))
    assert twice[..., 0].reshape(-1).tolist() == [-2.0, 2.0, 6.0, 2.0]  # about 2
    assert twice[..., 1].reshape(-1).tolist() == [0.0, 0.0, 0.0, 8.0]  # about 2
    cut = RandomContrast((1.0, 1.0), (0.0, 5.0)).changed(x.copy(), np.array([2.0], np.float32))
    assert cut.max() == 5.0 and cut.min() == 0.0


def test_the_mean_of_a_channel_is_the_same_in_any_batch_and_right() -> None:
    for shape in ((7, 6, 2), (1, 1, 3), (5, 5, 1), (28, 28, 1), (1, 9, 4)):
        x = rows(20, shape)
        found = _mean(x)
        np.testing.assert_allclose(found, x.mean(axis=(1, 2), keepdims=True), atol=1e-6)
        for row in range(20):
            np.testing.assert_array_equal(_mean(x[row : row + 1])[0], found[row])


def test_brightness_by_hand() -> None:
    x = np.array([[[[0.0], [0.5]], [[0.75], [1.0]]]], np.float32)
    one = RandomBrightness((-1.0, 1.0), (0.0, 1.0))
    assert one.changed(x.copy(), np.array([0.25], np.float32)).reshape(-1).tolist() == [
        0.25, 0.75, 1.0, 1.0,
    ]  # fmt: skip
    wide = RandomBrightness((-1.0, 1.0), (-1.0, 1.0))
    found = wide.changed(x.copy(), np.array([-0.25], np.float32)).reshape(-1).tolist()
    assert found == [-0.5, 0.0, 0.25, 0.5]


def test_noise_of_an_erased_rectangle_is_cut_and_the_rest_stays() -> None:
    x = np.full((300, 10, 10, 2), 0.5, np.float32)
    one = RandomErasing((0.5, 0.5), (0.04, 0.25), value_range=(0.0, 1.0))
    found = one.apply(x.copy(), draws("erase", np.arange(300)))
    touched = (found != x).any(axis=(1, 2, 3))
    assert 110 < touched.sum() < 190
    inside = found[found != 0.5]
    assert inside.min() == 0.0 and inside.max() == 1.0
    assert 0.45 < (inside == 0.0).mean() < 0.55, "half of normal noise is below 0"
    for row in found[touched]:
        lines, columns = (np.flatnonzero((row != 0.5).any(axis=axes)) for axes in ((1, 2), (0, 2)))
        assert len(lines) in range(2, 6) and len(columns) in range(2, 6)
        assert np.ptp(lines) == len(lines) - 1 and np.ptp(columns) == len(columns) - 1


def betas(alpha: float, count: int) -> Array:
    own = draws(f"beta {alpha}", np.arange(count))
    return beta(np.full(count, alpha, np.float32), own.normal(NORMALS), own.uniform(CHANCES))


@pytest.mark.parametrize("alpha", a_few([0.2, 2.0, 0.05, 0.5, 1.0, 7.5, 100.0], 2))
def test_mixtures_have_the_beta_distribution(alpha: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    count = 20_000
    found = betas(alpha, count)
    assert found.dtype == np.float32 and ((found >= 0) & (found <= 1)).all()
    # Near 1 float32 has few numbers, and below e^-80 there is one: the lower half says the same.
    low = found[(found > 1e-30) & (found < 0.5)].astype(np.float64)
    cdf = stats.beta(alpha, alpha).cdf
    first = cdf(1e-30)
    assert stats.kstest(low, lambda x: (cdf(x) - first) / (0.5 - first)).pvalue > 0.01
    assert len(low) / count == pytest.approx(0.5 - first, abs=0.015)
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    assert found.var() == pytest.approx(0.25 / (2 * alpha + 1), rel=0.05)


def test_beta_of_next_to_nothing_is_one_row_or_the_other() -> None:
    found = betas(1e-6, 2000)
    assert ((found < 1e-4) | (found > 1 - 1e-4)).mean() > 0.998 and 0.45 < found.mean() < 0.55


def test_partners_are_any_rows_of_the_part_each_as_likely() -> None:
    mix = MixUp().draw((3,), 7, draws("partners", np.arange(7000)))
    counts = np.bincount(mix.partners, minlength=7)
    assert len(counts) == 7 and (abs(counts - 1000) < 130).all()
    large = MixUp().draw((3,), 2**30, draws("partners", np.arange(2000))).partners
    assert large.max() < 2**30 and np.median(large) == pytest.approx(2**29, rel=0.1)
    assert (large % 2 == 1).mean() == pytest.approx(0.5, abs=0.05), "every place can come"


def test_the_share_of_a_cut_image_is_that_of_its_pixels() -> None:
    mix = CutMix((0.3, 1.0)).draw((9, 7, 3), 50, draws("cut", np.arange(3000)))
    assert mix.theirs is not None
    np.testing.assert_array_equal(
        mix.shares, np.float32(1) - mix.theirs.sum(axis=(1, 2, 3)).astype(np.float32) / 63
    )
    # A little less than half is cut: see boxes.py.
    assert 0.5 < mix.shares.mean() < 0.6


@pytest.mark.parametrize(
    ("one", "shape", "words"),
    [
        (RandomRotation((0.0, 0.1)), SIGNAL, "random_rotation needs images"),
        (RandomRotation((0.0, 0.1)), (4,), "by the transform `reshape`, or leave it out"),
        (RandomRotation((0.0, 0.0)), IMAGE, "changes nothing"),
        (RandomZoom((0.0, 0.1)), SIGNAL, "random_zoom needs images"),
        (RandomZoom((0.0, 0.0)), IMAGE, "changes nothing"),
        (RandomContrast((0.5, 0.5)), (4,), "random_contrast needs images"),
        (RandomContrast((0.0, 0.0)), IMAGE, "changes nothing"),
        (RandomBrightness((0.0, 0.5), (0.0, 1.0)), (4,), "random_brightness needs images"),
        (RandomBrightness((0.0, 0.0), (0.0, 1.0)), IMAGE, "changes nothing"),
        (RandomErasing(fill_value=0.0), SIGNAL, "random_erasing needs images"),
        (RandomErasing((0.0, 0.0), fill_value=0.0), IMAGE, "changes nothing"),
        (CutMix(), SIGNAL, "cut_mix needs images"),
        (CutMix(), (1, 1, 3), "images of several pixels"),
    ],
)
def test_images_that_are_none_are_refused(one: Suited, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(Misfit) as caught:
        one.check(shape)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("least", "largest", "words"),
    [
        (-0.5, 1.0, "does not hold the numbers of the training part: the rows, as the transforms"),
        (0.0, 255.0, "are from 0 to 255. Give the range that they have"),
        (0.0, 0.05, "is in another unit"),
        (0.0, 1.0, ""),
        (-1e-6, 1.000001, ""),
        (0.5, 0.5, ""),
    ],
)
def test_a_range_must_be_that_of_the_rows(least: float, largest: float, words: str) -> None:
    for one in (
        RandomBrightness((0.0, 0.5), (0.0, 1.0)),
        RandomContrast((0.0, 0.5), (0.0, 1.0)),
        RandomErasing(value_range=(0.0, 1.0)),
    ):
        steps = Augmentations([RandomFlip(), one], 1, "a")
        assert steps.asks_for_values
        if not words:
            steps.check_values(least, largest)
            continue
        with pytest.raises(Unsuited) as caught:
            steps.check_values(least, largest)
        assert words in str(caught.value) and caught.value.place == 1
    assert not Augmentations([RandomFlip(), RandomContrast((0.1, 0.1))], 1, "a").asks_for_values
