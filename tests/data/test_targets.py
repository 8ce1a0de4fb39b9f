"""What is done to targets and undone in the answers, against scikit-learn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import preprocessing
from sklearn.pipeline import make_pipeline

from dlcli.config.loading import parse_config
from dlcli.data.portable import normal_quantile, normal_share
from dlcli.data.targets import TargetScale
from dlcli.errors import ArtifactError
from tests.cli.calls import dlcli, refused, train

TRAIN = np.random.default_rng(5).lognormal(3.0, 2.0, (400, 2))
OTHER = np.random.default_rng(6).lognormal(3.0, 2.0, (300, 2))

STANDARD: dict[str, Any] = {"type": "standardize"}
LOG: dict[str, Any] = {"type": "log1p"}
CHAINS: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "standardize": ([STANDARD], [preprocessing.StandardScaler()]),
    "min_max": (
        [{"type": "min_max", "minimum": -1.0, "maximum": 3.0}],
        [preprocessing.MinMaxScaler((-1, 3))],
    ),
    "robust": (
        [
            {
                "type": "robust",
                "with_centering": True,
                "with_scaling": True,
                "quantile_range": (10.0, 80.0),
            }
        ],
        [preprocessing.RobustScaler(quantile_range=(10.0, 80.0))],
    ),
    "log1p, standardize": (
        [LOG, STANDARD],
        [preprocessing.FunctionTransformer(np.log1p, np.expm1), preprocessing.StandardScaler()],
    ),
    "quantile": (
        [{"type": "quantile", "n_quantiles": 100, "output_distribution": "uniform"}],
        [preprocessing.QuantileTransformer(n_quantiles=100)],
    ),
    "normal quantile": (
        [{"type": "quantile", "n_quantiles": 400, "output_distribution": "normal"}],
        [preprocessing.QuantileTransformer(n_quantiles=400, output_distribution="normal")],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_steps_are_those_of_scikit_learn(name: str) -> None:
    words, theirs = CHAINS[name]
    scale = TargetScale.fit(words, TRAIN)
    pipe = make_pipeline(*theirs).fit(TRAIN)
    learned = pipe.transform(OTHER)
    np.testing.assert_allclose(scale.forward(OTHER), learned, rtol=1e-9, atol=1e-9)
    outputs = np.random.default_rng(7).normal(size=(200, 2))
    expected = pipe.inverse_transform(outputs)
    np.testing.assert_allclose(scale.inverse(outputs), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", CHAINS)
def test_one_output_is_as_its_column(name: str) -> None:
    both = TargetScale.fit(CHAINS[name][0], TRAIN)
    alone = TargetScale.fit(CHAINS[name][0], np.ascontiguousarray(TRAIN[:, 0]))
    one = np.ascontiguousarray(OTHER[:, 0])
    np.testing.assert_allclose(alone.forward(one), both.forward(OTHER)[:, 0], rtol=1e-12)
    assert alone.inverse(alone.forward(one)).shape == one.shape
    # The network answers (n, 1) to targets (n,).
    assert alone.inverse(alone.forward(one)[:, None]).shape == (len(one), 1)


@pytest.mark.parametrize("name", CHAINS)
def test_steps_survive_a_document(name: str) -> None:
    scale = TargetScale.fit(CHAINS[name][0], TRAIN)
    document = json.loads(json.dumps(scale.to_json()))
    restored = TargetScale.from_json(document)
    assert restored.forward(OTHER).tobytes() == scale.forward(OTHER).tobytes()
    assert restored.kinds == scale.kinds
    assert restored.fits((5, 2)) and (name == "log1p" or not restored.fits((5, 3)))
    for broken in ({}, {"steps": 3}, {"steps": [{}]}, {"steps": [{"type": "exec"}]}, {"steps": []}):
        if broken != document:
            with pytest.raises(ArtifactError):
                TargetScale.from_json(broken)


def test_a_scale_alone_is_written_as_before_there_were_others() -> None:
    assert TargetScale.fit([STANDARD], TRAIN).to_json().keys() == {"scale", "offset"}


@given(st.floats(-6.5, 6.5))
def test_the_share_of_a_normal_variable_is_the_inverse_of_its_quantile(z: float) -> None:
    from math import erfc, sqrt

    share = float(normal_share(np.array([z]))[0])
    assert share == pytest.approx(max(0.5 * erfc(-z / sqrt(2)), 1e-9), rel=1e-9, abs=2e-9)
    if abs(z) < 5.5:
        assert float(normal_quantile(np.array([share]))[0]) == pytest.approx(z, abs=1e-9)


CONFIG = """\
data:
  source: {{type: csv, path: t.csv, target: {target}}}
  target_transform: {transform}
model: {{layers: [{{type: dense, units: {units}}}]}}
loss: mse
optimizer: sgd
training: {{epochs: 2}}
"""


def write(
    folder: Path, transform: str, target: str = "c", units: int = 1, low: float = 0.5
) -> Path:
    cells = np.random.default_rng(1).lognormal(size=(60, 4))
    cells[7, 2] = low
    np.savetxt(folder / "t.csv", cells, "%.6f", ",", header="a,b,c,d", comments="")
    path = folder / "c.yaml"
    path.write_text(CONFIG.format(transform=transform, target=target, units=units))
    return path


@pytest.mark.parametrize(
    "transform", ["[log1p, standardize]", "[{type: quantile}, robust]", "log1p"]
)
@pytest.mark.parametrize(("target", "units"), [("c", 1), ("[c, d]", 2)])
def test_answers_are_in_original_units(
    tmp_path: Path, transform: str, target: str, units: int
) -> None:
    path = write(tmp_path, transform, target, units)
    run = train(path, tmp_path / "runs").run
    assert dlcli("evaluate", run).code == 0
    answers = dlcli("predict", run, tmp_path / "t.csv").out.splitlines()[1:]
    values = np.array([[float(cell) for cell in line.split(",")] for line in answers])
    assert values.shape == (60, units) and (values > -1).all() and np.isfinite(values).all()
    scale = json.loads((run / "deploy/bundle/model.json").read_bytes())["target_scale"]
    assert len(scale["steps"]) == transform.count(",") + 1 if "steps" in scale else False


def test_the_logarithm_of_a_target_of_minus_one_is_refused_with_its_line(tmp_path: Path) -> None:
    message = refused(train(write(tmp_path, "[log1p, standardize]", low=-1.0), tmp_path / "r"), 3)
    assert "the target is -1" in message and "t.csv, line 9" in message and "above -1" in message


def test_a_list_of_one_is_that_one_and_mistakes_are_named_at_their_place(tmp_path: Path) -> None:
    path = write(tmp_path, "[standardize]")
    config = parse_config(path.read_text(), "c").config
    assert config.data.model_dump()["target_transform"] == {"type": "standardize"}
    message = refused(dlcli("validate", write(tmp_path, "[log1p, {type: robust, scale: 3}]")), 2)
    assert "c.yaml:3:44: unknown key `scale`" in message
    message = refused(dlcli("validate", write(tmp_path, "[log1p, log2p]")), 2)
    assert "did you mean `log1p`?" in message
    assert "must not be an empty list" in refused(dlcli("validate", write(tmp_path, "[]")), 2)


def test_answers_that_overflow_make_bad_metrics_and_no_crash(tmp_path: Path) -> None:
    path = write(tmp_path, "log1p")
    text = path.read_text().replace(
        "optimizer: sgd", "optimizer: {type: sgd, learning_rate: 0.001}"
    )
    text = text.replace("units: 1}", "units: 1, bias_initializer: {type: constant, value: 9000}}")
    path.write_text(text + "evaluation: {metrics: [mae, r2]}\n")
    run = train(path, tmp_path / "runs").run
    metrics = json.loads((run / "evaluation.json").read_bytes())["test"]["metrics"]
    assert metrics["mean_absolute_error"] == pytest.approx(1e38) and metrics["r2"] < -1e60
    assert "not finite" in refused(dlcli("predict", run, tmp_path / "t.csv"), 7)
