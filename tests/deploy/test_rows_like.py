"""Rows to try a network on hold nothing that its preprocessing refuses."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.config.loading import parse_config
from dlcli.data.dataset import ONLY
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.strange import takes_unknown
from dlcli.deploy.rows_like import rows_like, takes_cell
from dlcli.pipeline import prepare

STEPS = {
    "nobody knows the text that fills a gap": (
        "{type: impute, strategy: constant}, {type: one_hot}",
        {},
    ),
    "the second of two refuses": (
        "{type: category, handle_unknown: ignore}, {type: one_hot, columns: category}",
        {},
    ),
    "the first of two refuses": (
        "category, {type: one_hot, columns: category, handle_unknown: ignore}",
        {},
    ),
    "no bin is unknown to a hash": (
        "{type: hash, num_bins: 9}, {type: one_hot, columns: category}",
        {},
    ),
    "it is left out": ("{type: one_hot, handle_unknown: ignore}", {"wood": "ignore"}),
}


def fitted_on(folder: Path, steps: str) -> tuple[Preprocessing, dict[str, np.ndarray]]:
    lines = [f"{['ash', 'oak', 'fir'][row % 3]},{row % 4}" for row in range(60)]
    (folder / "wood.csv").write_text("\n".join(["wood,age", *lines]))
    loaded = parse_config(
        "data: {source: {type: csv, path: wood.csv, target: age}, "
        f"split: {{validation: 0, test: 0}}, transforms: [{steps}]}}\n"
        "model: {layers: [{type: dense, units: 1}]}\nloss: mse\noptimizer: adam\n"
        "training: {epochs: 1}\n",
        "wood",
    )
    prepared = prepare.prepare(loaded, prepare.places(folder, None))
    brought = {ONLY: prepared.dataset.train.take_features(slice(0, 16))}
    return prepared.preprocessing[ONLY], brought


@pytest.mark.parametrize("name", STEPS)
def test_no_row_is_refused(name: str, tmp_path: Path) -> None:
    steps, unknown = STEPS[name]
    fitted, brought = fitted_on(tmp_path, steps)
    assert takes_unknown(fitted) == unknown
    rows = rows_like(brought, {ONLY: fitted})[ONLY]
    assert len(rows) == 1000 and np.isfinite(fitted.apply(rows)).all()
    assert (rows[:, 0] == 3.0).any() == bool(unknown)
    assert takes_cell(fitted, rows[:1], 0, float(rows[0, 0]))
