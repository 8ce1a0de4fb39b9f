"""The parts of model.json: each as JSON, and back, with everything checked that a file may hold."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from dlcli.data.dataset import ONLY
from dlcli.data.formats.notation import PLAIN, Format
from dlcli.data.pictures.wanted import CHANNELS, FILTERS, Wanted
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.written import Written
from dlcli.engine.described import taken
from dlcli.engine.layer import Shape
from dlcli.engine.losses import Loss

if TYPE_CHECKING:
    from dlcli.data.targets import TargetScale

NAMED = replace(PLAIN, header=True)
"""How a table is written where nothing else is said: as programs write it, with names."""


def document_of_csv(written: Written) -> dict[str, Any]:
    """How a CSV of rows is written, for JSON."""
    format = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(written.format).items()
    }
    for name, earlier in _EARLIER.items():
        if format[name] == earlier:
            del format[name]
    target = list(written.target) if isinstance(written.target, tuple) else written.target
    return {**format, "target": target, "width": written.width}


_EARLIER: Mapping[str, Any] = {"quote": '"', "names": None, "missing": []}
"""What could not be said when the first bundles were written; it is left out where it is so."""


Notation = Callable[[Mapping[str, Any], Any], tuple[Format, str | tuple[str, ...]]]
"""Makes the format of a CSV, and the names of its target, of what is written down; ValueError where
there is no such."""


def by_types(format: Mapping[str, Any], target: Any) -> tuple[Format, str | tuple[str, ...]]:
    """A notation whose options are of the types that its fields say."""
    types = get_type_hints(Format)
    options = {name: taken(value, types[name]) for name, value in format.items()}
    return Format(**options), taken(target, str | tuple[str, ...])


def csv_of(document: Any, notation: Notation = by_types) -> Written:
    """The inverse of `document_of_csv`; ValueError for what it did not write."""
    names = [field.name for field in fields(Format)]
    if not isinstance(document, dict):
        raise ValueError("how a CSV of rows is written is said in another way")
    whole = {**_EARLIER, **document}
    if whole.keys() != {*names, "target", "width"}:
        raise ValueError("how a CSV of rows is written is said in another way")
    format = {name: whole[name] for name in names}
    target, width = document["target"], document["width"]
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"a file of {str(width)[:50]} columns")
    chosen, learned = notation(format, "target" if target is None else target)
    found = Written(chosen, None if target is None else learned, width)
    if json.dumps(document, sort_keys=True) != json.dumps(document_of_csv(found), sort_keys=True):
        raise ValueError("how a CSV of rows is written is said in another way")
    if type(found.format.header) is not bool:
        raise ValueError("it is not said whether a CSV of rows has a header")
    if target is None and found.format != NAMED:
        raise ValueError("a CSV of rows of which the target is not known")
    if found.format.header is False and width is None:
        raise ValueError("a file without a header whose width is not known")
    return found


def arrays_of_values(
    values: Any, called: Callable[[Any], object] = lambda name: taken(name, str)
) -> dict[str, str | None]:
    """The array that holds each value of a row, by the value's name: the only value has no name
    and no array of its own, of several each has both.

    called: ValueError for what is no name of an array.
    """
    if not isinstance(values, dict) or not all(isinstance(one, dict) for one in values.values()):
        raise ValueError("the values of a row are not a mapping of mappings")
    for name, one in values.items():
        if one.keys() != {"row_shape", "row_dtype", "array"}:
            raise ValueError(f"the value {name[:100]!r} of a row has other keys")
    if values.keys() == {ONLY}:
        if values[ONLY]["array"] is not None:
            raise ValueError("the only value of a row has an array of its own")
        return {ONLY: None}
    if not values or ONLY in values or any("." in name for name in values):
        raise ValueError(f"the values of a row cannot be called {str(list(values))[:100]}")
    for one in values.values():
        called(one["array"])
    return {name: one["array"] for name, one in values.items()}


def stored_dtype(name: object) -> np.dtype[Any]:
    """The type of the numbers of stored rows."""
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.kind not in "biuf" or dtype.name != name:
        raise ValueError(f"rows of type {str(name)[:50]!r}")
    return dtype


def document_of_pictures(wanted: Wanted | None) -> dict[str, Any] | None:
    """How picture files are decoded, for JSON, in the words of the data source `image_folder`."""
    if wanted is None:
        return None
    return {
        "color_mode": wanted.color_mode,
        "image_size": None if wanted.size is None else list(wanted.size),
        "interpolation": wanted.interpolation,
        "crop_to_aspect_ratio": wanted.crop,
        "pad_to_aspect_ratio": wanted.pad,
    }


def pictures_of(document: Any, preprocessing: Mapping[str, Preprocessing]) -> Wanted | None:
    """The inverse of `document_of_pictures`; ValueError for what it did not write, or for pictures
    that would not be rows of the network.

    preprocessing: of each value of a row.
    """
    if document is None:
        return None
    usual = document_of_pictures(Wanted())
    assert usual is not None
    if not isinstance(document, dict) or document.keys() != usual.keys():
        raise ValueError("how pictures are decoded is said in another way")
    size = document["image_size"]
    if size is not None:
        size = taken(size, tuple[int, int])
    wanted = Wanted(
        taken(document["color_mode"], str),
        size,
        taken(document["interpolation"], str),
        taken(document["crop_to_aspect_ratio"], bool),
        taken(document["pad_to_aspect_ratio"], bool),
    )
    channels = CHANNELS.get(wanted.color_mode)
    shape = preprocessing[ONLY].row_shape if ONLY in preprocessing else ()
    if len(shape) != 3 or channels != shape[2] or size not in (None, shape[:2]):
        raise ValueError(f"pictures for rows of shape {shape}")
    if wanted.interpolation not in FILTERS or (wanted.crop and wanted.pad):
        raise ValueError("how pictures are decoded is said in another way")
    if size is None and (wanted.crop or wanted.pad):
        raise ValueError("how pictures are decoded is said in another way")
    return wanted


def scale_of(document: Any, loss: Loss, out_shape: Shape) -> "TargetScale | None":
    """The scale of the target, where there is one."""
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise ValueError("the scale of the target is no mapping")
    from dlcli.data.targets import TargetScale  # a network without one does without

    scale = TargetScale.from_json(document)
    if loss.kind(out_shape)[0] != "regression" or not scale.fits(out_shape):
        raise ValueError(f"a scale of another shape than {out_shape}")
    return scale
