"""Stage 5, deployment: write what leaves the house, and prove that it gives the same answers."""

import numpy as np

from dlcli.artifacts import weights
from dlcli.artifacts.run_directory import DEPLOY, MODEL, RunDirectory
from dlcli.config import LoadedConfig
from dlcli.deploy.bundle import GOLDEN, Bundle, Contents, answer, golden_batch, prove, write_bundle
from dlcli.engine.layer import Array
from dlcli.pipeline.design import Design
from dlcli.pipeline.prepare import Prepared

GOLDEN_ROWS = 16
"""Rows of the golden batch: the first of the training part."""


def contents(loaded: LoadedConfig, prepared: Prepared, design: Design, theta: Array) -> Contents:
    """What a bundle of this run holds."""
    each = prepared.dataset.train.each()
    return Contents(
        config=loaded.resolved(),
        row_dtypes={name: part.features.dtype.name for name, part in each.items()},
        parameters=design.recipe.model.layout.named(theta),
        preprocessing=prepared.preprocessing,
        target_scale=prepared.target_scale,
        classes=design.classes,
        columns=prepared.dataset.columns,
        width=prepared.dataset.width,
    )


def deploy(
    run: RunDirectory, loaded: LoadedConfig, prepared: Prepared, design: Design, theta: Array
) -> list[str]:
    """Write `model/` and every format; returns the names of all files.

    ExportError if a format does not answer as the engine does.
    """
    held = contents(loaded, prepared, design, theta)
    written = write_bundle(run, MODEL, held)
    part = prepared.dataset.train
    first = np.arange(min(GOLDEN_ROWS, len(part)))
    raw = {name: one.take_features(first) for name, one in part.each().items()}
    recipe = design.recipe
    xs = [prepared.preprocessing[name].apply(raw[name]) for name in recipe.model.inputs]
    answers = answer(recipe.model, recipe.loss, theta, xs, prepared.target_scale)
    for kind in loaded.config.deployment.formats:
        folder = f"{DEPLOY}/{kind}"
        golden = f"{folder}/{GOLDEN}"
        written += [*write_bundle(run, folder, held), golden]
        weights.write_tensors(run, golden, golden_batch(raw, answers))
        prove(Bundle.load(run.path(folder)), run.path(golden))
    return written
