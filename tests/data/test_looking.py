"""Looking at tables that nobody described: what is concluded, against what is known of them."""

import bz2
import csv
import gzip
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.data.formats.notation import BLANKS, MISSING
from dlcli.data.looking import gathering
from dlcli.data.looking.arrays import kind_of_arrays, look_at_arrays, partner
from dlcli.data.looking.concluding import look_at, survey
from dlcli.data.looking.gathering import Facts, histogram
from dlcli.data.looking.look import Look
from dlcli.data.looking.written import sniff
from dlcli.errors import DataError, UsageError
from tests.exactness.runs import a_part

TABLES = Path(os.environ.get("DLCLI_DATA_DIR", "data")) / "tables"

Rows = Sequence[Sequence[object]]


def save(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table(folder: Path, rows: Rows, header: Sequence[str] | None = None, **ways: str) -> Path:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n", delimiter=ways.get("delimiter", ","))
    out.writerows([header, *rows] if header else rows)
    return save(folder, text.getvalue())


def fact(look: Look, name: str) -> Facts:
    return look.of(name).facts


def drawn(n: int, seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([n, seed])


# What well-known tables are like, in a few rows of the same kind: the task by the target's values.
TASKS: dict[str, tuple[Callable[[int], object], int, str]] = {
    "rings of a shell, 1 to 29": (lambda k: 1 + k % 29, 4000, "regression"),
    "quality of wine, 3 to 8": (lambda k: 3 + k % 6, 1599, "regression"),
    "kinds of glass, 1 2 3 5 6 7": (lambda k: (1, 2, 3, 5, 6, 7)[k % 6], 214, "multiclass"),
    "varieties of wheat, 1 to 3": (lambda k: 1 + k % 3, 210, "multiclass"),
    "survived or not, 1 and 2": (lambda k: 1 + k % 2, 306, "binary"),
    "benign or malignant, 2 and 4": (lambda k: 2 + 2 * (k % 2), 699, "binary"),
    "minus one and one": (lambda k: 2 * (k % 2) - 1, 60, "binary"),
    "good and bad": (lambda k: "gb"[k % 2], 351, "binary"),
    "kinds of iris": (lambda k: f"Iris {k % 3}", 150, "multiclass"),
    "claims in a year, with cents": (lambda k: f"{k * 7919 % 997 / 10}", 63, "regression"),
    "a score, with halves": (lambda k: 2 + (k % 13) / 2, 60, "regression"),
    "passengers": (lambda k: 104 + 7 * k % 500, 144, "regression"),
    "digits, too few rows of each": (lambda k: k % 10, 50, "regression"),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_known_by_the_values_of_the_target(tmp_path: Path, name: str) -> None:
    value, count, task = TASKS[name]
    noise = drawn(count).normal(size=count)
    path = table(tmp_path, [(f"{noise[k]:.3f}", value(k)) for k in range(count)], ("x", "y"))
    look = look_at(path)
    assert (look.target, look.task) == ("y", task)
    assert look.task_because and "last column" in look.target_because


@pytest.mark.skipif(not (TABLES / "TABLES.tsv").is_file(), reason=f"{TABLES} is not there")
def test_what_is_known_of_real_tables_is_found() -> None:
    with (TABLES / "TABLES.tsv").open(encoding="utf-8", newline="") as file:
        truth = list(csv.DictReader(file, delimiter="\t"))
    assert len(truth) >= 37
    for row in truth:
        look = look_at(TABLES / row["file"], row["dlcli_target"])
        found = ("yes" if look.header else "no", look.format.delimiter, look.task)
        assert found == (row["header"], row["delimiter"], row["task"]), row["file"]
        gone = {column.name for column in look.having("ignored")}
        if row["file"] == "titanic.csv":
            assert gone == {"alive"}
        if "name of its own" in row["note"] or "nearly unique" in row["note"]:
            assert len(gone) == 1, row["file"]
        if "index without a name" in row["note"]:
            assert len(look.having("index")) == 1


PEOPLE = [
    (k, f"{1.5 * (k % 17) + 1000:.2f}", ["red", "green", "blue"][k * k % 3], k % 5, "x" * (k % 2))
    for k in range(3, 90)
]
NAMES = ("number", "weight", "colour", "rooms", "mark")
WAYS = list(
    itertools.product(
        (",", ";", "\t", "|"),
        (True, False),
        (".", ","),
        (None, ",", ".", "'"),
        ('"', "'"),
        ("\n", "\r\n"),
    )
)
PACKED = (None, "gz", "bz2")


def written(
    delimiter: str, header: bool, decimal: str, thousands: str | None, quote: str, end: str
) -> str:
    out = io.StringIO()
    ways = csv.writer(
        out, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=csv.QUOTE_NONNUMERIC
    )
    lines: list[Sequence[object]] = [NAMES] if header else []
    for number, weight, *others in PEOPLE:
        whole, fraction = str(weight).split(".")
        grouped = whole if thousands is None else whole[:-3] + thousands + whole[-3:]
        lines.append((number, grouped + decimal + fraction, *others))
    ways.writerows(lines)
    return out.getvalue()


@pytest.mark.parametrize("part", a_part(2 * len(PACKED)))
def test_one_table_in_many_ways_is_seen_as_one(part: int, tmp_path: Path) -> None:
    """Half of the ways of writing, each packed in another way than the one before it."""
    half, turn = part % 2, part // 2
    looked_at = 0
    for number, (delimiter, header, decimal, thousands, quote, end) in enumerate(WAYS):
        if decimal == thousands or number.bit_count() % 2 != half:
            continue
        packed = PACKED[(number + turn) % len(PACKED)]
        content = written(delimiter, header, decimal, thousands, quote, end).encode()
        if packed is not None:
            content = gzip.compress(content) if packed == "gz" else bz2.compress(content)
        path = tmp_path / "t"
        path.write_bytes(content)
        look = look_at(path, "colour" if header else "column_3")
        way = (delimiter, header, decimal, thousands, quote)
        found = look.format
        assert (found.delimiter, look.header, found.decimal, found.thousands) == way[:4], way
        assert found.quote == quote, way
        weight = look.columns[1].facts
        assert (weight.kind, weight.low, weight.high) == ("number", 1000.0, 1024.0), way
        assert look.rows == len(PEOPLE) and look.columns[4].facts.missing == 43
        looked_at += 1
    assert looked_at == 96


def test_columns_padded_with_blanks(tmp_path: Path) -> None:
    lines = [f"  N{k}_X   {k / 7:8.3f} {k % 9:4d}   {'ab'[k % 2]}" for k in range(50)]
    look = look_at(save(tmp_path, "\n".join(lines)))
    assert look.format.delimiter == BLANKS and not look.header
    assert [c.facts.kind for c in look.columns] == ["text", "number", "number", "text"]
    assert look.columns[0].role == "ignored" and "50 different texts" in look.columns[0].reason


def test_sentences_are_not_cut_at_their_blanks(tmp_path: Path) -> None:
    lines = [f"it is a day;{k % 2}" for k in range(30)]
    assert sniff(save(tmp_path, "\n".join(lines))).format.delimiter == ";"
    one = "word\n" + "\n".join(f"so we {'say' if k % 2 else 'do'}" for k in range(30))
    assert sniff(save(tmp_path, one)).format.delimiter == ","


@pytest.mark.parametrize("mark", ["#", "%", "//"])
def test_comments_are_found_and_passed_over(tmp_path: Path, mark: str) -> None:
    rows = "".join(f"{k},{k % 3}\n" for k in range(40))
    look = look_at(save(tmp_path, f"{mark} made by hand, in May, and so on\na,b\n{rows}"))
    assert look.format.comment == mark and look.rows == 40
    assert [column.name for column in look.columns] == ["a", "b"]


def test_a_name_that_begins_with_the_sign_of_number_is_no_comment(tmp_path: Path) -> None:
    look = look_at(save(tmp_path, "#,b\n" + "".join(f"{k * k},{k % 3}\n" for k in range(40))))
    assert look.format.comment is None and [c.name for c in look.columns] == ["#", "b"]


def test_excels_line_about_the_delimiter(tmp_path: Path) -> None:
    rows = "".join(f"{k};{k % 3}\n" for k in range(40))
    assert sniff(save(tmp_path, f"sep=;\na;b\n{rows}")).format.delimiter == ";"


@pytest.mark.parametrize("content", ["a,b\n1,é\n".encode("latin-1"), "a,b\n1,é\n".encode("utf-16")])
def test_other_encodings_are_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"iconv -f .* -t UTF-8 t.csv"):
        look_at(path)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n" + b"".join(b"%d,%d\n" % (k, k % 2) for k in range(20)))
    assert [c.name for c in look_at(path).columns] == ["a", "b"]


def test_marks_of_missing_cells_among_numbers_are_found(tmp_path: Path) -> None:
    cells = ["-" if k % 9 == 0 else "" if k % 7 == 0 else str(k) for k in range(60)]
    look = look_at(table(tmp_path, [(c, k % 2) for k, c in enumerate(cells)], ("a", "b")))
    a = fact(look, "a")
    assert look.marks == ("-",) and a.kind == "number"
    assert a.missing == cells.count("-") + cells.count("")
    assert (a.low, a.high) == (1.0, 59.0)


def test_words_among_numbers_are_not_taken_for_missing(tmp_path: Path) -> None:
    cells = ["many" if k % 9 == 0 else str(k % 20) for k in range(60)]
    look = look_at(table(tmp_path, [(c, k % 2) for k, c in enumerate(cells)], ("a", "b")))
    assert look.marks == () and fact(look, "a").kind == "text"


DATES = {
    "date": "{2}-{1:02}-{0:02}",
    "%d.%m.%Y": "{0}.{1}.{2}",
    "%d/%m/%Y": "{0:02}/{1:02}/{2}",
    "%m/%d/%Y": "{1}/{0}/{2}",
    "%Y-%m": "{2}-{1:02}",
    "%d/%m/%Y %H:%M": "{0:02}/{1:02}/{2} 10:30",
}


@pytest.mark.parametrize("written", DATES)
def test_dates_are_known_by_how_they_are_written(tmp_path: Path, written: str) -> None:
    days = [DATES[written].format(1 + k % 28, 1 + k % 12, 2000 + k % 20) for k in range(90)]
    rows = [(day, k % 7, k * k % 11 % 2) for k, day in enumerate(days)]
    look = look_at(table(tmp_path, rows, ("when", "x", "y")))
    when = fact(look, "when")
    assert when.kind == "date" and when.dates[0] == written and not when.ascending


def test_of_two_ways_to_read_dates_the_one_by_which_rows_ascend_is_taken(tmp_path: Path) -> None:
    days = [f"{month:02}/{day:02}/2020" for month in range(1, 13) for day in (1, 5, 9, 12)]
    rows = [(day, k % 5, k * 7 % 13) for k, day in enumerate(days)]
    look = look_at(table(tmp_path, rows, ("when", "x", "y")))
    assert fact(look, "when").dates[0] == "%m/%d/%Y" and fact(look, "when").ascending
    assert any("but %d/%m/%Y fits, too" in str(note) for note in look.notes)


@pytest.mark.parametrize(
    "moments",
    [
        [f"19{50 + k // 12}-{1 + k % 12:02}" for k in range(60)],
        [f"{1 + k // 12}-{1 + k % 12:02}" for k in range(36)],
        [f"2020-01-{1 + k:02}" for k in range(31)],
        [str(1900 + k) for k in range(50)],
        [f"{1949 + k / 12:.6f}" for k in range(60)],
        [str(k + 1) for k in range(50)],
    ],
)
def test_a_series_is_recognised(tmp_path: Path, moments: list[str]) -> None:
    rows = [(moment, f"{k * 7 % 31 + 0.5}") for k, moment in enumerate(moments)]
    look = look_at(table(tmp_path, rows, ("when", "sold")))
    assert look.task == "series" and look.series == "when"
    shuffled = look_at(table(tmp_path, [*rows[5:], *rows[:5]], ("when", "sold")), "sold")
    assert shuffled.task == "regression" and shuffled.series is None


def test_two_columns_of_numbers_are_no_series(tmp_path: Path) -> None:
    rows = [(k * k % 91, k * 7 % 31 + 0.5) for k in range(60)]
    assert look_at(table(tmp_path, rows, ("claims", "paid"))).task == "regression"


def test_columns_of_no_use_are_left_out_each_with_its_reason(tmp_path: Path) -> None:
    noise = drawn(80).integers(0, 9, 80)
    kind = drawn(80, 1).integers(0, 3, 80)
    rows = [
        (k + 1, f"name {k}", 5, "", noise[k], "uvw"[kind[k]], f"kind {kind[k]}") for k in range(80)
    ]
    header = ("nr", "who", "same", "empty", "noise", "code", "kind")
    look = look_at(table(tmp_path, rows, header))
    reasons = {c.name: c.reason for c in look.having("ignored")}
    assert reasons == {
        "nr": "it numbers the rows",
        "who": "80 different texts in 80 rows: names or free text",
        "same": "the same in all rows",
        "empty": "it is empty",
        "code": "it alone tells the class: it gives it away",
    }
    assert [c.name for c in look.having("feature")] == ["noise"]


def test_a_number_whose_range_tells_the_class_is_said_and_kept(tmp_path: Path) -> None:
    rows = [(f"{k * 37 % 101}", "long" if k * 37 % 101 > 50 else "short") for k in range(101)]
    look = look_at(table(tmp_path, rows, ("duration", "kind")))
    assert look.of("duration").role == "feature"
    assert any("'duration' alone tells the class" in str(note) for note in look.notes)


def test_classes_of_one_row_are_survived(tmp_path: Path) -> None:
    rows = [(k * k % 17, "ab"[k % 2]) for k in range(80)] + [(3, "c"), (4, "d")]
    look = look_at(table(tmp_path, rows, ("x", "y")))
    assert look.classes == (("a", 40), ("b", 40), ("c", 1), ("d", 1))


def test_zeros_in_front_are_mentioned(tmp_path: Path) -> None:
    rows = [(f"{k * 13 % 120:02}", k % 2) for k in range(120)]
    look = look_at(table(tmp_path, rows, ("zip", "y")))
    assert any("such as 00" in note and "{zip: text}" in note for note in map(str, look.notes))


@pytest.mark.parametrize(
    ("rows", "target", "words"),
    [
        ([(k, 1) for k in range(30)], "b", "in all rows"),
        ([(k, "") for k in range(30)], "b", "has no values"),
        ([(k, f"text {k}") for k in range(30)], "b", "names and free text"),
        ([(k % 3, f"2020-01-{1 + k}") for k in range(10, 30)], "b", "holds dates"),
        ([(k % 3, k % 2) for k in range(30)], "c", "no column 'c'"),
    ],
)
def test_what_can_not_be_learned_is_refused(
    tmp_path: Path, rows: Rows, target: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        look_at(table(tmp_path, rows, ("a", "b")), target)


def test_where_the_last_column_can_not_be_learned_one_before_it_is_taken(tmp_path: Path) -> None:
    rows = [(k % 3, k * k % 11, f"text {k}") for k in range(60)]
    look = look_at(table(tmp_path, rows, ("a", "b", "c")))
    assert look.target == "b" and "that can be learned" in look.target_because


def test_a_line_of_another_length_is_named(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{k},{k % 2}" for k in range(3000)), "1,2,3", "1,2"]
    with pytest.raises(DataError, match="line 3002 has 3 cells"):
        look_at(save(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n"])
def test_a_table_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError):
        look_at(save(tmp_path, text))


CELLS = st.one_of(
    st.sampled_from([*MISSING, "x", "yes", "a b"]),
    st.integers(-50, 50).map(str),
    st.decimals(-9, 9, places=2).map(str),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=6, max_size=60), most=st.sampled_from([2, 1000])
)
def test_counts_are_those_of_a_plain_count(
    rows: list[tuple[str, str]],
    most: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Rows, missing cells, distinct ones, ranges and histograms, also where few cells are kept."""
    path = table(tmp_path_factory.getbasetemp(), [(*row, "z") for row in rows], ("a", "b", "c"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering._Column, "room", staticmethod(lambda columns: most))
        patch.setattr(gathering, "_BLOCK", 5)
        seen = survey(path)
        assert seen.header and seen.gathered.rows == len(rows)
        bins = histogram(path, seen.written.format, seen.gathered, True)
    for j in range(2):
        facts = seen.gathered.columns[j]
        filled = [row[j] for row in rows if row[j] not in MISSING]
        assert facts.missing == len(rows) - len(filled)
        numbers = [float(cell) for cell in filled if cell not in ("x", "yes", "a b")]
        if facts.kind == "number":
            assert len(numbers) == len(filled)
            assert (facts.low, facts.high) == (min(numbers), max(numbers))
            assert facts.whole == all(number == int(number) for number in numbers)
            edges = np.linspace(min(numbers), max(numbers), gathering.BINS + 1)
            assert sum(bins[j]) == len(numbers)
            for k, edge in enumerate(edges[1:-1], 1):
                below = sum(number < edge - 1e-9 for number in numbers)
                within = sum(number <= edge + 1e-9 for number in numbers)
                assert below <= sum(bins[j][:k]) <= within
        else:
            assert not filled or len(numbers) < len(filled)
        if facts.is_exact:
            wanted = set(numbers) if facts.kind == "number" else set(filled)
            assert facts.distinct == len(wanted)
            assert dict(facts.counts) == Counter(filled)
        else:
            assert len(set(filled)) > most


def test_arrays_are_looked_at(tmp_path: Path) -> None:
    values = np.array([[1.0, np.nan], [3.0, -2.0], [np.inf, 0.0]])
    np.savez(tmp_path / "a.npz", x=values, y=np.array([1, 0, 1]), e=np.zeros((0, 3)))
    assert kind_of_arrays(tmp_path / "a.npz") == "npz"
    x, y, e = look_at_arrays(tmp_path / "a.npz", "npz").arrays
    assert (x.shape, x.dtype, x.low, x.high, x.odd) == ((3, 2), "float64", -2.0, 3.0, 2)
    assert y.classes == ((0, 1), (1, 2)) and x.classes == ()
    assert e.shape == (0, 3) and e.low != e.low


def test_the_partner_is_the_only_file_of_as_many_rows(tmp_path: Path) -> None:
    def idx(name: str, shape: tuple[int, ...]) -> Path:
        head = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
        path = tmp_path / name
        path.write_bytes(gzip.compress(head + bytes(int(np.prod(shape)))))
        return path

    images, labels = idx("train-images-idx3-ubyte.gz", (6, 9, 9)), idx("train-idx1.gz", (6,))
    idx("test-images-idx3-ubyte.gz", (5, 9, 9))
    for one, other in ((images, labels), (labels, images)):
        assert kind_of_arrays(one) == "idx"
        assert partner(look_at_arrays(one, "idx")) == other
    idx("more-idx1.gz", (6,))
    assert partner(look_at_arrays(images, "idx")) is None


def test_numbers_of_as_many_digits_with_zeros_in_front_are_codes(tmp_path: Path) -> None:
    rows = [(f"{k % 30:03}", f"{k % 30 + 5}" if k else "05", 1.5 * k) for k in range(200)]
    look = look_at(table(tmp_path, rows, ("ward", "age", "cost")))
    assert [fact(look, name).kind for name in ("ward", "age")] == ["text", "number"]
    told = " ".join(map(str, look.notes))
    assert "'ward' holds codes of 3 digits" in told and "'age' has numbers such as 05" in told


def test_a_text_among_numbers_makes_codes_of_them(tmp_path: Path) -> None:
    rows = [("rotary" if k % 29 == 28 else k % 3 + 4, k % 7, k % 13 + 0.5) for k in range(200)]
    rows = [(engine, "X" if doors == 6 else doors, price) for engine, doors, price in rows]
    look = look_at(table(tmp_path, rows, ("engine", "doors", "price")))
    assert [fact(look, name).kind for name in ("engine", "doors")] == ["text", "text"]
    assert fact(look, "engine").mixed and fact(look, "doors").mixed


def test_columns_that_are_nearly_empty_are_left_out(tmp_path: Path) -> None:
    rows = [(k * 7 % 31, 1.5 if k in (3, 50) else "", k % 13 + 0.5) for k in range(200)]
    look = look_at(table(tmp_path, rows, ("a", "b", "y")))
    assert look.of("b").reason == "only 2 of its 200 cells are filled"


def test_where_all_columns_tell_the_target_they_are_kept(tmp_path: Path) -> None:
    rows = [(k * k + 3, 2 * k * k + 0.5) for k in range(60)]
    look = look_at(table(tmp_path, rows, ("x", "y")))
    assert [c.name for c in look.having("feature")] == ["x"]
    assert [str(note) for note in look.notes] == [
        "'x' alone tells the target: it is kept, as there is no other"
    ]


def test_columns_that_are_empty_where_the_target_is_known_are_left_out(tmp_path: Path) -> None:
    rows = [
        (k * 7 % 31, "" if k < 150 else k % 5, k % 13 + 0.5 if k < 150 else "") for k in range(200)
    ]
    look = look_at(table(tmp_path, rows, ("a", "b", "y")))
    assert look.of("b").reason == "it is empty where 'y' is known"
    assert look.of("a").role == "feature"
