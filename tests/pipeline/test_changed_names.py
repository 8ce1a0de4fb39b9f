"""What is said of rows and names that are others than those that a run was trained on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts import documents
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.run_directory import ROWS, RunDirectory
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.prints import Brought, Prints, together
from dlcli.errors import DataError
from dlcli.pipeline import changed_data
from dlcli.pipeline.changed_data import _about, _about_names, _first, check_against
from dlcli.pipeline.interruption import Interrupted
from tests.exactness.runs import resume, stop_after, train, write

OLD = ("a", "b", "c")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (OLD, ("a", "b", "d"), "new: 'd'; gone: 'c'"),
        (OLD, ("a", "b", "c", "d"), "new: 'd'"),
        (OLD, ("a", "c"), "gone: 'b'"),
        (OLD, ("c", "a", "b"), "the same names in another order"),
        (OLD, OLD, "their names are as they were, but the texts in them are others"),
        (None, OLD, "their names, or the texts that they stand for, are others"),
        (OLD, None, "their names, or the texts that they stand for, are others"),
        (OLD, (*OLD, *"defgh"), "new: 'd', 'e', 'f', 'g', 'h'"),
        (OLD, (*OLD, *"defghi"), "new: 'd', 'e', 'f', 'g', 'h' and 1 more"),
        ((*OLD, *"defghij"), OLD, "gone: 'd', 'e', 'f', 'g', 'h' and 2 more"),
    ],
)
def test_what_is_another_about_names(before: Any, after: Any, words: str) -> None:
    assert _about_names("classes", before, after) == f"classes: {words}"


def prints(values: list[int], rows: int | None = None, together: int = 1, **more: Any) -> Prints:
    count = len(values) * together if rows is None else rows
    fields = {"features": "float64 (2,)", "targets": "int64 ()", "files": ("x.csv", "x.csv")}
    return Prints(count, together, np.array(values, np.uint32), **(fields | more))


def said(old: Prints, now: Prints) -> list[str]:
    row, place = _first(old, now, True)
    return list(_about(old, now, row, place))


PLACE = "x.csv, row {} (counted from 0)"


@pytest.mark.parametrize(
    ("old", "now", "expected"),
    [
        ([5, 6, 7], [4, 6, 7], [f"the first row that differs is {PLACE.format(0)}"]),
        ([5, 6, 7], [5, 6, 8], [f"the first row that differs is {PLACE.format(2)}"]),
        ([5, 6, 7], [5, 9, 8], [f"the first row that differs is {PLACE.format(1)}"]),
        (
            [5, 6, 7],
            [5, 6],
            ["it has 2 rows now, it had 3", "the first 2 rows are as they were"],
        ),
        (
            [5, 6],
            [5, 6, 7],
            ["it has 3 rows now, it had 2", "the first 2 rows are as they were"],
        ),
        (
            [5, 6],
            [5, 7, 7],
            ["it has 3 rows now, it had 2", f"the first row that differs is {PLACE.format(1)}"],
        ),
        ([], [5], ["it has 1 rows now, it had 0"]),
        ([5], [5], ["which row is another cannot be told from the record of the run"]),
    ],
)
def test_the_first_row_that_is_another(old: list[int], now: list[int], expected: list[str]) -> None:
    assert said(prints(old), prints(now)) == expected


@pytest.mark.parametrize(
    ("old", "now", "expected"),
    [
        (
            prints([1, 2, 3], 12, 4),
            prints([1, 9, 3], 12, 4),
            [
                f"the first row that differs is among 4 from {PLACE.format(4)} on (rows 4 to 7, "
                "counted from 0)"
            ],
        ),
        (
            prints([1, 2, 3], 10, 4),
            prints([1, 2, 9], 10, 4),
            [
                f"the first row that differs is among 2 from {PLACE.format(8)} on (rows 8 to 9, "
                "counted from 0)"
            ],
        ),
        (  # the last print of each is of a part only, so it says nothing
            prints([1, 2, 3], 10, 4),
            prints([1, 2, 4], 11, 4),
            ["it has 11 rows now, it had 10", "the first 8 rows are as they were"],
        ),
        (
            prints([1, 2, 3], 10, 4),
            prints([1, 7], 8, 4),
            [
                "it has 8 rows now, it had 10",
                f"the first row that differs is among 4 from {PLACE.format(4)} on (rows 4 to 7, "
                "counted from 0)",
            ],
        ),
        (
            prints([1, 2], 8, 4),
            prints([1, 2, 3, 4], 8, 2),
            [],  # dealt out in another way: nothing can be told
        ),
    ],
)
def test_rows_that_share_a_print_are_told_together(
    old: Prints, now: Prints, expected: list[str]
) -> None:
    assert said(old, now) == expected


@pytest.mark.parametrize("what", ["features", "targets"])
def test_rows_of_another_type_or_shape_are_told_as_that(what: str) -> None:
    old = prints([1, 2])
    now = replace(prints([3, 4]), **{what: "float32 (9,)"})
    assert said(old, now) == [
        f"the {what} of a row are float32 (9,) now, they were {getattr(old, what)}"
    ]


def test_targets_of_another_type_and_the_same_shape_are_compared() -> None:
    old, now = prints([1, 2]), replace(prints([1, 3]), targets="float64 ()")
    assert said(old, now) == [
        "the targets of a row are float64 () now, they were int64 ()",
        f"the first row that differs is {PLACE.format(1)}",
    ]


@pytest.mark.parametrize("key", ["prints", "data", "rows", "together", "features", "shape", None])
def test_a_record_that_was_edited_is_not_followed(key: str | None, tmp_path: Path) -> None:
    """Its digest in the manifest is right where it has one; what is in it does not fit."""
    with pytest.raises(Interrupted):
        train(write(tmp_path), tmp_path / "runs", stop=stop_after(3))
    run = RunDirectory(tmp_path / "runs" / "small-0001")
    arrays, words = read_tensors(run.path(ROWS))
    arrays, words = dict(arrays), json.loads(json.dumps(words))
    (role,) = arrays
    if key in ("prints", "data"):
        words[key] = "0" * 64
    elif key in ("rows", "together"):
        words["parts"][role][key] += 1
    elif key == "features":
        words["parts"][role][key] = 3
    elif key == "shape":
        arrays[role] = arrays[role][:-1]
        words["prints"] = changed_data.digest_document(changed_data.digest_tensors(arrays))
    documents.write_tensors(run, ROWS, arrays, words)
    text = (tmp_path / "small.csv").read_text()
    (tmp_path / "small.csv").write_text(text.replace("\n7,", "\n8,", 1))
    with pytest.raises(DataError) as caught:
        resume(run.root)
    damaged = f"because the record of its rows ({ROWS}) is damaged or was edited"
    assert (damaged in str(caught.value)) == (key is not None)
    assert ("the first row that differs is line 3" in str(caught.value)) == (key is None)


def test_the_same_data_is_no_error_and_a_missing_role_is_one(tmp_path: Path) -> None:
    run = train(write(tmp_path), tmp_path / "runs")
    recorded = read_manifest(run)

    digests = {name: digest for name, digest in recorded.data.items() if name != "classes"}

    def look(found: dict[str, str]) -> None:
        check_against(recorded, RunDirectory(run))(Brought(found))

    look(digests)
    for name in digests:
        with pytest.raises(DataError, match=rf"{name} changed"):
            look({other: digest for other, digest in digests.items() if other != name})
        with pytest.raises(DataError, match=rf"{name} changed"):
            look(digests | {name: "0" * 64})
    with pytest.raises(DataError, match=r"test\.features changed"):
        look(digests | {"test.features": "0" * 64})


def test_prints_are_as_many_as_the_rows_need() -> None:
    assert [together(rows) for rows in (0, 1, 65_536, 65_537, 131_072, 131_073)] == [
        1, 1, 1, 2, 2, 4,
    ]  # fmt: skip
