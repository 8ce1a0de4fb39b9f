"""Drawn networks as ONNX: each is proved, and answers wild rows as dlcli does, or as refused.

A handful of seeds here, many with `-m drawn`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config.loading import load_config
from dlcli.data.strange import codes_of_unknown
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.compared import compared
from dlcli.deploy.onnx.inputs import feeds
from dlcli.deploy.onnx.proof import model_answers, network_answers, session
from dlcli.deploy.rows_like import rows_like
from dlcli.engine.layers import Embedding
from dlcli.errors import ConfigError, DataError
from dlcli.pipeline import run as pipeline
from dlcli.pipeline.provenance import Environment
from tests.deploy.onnx_runs import Exported, exported
from tests.drawn.drawing import draw
from tests.exactness.runs import Recorder

Array = npt.NDArray[Any]
FEW, MANY, PARTS = 12, 480, 8
WILD_ROWS = 60


def tried(seed: int, folder: Path) -> bool:
    """Whether the config of a seed can be prepared; AssertionError or ExportError where what is
    exported of it is not the engine's."""
    try:
        path = draw(seed).write(folder)
        net = exported(load_config(path), folder)
    except (ConfigError, DataError):
        return False
    net.prove()
    wild_rows_are_answered_or_refused(net, seed)
    return True


def wild_rows_are_answered_or_refused(net: Exported, seed: int) -> None:
    bundle = net.bundle
    rows, strange = wild(bundle, rows_like(net.rows, bundle.preprocessing, WILD_ROWS), seed)
    refused = np.array([is_refused(bundle, rows, row) for row in range(WILD_ROWS)])
    model, network = (session(net.folder / f"{name}.onnx") for name in ("model", "network"))
    for output in model.run(None, feeds(bundle, rows, strange)):
        numbers = output[refused]
        if output.dtype.kind == "f":
            assert np.isnan(numbers).all(), f"seed {seed}: a refused row is answered"
        else:
            assert np.isin(numbers.astype(str), ["", "-1"]).all(), f"seed {seed}: it has a label"
    if refused.all():
        return
    some = {name: array[~refused] for name, array in rows.items()}
    wanted = bundle.predict(some)
    found, _ = model_answers(bundle, model, some, strange)
    compared(bundle, some, found, wanted, f"seed {seed}: model.onnx")
    found, _ = network_answers(bundle, network, some)
    compared(bundle, some, found, wanted, f"seed {seed}: network.onnx")


def wild(
    bundle: Bundle, rows: Mapping[str, Array], seed: int
) -> tuple[dict[str, Array], dict[tuple[str, float], str]]:
    """The rows with some cells that nobody expects, and the texts of codes that are not known."""
    draw = np.random.default_rng(seed)
    found, strange = {}, {}
    for name, fitted in bundle.preprocessing.items():
        x = found[name] = rows[name].copy()
        flat = x.reshape(len(x), -1)
        rate = 0.5 / flat.shape[1]
        chosen = draw.random(flat.shape) < rate
        if x.dtype.kind == "f":
            odd = [np.nan, np.inf, -np.inf, 1e9, -1e4, 0.5, -0.0]
            flat[chosen] = draw.choice(odd, int(chosen.sum())).astype(x.dtype)
        elif any(isinstance(node.layer, Embedding) for node in bundle.model.plain):
            flat[chosen] = draw.integers(-3, 100, int(chosen.sum())).astype(x.dtype)
        codes = codes_of_unknown(fitted)
        for place, column in enumerate(fitted.columns or ()):
            if column.categories is None:
                continue
            for row in range(len(x)):
                flat[row, place] = draw.integers(0, len(column.categories) + 1)
                if flat[row, place] == len(column.categories) and column.name in codes:
                    text = f"{row} text"
                    flat[row, place] = codes[column.name](text)
                    strange[column.name, float(flat[row, place])] = text
                if draw.random() < 0.1:
                    flat[row, place] = np.nan
    return found, strange


def is_refused(bundle: Bundle, rows: Mapping[str, Array], row: int) -> bool:
    """Whether dlcli has no answer to one row."""
    one = {name: array[row : row + 1] for name, array in rows.items()}
    for name, fitted in bundle.preprocessing.items():
        x = one[name]
        good = np.isfinite(x) if fitted.columns is None else ~np.isinf(x)
        if not good.all():  # nothing that reads rows lets it through
            return True
    try:
        bundle.check_ids(one, "the row")
        prepared = [fitted.apply(one[name]) for name, fitted in bundle.preprocessing.items()]
    except (DataError, IndexError):  # of a code without a text no sentence can be made
        return True
    return not all(np.isfinite(x).all() for x in prepared)


@pytest.mark.parametrize("seed", range(FEW))
def test_a_handful_of_drawn_networks(seed: int, tmp_path: Path) -> None:
    assert tried(seed, tmp_path)


@pytest.mark.drawn
@pytest.mark.parametrize("part", range(PARTS))
def test_many_drawn_networks(part: int, tmp_path: Path) -> None:
    seeds = range(FEW + part, MANY, PARTS)
    good = [tried(seed, tmp_path / str(seed)) for seed in seeds]
    assert sum(good) >= 0.9 * len(good)


@pytest.mark.drawn
@pytest.mark.parametrize("seed", [158, 230, 546])
def test_trained_networks_that_amplify_roundings(seed: int, tmp_path: Path) -> None:
    """Some of their numbers are near by the engine's own roundings alone; few, and that is said."""
    path = draw(seed).write(tmp_path)
    loaded = load_config(path, ("deployment.formats=[onnx]",))
    seen = Recorder()
    options = pipeline.Options(1, None, tmp_path / "runs")
    run = pipeline.run(loaded, path.read_bytes(), path, options, seen)
    proof = Environment.read(RunDirectory.open(run)).document["exports"]["onnx"]
    assert 0 < proof["beyond"] < 10
    assert [note for note in seen.notes if "scale its inputs or its target" in note]
