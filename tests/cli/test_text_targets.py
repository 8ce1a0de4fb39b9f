"""Text is never learned as a number, and files without a header work through all commands."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import dlcli, refused, train

NET = """\
data:
  source: {{type: csv, path: t.csv, target: {target}{options}}}
  transforms: [standardize]
model: {{layers: [{{type: dense, units: {units}}}]}}
loss: {loss}
optimizer: {{type: sgd, learning_rate: 0.1}}
training: {{epochs: 20}}
evaluation: {{metrics: [{metric}]}}
"""
REGRESSIONS = ("mean_squared_error", "mean_absolute_error")


def write(
    folder: Path,
    rows: list[str],
    target: str,
    options: str = "",
    units: int = 1,
    loss: str = "mean_squared_error",
    metric: str = "r2",
) -> Path:
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = folder / "net.yaml"
    config.write_text(
        NET.format(target=target, options=options, units=units, loss=loss, metric=metric)
    )
    return config


def houses(form: str) -> list[str]:
    """Prices that follow from the area, written in this form."""
    area = np.random.default_rng(2).normal(size=80)
    prices = [5000 + 600 * float(a) for a in area]
    return ["area,price", *(f"{a:.4f},{form.format(p)}" for a, p in zip(area, prices, strict=True))]


@pytest.mark.parametrize("loss", REGRESSIONS)
@pytest.mark.parametrize("form", ['"{:,.0f}"', "${:.2f}", "{:.0f} kg", "{:.0f}%", "red{:.0f}"])
def test_a_regression_refuses_a_target_of_text_with_line_and_cell(
    loss: str, form: str, tmp_path: Path
) -> None:
    rows = houses(form)
    config = write(tmp_path, rows, "price", loss=loss)
    for call in (train(config, tmp_path / "runs"), dlcli("validate", config)):
        message = refused(call, 2)
        assert f"`{loss}` learns numbers, but column 'price' holds text" in message
        cell = rows[1].split(",", 1)[1].strip('"')
        assert f"{tmp_path / 't.csv'}, line 2 holds {cell!r}" in message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("loss", REGRESSIONS)
def test_names_of_classes_that_are_known_beforehand_are_refused_too(
    loss: str, tmp_path: Path
) -> None:
    config = tmp_path / "net.yaml"
    config.write_text(
        f"data: {{source: breast_cancer}}\nmodel: {{layers: [{{type: dense, units: 1}}]}}\n"
        f"loss: {loss}\noptimizer: sgd\ntraining: {{epochs: 1}}\n"
    )
    for call in (train(config, tmp_path / "runs"), dlcli("validate", config)):
        assert f"`{loss}` learns numbers, but the target holds names" in refused(call, 2)


def test_digits_stand_for_themselves(tmp_path: Path) -> None:
    config = tmp_path / "net.yaml"
    config.write_text(
        "data: {source: digits}\nmodel: {layers: [flatten, {type: dense, units: 1}]}\n"
        "loss: mse\noptimizer: {type: sgd, learning_rate: 1e-4}\n"
        "training: {epochs: 1, max_steps: 3}\n"
    )
    assert dlcli("validate", config).code == 0
    assert train(config, tmp_path / "runs").run


def test_with_the_option_that_the_message_names_the_prices_are_learned(tmp_path: Path) -> None:
    """Against ordinary least squares on the numbers that were written."""
    rows = houses('"{:,.0f}"')
    config = write(tmp_path, rows, "price", ', thousands: ","')
    run = train(config, tmp_path / "runs", "--set", "data.target_transform=standardize").run
    answers = list(csv.DictReader(io.StringIO(dlcli("predict", run, tmp_path / "t.csv").out)))
    table = list(csv.DictReader(io.StringIO("\n".join(rows))))
    x = np.array([float(row["area"]) for row in table])
    y = np.array([float(row["price"].replace(",", "")) for row in table])
    slope, offset = np.polyfit(x, y, 1)
    found = np.array([float(row["value"]) for row in answers])
    assert np.abs(found - (slope * x + offset)).max() < 0.02 * np.ptp(y)


def flowers() -> list[str]:
    draw = np.random.default_rng(4)
    return [
        f"{draw.normal() + 4 * k:.3f},{'abc'[k]},{draw.normal():.3f}"
        for k in (int(i) % 3 for i in range(90))
    ]


def test_a_file_without_a_header_is_refused_then_trained_and_predicted_on(tmp_path: Path) -> None:
    rows = flowers()
    words = {"units": 3, "loss": "sparse_categorical_crossentropy", "metric": "accuracy"}
    config = write(tmp_path, rows, rows[0].split(",")[1], **words)  # type: ignore[arg-type]
    for call in (train(config, tmp_path / "runs"), dlcli("validate", config)):
        message = refused(call, 3)
        assert "line 1 looks like data (2 of 3 cells are numbers), not like names" in message
    config = write(tmp_path, rows, "column_2", ", header: false", **words)  # type: ignore[arg-type]
    assert dlcli("validate", config).code == 0
    call = train(config, tmp_path / "runs")
    assert "train 63  validation 9  test 18" in call.err + call.out  # all 90 rows
    whole = dlcli("predict", call.run, tmp_path / "t.csv")
    assert len(whole.out.splitlines()) == 91
    part = tmp_path / "part.csv"
    part.write_text("\n".join(f"{row.split(',')[0]},{row.split(',')[2]}" for row in rows))
    assert dlcli("predict", call.run, part).out == whole.out
    part.write_text("4.0\n")
    assert "give all 3, or 2 without the target 'column_2'" in refused(
        dlcli("predict", call.run, part), 3
    )


def test_a_model_with_names_does_not_take_a_row_for_names(tmp_path: Path) -> None:
    rows = flowers()
    config = write(
        tmp_path,
        ["petal,kind,sepal", *rows],
        "kind",
        units=3,
        loss="sparse_categorical_crossentropy",
        metric="accuracy",
    )
    run = train(config, tmp_path / "runs").run
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(rows))
    assert "line 1 looks like data" in refused(dlcli("predict", run, bare), 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (', decimal: ";"', "`decimal`"),
        (', thousands: "x"', "`thousands` must be one of the characters"),
        (', thousands: ",,"', "`thousands` must be one of the characters"),
        (', thousands: "."', "`thousands` and `decimal` cannot both be `.`"),
        (', decimal: ",", thousands: ","', "`thousands` and `decimal` cannot both be `,`"),
        (", header: no", "`header`"),
        (", has_header: false", "did you mean `header`?"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: str, words: str, tmp_path: Path) -> None:
    config = write(tmp_path, ["a,price", "1,2", "2,3"], "price", options)
    assert words in refused(dlcli("validate", config), 2)
