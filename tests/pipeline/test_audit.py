"""The audit: each finding by its code, as warnings, as errors, in JSON, and not at all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlcli.data.audit import CODES, INFORMATION
from tests.cli.calls import Call, dlcli

README = Path(__file__).parents[2] / "README.md"
N = 60


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape or (N,)).round(6)


A, B = drawn(0), drawn(1)
KIND = ["xyz"[k] for k in np.random.default_rng(2).integers(0, 3, N)]
HEAD = {"a": A.tolist(), "b": B.tolist()}


def csv(columns: dict[str, Sequence[object]], name: str = "t.csv") -> None:
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def config(
    data: str,
    *,
    units: int = 3,
    activation: str = "softmax",
    loss: str = "sparse_categorical_crossentropy",
    layers: str = "",
    source: str = "{type: csv, path: t.csv, target: kind}",
) -> None:
    Path("c.yaml").write_text(
        f"data:\n  source: {source}\n{data}"
        f"model: {{layers: [{layers}{{type: dense, units: {units}, activation: {activation}}}]}}\n"
        f"loss: {loss}\noptimizer: sgd\ntraining: {{epochs: 1, batch_size: 16}}\n"
    )


ONE_HOT = "  transforms: [{type: one_hot, handle_unknown: ignore}]\n"
ENCODED = "  transforms: [standardize, {type: one_hot, handle_unknown: %s}]\n"


def duplicate_rows() -> None:
    csv({"a": [*A, *A], "b": [*B, *B], "kind": [*KIND, *KIND]})
    config("")


def giveaway() -> None:
    csv({**HEAD, "copy": [{"x": 5, "y": 7, "z": 6}[kind] for kind in KIND], "kind": KIND})
    config("")


def identifier() -> None:
    csv({**HEAD, "nr": range(N), "kind": KIND})
    config("")


def constant_column() -> None:
    csv({**HEAD, "c": [4] * N, "kind": KIND})
    config("")


def leading_zeros() -> None:
    csv({**HEAD, "code": [f"{k * 7 % 13:03}" for k in range(N)], "kind": KIND})
    config("")


def text_among_numbers() -> None:
    cells = [f"{k * 7 % 13}" if k > 40 else f"~{k * 7 % 13}" for k in range(N)]
    csv({**HEAD, "c": cells, "kind": KIND})
    config(ONE_HOT)


def two_forms() -> None:
    csv({**HEAD, "c": ["e\u0301", "\u00e9", "o"] * (N // 3), "kind": KIND})
    config(ONE_HOT)


def rounded_numbers() -> None:
    csv({**HEAD, "c": [2**53 + 1, 5, 9] * (N // 3), "kind": KIND})
    config("  transforms: [standardize]\n")


def lost_numbers() -> None:
    csv({**HEAD, "c": [1_700_000_000 + k * 3 % 16 for k in range(N)], "kind": KIND})
    config("")


def coarse_target() -> None:
    csv({**HEAD, "kind": [1_700_000_000 + k * 3 % 17 for k in range(N)]})
    config("", units=1, activation="linear", loss="mse")


def gap_category() -> None:
    csv({**HEAD, "c": ["", "p", "q", "p", "q"] * (N // 5), "kind": KIND})
    config(ONE_HOT)


def unknown_categories() -> None:
    csv({**HEAD, "c": ["p", "q"] * (N // 2), "kind": KIND})
    csv({"a": [1.5], "b": [2], "c": ["new"], "kind": ["x"]}, "u.csv")
    config(ONE_HOT, source="{type: csv, path: t.csv, target: kind, test_path: u.csv}")


def empty_bucket() -> None:
    csv({**HEAD, "c": ["p", "q"] * (N // 2), "kind": KIND})
    config(ENCODED % "bucket")


def column_left_out() -> None:
    csv({"": range(5, N + 5), **HEAD, "kind": KIND})
    config("")


def rows_left_out() -> None:
    csv({**HEAD, "kind": [*KIND[:-2], "", "NA"]})
    config("", source="{type: csv, path: t.csv, target: kind, missing_target: drop}")


def rare_classes() -> None:
    csv({**HEAD, "kind": [*KIND[:-1], "rare"]})
    config("  split: {stratify: true}\n", units=4)


def absent_classes() -> None:
    csv({**HEAD, "kind": [*KIND[:40], *["x"] * 10, *["y", "z"] * 5]})
    config("  split: {by: order}\n")


def uneven_parts() -> None:
    csv({**HEAD, "who": [*["p"] * 20, *["q"] * 20, *["r"] * 20], "kind": KIND})
    config("  split: {by: group, column: who, validation: 0}\n")


def single_class() -> None:
    csv({**HEAD, "kind": ["x"] * N})
    csv({"a": [1.5, 1], "b": [2, 1], "kind": ["x", "x"]}, "u.csv")
    np.savez("d.npz", x=np.stack([A, B], 1), y=np.zeros(N, int))
    config("", units=2, source="{type: npz, path: d.npz}")


def unknown_labels() -> None:
    labels = np.stack([A > 0, B > 0, np.arange(N) < 0], 1).astype(float)
    labels[-1, 2] = 1
    np.savez("d.npz", x=np.stack([A, B], 1), y=labels)
    data = "  split: {by: order}\n"
    config(
        data, activation="sigmoid", loss="binary_crossentropy", source="{type: npz, path: d.npz}"
    )


def exclusive_labels() -> None:
    np.savez("d.npz", x=np.stack([A, B], 1), y=np.eye(3)[np.arange(N) % 3])
    config("", activation="sigmoid", loss="binary_crossentropy", source="{type: npz, path: d.npz}")


def surplus_units() -> None:
    csv({**HEAD, "kind": KIND})
    config("", units=7)


def channels_first() -> None:
    np.savez("d.npz", x=drawn(3, N, 3, 10, 10), y=np.arange(N) % 3)
    config("", layers="flatten, ", source="{type: npz, path: d.npz}")


def ids_as_numbers() -> None:
    csv({**HEAD, "c": ["p", "q"] * (N // 2), "kind": KIND})
    config("  transforms: [{type: category, handle_unknown: ignore}]\n")


def nothing_masked() -> None:
    np.savez("d.npz", x=drawn(3, N, 5, 2), y=np.arange(N) % 3)
    config(
        "  transforms: [{type: reshape, target_shape: [5, 2]}]\n",
        layers="masking, global_average_pooling1d, ",
        source="{type: npz, path: d.npz}",
    )


def pictures() -> None:
    rng = np.random.default_rng(3)
    for kind in "xyz":
        (Path("p") / kind).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 255, (4, 4, 3), np.uint8)
            Image.fromarray(pixels).save(Path("p") / kind / f"{number}.png")
    config("", source="{type: image_folder, path: p, errors: skip}", layers="flatten, ")


def pictures_left_out() -> None:
    pictures()
    Path("p/x/3.png").write_bytes(b"no picture")


def other_files() -> None:
    pictures()
    Path("p/x/notes.txt").write_text("taken in May")


MAKERS = (
    duplicate_rows, giveaway, identifier, constant_column, leading_zeros, text_among_numbers,
    two_forms, rounded_numbers, lost_numbers, coarse_target, gap_category, unknown_categories,
    empty_bucket, column_left_out, rows_left_out, rare_classes, absent_classes, uneven_parts,
    single_class, unknown_labels, exclusive_labels, surplus_units, channels_first, ids_as_numbers,
    nothing_masked, pictures_left_out, other_files,
)  # fmt: skip
LOOKED_FOR = {"empty_column", "missing_marks", "ambiguous_dates", "series"}
"""By `init` and `describe` alone: tests/data/test_looking.py."""


def trained(*words: str) -> Call:
    return dlcli("train", "c.yaml", "--workers", "1", *words)


def test_every_code_has_a_case() -> None:
    assert {maker.__name__ for maker in MAKERS} | LOOKED_FOR == CODES.keys()
    assert CODES.keys() > INFORMATION


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_finding_is_a_warning_an_error_or_nothing_as_the_config_says(maker: Any) -> None:
    maker()
    code = maker.__name__
    told = trained()
    assert told.code == 0, told.err
    lines = [line for line in told.err.splitlines() if line.strip().startswith("warning: ")]
    assert any(line.endswith(f"[{code}]") for line in lines), told.err
    document = json.loads(trained("--json").out)
    (found,) = [one for one in document["findings"] if one["code"] == code][:1]
    assert found["sentence"] and found["fix"]
    assert f"warning: {found['sentence']}: {found['fix']} [{code}]" in told.err
    assert json.loads(dlcli("validate", "c.yaml", "--json").out)["findings"] == document["findings"]

    quiet = trained("--set", "data.audit=off", "--json")
    assert quiet.code == 0 and json.loads(quiet.out)["findings"] == []
    assert "warning" not in quiet.err

    strict = trained("--set", "data.audit=strict", "--json")
    others = [one for one in document["findings"] if one["code"] not in INFORMATION]
    if not others:
        assert strict.code == 0
        return
    assert strict.code == 2
    # Those of the first stage come before the model is looked at.
    problems = [one["message"] for one in json.loads(strict.out)["error"]["problems"]]
    assert problems and set(problems) <= {
        f"{one['sentence']}: {one['fix']} [{one['code']}]" for one in others
    }
    assert dlcli("validate", "c.yaml", "--set", "data.audit=strict").code == 2


def test_the_remedy_for_gaps_names_an_impute_that_fills_texts() -> None:
    """All columns in one finding; an impute by the median, as `init` writes it, is no help."""
    gaps = {name: ["", "p", "q", "p", "q"] * (N // 5) for name in ("c", "d: e")}
    csv({**HEAD, **gaps, "kind": KIND})
    fills = "  transforms: [%s{type: impute, strategy: median}, {type: one_hot, columns: %s}]\n"
    config(fills % ("", '[c, "d: e"]'))
    (found,) = json.loads(trained("--json").out)["findings"]
    assert found["code"] == "gap_category"
    assert found["sentence"] == "missing cells of columns 'c', 'd: e' are categories of their own"
    remedy = '{type: impute, strategy: most_frequent, columns: [c, "d: e"]}'
    assert f"`{remedy}`" in found["fix"] and "numbers only" in found["fix"]
    config(fills % (f"{remedy}, ", '[c, "d: e"]'))
    assert json.loads(trained("--json").out)["findings"] == []


def test_the_readme_says_what_each_code_means() -> None:
    text = README.read_text(encoding="utf-8")
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in text, code
