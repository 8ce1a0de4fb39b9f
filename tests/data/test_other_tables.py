"""Tables as JSON lines and as Parquet: the same rows as from a CSV, and mistakes named."""

import csv
import gzip
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data import Places
from dlcli.data.dataset import Raw
from dlcli.data.sources import Csv, Jsonl, Parquet
from dlcli.errors import DataError, DlcliError, UsageError
from tests.cli.calls import dlcli, refused

pa: Any = pytest.importorskip("pyarrow")
pq: Any = pytest.importorskip("pyarrow.parquet")

Table = dict[str, list[Any]]


def rows_of(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else str(cell)


def save_csv(folder: Path, table: Table, name: str = "t") -> None:
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(map(shown, row.values()) for row in rows_of(table))


def save_jsonl(folder: Path, table: Table, name: str = "t", sparse: bool = False) -> None:
    lines = []
    for row in rows_of(table):
        plain = {k: shown(v) if isinstance(v, datetime) else v for k, v in row.items()}
        if sparse:
            plain = {k: v for k, v in plain.items() if v is not None}
        lines.append(json.dumps(plain, ensure_ascii=False))
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_parquet(folder: Path, table: Table, name: str = "t", **ways: Any) -> None:
    pq.write_table(pa.table(table), folder / f"{name}.parquet", **ways)


def same(one: Raw, other: Raw) -> None:
    assert one.classes == other.classes and one.parts.keys() == other.parts.keys()
    assert [(c.name, c.categories, c.date) for c in one.columns or ()] == [
        (c.name, c.categories, c.date) for c in other.columns or ()
    ]
    for role, part in one.parts.items():
        assert part.features.tobytes() == other.parts[role].features.tobytes()
        assert part.targets.tobytes() == other.parts[role].targets.tobytes()
        assert part.targets.dtype == other.parts[role].targets.dtype


TEXTS = st.sampled_from(["oak", "elm", "Buche", "\u00e9clair", "x y", 'say "a"', "NA", "?"])
CELLS: dict[str, Any] = {
    "numbers": st.floats(-1e9, 1e9, allow_nan=False),
    "whole": st.integers(-(2**53), 2**53),
    "texts": TEXTS,
    "truth": st.booleans(),
    "times": st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(
        lambda when: when.replace(microsecond=0)
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> Table:
    count = draw(st.integers(3, 40))
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=5))
    table: Table = {}
    for number, kind in enumerate(kinds):
        cells = draw(st.lists(CELLS[kind], min_size=count, max_size=count))
        if draw(st.booleans()):
            holes = draw(st.lists(st.booleans(), min_size=count, max_size=count))
            cells = [
                None if hole and place else c
                for place, (c, hole) in enumerate(zip(cells, holes, strict=True))
            ]
        if kind in ("texts", "truth"):  # the first says that it is text
            cells[0] = "oak" if kind == "texts" else True
        table[f"{kind} {number}"] = cells
    return {**table, "y": draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))}


@pytest.mark.properties
@settings(deadline=None, max_examples=60)
@given(tables(), st.booleans(), st.integers(1, 50))
def test_every_way_to_store_a_table_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, table: Table, sparse: bool, group: int
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    save_csv(folder, table)
    save_jsonl(folder, table, sparse=sparse)
    save_parquet(folder, table, row_group_size=group)
    places = Places(folder, folder)
    dated = {name: "date" for name in table if name.startswith("times")}
    expected = Csv("t.csv", "y", kinds=dated, header=True).load(places, 0)
    if all(any(cell is not None for cell in cells) for cells in table.values()):
        same(Jsonl("t.jsonl", "y", kinds=dated).load(places, 0), expected)
    same(Parquet("t.parquet", "y").load(places, 0), expected)


SMALL: Table = {
    "height": [1.5, None, 3.0, 4.0],
    "soil": ["clay", "sand", None, "clay"],
    "kind": ["oak", "elm", "oak", "elm"],
}


def test_parts_weights_and_several_targets(tmp_path: Path) -> None:
    table = {**SMALL, "w": [1, 2, 3, 4], "z": [0.5, 1.5, 2.5, 3.5]}
    other = {"z": [7.5], "w": [1], "kind": ["elm"], "soil": ["peat"], "height": [9.0]}
    places = Places(tmp_path, tmp_path)
    for save in (save_csv, save_jsonl, save_parquet):
        save(tmp_path, table)
        save(tmp_path, other, "u")
    for target in ("kind", ("z", "w")):
        weight = "w" if target == "kind" else None
        found = [
            kind(f"t.{ending}", target, weight=weight, test_path=f"u.{ending}").load(places, 0)
            for kind, ending in ((Csv, "csv"), (Jsonl, "jsonl"), (Parquet, "parquet"))
        ]
        same(found[1], found[0])
        same(found[2], found[0])
        if weight:
            weights = [raw.parts["train"].weights for raw in found]
            assert all(np.array_equal(one, [1, 2, 3, 4]) for one in weights)


def test_packed_json_lines_with_a_mark_and_blank_lines(tmp_path: Path) -> None:
    save_jsonl(tmp_path, SMALL)
    text = "\ufeff\n" + (tmp_path / "t.jsonl").read_text().replace("\n", "\r\n\r\n")
    (tmp_path / "p.jsonl").write_bytes(gzip.compress(text.encode()))
    places = Places(tmp_path, tmp_path)
    same(Jsonl("p.jsonl", "kind").load(places, 0), Jsonl("t.jsonl", "kind").load(places, 0))


def test_codes_may_be_texts_and_texts_numbers(tmp_path: Path) -> None:
    table: Table = {"zip": [10115, 80331], "size": ["1.5", "2"], "y": [0, 1]}
    kinds = {"zip": "text", "size": "number"}
    places = Places(tmp_path, tmp_path)
    save_csv(tmp_path, table)
    save_jsonl(tmp_path, table)
    save_parquet(tmp_path, table)
    expected = Csv("t.csv", "y", kinds=kinds).load(places, 0)
    same(Jsonl("t.jsonl", "y", kinds=kinds).load(places, 0), expected)
    same(Parquet("t.parquet", "y", kinds=kinds).load(places, 0), expected)


def test_types_of_parquet(tmp_path: Path) -> None:
    moments = [datetime(2020, 1, 1) + timedelta(hours=k) for k in range(3)]
    columns = {
        "decimal": pa.array([1, 2, None], pa.decimal128(10, 2)),
        "half": pa.array([0.5, 2, 3], pa.float32()),
        "small": pa.array([1, None, 3], pa.uint8()),
        "dictionary": pa.array(["b", None, "a"]).dictionary_encode(),
        "large": pa.array(["u", "v", "u"], pa.large_string()),
        "day": pa.array([moments[0].date()] * 3, pa.date32()),
        "zoned": pa.array(moments, pa.timestamp("ns", tz="Europe/Berlin")),
        "nothing": pa.nulls(3),
        "a.b": pa.array([7.0, 8.0, 9.0]),
        "y": pa.array([True, False, True]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    raw = Parquet("t.parquet", "y").load(Places(tmp_path, tmp_path), 0)
    nan = float("nan")
    day = 1577836800.0
    np.testing.assert_array_equal(
        raw.parts["all"].features,
        [
            [1, 0.5, 1, 1, 0, day, day, nan, 7],
            [2, 2, nan, nan, 1, day, day + 3600, nan, 8],
            [nan, 3, 3, 0, 0, day, day + 7200, nan, 9],
        ],
    )
    assert raw.classes == ("false", "true") and raw.parts["all"].targets.tolist() == [1, 0, 1]


JSONL_MISTAKES: dict[str, tuple[str, str]] = {
    "no JSON": ('{"a": 1, "y": 0}\n{"a": 1,\n', "line 2 is no JSON"),
    "a list": ('{"a": 1, "y": 0}\n[1]\n', "line 2 is no JSON object"),
    "a key twice": ('{"a": 1, "a": 2, "y": 0}\n', "line 1 has the key 'a' twice"),
    "forms of a key": ('{"\\u00e9": 1, "e\\u0301": 2, "y": 0}\n', "which are one column"),
    "an empty key": ('{"": 1, "y": 0}\n', "empty key"),
    "nothing": ("\n\n", "is empty"),
    "too deep": ('{"a": ' + "[" * 100_000 + "\n", "line 1 is nested too deeply"),
    "a text among numbers": (
        "".join(f'{{"a": {k}, "y": {k % 2}}}\n\n' for k in range(9)) + '{"a": "tall", "y": 0}\n',
        "line 19, column 'a' holds 'tall'",
    ),
    "a new key": (
        "".join(f'{{"a": {k}, "y": {k % 2}}}\n' for k in range(1000)) + '{"b": 1, "y": 0}\n',
        "line 1001 has the key 'b', which none of the first 1,000 rows has",
    ),
    "infinity": ('{"a": 1, "y": 0}\n{"a": Infinity, "y": 0}\n', "line 2, column 'a' holds"),
    "no text": ("\x00\x01", "t.jsonl, line 1"),
}


@pytest.mark.parametrize("name", JSONL_MISTAKES)
def test_mistakes_of_json_lines_are_named(tmp_path: Path, name: str) -> None:
    text, words = JSONL_MISTAKES[name]
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(DataError) as error:
        Jsonl("t.jsonl", "y").load(Places(tmp_path, tmp_path), 0)
    assert words in str(error.value)


def _broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


PARQUET_MISTAKES: dict[str, tuple[Table, Callable[[Path], None] | None, str]] = {
    "cut": ({"a": [1.0], "y": [0]}, _broken, "cannot be read as Parquet"),
    "a list": ({"a": [[1, 2]], "y": [0]}, None, "column 'a' holds the type list<"),
    "infinity": ({"a": [1.0, float("inf")], "y": [0, 1]}, None, "row 1 (counted from 0), column"),
    "no rows": ({"a": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}, None, "no rows"),
}


@pytest.mark.parametrize("name", PARQUET_MISTAKES)
def test_mistakes_of_parquet_are_named(tmp_path: Path, name: str) -> None:
    table, change, words = PARQUET_MISTAKES[name]
    save_parquet(tmp_path, table)
    if change is not None:
        change(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet") as error:
        Parquet("t.parquet", "y").load(Places(tmp_path, tmp_path), 0)
    assert words in str(error.value)


def test_a_text_where_the_training_file_has_numbers_is_named(tmp_path: Path) -> None:
    save_parquet(tmp_path, {"a": [1.0, 2.0], "y": [0, 1]})
    save_parquet(tmp_path, {"a": ["1", "tall"], "y": [0, 1]}, "u")
    with pytest.raises(DataError, match=r"u.parquet, row 1 .*'a' holds 'tall', which is no number"):
        Parquet("t.parquet", "y", test_path="u.parquet").load(Places(tmp_path, tmp_path), 0)


def test_a_column_that_is_not_there_and_whole_numbers_that_are_rounded(tmp_path: Path) -> None:
    save_parquet(tmp_path, {"height": [2**53 + 1, 5], "y": [0, 1]})
    places = Places(tmp_path, tmp_path)
    with pytest.raises(UsageError, match="has no column 'hieght'; did you mean 'height'"):
        Parquet("t.parquet", "y", ("hieght",)).load(places, 0)
    (finding,) = Parquet("t.parquet", "y").load(places, 0).findings
    assert finding.code == "rounded_numbers" and "row 0" in str(finding)


def test_an_index_of_pandas_is_left_out(tmp_path: Path) -> None:
    save_parquet(tmp_path, {"a": [1.0, 2.0], "y": [0, 1], "__index_level_0__": [5, 6]})
    raw = Parquet("t.parquet", "y").load(Places(tmp_path, tmp_path), 0)
    assert [c.name for c in raw.columns or ()] == ["a"]
    assert [finding.code for finding in raw.findings] == ["column_left_out"]


def test_without_arrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_parquet(tmp_path, {"a": [1.0], "y": [0]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'dlcli\[arrow\]'"):
        Parquet("t.parquet", "y").load(Places(tmp_path, tmp_path), 0)


CONFIG = """\
data:
  source: {{type: {word}, path: t.{word}, target: kind}}
  transforms: [impute, standardize, {{type: one_hot, handle_unknown: ignore}}]
model: {{layers: [{{type: dense, units: 1, activation: sigmoid}}]}}
loss: binary_crossentropy
optimizer: sgd
training: {{epochs: 3}}
"""


def test_runs_are_the_same_whatever_the_rows_are_stored_in(tmp_path: Path) -> None:
    table = {name: cells * 15 for name, cells in SMALL.items()}
    new = tmp_path / "new.csv"
    new.write_text("height,soil\n1.5,clay\n,peat\n")
    answers = set()
    for word, save in (("csv", save_csv), ("jsonl", save_jsonl), ("parquet", save_parquet)):
        save(tmp_path, table)
        config = tmp_path / f"{word}.yaml"
        config.write_text(CONFIG.format(word=word))
        assert dlcli("validate", config).code == 0
        call = dlcli("train", config, "--output-dir", tmp_path / "runs", "--workers", "2")
        assert call.code == 0, call.err
        assert dlcli("evaluate", call.run).code == 0 and dlcli("verify", call.run).code == 0
        assert dlcli("reproduce", call.run).code == 0
        answers.add(dlcli("predict", call.run, new).out)
    assert len(answers) == 1


def test_a_csv_under_another_name_is_refused_with_a_sentence(tmp_path: Path) -> None:
    save_csv(tmp_path, SMALL)
    for word in ("jsonl", "parquet"):
        (tmp_path / f"t.{word}").write_bytes((tmp_path / "t.csv").read_bytes())
        config = tmp_path / f"{word}.yaml"
        config.write_text(CONFIG.format(word=word))
        assert f"t.{word}" in refused(dlcli("train", config), 3)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    places = Places(folder, folder)
    for source in (Jsonl("t", "y"), Parquet("t", "y")):
        (folder / "t").write_bytes(content)
        with pytest.raises(DlcliError):
            source.load(places, 0)
