"""Stage 5, deployment: write what leaves the house, and prove that it gives the same answers."""

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import DEPLOY, MODEL, RunDirectory
from dlcli.config import LoadedConfig
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_batch
from dlcli.deploy.exporters import EXPORTERS
from dlcli.deploy.said import arrays_of, written_as
from dlcli.engine.inference import is_tiled
from dlcli.engine.layer import Array
from dlcli.pipeline.design import Design
from dlcli.pipeline.prepare import Prepared

GOLDEN_ROWS = 16
"""Rows of the golden batch: the first of the training part."""


def bundle_of(
    loaded: LoadedConfig,
    prepared: Prepared,
    design: Design,
    theta: Array,
    *,
    tiled: bool = True,
) -> Bundle:
    """The network of this run with these weights, and what is needed to use it.

    tiled: whether rows may be multiplied in tiles, where that is worth it.
    """
    each = prepared.dataset.train.each()
    return Bundle(
        model=design.recipe.model,
        loss=design.recipe.loss,
        theta=theta,
        preprocessing=prepared.preprocessing,
        row_dtypes={name: part.features.dtype.name for name, part in each.items()},
        target_scale=prepared.target_scale,
        classes=design.classes,
        csv=written_as(loaded.config, prepared.dataset.width),
        arrays=arrays_of(loaded.config),
        numerics=loaded.config.runtime.numerics,
        tiled=tiled and is_tiled(design.recipe.model),
    )


def check_formats(loaded: LoadedConfig, prepared: Prepared, design: Design) -> None:
    """ConfigError where a format cannot hold the network, before anything is trained."""
    # So many numbers may have no room in memory.
    untrained = np.broadcast_to(np.float32(0.0), (design.recipe.model.layout.size,))
    bundle = bundle_of(loaded, prepared, design, untrained)
    for index, kind in enumerate(loaded.config.deployment.formats):
        place = ("deployment", "formats", index)
        lacks = EXPORTERS[kind].lacks()
        if lacks is not None:
            raise loaded.error(place, f"`{kind}` cannot be written here: {lacks}")
        why = EXPORTERS[kind].refuses(bundle)
        if why is not None:
            raise loaded.error(place, f"`{kind}` cannot hold this network: {why}")


def deploy(
    run: RunDirectory,
    loaded: LoadedConfig,
    prepared: Prepared,
    design: Design,
    theta: Array,
    *,
    tiled: bool = True,
) -> list[str]:
    """Write `model/` and every format; returns the names of all files.

    ExportError if a format does not answer as the engine does.
    """
    bundle = bundle_of(loaded, prepared, design, theta, tiled=tiled)
    written = bundle.write(run, MODEL)
    part = prepared.dataset.train
    first = np.arange(min(GOLDEN_ROWS, len(part)))
    raw = {name: one.take_features(first) for name, one in part.each().items()}
    with bundle.answering() as answering:
        answers = answering(raw)
    for kind in loaded.config.deployment.formats:
        folder = f"{DEPLOY}/{kind}"
        golden = f"{folder}/{GOLDEN}"
        written += [*EXPORTERS[kind].write(bundle, run, folder), golden]
        documents.write_tensors(run, golden, golden_batch(raw, answers))
        EXPORTERS[kind].prove(bundle, run.path(folder), run.path(golden))
    return written
