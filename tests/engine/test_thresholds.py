"""Thresholds and calibration beside scikit-learn, on scores with many ties."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from dlcli.engine.metrics.thresholds import at_thresholds, calibration, spread_out


def drawn(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, of which many are equal, some 0, 1 or on the edge of a bin; and a yes for some."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(count), rng.integers(1, 5)).astype(np.float32)
    yes = rng.random(count) < 0.2 + 0.6 * scores
    yes[:2] = True, False
    return scores, yes


@pytest.mark.parametrize("seed", range(20))
def test_hits_and_alarms_are_those_of_scikit_learn(seed: int) -> None:
    scores, yes = drawn(seed, 5 + 40 * seed)
    found = at_thresholds(scores, yes)
    alarms, hits, thresholds = roc_curve(yes, scores, drop_intermediate=False)
    np.testing.assert_array_equal(found.thresholds, thresholds[1:])
    np.testing.assert_allclose(found.hits / yes.sum(), hits[1:], rtol=1e-15)
    np.testing.assert_allclose(found.alarms / (~yes).sum(), alarms[1:], rtol=1e-15)
    precision, recall, _ = precision_recall_curve(yes, scores)
    np.testing.assert_allclose(found.hits / yes.sum(), recall[-2::-1], rtol=1e-15)
    np.testing.assert_allclose(
        found.hits / (found.hits + found.alarms), precision[-2::-1], rtol=1e-15
    )


@pytest.mark.parametrize("seed", range(20))
def test_bins_are_those_of_scikit_learn(seed: int) -> None:
    scores, yes = drawn(seed, 5 + 40 * seed)
    bins = calibration(scores, yes)
    found, held = calibration_curve(yes, scores.astype(np.float64), n_bins=10)
    np.testing.assert_allclose(bins.found, found, rtol=1e-12)
    np.testing.assert_allclose(bins.held, held, rtol=1e-12)
    assert bins.rows.sum() == len(scores) and bins.rows.min() > 0


def test_the_error_is_the_mean_gap_of_the_rows() -> None:
    probabilities = np.array([0.05, 0.05, 0.95, 0.95], np.float32)
    bins = calibration(probabilities, np.array([False, True, True, True]))
    # Half of the rows are held 5 % and 50 % are so; half are held 95 % and all are so.
    assert bins.error == pytest.approx((0.45 + 0.05) / 2)


@pytest.mark.parametrize("most", [2, 7, 100])
def test_fewer_thresholds_are_some_of_all_with_both_ends(most: int) -> None:
    scores, yes = drawn(19, 5_000)
    scores = scores + np.random.default_rng(1).random(5_000).astype(np.float32)
    found = at_thresholds(scores, yes)
    some = spread_out(found, most)
    assert 2 <= len(some.hits) <= most
    assert {*zip(*map(np.ndarray.tolist, some), strict=True)} <= {
        *zip(*map(np.ndarray.tolist, found), strict=True)
    }
    for one, other in zip(some, found, strict=True):
        assert one[0] == other[0] and one[-1] == other[-1]
    if most == 100:  # nowhere far from the curve
        walked = some.hits / found.hits[-1] + some.alarms / found.alarms[-1]
        assert np.diff(walked).max() < 0.05
