"""scikit-learn's MLPClassifier: `fit` for some epochs at a time, going on where it stopped.

It has no AdamW; where others use that, it uses Adam.
"""

import importlib
import time
import warnings
from pathlib import Path
from typing import Any

from tests.benchmarks import cases, data
from tests.benchmarks.cases import Dense
from tests.benchmarks.timing import BLOCK, measure


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows a second of the case."""
    network = importlib.import_module("sklearn.neural_network")
    case = cases.BY_NAME[spec["case"]]
    x, t = data.load(Path(spec["folder"]), case.data, case.rows)
    hidden = [layer for layer in case.network.layers[:-1] if isinstance(layer, Dense)]
    model = network.MLPClassifier(
        tuple(layer.units for layer in hidden),
        activation=hidden[0].activation,
        solver="adam",
        alpha=0.0,
        batch_size=case.batch,
        learning_rate_init=0.01 if case.network.binary else 0.001,
        max_iter=1,
        tol=0.0,
        n_iter_no_change=1_000_000,
        warm_start=True,
    )

    def fit() -> int:
        model.fit(x, t)
        return len(x) * int(model.max_iter)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        fit()
        began = time.perf_counter()
        fit()
        # So many epochs at a time that what `fit` does once costs next to nothing.
        model.max_iter = max(2, round(2 * BLOCK / (time.perf_counter() - began)))
        return measure(fit)
