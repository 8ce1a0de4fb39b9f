"""The strict reader, and how a problem is shown."""

from pathlib import Path

import pytest

from dlcli.config.document import LARGEST_FILE, parse_document, read_document
from dlcli.config.yaml_reader import read_tree
from dlcli.errors import ConfigError

REFUSED = [
    ("a: &x 1", (1, 4), "anchors (`&x`) are not allowed"),
    ("a: *x", (1, 4), "aliases (`*x`) are not allowed: write the value out"),
    ("a: !!int '3'", (1, 4), "tags (`tag:yaml.org,2002:int`) are not allowed"),
    ("a: ! b", (1, 4), "tags (`!`) are not allowed"),
    ("a: 1\n<<: {b: 2}", (2, 1), "merge keys (`<<`) are not allowed: write the keys out"),
    ("a: 1\nb: 2\na: 3", (3, 1), "duplicate key `a`: first given on line 1"),
    ("lr: 1\nlearning_rate: 2", (2, 1),
     "duplicate key `learning_rate`: `lr` on line 1 means the same"),
    ("1: a", (1, 1), "a key must be text, and `1` is not"),
    ("true: a", (1, 1), "a key must be text, and `true` is not"),
    ("? [a]\n: 1", (1, 3), "a key must be text, not a list or mapping"),
    ("a: .nan", (1, 4), "`.nan` is not allowed: numbers are finite"),
    ("a: 1e999", (1, 4), "this number is too large"),
    ("a: 1\n---\nb: 2", (2, 1), "a second document begins here: a config is one"),
    ("a:\n\tb: 1", (2, 1), "a tab cannot stand here: YAML is spaced with spaces"),
    ("a: b: c", (1, 5), "a `key: value` cannot stand here: check the indentation, "
     "or quote text that contains `: `"),
    ("a: 1\n  b: 2", (2, 4), "a `key: value` cannot stand here: check the indentation, "
     "or quote text that contains `: `"),
    ("a:\n  b: 1\n c: 2", (3, 2), "the indentation does not fit the lines above"),
    ("a: [1,\n\nb", (3, 2), "the YAML is broken here: expected ',' or ']', but got '<stream end>' "
     "(while parsing a flow sequence, begun on line 1)"),
    ('a: "\\UFFFFFFFF"', (1, 7), "this escape is not a character"),
    ('a: "\\ud800"', (1, 4), "this text contains half a character (a lone surrogate)"),
    ("a: b\x07", (1, 5), "the character U+0007 is not allowed"),
    ("[" * 30, (1, 25), "nested deeper than 24 levels"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "message"), REFUSED)
def test_what_a_config_may_not_contain_is_refused_at_its_place(
    text: str, place: tuple[int, int], message: str
) -> None:
    assert read_tree(text).problems == [(place, message)]


def test_every_key_and_value_has_its_place() -> None:
    tree = read_tree("a:\n  - x: 1\n  - {y: z}\nb:\n  c: d\n")
    assert tree.value == {"a": [{"x": 1}, {"y": "z"}], "b": {"c": "d"}}
    assert tree.keys[("a",)] == (1, 1)
    assert tree.values[("a", 0)] == (2, 5)
    assert tree.values[("a", 0, "x")] == (2, 8)
    assert tree.keys[("a", 1, "y")] == (3, 6)
    assert tree.values[("b", "c")] == (5, 6)


def test_the_first_of_duplicate_keys_counts() -> None:
    assert read_tree("a: 1\na: 2").value == {"a": 1}


def test_an_alias_bomb_costs_nothing() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert len(read_tree(bomb).problems) == 10 + 81


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~"])
def test_an_empty_file_says_so(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x.yaml:1:1: the file is empty; the config must be"):
        parse_document(text, "x.yaml")


@pytest.mark.parametrize("text", ["- a", "text", "3"])
def test_a_file_without_keys_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x.yaml:1:1: the config must be a mapping of keys"):
        parse_document(text, "x.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse_document("\ufeffa: 1", "x").data == {"a": 1}


def test_windows_line_ends_count_once() -> None:
    document = parse_document("a: 1\r\nb: &x 2\r\n", "x")
    assert document.render(document.problems[0]).splitlines()[1:] == ["  b: &x 2", "     ^"]


def test_the_caret_stands_below_wide_characters_and_tabs() -> None:
    document = parse_document('"漢\t字": &x 1', "x")
    _, source, caret = document.render(document.problems[0]).splitlines()
    assert source == '  "漢 字": &x 1'
    assert len(caret) == len('  "-- --": &')


def test_a_long_line_is_shown_around_the_caret() -> None:
    document = parse_document("a: [" + "1, " * 200 + "&x 1" + ", 2" * 200 + "]", "x")
    _, source, caret = document.render(document.problems[0]).splitlines()
    assert len(source) < 120
    assert source[caret.index("^") :].startswith("&x 1")


def test_files_that_are_no_configs_are_named_with_the_reason(tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_document(path)
        return str(caught.value).removeprefix(str(path))

    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: x\n\xff\xfe")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (LARGEST_FILE + 1))
    assert message(tmp_path / "nowhere.yaml") == ": there is no such file"
    assert message(tmp_path) == ": this is a directory, not a config file"
    assert message(large) == ": larger than 256 KiB, so not a config"
    assert message(binary) == (": byte 8 (line 2) is not UTF-8 text; a config is saved as UTF-8")
    with pytest.raises(ConfigError, match="cannot be read: embedded null"):
        read_document(Path("a\0b"))
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        read_document(binary / "inside")
