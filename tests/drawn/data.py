"""Where the rows come from, how they are cut, and what is done to them.

SOURCES and TRANSFORMS hold what no annotation says: what lies in the files, and which rows a
transform takes. A word of the vocabulary that is in neither fails a test.
"""

import csv
import datetime
import gzip
import io
import json
import lzma
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dlcli.config import SOURCE_CONFIGS, TARGET_TRANSFORM_CONFIGS, TRANSFORM_CONFIGS
from dlcli.config.augmentation import (
    AUGMENTATION_CONFIGS,
    GaussianNoise,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomTranslation,
)
from dlcli.config.sources import Friedman1
from dlcli.config.splits import TEST, VALIDATION
from dlcli.config.tables import Csv
from dlcli.data.transforms.dates import CYCLES, PARTS
from tests.data.conftest import idx_bytes
from tests.drawn.dice import Dice
from tests.drawn.options import component, options

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Kind = Literal["classes", "one-hot", "labels", "numbers"]


def zipped(content: bytes) -> bytes:
    """Compressed by gzip, without the time of day that it writes down otherwise."""
    return gzip.compress(content, 1, mtime=0)


@dataclass(frozen=True)
class Goal:
    """What is to be learned.

    shape: of the target of one row, () for one number. size: how many classes there are.
    names: of the classes, as far as two can be told apart by a positive class.
    named: whether the data itself names the classes, which no regression takes.
    """

    kind: Kind
    shape: Shape = ()
    size: int = 0
    names: tuple[str, ...] = ()
    named: bool = False


def _numbered(size: int) -> Goal:
    """Classes that are numbers from 0 on."""
    return Goal("classes", size=size, names=tuple(str(number) for number in range(size)))


def _named(names: Sequence[str]) -> Goal:
    return Goal("classes", size=len(names), names=tuple(names), named=True)


@dataclass(frozen=True)
class Rows:
    """The rows of a source.

    count: how many there are to be split, or to train on where nothing is split.
    texts: how many values each column of text has. whole: columns of few whole numbers. Both by
    name, or by position where rows have no names.
    ids: how many ids there are in each column of such, in their order.
    numbers: the names of the columns that hold numbers as read; None: every column, by any name.
    order: the names of all columns of the source.
    brings: the parts that the source has of its own.
    dates: the columns of dates. words: the texts of columns of text, where they are known.
    key: how the rows are to be split by a column, and its name.
    gaps: the columns in which cells are missing: in every third row.
    scaled: whether the numbers are near 1. positive: whether none is below 0.
    unit: whether the training rows are known to reach from 0 to 1, and no further.
    vocabulary: where all numbers are whole ones below it: that one; else 0.
    inputs: where a row has several values, what the config says of each and how its rows are, by
    its name; the shape and all that follows it are then of no value.
    """

    source: Any
    files: dict[str, bytes]
    count: int
    shape: Shape
    goal: Goal
    texts: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    numbers: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    brings: frozenset[str] = frozenset()
    dates: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    key: tuple[str, str] | None = None
    gaps: frozenset[str] = frozenset()
    scaled: bool = True
    positive: bool = False
    unit: bool = False
    vocabulary: int = 0
    inputs: "dict[str, tuple[dict[str, Any], Rows]]" = field(default_factory=dict)


MOST = 300


def _digits(dice: Dice) -> Rows:
    goal = _named("0123456789")
    return Rows(_bare(dice, "digits"), {}, 1797, (8, 8, 1), goal, scaled=False, positive=True)


def _breast_cancer(dice: Dice) -> Rows:
    goal = _named(("benign", "malignant"))
    return Rows(_bare(dice, "breast_cancer"), {}, 569, (30,), goal, scaled=False, positive=True)


def _iris(dice: Dice) -> Rows:
    goal = _named(("setosa", "versicolor", "virginica"))
    return Rows(_bare(dice, "iris"), {}, 150, (4,), goal, scaled=False, positive=True)


def _friedman1(dice: Dice) -> Rows:
    samples, features = dice.whole(40, MOST), dice.whole(5, 12)
    given = {"samples": samples}
    if features != Friedman1.model_fields["features"].default:
        given["features"] = features
    source = {"type": "friedman1", **options(dice, Friedman1, given, skip=("features",))}
    return Rows(source, {}, samples, (features,), Goal("numbers"))


def _idx(dice: Dice) -> Rows:
    shape: Shape = (dice.whole(3, 9), dice.whole(3, 9))
    if dice.chance(0.3):
        shape = (*shape, dice.whole(1, 3))
    classes = dice.whole(2, 4)
    parts = [("", dice.whole(40, 120))]
    if dice.chance(0.4):
        parts.append(("test_", dice.whole(10, 40)))
    source: dict[str, Any] = {"type": "idx"}
    files: dict[str, bytes] = {}
    kind = dice.choice(["u1", "u1", "i2", "f4"])
    for part, count in parts:
        images = (dice.numbers(count, *shape) * 255).astype(kind)
        labels = _class_ids(dice, count, classes).astype(dice.choice(["u1", "i4"]))
        for what, array in ((f"{part}images", images), (f"{part}labels", labels)):
            packed = dice.chance(0.3)
            name = f"{what}.idx.gz" if packed else f"{what}.idx"
            data = idx_bytes(array)
            files[name] = zipped(data) if packed else data
            source[what] = name
    if any(part == "test_" for part, _ in parts):  # both parts are stored in the same way
        kinds = {files_dtype(files[source[f"{part}labels"]]) for part, _ in parts}
        if len(kinds) > 1:
            return _idx(dice)
    brings = frozenset({"test"} if len(parts) > 1 else ())
    rows = shape if len(shape) == 3 else (*shape, 1)
    goal = _numbered(classes)
    return Rows(source, files, parts[0][1], rows, goal, brings=brings, scaled=False, positive=True)


def files_dtype(data: bytes) -> int:
    """The type of the numbers in an IDX file."""
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)[2]


WORDS = ("red", "green", "blue", "no", "yes", "Na", "x1", "über", "two words", "a,b", 'say "x"')
NAMES = ("size", "weight", "two names", "höhe", "b,a", "x;y", "C", "d_1", "type", "µ", "not")


@dataclass(frozen=True)
class _Column:
    """A column of a table: numbers, few whole numbers, or text.

    words: what a text column holds. size: how many different values there are.
    """

    kind: str
    words: tuple[str, ...]
    size: int

    def cells(self, dice: Dice, count: int, write: Callable[[float], str]) -> list[Any]:
        """So many cells; `write` knows how numbers are written in this file."""
        if self.kind in ("time", "date"):
            return [f"20{dice.whole(10, 29)}-{dice.whole(1, 12):02}-07" for _ in range(count)]
        if self.kind == "group":
            return [f"g{dice.whole(0, 19)}" for _ in range(count)]
        if self.kind == "column":
            return [("train", "train", "test", "Val", "train")[i % 5] for i in range(count)]
        if self.kind == "weights":
            drawn = [dice.choice([0, 1, dice.real(0.1, 4)]) for _ in range(count - 1)]
            return [write(weight) for weight in (*drawn, 1)]
        if self.kind == "numbers":
            return [write(dice.real(-3, 3) + 0.0625) for _ in range(count)]
        codes = _class_ids(dice, count, self.size).tolist()
        return [self.words[code] for code in codes] if self.kind == "text" else codes


def _csv(dice: Dice) -> Rows:
    names = dice.some(NAMES, least=3, most=8)
    kinds = [dice.choice(["numbers", "numbers", "whole", "text"]) for _ in names]
    if dice.chance(0.25):
        kinds[2] = "date"
    kinds[:2] = [dice.choice(["numbers", "whole", "text", "text"]), "numbers"]
    if dice.chance(0.15):
        kinds[1:] = ["whole" if kind == "numbers" else kind for kind in kinds[1:]]
    weighs = dice.chance(0.25)
    if weighs:
        names, kinds = [*names, "row weight"], [*kinds, "weights"]
    by = dice.choice(["time", "group", "column"]) if dice.chance(0.25) else ""
    if by:
        names, kinds = [*names, "the key"], [*kinds, by]
    extra = weighs + bool(by)
    columns = [
        _Column(kind, tuple(dice.some(WORDS, 4, 4)), dice.whole(2, 4 if kind == "whole" else 3))
        for kind in kinds
    ]
    order = dice.shuffled(range(len(names)))  # of the columns in the file; the first is the target
    given: dict[str, Any] = {"path": "rows.csv"}
    if dice.chance(0.5):
        given["delimiter"] = dice.choice([",", ";", "\t", "|", "blanks"])
    header = True
    if "header" in Csv.model_fields and dice.chance(0.4):
        header = given["header"] = dice.chance(0.5)
    heads = [names[number] for number in order]
    if dice.chance(0.4 if not header else 0.1):
        given["names"], given["header"] = list(heads), header
        heads = [f"h{place}" for place in range(len(heads))]
    elif not header:
        names = [f"column_{order.index(number) + 1}" for number in range(len(names))]
    given["target"] = names[0]
    if weighs:
        given["weight"] = names[-extra]
    write, scale = _notation(dice, given)
    used = list(range(1, len(names) - extra))
    declared = {names[-1]: "date"} if by == "time" else {}
    declared |= {name: "date" for name, kind in zip(names, kinds, strict=True) if kind == "date"}
    for number in range(len(names) - extra) if dice.chance(0.4) else ():
        if kinds[number] == "whole" and number and dice.chance(0.5):
            kinds[number] = "text"  # digits, but codes
            declared[names[number]] = "text"
        elif kinds[number] != "date" and dice.chance(0.3):
            declared[names[number]] = "text" if kinds[number] == "text" else "number"
    if declared or dice.chance(0.1):
        given["kinds"] = declared
    if dice.chance(0.4):
        used = dice.some(used, least=1)
        given["features"] = [names[number] for number in used]
    elif len(used) > 1 and dice.chance(0.3):
        ignored = dice.some(used[1:], least=1)
        given["ignore"] = [names[number] for number in ignored]
        used = [number for number in used if number not in ignored]
    elif dice.chance(0.1):
        given["ignore"] = []
    paths = {"path": dice.whole(60, MOST)}
    for path in ("test_path", "validation_path"):
        if by != "column" and dice.chance(0.3):
            paths[path] = dice.whole(10, 60)
            given[path] = f"{path}.csv"
    gaps = 0
    if by != "column" and dice.chance(0.2):
        given["missing_target"], gaps = "drop", dice.whole(1, 3)
    elif dice.chance(0.1):
        given["missing_target"] = "error"
    if dice.chance(0.2):
        given["missing"] = ["", "NA", "-", "-9.5"]
    holes = dice.some(used, least=1) if dice.chance(0.3) else []
    dated = [number for number in used if kinds[number] == "date"]
    if dated and dice.chance(0.4):
        holes = dated
    quote = given["quote"] = dice.choice(['"', '"', '"', "'"])
    if quote == given.get("thousands"):
        quote = given["quote"] = '"'
    files = {}
    packed = dice.chance(0.15)
    if dice.chance(0.2):
        given["comment"] = dice.choice(["#", "//", "%"])
    ends, mark = dice.choice(["\n", "\n", "\r\n"]), dice.chance(0.1)
    for path, count in paths.items():
        table = [column.cells(dice, count + gaps, write) for column in columns]
        for place in dice.some(range(count + gaps), gaps, gaps) if gaps else ():
            table[0][place] = "NA"
        for number in holes:
            table[number] = [
                "NA" if place % 3 == 1 else cell for place, cell in enumerate(table[number])
            ]
        text = io.StringIO()
        cut = given.get("delimiter", ",")
        if cut == "blanks":
            writer = csv.writer(
                text, delimiter=" ", lineterminator=ends, quoting=csv.QUOTE_ALL, quotechar=quote
            )
        else:
            writer = csv.writer(text, delimiter=cut, lineterminator=ends, quotechar=quote)
        if dice.chance(0.1):
            text.write(ends)
        if header:
            writer.writerow(heads)
        for row in zip(*(table[number] for number in order), strict=True):
            if "comment" in given and dice.chance(0.05):
                text.write(f"{given['comment']} no row{ends}")
            writer.writerow(row)
        content = text.getvalue().encode("utf-8-sig" if mark else "utf-8")
        name = given[path]
        files[name] = dice.choice([zipped, lzma.compress])(content) if packed else content
    goal = Goal("numbers")
    if kinds[0] == "whole":
        goal = _numbered(columns[0].size)
    elif kinds[0] == "text":
        goal = _named(columns[0].words[: columns[0].size])
    return Rows(
        {"type": "csv", **options(dice, Csv, given, skip=_CSV)},
        files,
        paths["path"],
        (len(used),),
        goal,
        {names[number]: columns[number].size for number in used if kinds[number] == "text"},
        {names[number]: columns[number].size for number in used if kinds[number] == "whole"},
        numbers=tuple(names[number] for number in used if kinds[number] in ("numbers", "whole")),
        words={
            names[number]: columns[number].words
            for number in used
            if kinds[number] == "text" == columns[number].kind
        },
        dates=(dates := tuple(names[number] for number in used if kinds[number] == "date")),
        order=tuple(names[n] for n in (used if "features" in given else order) if n in used),
        brings=frozenset(path.removesuffix("_path") for path in paths if path != "path"),
        key=(by, names[-1]) if by else None,
        gaps=frozenset(names[number] for number in holes),
        scaled=scale == 1 and not dates,
    )


def _stored(word: str) -> Callable[[Dice], Rows]:
    """A table whose cells have types: JSON lines or Parquet."""

    def drawn(dice: Dice) -> Rows:
        names = dice.some(NAMES, least=3, most=7)
        kinds = [dice.choice(["numbers", "numbers", "whole", "text", "date"]) for _ in names]
        kinds[:2] = [dice.choice(["numbers", "whole", "text"]), "numbers"]
        columns = [
            _Column(kind, tuple(dice.some(WORDS, 4, 4)), dice.whole(2, 4 if kind == "whole" else 3))
            for kind in kinds
        ]
        used = list(range(1, len(names)))
        given: dict[str, Any] = {"path": f"rows.{word}", "target": names[0]}
        dates = [name for name, kind in zip(names, kinds, strict=True) if kind == "date"]
        if word == "jsonl" and dates:
            given["kinds"] = dict.fromkeys(dates, "date")
        elif dice.chance(0.3):
            given["kinds"] = {names[1]: "number"}
        if dice.chance(0.4):
            used = [1, *dice.some(used[1:])]
            given["features"] = [names[number] for number in used]
        elif dice.chance(0.3):
            ignored = dice.some(used[1:])
            given["ignore"] = [names[number] for number in ignored]
            used = [number for number in used if number not in ignored]
        if dice.chance(0.2):
            given["missing"] = ["NA", "-"]
        paths = {"path": dice.whole(60, MOST)}
        for path in ("test_path", "validation_path"):
            if dice.chance(0.3):
                paths[path] = dice.whole(10, 60)
                given[path] = f"{path}.{word}"
        gaps = dice.choice([0, 0, 2])
        given["missing_target"] = "drop" if gaps else "error"
        weighs = dice.chance(0.25)
        if weighs:
            given["weight"] = "row weight"
        holes = dice.some(used, least=1) if dice.chance(0.3) else []
        files = {}
        for path, count in paths.items():
            table = [column.cells(dice, count + gaps, float) for column in columns]
            for place in dice.some(range(1, count + gaps), gaps, gaps) if gaps else ():
                table[0][place] = None
            for number in holes:
                table[number] = [None if i % 3 == 1 else v for i, v in enumerate(table[number])]
            named = dict(zip(names, table, strict=True))
            if weighs:
                named["row weight"] = [1.0 + i % 3 for i in range(count + gaps)]
            files[given[path]] = _STORE[word](named, set(dates))
        goal = Goal("numbers")
        if kinds[0] == "whole":
            goal = _numbered(columns[0].size)
        elif kinds[0] == "text":
            goal = _named(columns[0].words[: columns[0].size])
        shown = [names[number] for number in used]
        texts = [number for number in used if kinds[number] == "text"]
        return Rows(
            {"type": word, **given},
            files,
            paths["path"],
            (len(used),),
            goal,
            {names[number]: columns[number].size for number in texts},
            {names[n]: columns[n].size for n in used if kinds[n] == "whole"},
            numbers=tuple(names[n] for n in used if kinds[n] in ("numbers", "whole")),
            words={names[number]: columns[number].words for number in texts},
            dates=tuple(name for name in shown if name in dates),
            order=tuple(shown),
            brings=frozenset(path.removesuffix("_path") for path in paths if path != "path"),
            gaps=frozenset(names[number] for number in holes),
            scaled=not dates,
        )

    return drawn


def _as_jsonl(table: dict[str, list[Any]], dates: set[str]) -> bytes:
    rows = zip(*table.values(), strict=True)
    lines = [json.dumps(dict(zip(table, row, strict=True))) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def _as_parquet(table: dict[str, list[Any]], dates: set[str]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    typed = {
        name: [None if cell is None else datetime.date.fromisoformat(cell) for cell in cells]
        if name in dates
        else cells
        for name, cells in table.items()
    }
    stream = io.BytesIO()
    parquet.write_table(pyarrow.table(typed), stream)
    return stream.getvalue()


_STORE = {"jsonl": _as_jsonl, "parquet": _as_parquet}


_CSV = (
    *("path", "target", "features", "delimiter", "test_path", "positive_class", "weight"),
    *("header", "decimal", "thousands", "comment", "kinds", "names", "quote", "missing"),
    *("missing_target", "ignore", "validation_path"),
)


def _notation(dice: Dice, given: dict[str, Any]) -> tuple[Callable[[float], str], int]:
    """How a number is written, and by how much all of them are larger; adds the options."""
    decimal, thousands, scale = ".", "", 1
    if "decimal" in Csv.model_fields and dice.chance(0.3):
        decimal = given["decimal"] = dice.choice([",", ",", "."])
    if "thousands" in Csv.model_fields and dice.chance(0.25):
        thousands = dice.choice([mark for mark in ",.'_ " if mark != decimal])
        if thousands == " " and given.get("delimiter") == "blanks":
            thousands = "_"
        given["thousands"], scale = thousands, 1000

    def write(number: float) -> str:
        plain = f"{number * scale:,.4f}"
        return plain.translate({ord(","): thousands, ord("."): decimal})

    return write, scale


def _npy(dice: Dice) -> Rows:
    make = _arrays(dice)
    given = {"features": "rows.npy", "target": "target.npy"}
    counts = [dice.whole(40, MOST)]
    if dice.chance(0.4):
        given |= {"test_features": "more.npy", "test_target": "answers.npy"}
        counts.append(dice.whole(10, 60))
    files: dict[str, bytes] = {}
    for (x, y), count in zip(
        (("rows.npy", "target.npy"), ("more.npy", "answers.npy")), counts, strict=False
    ):
        features, targets = make.rows(count)
        files |= {x: _npy_bytes(features), y: _npy_bytes(targets)}
    brings = frozenset({"test"} if len(counts) > 1 else ())
    return make.facts({"type": "npy", **given}, files, counts[0], brings)


INPUTS = ("image", "facts", "table", "lr", "kinds", "transforms", "x")
"""Names of values, some of which are words of the language, too."""


def _npz_of_inputs(dice: Dice) -> Rows:
    """One to three values a row, each an array or, with parts of its own, several."""
    names = dice.some(INPUTS, least=1, most=3)
    makes = {name: _arrays(dice) for name in names}
    target = makes[names[0]]
    counts = {"": dice.whole(60, MOST)}
    for part in ("validation_", "test_"):
        if dice.chance(0.35):
            counts[part] = dice.whole(10, 60)
    given: dict[str, Any] = {"type": "npz", "path": "rows.npz"}
    arrays: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {name: {} for name in names}
    for part, count in counts.items():
        for name, make in makes.items():
            own = dice.choice([name, f"x_{name}", f"array of {name}"]) + part.replace("_", "")
            arrays[own], targets = make.rows(count)
            options[name][f"{part}array"] = own
            if make is target:
                given[f"{part}target"] = f"{part}y"
                arrays[f"{part}y"] = targets
    if dice.chance(0.3):
        for part, count in counts.items():
            given[f"{part}weight"] = f"{part}w"
            arrays[f"{part}w"] = _row_weights(dice, count)
    stream = io.BytesIO()
    (np.savez_compressed if dice.chance(0.5) else np.savez)(stream, **arrays)
    brings = frozenset(part.removesuffix("_") for part in counts if part)
    found = target.facts(given, {"rows.npz": stream.getvalue()}, counts[""], brings)
    facts = {name: make.facts({}, {}, counts[""], brings) for name, make in makes.items()}
    return replace(found, inputs={name: (options[name], facts[name]) for name in names})


def _npz(dice: Dice) -> Rows:
    if dice.chance(0.45):
        return _npz_of_inputs(dice)
    make = _arrays(dice)
    arrays: dict[str, Any] = {}
    count = dice.whole(60, MOST)
    brings = set()
    if dice.chance(0.4):
        arrays["x"], arrays["y"] = make.rows(count)
    else:
        arrays["x_train"], arrays["y_train"] = make.rows(count)
        for part, role in (("valid", "validation"), ("test", "test")):
            if dice.chance(0.5):
                arrays[f"x_{part}"], arrays[f"y_{part}"] = make.rows(dice.whole(10, 60))
                brings.add(role)
    for name in ("x_valid", "x_test"):
        if name in arrays and arrays[name].dtype.kind == "f" and dice.chance(0.4):
            arrays[name] = arrays[name].astype(dice.choice(["f4", "f8"]))
    sizes = {"": count}
    for name, role in (("y_valid", "validation"), ("y_test", "test")):
        if name in arrays:
            sizes[role] = len(arrays[name])
    given = {"type": "npz", "path": "rows.npz"}
    if dice.chance(0.3):
        arrays, named = _renamed(dice, arrays)
        given |= named
    elif dice.chance(0.2):
        arrays = {name.replace("x", "X").replace("valid", "val"): a for name, a in arrays.items()}
    if dice.chance(0.3):
        for option, role in (("", ""), ("validation_", "validation"), ("test_", "test")):
            if role in sizes:
                given[f"{option}weight"] = f"w {option}"
                arrays[f"w {option}"] = _row_weights(dice, sizes[role])
    stream = io.BytesIO()
    (np.savez_compressed if dice.chance(0.5) else np.savez)(stream, **arrays)
    files = {"rows.npz": stream.getvalue()}
    return make.facts(given, files, count, frozenset(brings))


def _row_weights(dice: Dice, count: int) -> Array:
    """Weights of rows, some of them 0."""
    drawn = dice.numbers(count) * 3
    drawn[1:][drawn[1:] < 0.5] = 0.0
    drawn[0] = 1.0
    return dice.choice([drawn, drawn.astype("f4"), np.ceil(drawn).astype("i4")])


def _renamed(dice: Dice, arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays under names of their own, and the options that say which is which."""
    words = dice.some(["data", "images", "labels", "ziel", "größe", "a b", "arr_0", "arr_1"], 6, 6)
    new = dict(zip(arrays, words, strict=False))
    roles = {"valid": "validation_", "test": "test_"}
    options = {}
    for old, name in new.items():
        letter, _, part = old.partition("_")
        options[roles.get(part, "") + {"x": "features", "y": "target"}[letter]] = name
    return {new[old]: array for old, array in arrays.items()}, options


@dataclass(frozen=True)
class _Arrays:
    """Arrays of one kind, as many rows as are asked for."""

    dice: Dice
    shape: Shape
    dtype: str
    goal: Goal
    whole: int
    vocabulary: int = 0

    def rows(self, count: int) -> tuple[Array, Array]:
        dice, goal = self.dice, self.goal
        features = dice.numbers(count, *self.shape)
        if self.vocabulary:
            features = np.floor(features * self.vocabulary)
        elif self.dtype in ("u1", "i2", "i8"):
            features = features * 200
        elif self.dtype == "?":
            features = features > 0.5
        else:
            features = features * 4 - 2
        features = features.astype(self.dtype)
        if self.whole:
            features[:, 0] = _class_ids(dice, count, self.whole)
        if goal.kind == "classes":
            return features, _class_ids(dice, count, goal.size).astype(dice.choice(["i8", "i8"]))
        if goal.kind == "one-hot":
            targets = np.eye(goal.size)[_class_ids(dice, count, goal.size)]
        elif goal.kind == "labels":
            targets = (dice.numbers(count, *goal.shape) > 0.5).astype(float)
        else:
            targets = dice.numbers(count, *goal.shape) * 10 - 3
        return features, targets

    def facts(
        self, source: Any, files: dict[str, bytes], count: int, brings: frozenset[str]
    ) -> Rows:
        shape = (*self.shape, 1) if len(self.shape) in (0, 2) else self.shape
        whole = {"0": self.whole} if self.whole else {}
        scaled = bool(self.vocabulary) or self.dtype not in ("u1", "i2", "i8")
        names = tuple(map(str, range(shape[0]))) if len(shape) == 1 else None
        return Rows(
            source,
            files,
            count,
            shape,
            self.goal,
            whole=whole,
            numbers=names,
            order=names or (),
            brings=brings,
            scaled=scaled,
            vocabulary=self.vocabulary,
        )


def _arrays(dice: Dice) -> _Arrays:
    edge = dice.whole(3, 7)
    shape: Shape = dice.choice(
        [(dice.whole(2, 8),)] * 3
        + [(edge, dice.whole(2, 7))] * 2
        + [(edge, dice.whole(3, 7), dice.whole(1, 3)), (), (2, 3, 2, 2)]
    )
    size = dice.whole(2, 4)
    goal = dice.choice(
        [
            _numbered(size),
            Goal("one-hot", (size,), size),
            Goal("labels", (size,), size),
            Goal("numbers"),
            Goal("numbers", (size,)),
            Goal("numbers", (2, size)),
        ]
    )
    whole = dice.whole(2, 3) if len(shape) == 1 and dice.chance(0.4) else 0
    dtype = dice.choice(["f8", "f4", "u1", "i2", "i8"] + ["?"] * (not whole))
    vocabulary = dice.whole(2, 9) if len(shape) == 1 and not whole and dice.chance(0.6) else 0
    if vocabulary:
        dtype = dice.choice(["f4", "u1", "i2", "i8"])
    return _Arrays(dice, shape, dtype, goal, whole, vocabulary)


def _image_folder(dice: Dice) -> Rows:
    from tests.drawn import pictures  # which needs what stands above

    return pictures.image_folder(dice)


SOURCES: dict[str, Callable[[Dice], Rows]] = {
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "iris": _iris,
    "friedman1": _friedman1,
    "idx": _idx,
    "csv": _csv,
    "jsonl": _stored("jsonl"),
    "parquet": _stored("parquet"),
    "npy": _npy,
    "npz": _npz,
    "image_folder": _image_folder,
}


def rows(dice: Dice) -> Rows:
    """A source with its files; small ones more often than the shipped ones."""
    words = [word for word in SOURCES if word in SOURCE_CONFIGS]
    word = dice.choice([*words, "csv", "npy", "npz", "idx"])
    found = SOURCES[word](dice)
    return _with_positive_class(dice, word, found)


def _with_positive_class(dice: Dice, word: str, found: Rows) -> Rows:
    """One of two classes is the positive one, and then they have names."""
    names = found.goal.names
    takes = "positive_class" in SOURCE_CONFIGS[word].model_fields
    if not takes or len(names) != 2 or dice.chance(0.5):
        return found
    name: Any = dice.choice(names)
    if name.isdigit() and dice.chance(0.5):
        name = int(name)
    source = {"type": word} if isinstance(found.source, str) else found.source
    return replace(
        found, source=source | {"positive_class": name}, goal=replace(found.goal, named=True)
    )


def _bare(dice: Dice, word: str) -> Any:
    return word if dice.chance(0.5) else {"type": word}


def _class_ids(dice: Dice, count: int, classes: int) -> Array:
    """Class ids in any order, all classes equally often."""
    return np.array(dice.shuffled([row % classes for row in range(count)]), np.int64)


def _npy_bytes(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


# --- the split


@dataclass(frozen=True)
class Parts:
    """How the rows are cut: the config's section, rows to train on, and whether it validates."""

    split: dict[str, Any]
    training: int
    validates: bool


def parts(dice: Dice, found: Rows) -> Parts:
    """A split that leaves rows in every part."""
    split: dict[str, Any] = {}
    shares = {"validation": VALIDATION, "test": TEST}
    for role in shares:
        if role in found.brings:
            shares[role] = 0.0
            if dice.chance(0.2):
                split[role] = 0
        elif dice.chance(0.5):
            shares[role] = dice.choice([0.0, 0.1, 0.25, 1 / 3, dice.real(0.1, 0.4)])
            split[role] = shares[role]
    if found.key is not None:
        split["by"], split["column"] = found.key
        if split["by"] == "column":
            split = {"by": "column", "column": found.key[1]}
            shares = {"validation": 0.2, "test": 0.2}
    elif dice.chance(0.2):
        split["by"] = dice.choice(["order", "order", "random"])
        if isinstance(found.source, dict) and found.source["type"] == "image_folder":
            split["by"] = "random"  # pictures are in the order of their classes
    elif found.goal.kind == "classes" and dice.chance(0.4):
        split["stratify"] = True
    elif dice.chance(0.2):
        split["stratify"] = False
    if "test" not in found.brings and split.get("by") != "column" and dice.chance(0.15):
        folds = dice.whole(2, 4)
        split.pop("test", None)
        split |= {"folds": folds, "fold": dice.whole(1, folds)}
        shares["test"] = 1 / folds
        if split.get("by") in ("order", "time"):  # what is behind the fold is not learned from
            shares["test"] = 1 - split["fold"] / (folds + 1)
            if "validation" not in found.brings:
                shares["validation"] = split["validation"] = 0.05
        elif shares["validation"] > 0.25:
            shares["validation"] = split["validation"] = 0.2
    training = found.count - sum(round(found.count * share) for share in shares.values())
    return Parts(split, training, "validation" in found.brings or shares["validation"] > 0)


# --- the augmentations


def _flip(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    if len(shape) not in (2, 3):
        return None
    return options(dice, RandomFlip, {} if len(shape) == 3 else {"mode": "horizontal"})


def _crop(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    if len(shape) not in (2, 3):
        return None
    given: dict[str, Any] = {"padding": dice.choice([1, 3, [0, 2], [2, 1]])}
    sizes = {"width": shape[-2]} | ({"height": shape[0]} if len(shape) == 3 else {})
    given |= {name: size for name, size in sizes.items() if dice.chance(0.5)}
    return options(dice, RandomCrop, given, skip=("height", "width"))


def _translation(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    if len(shape) not in (2, 3):
        return None
    return options(dice, RandomTranslation, skip=() if len(shape) == 3 else ("height_factor",))


def _noise(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    return options(dice, GaussianNoise)


def _of_images(word: str) -> "Augmentation":
    """What is done to images, by whatever options."""

    def drawn(dice: Dice, shape: Shape) -> dict[str, Any] | None:
        return options(dice, AUGMENTATION_CONFIGS[word]) if len(shape) == 3 else None

    return drawn


def _of_light(word: str) -> "Augmentation":
    """What knows the range of the numbers, or need not know it."""

    def drawn(dice: Dice, shape: Shape) -> dict[str, Any] | None:
        if len(shape) not in (2, 3):
            return None
        return options(dice, AUGMENTATION_CONFIGS[word])

    return drawn


def _erasing(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    if len(shape) != 3:
        return None
    by_value = dice.chance(0.5)
    given = {"fill_value": dice.choice([0, 0.5, 1])} if by_value else {"value_range": [0, 1]}
    return options(dice, RandomErasing, given, ("fill_value",))


def _mix(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    return options(dice, AUGMENTATION_CONFIGS["mix_up"])


def _cut(dice: Dice, shape: Shape) -> dict[str, Any] | None:
    if len(shape) != 3 or shape[0] * shape[1] < 2:
        return None
    return options(dice, AUGMENTATION_CONFIGS["cut_mix"])


Augmentation = Callable[[Dice, Shape], dict[str, Any] | None]
AUGMENTATIONS: dict[str, Augmentation] = {
    "gaussian_noise": _noise,
    "random_crop": _crop,
    "random_flip": _flip,
    "random_translation": _translation,
    "random_rotation": _of_images("random_rotation"),
    "random_zoom": _of_images("random_zoom"),
    "random_contrast": _of_light("random_contrast"),
    "random_brightness": _of_light("random_brightness"),
    "random_erasing": _erasing,
    "mix_up": _mix,
    "cut_mix": _cut,
}
MIXING = ("mix_up", "cut_mix")


def augmentation(dice: Dice, now: Rows, mixes: bool) -> list[Any]:
    """Up to three changes that such rows can have while they are learned from.

    mixes: whether rows can be mixed with others.
    """
    steps: list[Any] = []
    words = list(AUGMENTATIONS)
    while dice.chance(0.4) and len(steps) < 3:
        word = dice.choice(words)
        given = AUGMENTATIONS[word](dice, now.shape)
        if given is None or (word in MIXING and not mixes):
            continue
        if "value_range" in given:
            if not now.unit:
                continue
            given["value_range"] = [0, 1]
        if word in MIXING:
            words.remove(word)
        steps.append(word if not given and dice.chance(0.5) else {"type": word, **given})
    return steps


# --- the transforms


def _of_columns(dice: Dice, now: Rows) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """The option `columns` of a transform of numbers, and which it names; None: all."""
    if len(now.shape) != 1 or now.numbers == () or dice.chance(0.6):
        return {}, None
    if now.numbers is None or dice.chance(0.4):
        return {"columns": "numeric"}, now.numbers
    chosen = dice.some(now.numbers, least=1)
    return {"columns": _written(dice, chosen)}, tuple(chosen)


def _written(dice: Dice, names: Sequence[str]) -> list[Any]:
    """Names of columns; a position may be written as a number."""
    columns: list[Any] = dice.shuffled(list(names))
    if dice.chance(0.5):
        columns = [int(name) if name.isdigit() else name for name in columns]
    return columns


def _scaled(
    now: Rows, given: dict[str, Any], chosen: tuple[str, ...] | None, scaled: bool = True
) -> tuple[dict[str, Any], Rows]:
    """The transform, and the rows with these columns scaled."""
    if "columns" not in given:
        return given, replace(now, whole={}, scaled=now.scaled or scaled, positive=False)
    whole = {} if chosen is None else {n: k for n, k in now.whole.items() if n not in chosen}
    return given, replace(now, whole=whole, positive=False)


def _rescale(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    scale = dice.real(0.5, 2) if now.scaled else dice.choice([0.0625, 0.00392156862745098, 0.01])
    if dice.chance(0.2):
        scale = -scale
    columns, chosen = _of_columns(dice, now)
    given = options(dice, TRANSFORM_CONFIGS["rescale"], {"scale": scale, **columns}, ("columns",))
    return _scaled(now, given, chosen, now.shape != (30,))


def _standardize(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    columns, chosen = _of_columns(dice, now)
    given = options(dice, TRANSFORM_CONFIGS["standardize"], columns, ("columns",))
    return _scaled(now, given, chosen)


def _min_max(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    columns, chosen = _of_columns(dice, now)
    given = options(dice, TRANSFORM_CONFIGS["min_max"], columns, ("columns",))
    return _scaled(now, given, chosen)


_DECIDED = (
    *("columns", "minimum", "maximum", "n_quantiles", "quantile_range"),
    *("with_scaling", "with_centering"),
)


def _curve(word: str) -> "Transform":
    """Transforms of numbers without a scale of their own."""

    def drawn(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
        columns, chosen = _of_columns(dice, now)
        if now.numbers == () or (word == "log1p" and not (now.positive or now.whole)):
            return None
        if word == "log1p" and not now.positive:
            every = set(now.whole) == set(now.numbers or ())
            chosen = tuple(now.whole if every else dice.some(list(now.whole), least=1))
            columns = {"columns": _written(dice, chosen)}
            if set(chosen) == set(now.numbers or ()) and dice.chance(0.5):
                columns = {"columns": "numeric"}
        given = dict(columns)
        if word == "clip":
            given["minimum"], given["maximum"] = dice.choice(
                [(-1.5, 1), (None, 0.75), (0.25, None), (0, 200)]
            )
        if word == "quantile":
            given["n_quantiles"] = dice.choice([2, 10, 1000])
        if word == "robust":
            given["quantile_range"] = dice.choice([[25, 75], [10, 90], [0, 100.0]])
            given |= dice.choice(
                [
                    {},
                    {"with_scaling": False, "with_centering": True},
                    {"with_centering": False, "with_scaling": True},
                ]
            )
        given = options(dice, TRANSFORM_CONFIGS[word], given, _DECIDED)
        return _scaled(now, given, chosen, word in ("robust", "quantile"))

    return drawn


def _impute(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    """All gaps are filled by the first of them."""
    if len(now.shape) != 1 or now.numbers == ():
        return None
    names = set(now.numbers or ())
    strategies = ["most_frequent", "constant"]
    if now.gaps <= names:
        strategies += ["mean", "median"]
    given: dict[str, Any] = {"strategy": dice.choice(strategies)}
    if given["strategy"] == "constant" and now.gaps <= names and dice.chance(0.5):
        given["fill_value"] = dice.choice([0, 2, -1.5])
    if dice.chance(0.4):
        given["add_indicator"] = dice.chance(0.7)
    if now.gaps and dice.chance(0.3):
        given["columns"] = _written(dice, sorted(now.gaps))
    elif now.gaps and now.gaps <= names and dice.chance(0.4):
        given["columns"] = "numeric"
    elif now.gaps and now.gaps <= set(now.dates) and dice.chance(0.4):
        given["columns"] = "date"
    elif now.gaps and now.gaps <= now.texts.keys() and dice.chance(0.4):
        given["columns"] = "text"
    same = given["strategy"] == "most_frequent"
    texts = dict(now.texts)
    if given["strategy"] == "constant":  # a category more, for the cells that were missing
        texts |= {name: texts[name] + 1 for name in now.gaps if name in texts}
    whole = {n: k for n, k in now.whole.items() if same or n not in now.gaps}
    width = now.shape[0] + (len(now.gaps) if given.get("add_indicator") else 0)
    return given, replace(now, shape=(width,), texts=texts, whole=whole, gaps=frozenset())


def _discretize(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    """To numbers of bins; columns of bins only where all are sure to be there."""
    if len(now.shape) != 1 or now.numbers == ():
        return None
    columns, chosen = _of_columns(dice, now)
    given: dict[str, Any] = {**columns, "encode": "ordinal"}
    named = isinstance(columns.get("columns"), list)  # `numeric` also takes parts of dates
    if named and not set(chosen or ()) & now.whole.keys() and dice.chance(0.6):
        given |= {"encode": "one_hot", "strategy": "uniform"}
        given["n_bins"] = dice.whole(2, 4)
    given = options(
        dice, TRANSFORM_CONFIGS["discretize"], given, ("columns", "encode", "strategy", "n_bins")
    )
    if given["encode"] == "ordinal":
        given |= dice.choice([{}, {"strategy": "uniform"}, {"strategy": "quantile", "n_bins": 7}])
        made, after = _scaled(now, given, chosen)
        return made, replace(after, scaled=False)
    assert chosen is not None
    width = now.shape[0] + (given["n_bins"] - 1) * len(chosen)
    return given, replace(_without(now, chosen), shape=(width,))


def _ordinal(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    """Of text that has all its words in a known order."""
    if not now.texts or not now.words:
        return None
    chosen = [name for name in now.texts if name in now.words]
    if not chosen:
        return None
    name = dice.choice(chosen)
    given = {"categories": dice.shuffled(list(now.words[name])), "columns": [name]}
    given = options(dice, TRANSFORM_CONFIGS["ordinal"], given, ("categories", "columns"))
    if len(now.texts) == 1 and dice.chance(0.4):
        given["columns"] = "text"
    after = _without(now, {name})
    return given, replace(after, numbers=(*(now.numbers or ()), name))


def _hash(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if not now.texts:
        return None
    chosen = list(now.texts)
    given: dict[str, Any] = {"num_bins": dice.whole(2, 6)}
    if dice.chance(0.5):
        chosen = dice.some(chosen, least=1)
        given["columns"] = "text" if len(chosen) == len(now.texts) else chosen
    given = options(dice, TRANSFORM_CONFIGS["hash"], given, ("num_bins", "columns"))
    after = _without(now, chosen)
    if given.get("output_mode") == "one_hot":
        width = now.shape[0] + len(chosen) * (given["num_bins"] - 1)
        return given, replace(after, shape=(width,))
    ids = now.ids | dict.fromkeys(chosen, given["num_bins"])
    return given, replace(after, ids={name: ids[name] for name in now.order if name in ids})


def _date_parts(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if not now.dates:
        return None
    given: dict[str, Any] = {}
    if dice.chance(0.5):
        given["columns"] = dice.choice(["date", list(now.dates)])
    if dice.chance(0.6):
        given["parts"] = dice.some(list(PARTS), least=1)
    given = options(dice, TRANSFORM_CONFIGS["date_parts"], given, skip=("columns", "parts"))
    made = given.get("parts") or PARTS[:5]
    each = len(made) + (2 * len(CYCLES.keys() & set(made)) if given.get("cyclic") else 0)
    width = now.shape[0] + len(now.dates) * (each - 1)
    return given, replace(now, shape=(width,), dates=(), scaled=False)


def _encoded(dice: Dice, now: Rows, word: str) -> tuple[dict[str, Any], dict[str, int]] | None:
    """How columns are encoded, and into how many places each of them."""
    ids = now.ids if word == "one_hot" else {}
    if len(now.shape) != 1 or not (now.texts or now.whole or ids):
        return None
    kinds = {"text": dict(now.texts), "category": dict(ids)}
    if now.numbers is not None and set(now.numbers) == set(now.whole):
        kinds["numeric"] = dict(now.whole)
    given: dict[str, Any] = {}
    encoded = dict(now.texts)
    fitting = [kind for kind, columns in kinds.items() if columns]
    if fitting and (dice.chance(0.3) or not (now.texts or now.whole)):
        given["columns"] = dice.choice(fitting)
        encoded = kinds[given["columns"]]
    elif not now.texts or dice.chance(0.5):
        encoded |= {name: now.whole[name] for name in dice.some(list(now.whole), least=1)}
        given["columns"] = _written(dice, list(encoded))
    elif dice.chance(0.2):
        given["columns"] = None
    if dice.chance(0.3):
        given["min_frequency"] = dice.choice([1, 0.001, MOST])
    skip = ("columns", "min_frequency")
    given = options(dice, TRANSFORM_CONFIGS[word], given, skip)
    most, least = given.get("max_categories"), given.get("min_frequency")
    places = {
        name: 1 if least == MOST else min(size, size if most is None else most)
        for name, size in encoded.items()
    }
    return given, places


def _without(now: Rows, encoded: Collection[str]) -> Rows:
    """The rows, in which these columns are not what they were."""
    return replace(
        now,
        texts={name: size for name, size in now.texts.items() if name not in encoded},
        whole={name: size for name, size in now.whole.items() if name not in encoded},
        ids={name: size for name, size in now.ids.items() if name not in encoded},
        numbers=tuple(name for name in now.numbers or () if name not in encoded),
    )


def _one_hot(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    found = _encoded(dice, now, "one_hot")
    if found is None:
        return None
    given, places = found
    width = now.shape[0] - len(places) + sum(places.values())
    return given, replace(_without(now, places), shape=(width,))


def _category(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    found = _encoded(dice, now, "category")
    if found is None:
        return None
    given, places = found
    ids = now.ids | places
    in_order = {name: ids[name] for name in now.order if name in ids}
    return given, replace(_without(now, places), ids=in_order)


def _reshape(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if now.texts or now.ids:
        return None
    shape = dice.choice(shapes_of(int(np.prod(now.shape))))
    written = list(shape)
    if dice.chance(0.4):
        written[dice.whole(0, len(shape) - 1)] = -1
    given = {"target_shape": written}
    if shape == now.shape:
        return given, replace(now, whole={})
    return given, replace(now, shape=shape, whole={}, numbers=None)


def shapes_of(size: int) -> list[Shape]:
    """Shapes of rows with so many numbers: vectors, matrices, images."""
    found: list[Shape] = [(size,), (size,), (1, size), (size, 1), (1, 1, size)]
    for height in range(2, 13):
        if size % height == 0:
            found += [(height, size // height), (height, size // height, 1)]
            found += [
                (height, width, size // height // width)
                for width in range(2, 13)
                if size // height % width == 0
            ]
    return found


def _transpose(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if now.texts:
        return None
    dims = dice.shuffled(range(1, len(now.shape) + 1))
    shape = tuple(now.shape[d - 1] for d in dims)
    numbers = now.numbers if shape == now.shape else None
    return {"dims": dims}, replace(now, shape=shape, whole={}, numbers=numbers)


def _resizing(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if len(now.shape) != 3:
        return None
    size = {"height": dice.whole(1, 9), "width": dice.whole(1, 9)}
    given: dict[str, Any] = dict(size)
    if dice.chance(0.3):
        given |= {"pad_to_aspect_ratio": True, "fill_value": dice.choice([0, 0.5, 7])}
    given = options(dice, TRANSFORM_CONFIGS["resizing"], given, ("fill_value",))
    return given, replace(_of_size(now, size), positive=now.positive and "bic" not in str(given))


def _center_crop(dice: Dice, now: Rows) -> tuple[dict[str, Any], Rows] | None:
    if len(now.shape) != 3:
        return None
    size = {"height": dice.whole(1, now.shape[0]), "width": dice.whole(1, now.shape[1])}
    return dict(size), _of_size(now, size)


def _of_size(now: Rows, size: dict[str, int]) -> Rows:
    """Images of another size."""
    shape = (size["height"], size["width"], now.shape[2])
    return replace(now, shape=shape, whole={}, numbers=None)


Transform = Callable[[Dice, Rows], tuple[dict[str, Any], Rows] | None]
TRANSFORMS: dict[str, Transform] = {
    "rescale": _rescale,
    "standardize": _standardize,
    "min_max": _min_max,
    "robust": _curve("robust"),
    "quantile": _curve("quantile"),
    "clip": _curve("clip"),
    "log1p": _curve("log1p"),
    "discretize": _discretize,
    "ordinal": _ordinal,
    "impute": _impute,
    "date_parts": _date_parts,
    "one_hot": _one_hot,
    "category": _category,
    "hash": _hash,
    "reshape": _reshape,
    "transpose": _transpose,
    "resizing": _resizing,
    "center_crop": _center_crop,
}
_SHAPED = ("reshape", "transpose", "resizing", "center_crop")


def transforms(dice: Dice, found: Rows) -> tuple[list[Any], Rows]:
    """Some transforms in an order that works, and the rows that they leave."""
    if found.ids and dice.chance(0.9):
        return [], found
    words = [word for word in TRANSFORMS if word in TRANSFORM_CONFIGS]
    wanted = [dice.choice(words) for _ in range(dice.whole(0, 3))]
    if not found.scaled and dice.chance(0.9):
        wanted.insert(0, dice.choice(["rescale", "standardize", "min_max"]))
    if found.texts:
        wanted.insert(dice.whole(0, len(wanted)), dice.choice(["one_hot", "category"]))
    if found.whole and dice.chance(0.3):
        wanted.insert(0, dice.choice(["one_hot", "category"]))
    if found.texts:  # whatever changes the shape comes when they are numbers
        wanted = sorted(wanted, key=lambda word: word in _SHAPED)
    if found.dates:
        wanted.insert(0, "date_parts")
    if found.gaps:
        wanted.insert(0, "impute")
    drawn: list[Any] = []
    while wanted or found.texts:
        word = wanted.pop(0) if wanted else ""
        if found.texts and word in (*_SHAPED, ""):
            wanted = [word, *wanted] if word else wanted
            word = dice.choice(["one_hot", "category"])
        made = TRANSFORMS[word](dice, found)
        if made is not None:
            given, found = made
            drawn.append(word if not given and dice.chance(0.5) else {"type": word, **given})
    if len(found.shape) in (2, 3) and not found.ids and dice.chance(0.25):
        drawn.append("min_max")
        found = replace(found, whole={}, scaled=True, positive=False, unit=True)
    return drawn, replace(found, vocabulary=0) if drawn else found


def target_transform(dice: Dice) -> Any:
    """How the target of a regression is scaled; drawn targets may be any numbers, so there is a
    logarithm only of ranks."""
    drawn = [_target_step(dice) for _ in range(dice.whole(1, 2))]
    if dice.chance(0.2):
        drawn = [{"type": "quantile", "n_quantiles": 50}, "log1p", *drawn]
    return drawn[0] if len(drawn) == 1 else drawn


def _target_step(dice: Dice) -> Any:
    word = dice.choice([word for word in TARGET_TRANSFORM_CONFIGS if word != "log1p"])
    given: dict[str, Any] = {}
    if word == "robust":
        given = {"quantile_range": [dice.whole(0, 40), dice.whole(60, 100)]}
        given["with_centering"] = dice.chance(0.5)
        given["with_scaling"] = not given["with_centering"] or dice.chance(0.5)
    return component(dice, TARGET_TRANSFORM_CONFIGS, word, given=given)
