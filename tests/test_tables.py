"""The comparison with scikit-learn on tables: what it reads, and how it judges."""

import json
from pathlib import Path

import pytest

from tests import tables
from tests.tables import Case, Failed, cases, conclusion, copy, line_of, main, measured, tried

CASE = Case("iris.csv", "column_5", False, ",", "accuracy", 0.9, 0.03)
HEAD = "file\theader\tdelimiter\tdlcli_target\ttask\tnote\n"
SCORES = "file\trows\tmeasure\tscore\tspread\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three tables, one of which is a series, and one with a quote in its note."""
    place = tmp_path / "tables"
    place.mkdir()
    (place / "TABLES.tsv").write_text(
        f'{HEAD}a.csv\tno\t,\tcolumn_2\tregression\ta " quote\n'
        "b.data\tyes\tblanks\tkind\tbinary\t\ns.csv\tyes\t,\tv\tseries\t\n"
    )
    (place / "REFERENCE.tsv").write_text(
        f"{SCORES}a.csv\t9\tr2\t0.500\t0.100\nb.data\t9\tbalanced_accuracy\t1.000\t0.000\n"
        "s.csv\t9\tr2\t0.1\t0.1\n"
    )
    (place / "a.csv").write_bytes(b"1,2\r\n3,4\r\n")
    (place / "b.data").write_bytes(b"x kind\n1 a\n")
    return place


def told(**metrics: object) -> str:
    """What `train --json` prints."""
    return json.dumps({"run": "r", "metrics": {"test": {"split": "test", "metrics": metrics}}})


def test_tables_that_are_no_series_are_read_with_their_reference(folder: Path) -> None:
    assert cases(folder) == [
        Case("a.csv", "column_2", False, ",", "r2", 0.5, 0.1),
        Case("b.data", "kind", True, "blanks", "balanced_accuracy", 1.0, 0.0),
    ]
    assert [case.file for case in cases(folder, ["b.data"])] == ["b.data"]


@pytest.mark.parametrize("name", ["c.csv", "s.csv"])
def test_a_table_that_cannot_be_compared_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        cases(folder, [name])


@pytest.mark.parametrize(
    ("spread", "mean", "verdict"),
    [
        (0.03, 0.8701, "good"),
        (0.03, 0.8699, "missed"),
        (0.03, 0.8401, "missed"),
        (0.03, 0.8399, "bad"),
        (0.0, 0.8801, "good"),  # at least 0.02
        (0.0, 0.8799, "missed"),
        (0.0, 0.8499, "bad"),  # at least 0.05
    ],
)
def test_the_lines_are_spreads_below_the_reference(
    spread: float, mean: float, verdict: str
) -> None:
    case = Case("t.csv", "y", True, ",", "accuracy", 0.9, spread)
    assert case.verdict([mean + step for step in (-0.2, -0.1, 0.0, 0.1, 0.2)]) == verdict


def test_the_mean_of_fewer_seeds_has_wider_lines_and_that_of_more_the_same() -> None:
    assert CASE.lines(5) == CASE.lines(50) == pytest.approx((0.87, 0.84))
    assert CASE.lines(1) == pytest.approx((0.9 - 0.03 * 5**0.5, 0.9 - 0.06 * 5**0.5))


def test_the_measure_of_the_test_part_is_read() -> None:
    assert measured(told(loss=0.5, r2=-1), "r2") == -1.0


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"metrics": null}', '{"metrics": {"validation": {}}}']
)
def test_what_tells_no_metrics_fails(text: str) -> None:
    with pytest.raises(Failed, match="no metrics of the test part"):
        measured(text, "r2")


def test_a_config_without_the_measure_fails() -> None:
    for text in (told(loss=0.5), told(loss=0.5, r2=None), told(loss=0.5, r2=float("nan"))):
        with pytest.raises(Failed, match="no r2, only loss"):
            measured(text, "r2")


def test_the_copy_has_every_byte_but_the_columns_that_give_the_target_away(
    folder: Path, tmp_path: Path
) -> None:
    copy(Case("a.csv", "column_2", False, ",", "r2", 0.5, 0.1), folder, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"1,2\r\n3,4\r\n"
    (folder / "titanic.csv").write_text('survived,name,alive,deck\n0,"a, b",no,C\n1,c,yes,\n')
    copy(Case("titanic.csv", "survived", True, ",", "accuracy", 0.5, 0.1), folder, tmp_path)
    left = (tmp_path / "titanic.csv").read_bytes().decode().splitlines()
    assert left == ["survived,name,deck", '0,"a, b",C', "1,c,"]


def test_one_config_is_written_and_trained_with_each_seed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def called(place: Path, *arguments: str) -> str:
        assert (place / "a.csv").exists()
        calls.append(" ".join(arguments))
        return told(r2=len(calls)) if arguments[0] == "train" else ""

    monkeypatch.setattr(tables, "dlcli", called)
    assert tried(cases(folder)[0], folder, tmp_path, 2) == [2.0, 3.0]
    assert calls == [
        "init a.csv --target column_2 -o c.yaml",
        "train c.yaml --set seed=0 --json",
        "train c.yaml --set seed=1 --json",
    ]


def test_both_scores_stand_in_a_line() -> None:
    line = line_of(CASE, [0.8, 0.9, 0.8, 0.9, 0.85], 1.25)
    assert line.split()[:2] == ["iris.csv", "accuracy"]
    assert "0.900 ±0.030   0.850 ±0.045   0.870" in line and line.endswith("missed")


@pytest.mark.parametrize(
    ("verdicts", "allowed", "code"),
    [
        ("good good", 0, 0),
        ("good missed", 0, 1),
        ("good missed missed", 2, 0),
        ("missed missed missed", 2, 1),
        ("good good bad", 2, 1),
        ("good good failed", 2, 1),
        ("", 2, 1),
    ],
)
def test_the_exit_code_follows_the_verdicts(verdicts: str, allowed: int, code: int) -> None:
    named = {f"{number}.csv": verdict for number, verdict in enumerate(verdicts.split())}
    assert conclusion(named, allowed)[0] == code


def test_tables_that_fall_short_are_named() -> None:
    said = conclusion({"a": "good", "b": "missed", "c": "bad", "d": "failed"}, 2)[1]
    assert said == "1 of 4 good (2 may miss the line); missed: b; bad: c; failed: d"


def test_a_command_that_fails_is_told_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def called(place: Path, *arguments: str) -> str:
        if (place / "a.csv").exists():
            raise Failed("dlcli init ends with 2: error: no such column")
        return told(balanced_accuracy=1.0)

    monkeypatch.setattr(tables, "dlcli", called)
    assert main(["--folder", str(folder), "--seeds", "2"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1].endswith("failed: dlcli init ends with 2: error: no such column")
    assert out[2].startswith("b.data") and out[2].endswith("good")
    assert out[3] == "1 of 2 good (0 may miss the line); failed: a.csv"
    assert main(["--folder", str(folder), "--files", "b.data"]) == 0


def test_a_command_that_ends_badly_says_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"dlcli train ends with 2: error: .*absent\.yaml"):
        tables.dlcli(tmp_path, "train", "absent.yaml", "--json")


def test_a_folder_that_is_not_there_is_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--folder", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
