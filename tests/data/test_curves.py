"""robust, clip, log1p and quantile beside scikit-learn and NumPy."""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from dlcli.data.dataset import Column, Dataset, Part
from dlcli.data.preprocessing import Preprocessing, TransformError, prepare
from dlcli.data.transforms import Clip, Impute, Log1p, Quantile, Robust
from dlcli.errors import DataError

RNG = np.random.RandomState(3)
TRAIN = np.column_stack(
    [RNG.lognormal(0, 2, 200), RNG.randint(0, 5, 200), RNG.standard_normal(200)]
).astype(float)
TRAIN[[3, 50, 120], [0, 1, 2]] = np.nan
NEW = np.concatenate([TRAIN[:20], [[1e9, -3.0, 0.0], [0.0, 99.0, -9.0], [np.nan, 2.0, 0.1]]])
NAMES = tuple(Column(name) for name in "abc")


def fitted(*transforms: Any) -> Preprocessing:
    return Preprocessing.fit(Part(TRAIN, np.zeros(200), None, NAMES), transforms)


def same(ours: Any, expected: Any) -> None:
    found = fitted(ours, Impute("constant", -77.0)).apply(NEW)
    np.testing.assert_allclose(
        found, np.where(np.isnan(expected), -77.0, expected), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("centering", [True, False])
@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("percents", [(25.0, 75.0), (5.0, 95.0)])
def test_robust(centering: bool, scaling: bool, percents: tuple[float, float]) -> None:
    theirs = RobustScaler(
        with_centering=centering, with_scaling=scaling, quantile_range=percents
    ).fit(TRAIN)
    same(Robust(centering, scaling, percents), theirs.transform(NEW))


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("count", [2, 10, 199, 1000])
def test_quantile(distribution: str, count: int) -> None:
    theirs = QuantileTransformer(
        n_quantiles=min(count, 200), output_distribution=distribution, subsample=None
    ).fit(TRAIN)
    same(Quantile(count, distribution), theirs.transform(NEW))


@pytest.mark.parametrize("bounds", [(0.0, 3.0), (None, 1.0), (-0.5, None)])
def test_clip(bounds: tuple[float | None, float | None]) -> None:
    same(Clip(*bounds), np.clip(NEW, *bounds))


def test_log1p() -> None:
    expected = np.column_stack([np.log1p(NEW[:, 0]), NEW[:, 1:]])
    same(Log1p(("a",)), expected)
    with pytest.raises(TransformError, match=r"column 'c' holds .*above -1"):
        fitted(Log1p())


def test_a_row_that_has_no_logarithm_is_named() -> None:
    rows = np.array([[1.0], [2.0], [-5.0]])
    train, test = (Part(rows, np.zeros(3), np.array(i)) for i in ([0, 1], [2]))
    with pytest.raises(DataError, match=r"Row 2 .* in the test part.* above -1"):
        prepare(Dataset(train, None, test), [Log1p()])
