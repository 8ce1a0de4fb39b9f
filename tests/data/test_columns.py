"""The option `columns`: which columns a transform works on, and what becomes of the others."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.config import parse_config
from dlcli.data import Column, Part, Preprocessing, Transform, TransformError
from dlcli.data.dataset import Array
from dlcli.data.transforms import Category, MinMax, OneHot, Rescale, ReshapeRows, Standardize
from dlcli.errors import ConfigError, DataError
from dlcli.pipeline import prepare
from dlcli.pipeline.validate import validate

RNG = np.random.RandomState(3)
ROWS = RNG.standard_normal((200, 5)) * [1.0, 30.0, 1e4, 0.01, 2.0] + [0.0, 7.0, -3.0, 1.0, 0.0]
ROWS[:, 4] = np.arange(200) % 3
ROWS[::7, 0] = -0.0
NAMES = ("a", "b", "c", "d")
COLUMNS = (*map(Column, NAMES), Column("colour", ("blue", "green", "red")))


def part(rows: Array = ROWS, columns: tuple[Column, ...] | None = COLUMNS) -> Part:
    return Part(rows, np.zeros(len(rows), np.int64), None, columns)


def numbers(rows: Array = ROWS[:, :4]) -> Part:
    return part(rows, tuple(map(Column, NAMES)))


def kinds(fitted: Preprocessing) -> list[str]:
    return [column.kind for column in fitted.columns_after() or ()]


OF_NUMBERS = [Standardize, MinMax, lambda columns=None: Rescale(0.3, 2.0, columns)]


@pytest.mark.parametrize("make", OF_NUMBERS)
@pytest.mark.parametrize("chosen", [("a",), ("c", "b"), ("d", "a", "b")])
def test_chosen_columns_are_as_without_a_choice_and_the_others_keep_every_bit(
    make: type[Standardize], chosen: tuple[str, ...]
) -> None:
    found = Preprocessing.fit(numbers(), [make(columns=chosen)]).apply(ROWS[:, :4])
    whole = Preprocessing.fit(numbers(), [make()]).apply(ROWS[:, :4])
    plain = ROWS[:, :4].astype(np.float32)
    for j, name in enumerate(NAMES):
        wanted = whole if name in chosen else plain
        assert found[:, j].tobytes() == wanted[:, j].tobytes(), name


@pytest.mark.parametrize("make", OF_NUMBERS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_others_keep_their_bits_where_columns_of_all_sizes_are_scaled(
    make: type[Standardize], dtype: str
) -> None:
    tiny = float(np.finfo(dtype).smallest_subnormal)
    rows = np.stack([np.where(RNG.rand(50) < 0.5, -0.0, tiny)] * 4, 1).astype(dtype)
    rows[:, 1:3] *= RNG.randint(0, 9, (50, 2))
    fitted = Preprocessing.fit(numbers(rows), [make(columns=("b",))])
    found = fitted.apply(rows)
    assert found[:, [0, 2, 3]].tobytes() == rows[:, [0, 2, 3]].astype(np.float32).tobytes()
    alone = Preprocessing.fit(Part(rows[:, 1:2], np.zeros(50)), [make()]).apply(rows[:, 1:2])
    np.testing.assert_allclose(found[:, 1:2], alone, rtol=1e-6)


def test_every_chosen_column_is_scikit_learns_standard_scaler() -> None:
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    compose = pytest.importorskip("sklearn.compose")
    other = compose.ColumnTransformer([("s", scaler, [1, 2])], remainder="passthrough")
    found = Preprocessing.fit(numbers(), [Standardize(("b", "c"))]).apply(ROWS[:, :4])
    wanted = other.fit_transform(ROWS[:, :4])[:, [2, 0, 1, 3]]  # the remainder comes last there
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_a_column_that_is_not_chosen_has_no_statistics_that_overflow() -> None:
    rows = ROWS[:, :4].copy()
    rows[:2, 3] = 1e308, -1e308
    for make in (Standardize, MinMax):
        with pytest.raises(DataError, match="overflow"):
            Preprocessing.fit(numbers(rows), [make()])
        Preprocessing.fit(numbers(rows), [make(columns=("a", "b"))])


def test_a_kind_is_what_columns_hold_after_the_transforms_before() -> None:
    fitted = Preprocessing.fit(part(), [OneHot(), Standardize("numeric")])
    assert kinds(fitted) == ["numeric"] * 4 + ["indicator"] * 3
    found = fitted.apply(ROWS)
    assert set(found[:, 4:].ravel().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(found[:, :4].mean(axis=0), 0.0, atol=1e-6)
    every = Preprocessing.fit(part(), [OneHot(), Standardize()]).apply(ROWS)
    assert every[:, :4].tobytes() == found[:, :4].tobytes()
    assert every[:, 4:].min() < 0.0  # left out, indicators are scaled, too, as ever

    ids = Preprocessing.fit(part(), [Category(), Standardize(), MinMax(), Rescale(2.0, 1.0)])
    assert kinds(ids) == ["numeric"] * 4 + ["category"]
    assert (ids.apply(ROWS)[:, 4] == ROWS[:, 4]).all()
    both = Preprocessing.fit(part(), [Category(), OneHot("category")])
    assert kinds(both) == ["numeric"] * 4 + ["indicator"] * 3
    assert (both.apply(ROWS) == Preprocessing.fit(part(), [OneHot()]).apply(ROWS)).all()


def test_columns_without_names_are_positions_from_0() -> None:
    unnamed = part(ROWS[:, :4], None)
    found = Preprocessing.fit(unnamed, [Standardize(("1", "3"))])
    named = Preprocessing.fit(numbers(), [Standardize(("b", "d"))])
    assert found.apply(ROWS[:, :4]).tobytes() == named.apply(ROWS[:, :4]).tobytes()
    assert Preprocessing.fit(unnamed, [Rescale(2.0, columns="numeric")]).out_shape == (4,)
    single = Preprocessing.fit(part(ROWS[:, 4:].astype(np.uint8), None), [Category(("0",))])
    assert single.apply(ROWS[:, 4:].astype(np.uint8)).ravel().tolist() == ROWS[:, 4].tolist()


@pytest.mark.parametrize(
    ("transforms", "words", "at"),
    [
        ([Standardize(("a", "colur"))], "no column 'colur' for st.*; did you mean 'colour'?", (1,)),
        ([MinMax(columns=("x",))], "no column 'x'.*the columns are 'a', 'b', 'c', 'd', 'c", (0,)),
        ([Standardize(("a", "colour"))], "'colour' holds text, and sta.*one_hot", (1,)),
        ([Category(), Rescale(2.0, columns=("colour",))], "holds ids.*columns of num", (0,)),
        ([Category(), Category(("colour",))], "'colour' holds ids.*numbers and text", (0,)),
        ([OneHot(), Category(("colour=red",))], "holds 0 and 1", (0,)),
        ([Standardize(("a", "a"))], "at least one, and none twice", ()),
        ([MinMax(columns=())], "at least one, and none twice", ()),
        ([OneHot(), OneHot("text")], "there is no text column for one_hot", ()),
        ([OneHot("category")], "there is no category column for one_hot", ()),
        ([Category(("a",))], "'a' holds .*, but category takes text or whole numbers", ()),
        ([OneHot("numeric")], "one_hot takes text or whole numbers", ()),
        ([Category(), ReshapeRows((5, 1))], "column_embeddings must find", None),
    ],
)  # fmt: skip
def test_columns_that_do_not_suit_are_named(
    transforms: list[Transform], words: str, at: tuple[int, ...] | None
) -> None:
    with pytest.raises(TransformError, match=words) as caught:
        Preprocessing.fit(part(), transforms)
    assert caught.value.index == len(transforms) - 1
    assert caught.value.at == (() if at is None else ("columns", *at))


def test_rows_that_are_no_table_have_no_columns() -> None:
    images = part(RNG.rand(5, 4, 3, 2), None)
    for transform in (Standardize(("0",)), MinMax(columns="numeric"), Rescale(1.0, columns=("1",))):
        with pytest.raises(TransformError, match=r"a row has shape \(4, 3, 2\); leave the option"):
            Preprocessing.fit(images, [transform])


CONFIG = """\
data:
  source: {{type: csv, path: t.csv, target: kind}}
  transforms:
    - one_hot
    - {{type: standardize, columns: {columns}}}
model: {{layers: [{{type: dense, units: 1, activation: sigmoid}}]}}
loss: binary_crossentropy
optimizer: sgd
training: {{epochs: 1}}
"""


def said(folder: Path, columns: str) -> str:
    lines = [f"{row % 17},{('red', 'blue')[row % 2]},{row % 5 % 2}" for row in range(40)]
    (folder / "t.csv").write_text("\n".join(["age,colour,kind", *lines]))
    with pytest.raises(ConfigError) as caught:
        validate(parse_config(CONFIG.format(columns=columns), "c.yaml"), folder, folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("[agee]", "c.yaml:5:37: there is no column 'agee' for standardize; did you mean 'age'?"),
        ("[age, kind]", "c.yaml:5:42: there is no column 'kind'"),
        ("text", 'c.yaml:5:36: `columns` must be `numeric`, or a list, not the text "text"\n'),
        ("age", '`columns` must be `numeric`, or a list, not the text "age" (write [age])'),
        ("[age, age]", "`age` is listed twice"),
        ("[]", "must not be an empty list"),
        ("[-1]", "must be the name or position of a column"),
        ("3", "must be a list, not 3"),
    ],
)
def test_a_column_that_is_not_there_is_shown_in_the_config(
    columns: str, words: str, tmp_path: Path
) -> None:
    assert words in said(tmp_path, columns)


def test_a_config_without_the_option_is_written_out_as_it_always_was(tmp_path: Path) -> None:
    loaded = parse_config(CONFIG.replace(", columns: {columns}", "").format(), "c.yaml")
    assert loaded.resolved()["data"]["transforms"] == [
        {"type": "one_hot", "columns": None},
        {"type": "standardize"},
    ]
    chosen = parse_config(CONFIG.format(columns="[colour=red, 2]"), "c.yaml").resolved()
    assert chosen["data"]["transforms"][1] == {
        "type": "standardize",
        "columns": ["colour=red", "2"],
    }
    kind = parse_config(CONFIG.format(columns="numeric"), "c.yaml").resolved()
    assert kind["data"]["transforms"][1] == {"type": "standardize", "columns": "numeric"}


def test_transforms_that_change_a_row_as_a_whole_have_no_columns() -> None:
    for word in ("reshape, target_shape: [2]", "transpose, dims: [1]"):
        text = CONFIG.replace("type: standardize", f"type: {word}").format(columns="[age]")
        with pytest.raises(ConfigError, match="unknown key `columns`: it changes a row as a whole"):
            parse_config(text, "c.yaml")
    scaled = "  target_transform: {{type: min_max, columns: [a]}}\n  transforms"
    text = CONFIG.replace("  transforms", scaled)
    with pytest.raises(ConfigError, match="unknown key `columns`"):
        parse_config(text.format(columns="[age]"), "c.yaml")


def test_prepared_data_says_which_columns_the_model_gets(tmp_path: Path) -> None:
    said(tmp_path, "[agee]")  # writes the table
    loaded = parse_config(CONFIG.format(columns="numeric"), "c.yaml")
    found = prepare.prepare(loaded, prepare.places(tmp_path, tmp_path)).columns[""]
    assert [column.name for column in found or ()] == ["age", "colour=blue", "colour=red"]
