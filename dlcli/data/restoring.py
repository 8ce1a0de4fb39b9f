"""Preprocessing that was saved, made again: everything in it is checked here, once.

What a file holds is not to be trusted: a constant of another length would be spread over all
columns without a word, and give other answers.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitted import Affine, Category, Encoded, Fitted, Reshaped, Transposed

_LARGEST = 1 << 40


def shape_of(lengths: Any) -> Shape:
    """A list of positive whole numbers as a shape; ValueError for anything else."""
    counts = isinstance(lengths, list) and all(type(n) is int and n > 0 for n in lengths)
    if not counts or math.prod(lengths) > _LARGEST:
        raise ValueError(f"{str(lengths)[:100]} is no shape")
    return tuple(lengths)


def names_of(names: Any) -> tuple[str, ...]:
    """A list of different texts; ValueError for anything else."""
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or len(set(names)) < len(names) or not names:
        raise ValueError(f"{str(names)[:100]} is no list of different names")
    return tuple(names)


def columns_of(entries: Any, row_shape: Shape) -> tuple[Column, ...] | None:
    """The columns of a table; ValueError where they are not those of rows of that shape."""
    if entries is None:
        return None
    names = names_of([entry["name"] for entry in entries])
    if row_shape != (len(names),):
        raise ValueError(f"{len(names)} columns for rows of shape {row_shape}")
    categories = [entry["categories"] for entry in entries]
    texts = [None if known is None else names_of(known) for known in categories]
    return tuple(Column(name, known) for name, known in zip(names, texts, strict=True))


def step_of(number: int, entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> Fitted:
    """A fitted step; KeyError, TypeError or ValueError for what is none."""
    in_shape = shape_of(entry["in_shape"])
    kind = entry["type"]
    if kind == "affine":
        constants = {name: arrays[f"{number}.{name}"] for name in entry["constants"]}
        for name, array in constants.items():
            _check_constant(name, array, in_shape)
        return Affine(in_shape, **constants)
    if kind == "reshape":
        out_shape = shape_of(entry["out_shape"])
        if math.prod(out_shape) != math.prod(in_shape):
            raise ValueError(f"{in_shape} does not become {out_shape}")
        return Reshaped(in_shape, out_shape)
    if kind == "transpose":
        return Transposed(in_shape, shape_of(entry["dims"]))
    if kind != "one_hot" or len(in_shape) != 1:
        raise ValueError(f"unknown step {str(kind)[:50]!r} for rows of shape {in_shape}")
    names = names_of(entry["names"])
    if len(names) != in_shape[0]:
        raise ValueError(f"{len(names)} names for {in_shape[0]} columns")
    categories = tuple(_category(number, listed, arrays) for listed in entry["categories"])
    positions = [category.position for category in categories]
    if positions != sorted(set(positions)) or not positions or positions[-1] >= in_shape[0]:
        raise ValueError(f"categories of the columns {str(positions)[:100]}")
    return Encoded(in_shape, categories, names)


def _category(number: int, listed: Mapping[str, Any], arrays: Mapping[str, Array]) -> Category:
    position = listed["position"]
    if type(position) is not int or position < 0:
        raise ValueError(f"{position!r} is no position of a column")
    values, names = arrays[f"{number}.values_{position}"], names_of(listed["names"])
    plain = values.dtype == np.float64 and values.shape == (len(names),)
    if not plain or not np.isfinite(values).all() or not (np.diff(values) > 0.0).all():
        raise ValueError(f"the values of column {position} are not {len(names)} ascending numbers")
    return Category(position, values, names)


def _check_constant(name: str, array: Array, in_shape: Shape) -> None:
    if array.dtype != np.float64 or array.shape not in ((), in_shape[-1:]):
        raise ValueError(
            f"the constant {name} has shape {array.shape} for rows of shape {in_shape}"
        )
    if not np.isfinite(array).all() or (name == "divide" and not (array > 0.0).all()):
        raise ValueError(f"the constant {name} holds an impossible number")


def require_alike(
    found: tuple[Mapping[str, Any], Mapping[str, Array]],
    written: tuple[Mapping[str, Any], Mapping[str, Array]],
) -> None:
    """ValueError unless what was restored would be saved as it was found, to the last type."""
    if json.dumps(found[0], sort_keys=True) != json.dumps(written[0], sort_keys=True):
        raise ValueError("the document is written in another way")
    if found[1].keys() != written[1].keys():
        raise ValueError("there are arrays that no step has")


def require_chain(row_shape: Shape, steps: Sequence[Fitted]) -> None:
    """ValueError unless each step takes what the one before it gives."""
    shape = row_shape
    for step in steps:
        if step.in_shape != shape:
            raise ValueError(f"a step takes rows of shape {step.in_shape}, but gets {shape}")
        shape = step.out_shape
