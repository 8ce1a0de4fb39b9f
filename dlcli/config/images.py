"""Transforms of images."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from dlcli.config.base import Section
from dlcli.config.values import Choice, Real, Switch, Whole, wrong

_Side = Annotated[int, Whole(1, 65_536)]
_Resampled = Literal["bilinear", "nearest", "bicubic"]


class Resizing(Section):
    """Images of another size.

    fill_value: what the edges hold that `pad_to_aspect_ratio` adds.
    """

    type: Literal["resizing"] = "resizing"
    height: _Side
    width: _Side
    interpolation: Annotated[_Resampled, Choice(("bilinear", "nearest", "bicubic"))] = "bilinear"
    crop_to_aspect_ratio: Annotated[bool, Switch()] = False
    pad_to_aspect_ratio: Annotated[bool, Switch()] = False
    fill_value: Annotated[float, Real()] = 0.0
    antialias: Annotated[bool, Switch()] = False

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            words = "images are cropped or padded, not both: leave one of the two out"
            raise wrong(words, "pad_to_aspect_ratio")
        if self.fill_value and not self.pad_to_aspect_ratio:
            raise wrong("`fill_value` is for `pad_to_aspect_ratio: true`", "fill_value")
        if self.antialias and self.interpolation == "nearest":
            raise wrong("`antialias` is for `bilinear` and `bicubic`", "antialias")
        return self


class CenterCrop(Section):
    """The middle of images."""

    type: Literal["center_crop"] = "center_crop"
    height: _Side
    width: _Side
