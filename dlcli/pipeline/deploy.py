"""Stage 5, deployment: write what leaves the house, and prove that it gives the same answers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import DEPLOY, MODEL, RunDirectory
from dlcli.config import LoadedConfig
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_batch
from dlcli.deploy.exporter import Proof
from dlcli.deploy.exporters import EXPORTERS
from dlcli.deploy.said import arrays_of, pictures_as, written_as
from dlcli.engine.inference import is_tiled
from dlcli.engine.layer import Array
from dlcli.frozen import frozen
from dlcli.pipeline.design import Design
from dlcli.pipeline.prepare import Prepared
from dlcli.pipeline.progress import Reporter

GOLDEN_ROWS = 16
"""Rows of the golden batch: the first of the training part."""


@frozen
class Deployed:
    """What was written: the names of all files; and how each format was proved, by its word."""

    files: tuple[str, ...]
    proofs: Mapping[str, Proof]


def bundle_of(
    loaded: LoadedConfig,
    prepared: Prepared,
    design: Design,
    theta: Array,
    *,
    earlier: bool = False,
) -> Bundle:
    """The network of this run with these weights, and what is needed to use it.

    earlier: as versions did that neither multiplied in tiles nor said how pictures were decoded.
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
        tiled=not earlier and is_tiled(design.recipe.model),
        pictures=None if earlier else pictures_as(loaded.config),
    )


def check_formats(loaded: LoadedConfig, prepared: Prepared, design: Design) -> None:
    """ConfigError where a format cannot hold the network, before anything is trained."""
    # So many numbers may have no room in memory.
    untrained = np.broadcast_to(np.float32(0.0), (design.recipe.model.layout.size,))
    bundle = bundle_of(loaded, prepared, design, untrained)
    for index, kind in enumerate(loaded.config.deployment.formats):
        place = ("deployment", "formats", index)
        why = why_not(kind, bundle)
        if why is not None:
            raise loaded.error(place, why)


def why_not(kind: str, bundle: Bundle) -> str | None:
    """Why a format cannot be written of this network here; None where it can."""
    lacks = EXPORTERS[kind].lacks()
    if lacks is not None:
        return f"`{kind}` cannot be written here: {lacks}"
    why = EXPORTERS[kind].refuses(bundle)
    return None if why is None else f"`{kind}` cannot hold this network: {why}"


def deploy(
    run: RunDirectory,
    loaded: LoadedConfig,
    prepared: Prepared,
    design: Design,
    theta: Array,
    *,
    earlier: bool = False,
) -> Deployed:
    """Write `model/` and every format.

    ExportError if a format does not answer as the engine does.
    """
    bundle = bundle_of(loaded, prepared, design, theta, earlier=earlier)
    written = bundle.write(run, MODEL)
    golden = answered(bundle, golden_rows_of(prepared))
    proofs: dict[str, Proof] = {}
    for kind in loaded.config.deployment.formats:
        files, proofs[kind] = write_format(bundle, run, kind, golden)
        written += files
    return Deployed(tuple(written), proofs)


def golden_rows_of(prepared: Prepared) -> dict[str, Array]:
    """The stored rows of the golden batch, by the names of their values."""
    part = prepared.dataset.train
    first = np.arange(min(GOLDEN_ROWS, len(part)))
    return {name: one.take_features(first) for name, one in part.each().items()}


def answered(bundle: Bundle, rows: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the golden file: these rows, and the engine's answers to them."""
    with bundle.answering() as answering:
        return golden_batch(rows, answering(rows))


def write_format(
    bundle: Bundle,
    run: RunDirectory,
    kind: str,
    golden: Mapping[str, Array],
    *,
    thoroughly: bool = False,
) -> tuple[list[str], Proof]:
    """Write one format into `deploy/KIND/`, the golden batch beside it; the names of the files,
    and how it was proved.

    thoroughly: also in a process of its own, where the format answers by itself. ExportError if it
    does not answer as the engine does.
    """
    exporter, folder = EXPORTERS[kind], f"{DEPLOY}/{kind}"
    beside = f"{folder}/{GOLDEN}"
    written = [*exporter.write(bundle, run, folder), beside]
    documents.write_tensors(run, beside, golden)
    place, batch = run.path(folder), run.path(beside)
    proof = exporter.prove(bundle, place, batch)
    by_itself = exporter.prove_by_itself(place, batch) if thoroughly else None
    return written, by_itself or proof


def kind_of(name: str) -> str | None:
    """The format that a file of a run belongs to by its name, such as `deploy/onnx/model.onnx` or
    `deploy/bundle.pyz`; None for one that is of no format."""
    top, _, rest = name.partition("/")
    if top != DEPLOY:
        return None
    folder, _, inside = rest.partition("/")
    word = folder if inside else Path(folder).stem
    return word if word in EXPORTERS else None


def tell_of_proof(
    kind: str, proof: Proof, source: str, reporter: Reporter, size: int | None = None
) -> None:
    """Say how a format was proved; and what a person should know of it.

    source: what it can be exported from again. size: bytes of its files.
    """
    if proof.runtime is None:
        reporter.note(
            f"{kind}: {proof.describe()}; where it is, `dlcli export {source} --format {kind}` "
            "checks it"
        )
        return
    large = "" if size is None else f"{size / 1000:,.0f} KB; "
    reporter.say(f"{kind}: {large}{proof.describe()}")
    warning = proof.warn()
    if warning is not None:
        reporter.note(f"{kind}: {warning}")
