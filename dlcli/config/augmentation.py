"""What is done to rows at random while they are learned from."""

from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Checked, Choice, Listing, Real, Sizes, Whole, wrong, wrong_value
from dlcli.config.wording import instead
from dlcli.frozen import frozen


@frozen
class Shares(Checked):
    """A pair [least, largest] of shares, or one number f that stands for a pair.

    around: f stands for -f to f, and shares are from -1 to 1; else for 0 to f, and they are from 0
        to 1.
    """

    around: bool = True

    def __call__(self, value: Any) -> tuple[float, float]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pair = [-value if self.around else 0, value] if number and 0 <= value <= 1 else value
        low = -1 if self.around else 0
        what = f"must be a share from 0 to 1, or a pair [least, largest] of shares from {low} to 1"
        found = _pair(pair, what, value, low, 1.0)
        if found[0] > found[1]:
            raise wrong_value(f"must have its least share first, not {list(pair)}")
        return found

    def json_schema(self) -> dict[str, Any]:
        share = {"type": "number", "minimum": -1 if self.around else 0, "maximum": 1}
        pair = {"type": "array", "items": share, "minItems": 2, "maxItems": 2}
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, pair]}


class DownAndUp(Checked):
    """How far down and how far up, two shares, or one number for both; becomes the pair."""

    def __call__(self, value: Any) -> tuple[float, float]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        what = "must be a share from 0 to 1, or a pair [down, up] of shares from 0 to 1"
        return _pair([value, value] if number else value, what, value, 0.0, 1.0)

    def json_schema(self) -> dict[str, Any]:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [share, {"type": "array", "items": share, "minItems": 2, "maxItems": 2}]}


class Range(Checked):
    """The least and the largest number of something."""

    def __call__(self, value: Any) -> tuple[float, float]:
        found = _pair(value, "must be a pair [least, largest] of numbers", value, -1e30, 1e30)
        if found[0] >= found[1]:
            raise wrong_value(f"must have its smaller number first, not {list(value)}")
        return found

    def json_schema(self) -> dict[str, Any]:
        number = {"type": "number", "minimum": -1e30, "maximum": 1e30}
        return {"type": "array", "items": number, "minItems": 2, "maxItems": 2}


def _pair(pair: Any, what: str, written: Any, low: float, high: float) -> tuple[float, float]:
    """Two numbers from `low` to `high`."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise wrong_value(f"{what}{instead(written)}")
    for one in pair:
        real = isinstance(one, int | float) and not isinstance(one, bool)
        if not real or not low <= one <= high:
            raise wrong_value(f"{what}{instead(one)}")
    return float(pair[0]), float(pair[1])


_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
_FILLS = ("constant", "nearest", "reflect", "wrap")
_Flip = Literal["horizontal", "vertical", "horizontal_and_vertical"]
_Fill = Literal["constant", "nearest", "reflect", "wrap"]
_Size = Annotated[int, Whole(1, 1_000_000)]
_Shares = Annotated[tuple[float, float], Shares()]
_Chances = Annotated[tuple[float, float], Shares(around=False)]
_Range = Annotated[tuple[float, float], Range()]
_FillMode = Annotated[_Fill, Choice(_FILLS)]
_Interpolation = Annotated[Literal["bilinear", "nearest"], Choice(("bilinear", "nearest"))]


class RandomFlip(Section):
    """Each row is turned round with probability one half.

    mode: left to right, upside down, or both, each by a chance of its own.
    """

    type: Literal["random_flip"] = "random_flip"
    mode: Annotated[_Flip, Choice(_FLIPS)] = "horizontal_and_vertical"


class RandomCrop(Section):
    """A window of the size of a row, out of the row with an edge of `padding` around it.

    height, width: the window's, which are those of a row, so they need not be given.
    padding: how wide the edge is, above and below, left and right.
    fill_value: what the edge holds.
    example: {type: random_crop, padding: 4}
    """

    type: Literal["random_crop"] = "random_crop"
    height: _Size | None = None
    width: _Size | None = None
    padding: Annotated[tuple[int, int], Sizes(low=0)] = (0, 0)
    fill_value: Annotated[float, Real()] = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not any(self.padding):
            words = "rows keep their size, so without `padding` nothing would be cropped"
            raise wrong(f"{words}: give it, such as `padding: 4`", "padding")
        return self


class RandomTranslation(Section):
    """Rows are moved up or down, left or right, by a share of their size.

    height_factor, width_factor: the largest shift, as a share of the size of a row.
    fill_mode: how what stands where nothing was is found.
    fill_value: what stands where nothing was, with `fill_mode: constant`.
    example: {type: random_translation, height_factor: 0.1, width_factor: 0.1}
    """

    type: Literal["random_translation"] = "random_translation"
    height_factor: _Shares = (0.0, 0.0)
    width_factor: _Shares = (0.0, 0.0)
    fill_mode: _FillMode = "reflect"
    interpolation: _Interpolation = "bilinear"
    fill_value: Annotated[float, Real()] = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not any((*self.height_factor, *self.width_factor)):
            words = "needs `height_factor` or `width_factor`, the largest shift as a share"
            raise wrong(f"`random_translation` {words}, such as 0.1", "width_factor")
        return self


class _Factor(Section):
    """What has one factor, by which it does something."""

    factor: tuple[float, float]

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not any(self.factor):
            raise wrong("`factor` 0 would change nothing: give a share, such as 0.1", "factor")
        return self


class RandomRotation(_Factor):
    """Images are turned about their middle.

    factor: the largest angle, as a share of a whole turn.
    fill_mode: how what stands where nothing was is found.
    fill_value: what stands where nothing was, with `fill_mode: constant`.
    """

    type: Literal["random_rotation"] = "random_rotation"
    factor: _Shares
    fill_mode: _FillMode = "reflect"
    interpolation: _Interpolation = "bilinear"
    fill_value: Annotated[float, Real()] = 0.0


class RandomZoom(Section):
    """Images are made smaller or larger about their middle.

    height_factor, width_factor: by how much it shrinks, or enlarges where they are negative;
        without width_factor, both sides alike.
    fill_mode: how what stands where nothing was is found.
    fill_value: what stands where nothing was, with `fill_mode: constant`.
    """

    type: Literal["random_zoom"] = "random_zoom"
    height_factor: _Shares
    width_factor: _Shares | None = None
    fill_mode: _FillMode = "reflect"
    interpolation: _Interpolation = "bilinear"
    fill_value: Annotated[float, Real()] = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        for name in ("height_factor", "width_factor"):
            if (getattr(self, name) or (0.0,))[0] <= -1.0:
                words = "would make a whole image of one point: give more, such as -0.5"
                raise wrong(f"`{name}` -1 {words}", name)
        if not any((*self.height_factor, *(self.width_factor or ()))):
            words = "would change nothing: give a share, such as 0.2"
            raise wrong(f"`height_factor` 0 {words}", "height_factor")
        return self


class RandomContrast(_Factor):
    """The numbers of each channel are moved away from their mean, or towards it.

    factor: how much less contrast, and how much more.
    value_range: the least and the largest number; numbers beyond become these. By default none.
    """

    type: Literal["random_contrast"] = "random_contrast"
    factor: Annotated[tuple[float, float], DownAndUp()]
    value_range: _Range | None = None


class RandomBrightness(_Factor):
    """One number is added to all of a row.

    factor: how much darker and brighter, as a share of the range of values.
    value_range: the numbers of black and of white; numbers beyond become these.
    example: {type: random_brightness, factor: 0.1, value_range: [0.0, 1.0]}
    """

    type: Literal["random_brightness"] = "random_brightness"
    factor: _Shares
    value_range: _Range


class RandomErasing(Section):
    """A rectangle is filled by noise, or by fill_value.

    example: {type: random_erasing, fill_value: 0.0}
    """

    type: Literal["random_erasing"] = "random_erasing"
    factor: _Chances = (0.0, 1.0)
    scale: _Chances = (0.02, 0.33)
    fill_value: Annotated[float, Real()] | None = None
    value_range: _Range | None = None

    @model_validator(mode="after")
    def _knows_what_to_put_there(self) -> Self:
        for name in ("factor", "scale"):
            if not getattr(self, name)[1]:
                raise wrong(f"`{name}` 0 would erase nothing", name)
        value, range_ = self.fill_value, self.value_range
        if value is None and range_ is None:
            words = (
                "needs a `fill_value`, such as 0, or the `value_range` of the noise that it puts"
            )
            raise wrong(f"`random_erasing` {words} there, such as [0, 1]")
        if value is None and range_ is not None and range_[1] <= 0.0:
            words = "noise is as wide as the upper end of `value_range` is, which must be above 0"
            raise wrong(f"{words}: give a `fill_value`", "value_range")
        if value is not None and range_ is not None and not range_[0] <= value <= range_[1]:
            raise wrong("`fill_value` must lie in `value_range`", "fill_value")
        return self


class GaussianNoise(Section):
    """To every number a normal one of mean 0 is added.

    stddev: its standard deviation.
    """

    type: Literal["gaussian_noise"] = "gaussian_noise"
    stddev: Annotated[float, Real(above=0.0, high=1e6)]


class MixingSection(Section):
    """What mixes rows with others, and their targets."""

    type: str


class MixUp(MixingSection):
    """Each row is mixed with another: s of its own, s of Beta(alpha, alpha).

    alpha: how evenly; small ones leave most rows nearly as they are.
    """

    type: Literal["mix_up"] = "mix_up"
    alpha: Annotated[float, Real(above=0.0, high=100.0)] = 0.2


class CutMix(MixingSection):
    """A rectangle of another image is put into each; its size is of Beta(factor, factor)."""

    type: Literal["cut_mix"] = "cut_mix"
    factor: _Chances = (0.0, 1.0)


class _Steps(Listing):
    """Each of those that mix rows only once: each doubles the rows that are fetched."""

    def __call__(self, value: Any) -> Any:
        found = super().__call__(value)
        words = [one.get("type") if isinstance(one, dict) else one for one in found]
        for index, word in enumerate(words):
            if word in ("mix_up", "cut_mix") and word in words[:index]:
                raise wrong(f"`{word}` is listed twice: once is enough", index)
        return found


Augmentation = Annotated[
    RandomFlip
    | RandomCrop
    | RandomTranslation
    | RandomRotation
    | RandomZoom
    | RandomContrast
    | RandomBrightness
    | RandomErasing
    | GaussianNoise
    | MixUp
    | CutMix,
    Component("augmentation", words=synonyms.AUGMENTATIONS),
]
Augmentations = Annotated[tuple[Augmentation, ...], _Steps(most=100)]
AUGMENTATION_CONFIGS: dict[str, type[Section]] = table(Augmentation)
