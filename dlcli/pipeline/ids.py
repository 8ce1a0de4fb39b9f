"""Numbers that stand for something, among the layers: ids, and those of padded steps."""

from collections.abc import Mapping, Sequence

import numpy as np

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.audit import Finding
from dlcli.data.dataset import Part
from dlcli.data.fitted import Columns
from dlcli.data.preprocessing import Preprocessing
from dlcli.engine.graph import Node
from dlcli.engine.layer import Layer
from dlcli.engine.layers import ColumnEmbeddings, Masking

_FEW = 1000
"""Rows that are looked at."""


def refuse_changed_values(loaded: LoadedConfig, nodes: Sequence[Node]) -> None:
    """ConfigError where numbers that stand for something would become others while they are learned
    from: ids, and those that say that a step is padding."""
    changed = builder.augmentations(loaded.config)
    for node in nodes:
        if not isinstance(node.layer, Layer) or node.inputs[0] not in changed:
            continue
        if node.layer.takes_ids:
            words = (
                "takes these numbers for ids, which stand for something: changed at random they "
                "would stand for something else"
            )
        elif node.layer.makes_mask():
            words = (
                "knows the steps that are padding by their numbers: changed at random they would "
                "no longer be known"
            )
        else:
            continue
        place = builder.transform_path(node.inputs[0], 0, "augmentation")
        raise loaded.error(place, f"the layer `{node.name}` {words}; leave the augmentation out")


def steps_that_are_not_masked(
    nodes: Sequence[Node], preprocessing: Mapping[str, Preprocessing], part: Part
) -> tuple[Finding, ...]:
    """A finding for each `masking` that masks nothing of the first training rows."""
    found = []
    each = part.each()
    for node in nodes:
        name, layer = node.inputs[0], node.layer
        if not isinstance(layer, Masking) or name not in each:
            continue
        few = min(len(part), _FEW)
        rows = preprocessing[name].apply(each[name].take_features(slice(0, few)))
        if not (rows == np.float32(layer.mask_value)).all(axis=-1).any():
            found.append(
                Finding(
                    "nothing_masked",
                    f"layer `{node.name}` masks none of the steps of the first {few:,} training "
                    f"rows, as in no step all features are {layer.mask_value:g}",
                    "are they so before a transform (`standardize` makes other numbers of 0)? Set "
                    "`mask_value`, or leave the layer out",
                )
            )
    return tuple(found)


def refuse_shared_ids(
    loaded: LoadedConfig,
    nodes: Sequence[Node],
    paths: Sequence[builder.Path],
    columns: Mapping[str, Columns],
) -> None:
    """ConfigError where the ids of several columns would be looked up in one table."""
    for node, path in zip(nodes, paths, strict=True):
        ids = [column.name for column in columns.get(node.inputs[0]) or () if column.ids]
        if ids and isinstance(node.layer, Layer) and node.layer.takes_ids:
            if isinstance(node.layer, ColumnEmbeddings):
                continue
            raise loaded.error(
                path,
                f"the ids of {', '.join(map(repr, ids[:3]))} come of `category`, each column has "
                "its own, and one of a category that training did not meet: use the layer "
                "`column_embeddings`, which has a table for each column",
            )


def ids_as_numbers(nodes: Sequence[Node], columns: Mapping[str, Columns]) -> tuple[Finding, ...]:
    """A finding for each layer that computes with ids, of which no number is more than another."""
    found = []
    for node in nodes:
        for value in node.inputs:
            ids = [column.name for column in columns.get(value) or () if column.ids]
            if ids and not isinstance(node.layer, ColumnEmbeddings):
                names = ", ".join(map(repr, ids[:3])) + (", ..." if len(ids) > 3 else "")
                found.append(
                    Finding(
                        "ids_as_numbers",
                        f"layer `{node.name}` computes with the ids of {names}, whose order means "
                        "nothing",
                        "put the layer `column_embeddings` before it, or use the transform "
                        "`one_hot` in place of `category`",
                    )
                )
    return tuple(found)
