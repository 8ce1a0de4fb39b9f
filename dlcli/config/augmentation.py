"""What is done to rows at random while they are learned from."""

from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.values import Checked, Choice, Listing, Real, Sizes, Whole, wrong, wrong_value
from dlcli.config.wording import instead


class Shares(Checked):
    """A share f, which stands for -f to f, or a pair [least, largest]; becomes the pair."""

    def __call__(self, value: Any) -> tuple[float, float]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pair = [-value, value] if number and 0 <= value <= 1 else value
        what = "must be a share from 0 to 1, or a pair [least, largest] of shares from -1 to 1"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise wrong_value(f"{what}{instead(value)}")
        for share in pair:
            real = isinstance(share, int | float) and not isinstance(share, bool)
            if not real or not -1.0 <= share <= 1.0:
                raise wrong_value(f"{what}{instead(share)}")
        if pair[0] > pair[1]:
            raise wrong_value(f"must have its least share first, not {list(pair)}")
        return float(pair[0]), float(pair[1])

    def json_schema(self) -> dict[str, Any]:
        share = {"type": "number", "minimum": -1, "maximum": 1}
        pair = {"type": "array", "items": share, "minItems": 2, "maxItems": 2}
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, pair]}


_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
_FILLS = ("constant", "nearest", "reflect", "wrap")
_Flip = Literal["horizontal", "vertical", "horizontal_and_vertical"]
_Fill = Literal["constant", "nearest", "reflect", "wrap"]
_Size = Annotated[int, Whole(1, 1_000_000)]
_Shares = Annotated[tuple[float, float], Shares()]


class RandomFlip(Section):
    type: Literal["random_flip"] = "random_flip"
    mode: Annotated[_Flip, Choice(_FLIPS)] = "horizontal_and_vertical"


class RandomCrop(Section):
    """A window of the size of a row, out of the row with an edge of `padding` around it."""

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
    """height_factor, width_factor: the largest shift, as a share of the size of a row."""

    type: Literal["random_translation"] = "random_translation"
    height_factor: _Shares = (0.0, 0.0)
    width_factor: _Shares = (0.0, 0.0)
    fill_mode: Annotated[_Fill, Choice(_FILLS)] = "reflect"
    interpolation: Annotated[Literal["bilinear", "nearest"], Choice(("bilinear", "nearest"))] = (
        "bilinear"
    )
    fill_value: Annotated[float, Real()] = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not any((*self.height_factor, *self.width_factor)):
            words = "needs `height_factor` or `width_factor`, the largest shift as a share"
            raise wrong(f"`random_translation` {words}, such as 0.1", "width_factor")
        return self


class GaussianNoise(Section):
    type: Literal["gaussian_noise"] = "gaussian_noise"
    stddev: Annotated[float, Real(above=0.0, high=1e6)]


Augmentation = Annotated[
    RandomFlip | RandomCrop | RandomTranslation | GaussianNoise,
    Component("augmentation", words=synonyms.AUGMENTATIONS),
]
Augmentations = Annotated[tuple[Augmentation, ...], Listing(most=100)]
AUGMENTATION_CONFIGS: dict[str, type[Section]] = table(Augmentation)
