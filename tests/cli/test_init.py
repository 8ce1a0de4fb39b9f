"""`dlcli init`: a config to start from, that trains where it is written."""

import gzip
import json
import re
from datetime import date, timedelta
from pathlib import Path
from urllib.request import url2pathname

import numpy as np
import pytest

from dlcli.cli.init import examples
from tests.cli.calls import dlcli, refused

TREES = "height,girth,kind\n" + "".join(
    f"{20 + k % 7 + 9 * (k % 2)}.{k % 10},{(k * 7) % 31},{'oak' if k % 2 else 'elm'}\n"
    for k in range(120)
)
SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_config_that_ships_is_an_example() -> None:
    assert list(examples()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_an_example_is_written_and_its_first_line_is_the_command_for_it(name: str) -> None:
    call = dlcli("init", "--example", name)
    assert call.code == 0 and call.out == f"{name}.yaml\n"
    written = Path(f"{name}.yaml").read_text(encoding="utf-8")
    shipped = examples()[name].read_text(encoding="utf-8")
    assert written.splitlines()[0] == f"# dlcli train {name}.yaml"
    assert written.splitlines()[1] == shipped.splitlines()[1]
    assert written.splitlines()[3:] == shipped.splitlines()[3:]
    line = written.splitlines()[2]
    assert line.startswith("# yaml-language-server: $schema=file:///")
    assert json.loads(Path(url2pathname(line.partition("file://")[2])).read_text())["title"]
    assert dlcli("validate", f"{name}.yaml").code == 0


def test_an_example_is_written_where_it_is_wanted() -> None:
    assert dlcli("init", "--example", "digits_cnn", "-o", "mine.yaml").out == "mine.yaml\n"
    assert Path("mine.yaml").read_text().startswith("# dlcli train mine.yaml\n")


def test_a_name_with_blanks_is_quoted_in_the_command() -> None:
    assert dlcli("init", "--example", "digits_cnn", "-o", "my first.yaml").code == 0
    assert Path("my first.yaml").read_text().startswith("# dlcli train 'my first.yaml'\n")


def test_nothing_is_ever_overwritten() -> None:
    Path("digits_cnn.yaml").write_text("precious")
    message = refused(dlcli("init", "--example", "digits_cnn"), 2)
    assert message == (
        "error: digits_cnn.yaml exists already; give another name by -o, or remove it\n"
    )
    assert Path("digits_cnn.yaml").read_text() == "precious"
    Path("link.yaml").symlink_to("nowhere.yaml")
    Path("trees.csv").write_text(TREES)
    for words in (("--example", "digits_cnn"), ("trees.csv",)):
        assert refused(dlcli("init", *words, "-o", "link.yaml"), 2)
    assert not Path("nowhere.yaml").exists()


def test_where_nothing_can_be_written_it_says_so() -> None:
    Path("trees.csv").write_text(TREES)
    Path("folder").mkdir()
    for words in (("--example", "digits_cnn"), ("trees.csv",)):
        message = refused(dlcli("init", *words, "-o", "no/such/folder.yaml"), 6)
        assert "cannot write no/such/folder.yaml" in message
        assert refused(dlcli("init", *words, "-o", "folder"), 2)


@pytest.mark.parametrize("name", ["digits_cnn", "digits_cnn.yaml"])
def test_an_example_without_its_option_is_told_how(name: str) -> None:
    message = refused(dlcli("init", name), 2)
    assert "'digits_cnn' is an example: `dlcli init --example digits_cnn` writes it" in message
    assert list(Path().iterdir()) == []


def test_a_config_that_is_not_there_yet_is_told_how() -> None:
    assert "`dlcli init --example NAME -o new.yaml`" in refused(dlcli("init", "new.yaml"), 2)


def test_without_words_it_says_what_to_give() -> None:
    message = refused(dlcli("init"), 2)
    assert "--example NAME" in message and "a file of data" in message


def test_the_list_names_every_example_with_what_to_expect() -> None:
    call = dlcli("init", "--list")
    assert call.code == 0
    lines = call.out.splitlines()
    assert [line.split()[0] for line in lines] == SHIPPED
    assert all(len(line.split()) > 1 for line in lines)
    assert list(Path().iterdir()) == []


def test_an_unknown_example_is_named_with_the_nearest() -> None:
    message = refused(dlcli("init", "--example", "digit_cnn"), 2)
    assert "'digit_cnn'" in message and "did you mean 'digits_cnn'?" in message
    assert "mnist_mlp" in refused(dlcli("init", "--example", "zzz"), 2)


def written(*arguments: str) -> str:
    """The text that init writes for these arguments; its one line of output is the path."""
    call = dlcli("init", *arguments)
    assert call.code == 0, call.err
    return Path(call.out.removesuffix("\n")).read_text(encoding="utf-8")


def test_a_table_trains_without_an_edit_and_reaches_what_can_be_reached() -> None:
    """The kind of a tree is plain to see in its height."""
    Path("trees.csv").write_text(TREES)
    text = written("trees.csv")
    assert text.startswith("# dlcli train trees.yaml\n# ")
    assert "path: trees.csv, target: kind" in text
    call = dlcli("train", "trees.yaml", "--expect", "balanced_accuracy>=0.9", "--workers", "1")
    assert call.code == 0, call.err


def test_numbers_are_learned_as_numbers() -> None:
    rows = "".join(f"{k % 13};{k % 7},5;{2 * (k % 13) - 3 * (k % 7)},25\n" for k in range(200))
    Path("sums.csv").write_text("a;b;y\n" + rows)
    text = written("sums.csv", "-o", "s.yaml")
    assert 'delimiter: ";"' in text and 'decimal: ","' in text
    assert "loss: mean_squared_error" in text and "target_transform: standardize" in text
    assert dlcli("train", "s.yaml", "--expect", "r2>=0.95", "--workers", "1").code == 0


def test_the_table_of_conclusions_is_on_stderr_and_fits_a_terminal() -> None:
    Path("trees.csv").write_text(TREES)
    call = dlcli("init", "trees.csv", "--target", "girth")
    assert call.out == "trees.yaml\n"
    assert "girth" in call.err and "as you said" in call.err and "regression" in call.err
    assert max(map(len, call.err.splitlines())) <= 80


def test_a_guessed_target_is_said_to_be_one() -> None:
    Path("trees.csv").write_text(TREES)
    assert "the last column; --target" in " ".join(dlcli("init", "trees.csv").err.split())


def test_a_target_that_is_not_there_is_named_with_the_nearest() -> None:
    Path("trees.csv").write_text(TREES)
    message = refused(dlcli("init", "trees.csv", "--target", "hight"), 2)
    assert "'hight'" in message and "'height'" in message
    assert not Path("trees.yaml").exists()


def test_what_gives_the_answer_away_and_what_names_rows_is_left_out_with_the_reason() -> None:
    lines = TREES.splitlines()
    rows = [f"{line},n{k}-{k * k},{line[-1]},7" for k, line in enumerate(lines[1:])]
    Path("t.csv").write_text("\n".join([lines[0] + ",note,code,same", *rows]) + "\n")
    text = written("t.csv", "--target", "kind")
    assert re.search(r"- note +# 120 different texts in 120 rows", text)
    assert re.search(r"- code +# it alone tells the class", text)
    assert re.search(r"- same +# the same in all rows", text)
    assert dlcli("validate", "t.yaml").code == 0


def test_gaps_are_filled_in_and_rows_without_a_target_are_left_out() -> None:
    rows = [line.split(",") for line in TREES.splitlines()]
    rows[5][0], rows[9][0], rows[11][2] = "", "-", ""
    Path("t.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    text = written("t.csv")
    assert "{type: impute, strategy: median, add_indicator: true}" in text
    assert 'missing: ["", NA, N/A, "NaN", "nan", "null", "None", "?", "-"]' in text
    assert "missing_target: drop   # 1 rows have no 'kind'" in text
    assert dlcli("train", "t.yaml", "--set", "training.epochs=1", "--workers", "1").code == 0


def test_dates_become_parts_and_many_texts_vectors() -> None:
    days = [f"{1 + k % 28:02}.{1 + k % 12:02}.2024" for k in range(300)]
    sold = np.random.default_rng(0).integers(0, 3, 300)
    rows = [f"{day},shop {k % 60},{sold[k]}\n" for k, day in enumerate(days)]
    Path("d.csv").write_text("when,shop,sold\n" + "".join(rows))
    text = written("d.csv")
    assert 'kinds: {when: "%d.%m.%Y"}' in text and "type: date_parts" in text
    assert "{type: category, columns: [shop]" in text and "column_embeddings" in text
    assert dlcli("train", "d.yaml", "--set", "training.epochs=1", "--workers", "1").code == 0


def test_names_that_yaml_reads_otherwise_are_quoted() -> None:
    lines = TREES.splitlines()
    Path("t.csv").write_text("\n".join(['no,"a: b, ""c""",007', *lines[1:]]) + "\n")
    assert 'target: "007"' in written("t.csv")
    assert dlcli("validate", "t.yaml").code == 0
    Path("t.yaml").unlink()
    assert 'target: "a: b, \\"c\\""' in written("t.csv", "--target", 'a: b, "c"')
    assert dlcli("validate", "t.yaml").code == 0


def test_the_table_is_found_from_the_folder_of_the_config() -> None:
    Path("data").mkdir()
    Path("configs").mkdir()
    Path("data/trees.csv").write_text(TREES)
    assert "path: ../data/trees.csv" in written("data/trees.csv", "-o", "configs/t.yaml")
    assert dlcli("validate", "configs/t.yaml").code == 0


@pytest.mark.parametrize("name", ["trees.csv.gz", "trees.tsv", "trees"])
def test_the_config_has_the_name_of_the_table(name: str) -> None:
    content = TREES.encode()
    Path(name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert dlcli("init", name).out == "trees.yaml\n"


def test_a_series_of_dates_is_said_to_be_one_and_split_by_time() -> None:
    start = date(2020, 1, 1)
    rows = "".join(f"{start + timedelta(k)},{k % 7 + k / 10}\n" for k in range(200))
    Path("sales.csv").write_text("day,sold\n" + rows)
    call = dlcli("init", "sales.csv")
    assert "series" in call.err and call.code == 0
    assert "by: time, column: day" in Path("sales.yaml").read_text()
    assert dlcli("train", "sales.yaml", "--set", "training.epochs=1", "--workers", "1").code == 0


def test_a_series_of_periods_without_anything_to_learn_from_is_refused() -> None:
    rows = "".join(f"{1 + k // 12}-{1 + k % 12:02},{k * k % 37}\n" for k in range(36))
    Path("shampoo.csv").write_text("Month,Sales\n" + rows)
    message = refused(dlcli("init", "shampoo.csv"), 2)
    assert "is a series" in message and "from 1-01 to 3-12 without a gap" in message
    assert not Path("shampoo.yaml").exists()


def test_arrays_of_an_archive_train_without_an_edit() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    x = (rng.integers(0, 100, (200, 12, 12)) + 50 * y[:, None, None]).astype(np.uint8)
    np.savez("pictures.npz", x=x, y=y)
    text = written("pictures.npz")
    assert "conv2d" in text and "units: 3" in text and "scale: 0.00392156862745098" in text
    call = dlcli("train", "pictures.yaml", "--set", "training.epochs=3", "--workers", "1")
    assert call.code == 0, call.err


def test_two_files_of_arrays_find_each_other() -> None:
    rng = np.random.default_rng(0)
    np.save("features.npy", rng.normal(size=(100, 4)))
    np.save("target.npy", rng.normal(size=100))
    np.save("other.npy", rng.normal(size=7))
    for given in ("features.npy", "target.npy"):
        text = written(given, "-o", f"{given}.yaml")
        assert "{type: npy, features: features.npy, target: target.npy}" in text
    assert dlcli("validate", "target.npy.yaml").code == 0
    assert "not exactly one file" in refused(dlcli("init", "other.npy"), 2)
