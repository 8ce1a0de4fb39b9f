"""What `predict` prints for missing, unknown and rare cells, against scikit-learn's pipelines.

One column at a time: the answer of one dense layer without activation to what the pipeline makes of
the column must be what stands in the printed CSV.
"""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tests.cli.calls import dlcli, train

CONFIG = """\
data:
  source: {{type: csv, path: t.csv, target: y}}
  split: {{validation: 0, test: 0}}
  transforms: {transforms}
model: {{layers: [{{type: dense, units: 1}}]}}
loss: mse
optimizer: {{type: sgd, learning_rate: 0.001}}
training: {{epochs: 2}}
"""
NUMBERS: list[float | None] = [3.5, None, 7.0, 1.25, 3.5, None, 11.0, 0.5, 3.5, 2.0, 8.0, -4.0] * 3
NEW_NUMBERS: list[float | None] = [None, 2.5, 3.5, 100.0, -100.0, None, 8.0]
TEXTS: list[str | None] = [
    *["fir"] * 9, *["oak"] * 7, *["elm"] * 5, *[None] * 4, "yew", "box", *["ash"] * 2,
]  # fmt: skip
NEW_TEXTS: list[str | None] = ["oak", None, "palm", "yew", "fir", "ash", "elm", "box", "cork"]


def imputed(strategy: str, indicator: bool, *more: Any, fill: float = 0.0) -> Any:
    imputer = SimpleImputer(strategy=strategy, add_indicator=indicator, fill_value=fill)
    return make_pipeline(imputer, *more)


OF_NUMBERS: dict[str, Any] = {
    **{
        f"[{{type: impute, strategy: {strategy}, add_indicator: {str(indicator).lower()}}}]": (
            imputed(strategy, indicator)
        )
        for strategy in ("mean", "median", "most_frequent")
        for indicator in (True, False)
    },
    "[{type: impute, strategy: constant, fill_value: -7, add_indicator: true}]": (
        imputed("constant", True, fill=-7.0)
    ),
    "[{type: impute, strategy: median}, standardize]": imputed("median", False, StandardScaler()),
    "[standardize, impute]": make_pipeline(StandardScaler(), SimpleImputer()),
    "[min_max, {type: impute, strategy: median}]": (
        make_pipeline(MinMaxScaler(), SimpleImputer(strategy="median"))
    ),
    "[robust, impute]": make_pipeline(RobustScaler(), SimpleImputer()),
    "[{type: quantile, n_quantiles: 20}, impute]": (
        make_pipeline(QuantileTransformer(n_quantiles=20), SimpleImputer())
    ),
    "[impute, {type: discretize, n_bins: 4, strategy: uniform}]": imputed(
        "mean", False, KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform")
    ),
}


def one_hot(**options: Any) -> Any:
    return OneHotEncoder(sparse_output=False, **options)


OF_TEXTS: dict[str, Any] = {
    "[{type: one_hot, handle_unknown: ignore}]": one_hot(handle_unknown="ignore"),
    "[{type: one_hot, handle_unknown: ignore, min_frequency: 3}]": (
        one_hot(handle_unknown="ignore", min_frequency=3)
    ),
    "[{type: one_hot, handle_unknown: bucket, min_frequency: 3}]": (
        one_hot(handle_unknown="infrequent_if_exist", min_frequency=3)
    ),
    "[{type: one_hot, handle_unknown: bucket, min_frequency: 5}]": (
        one_hot(handle_unknown="infrequent_if_exist", min_frequency=5)
    ),
    "[{type: one_hot, handle_unknown: bucket, max_categories: 4}]": (
        one_hot(handle_unknown="infrequent_if_exist", max_categories=4)
    ),
    "[{type: impute, strategy: most_frequent}, {type: one_hot, handle_unknown: ignore}]": (
        make_pipeline(
            SimpleImputer(strategy="most_frequent", missing_values=None),
            one_hot(handle_unknown="ignore"),
        )
    ),
    "[{type: impute, strategy: constant, fill_value: oak}, "
    "{type: one_hot, handle_unknown: bucket, min_frequency: 0.2}]": (
        make_pipeline(
            SimpleImputer(strategy="constant", missing_values=None, fill_value="oak"),
            one_hot(handle_unknown="infrequent_if_exist", min_frequency=0.2),
        )
    ),
    "[{type: impute, strategy: constant, fill_value: oak}, {type: ordinal, "
    "categories: [yew, oak, fir, elm, box, ash], handle_unknown: ignore}, "
    "{type: impute, strategy: constant, fill_value: -1}]": (
        make_pipeline(
            SimpleImputer(strategy="constant", missing_values=None, fill_value="oak"),
            OrdinalEncoder(
                categories=[["yew", "oak", "fir", "elm", "box", "ash"]],
                handle_unknown="use_encoded_value",
                unknown_value=-1,
            ),
        )
    ),
}


def save(path: Path, cells: list[Any], targets: bool) -> None:
    draw = np.random.default_rng(3)
    head = ["x", "y"] if targets else ["x"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for cell in cells:
            shown = "NA" if cell is None else cell
            writer.writerow([shown, *([round(draw.normal(), 3)] if targets else [])])


def answers(folder: Path, transforms: str, known: list[Any], new: list[Any]) -> Any:
    """The printed answers, and the function that the network is of its inputs."""
    save(folder / "t.csv", known, True)
    save(folder / "new.csv", new, False)
    (folder / "c.yaml").write_text(CONFIG.format(transforms=transforms))
    run = train(folder / "c.yaml", folder / "runs").run
    printed = dlcli("predict", run, folder / "new.csv")
    assert printed.code == 0, printed.err
    weights = load_file(run / "model" / "weights.safetensors")
    kernel, bias = weights["dense_1.kernel"], weights["dense_1.bias"]
    assert len(np.unique(kernel)) == len(kernel)  # or places could be mistaken for each other
    rows = list(csv.reader(io.StringIO(printed.out)))[1:]
    return np.array(rows, float)[:, 0], lambda x: np.asarray(x, float) @ kernel[:, 0] + bias[0]


def column(cells: list[Any], kind: Any) -> Any:
    return np.array(cells, kind).reshape(-1, 1)


def require_equal(
    folder: Path, transforms: str, pipeline: Any, known: list[Any], new: list[Any], kind: Any
) -> None:
    found, network = answers(folder, transforms, known, new)
    pipeline.fit(column(known, kind))
    expected = network(pipeline.transform(column(new, kind)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("transforms", OF_NUMBERS)
def test_numbers(tmp_path: Path, transforms: str) -> None:
    pipeline = OF_NUMBERS[transforms]
    require_equal(tmp_path, transforms, pipeline, NUMBERS, NEW_NUMBERS, float)


@pytest.mark.parametrize("transforms", OF_TEXTS)
def test_texts(tmp_path: Path, transforms: str) -> None:
    require_equal(tmp_path, transforms, OF_TEXTS[transforms], TEXTS, NEW_TEXTS, object)
