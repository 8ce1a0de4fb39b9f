"""Messages as people get them, kept word for word in tests/fixtures/gallery.

    python -m tests.cli.gallery        writes them anew: read the difference before it is committed

Each case makes its own files and gives some commands. What is kept is the exit code and what is
said, without the numbers of a training, which are other tests' business.
"""

import gzip
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.cli.calls import dlcli

FOLDER = Path(__file__).parents[1] / "fixtures" / "gallery"

Write = Callable[[Path], None]
Command = Sequence[str]
TRAIN: tuple[Command, ...] = (("train", "c.yaml", "--output-dir", "runs", "--workers", "1"),)

_TRAINING = re.compile(
    r"[│┃─━┌┏└┗]|^ +epoch \d|\[3/5\]|confusion matrix|per class|^ +(test|valid\w+) *$"
)


@dataclass(frozen=True)
class Case:
    """files: written into an empty folder, by name. commands: given in it, one after the other."""

    files: Mapping[str, str | bytes]
    commands: Sequence[Command | Write] = TRAIN


def config(
    source: str,
    units: int = 3,
    loss: str = "sparse_categorical_crossentropy",
    metrics: str = "[accuracy]",
    data: str = "",
    first: str = "",
    layer: str = "{type: dense, units: 8, activation: relu}",
) -> str:
    activation = {1: "sigmoid"}.get(units, "softmax")
    last = "linear" if loss in ("mse", "mae") else activation
    return (
        f"{first}data:\n  source: {source}\n  split: {{validation: 0.2, test: 0.2}}\n{data}"
        f"model:\n  layers:\n    - {layer}\n"
        f"    - {{type: dense, units: {units}, activation: {last}}}\n"
        f"loss: {loss}\noptimizer: {{type: adam, learning_rate: 0.01}}\n"
        f"training: {{epochs: 3, batch_size: 32}}\nevaluation: {{metrics: {metrics}}}\n"
    )


CSV = "{type: csv, path: t.csv, target: y}"


def csv(**options: str) -> str:
    more = "".join(f", {name}: {value}" for name, value in options.items())
    return CSV.replace("}", more + "}")


def table(header: str = "a,b,c,y", rows: int = 60, index: bool = False) -> str:
    draw = np.random.default_rng(3)
    kinds = ("setosa", "virginica", "versicolor")
    lines = [header] if header else []
    for row in range(rows):
        kind = int(draw.integers(3))
        numbers = ",".join(f"{value:.3f}" for value in draw.normal(kind, 0.7, 3))
        lines.append(f"{row},{numbers},{kinds[kind]}" if index else f"{numbers},{kinds[kind]}")
    return "\n".join(lines) + "\n"


def words() -> str:
    """Rows of ids up to 8, of which two classes are to be told apart."""
    ids = np.random.default_rng(4).integers(0, 9, (60, 3))
    lines = [f"{row[0]},{row[1]},{row[2]},{'ab'[int(3 in row)]}" for row in ids]
    return "\n".join(["v,w,x,y", *lines]) + "\n"


def archive(**arrays: np.ndarray) -> bytes:
    import io

    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


X, Y = np.random.default_rng(1).normal(size=(60, 4)).round(2), np.arange(60) % 3
GOOD = {"c.yaml": config(CSV), "t.csv": table()}


def with_table(
    text: str | bytes, source: str = CSV, **options: str | int
) -> dict[str, str | bytes]:
    return {"c.yaml": config(source, **options), "t.csv": text}  # type: ignore[arg-type]


def word(old: str, new: str) -> Case:
    text = config(CSV, first="seed: 1\n", data="  transforms: [standardize]\n")
    assert old in text, old
    return Case({"c.yaml": text.replace(old, new, 1)}, (("validate", "c.yaml"),))


def edit(old: str, new: str) -> Write:
    def write(folder: Path) -> None:
        path = folder / "c.yaml"
        path.write_text(path.read_text().replace(old, new))

    return write


CODES = "a,id,y\n" + "".join(
    f"{i},{'A' * (i >= 600)}{1000 + i},{'xz'[i % 2]}\n" for i in range(700)
)
RARE = "a,b,y\n" + "".join(f"{i},{'rare' if i == 4 else 'pq'[i % 2]},{i % 2}\n" for i in range(40))
TEXTS = "a,y\n" + "".join(f"{i},{('low', 'high')[i % 2]}\n" for i in range(40))

CASES: dict[str, Case] = {
    "a text target in a regression": Case(with_table(TEXTS, units=1, loss="mse", metrics="[r2]")),
    "no header": Case(with_table(table(""))),
    "an index without a name": Case(with_table(table(",a,b,c,y", index=True))),
    "data without a name": Case(with_table(table("a,,c,y"))),
    "a blank first line": Case(with_table("\n" + table())),
    "Excel's line": Case(with_table("sep=;\n" + table().replace(",", ";"))),
    "a comment first": Case(with_table("# made by me\n" + table())),
    "an empty table": Case(with_table("")),
    "a header in another form of Unicode": Case(
        with_table(table("gro\u0308ße,b,c,y"), csv(features="[größe, b]"))
    ),
    "a code among numbers": Case(with_table(CODES, units=2)),
    "names that are numbers": Case(with_table(table("0,1,2,3"), csv().replace("y}", "3}"))),
    "a name that YAML reads as a truth value": Case(
        with_table(table(), csv().replace("y}", "true}"))
    ),
    "an archive with other names": Case(
        {
            "c.yaml": config("{type: npz, path: d.npz}"),
            "d.npz": archive(train_images=X, train_labels=Y, test_images=X, test_labels=Y),
        }
    ),
    "fractions beside whole numbers": Case(
        {
            "c.yaml": config("{type: npz, path: d.npz}").replace(", test: 0.2", ""),
            "d.npz": archive(x_train=(X * 9).astype(int), y_train=Y, x_test=X, y_test=Y),
        }
    ),
    "an unseen category": Case(
        with_table(RARE, units=1, loss="bce", data="  transforms: [one_hot]\n")
    ),
    "a split by time without its column": word("test: 0.2", "test: 0.2, by: time"),
    "no shuffle of a split": word("test: 0.2", "test: 0.2, shuffle: false"),
    "a name that no run can have": Case(
        {"c.yaml": config(CSV)}, ((*TRAIN[0], "--name", "../x"),)
    ),
    "a place that is a file": Case(
        {"c.yaml": config(CSV)}, (("train", "c.yaml", "--output-dir", "c.yaml"),)
    ),
    "a path from the working directory": Case(
        {"configs/c.yaml": config(csv().replace("t.csv", "data/t.csv")), "data/t.csv": table()},
        (("train", "configs/c.yaml", "--output-dir", "runs"),),
    ),
    "no such file": Case({"c.yaml": config(CSV)}),
    "no such config": Case({}, (("train", "configs/digits_cnn.yaml"), ("validate", "digits.yml"))),
    "an empty config": Case({"c.yaml": "# nothing\n"}),
    "more epochs": Case(
        GOOD,
        (
            *TRAIN,
            ("train", "--resume", "runs/latest"),
            ("train", "--resume", "runs/latest", "--set", "training.epochs=2"),
            ("train", "--resume", "runs/latest", "--set", "seed=2"),
            ("train", "--resume", "runs/latest", "--set", "training.epochs=5"),
        ),
    ),
    "an edited config": Case(
        GOOD,
        (
            *TRAIN,
            edit("0.01", "0.5"),
            ("train", "--resume", "runs/latest", "--set", "training.epochs=4"),
        ),
    ),
    "changed data": Case(
        GOOD,
        (
            *TRAIN,
            lambda folder: (folder / "t.csv").write_text(table().replace("setosa", "virginica", 1)),
            ("reproduce", "runs/latest"),
        ),
    ),
    "more labels than units": Case(
        {
            "c.yaml": config("{type: npz, path: d.npz}"),
            "d.npz": archive(x=X, y=Y + (np.arange(60) == 7) * 4),
        }
    ),
    "more units than classes": Case(with_table(table(), units=4)),
    "a column that gives the target away": Case(
        with_table("a,b,alive,y\n" + "".join(
            f"{i * 7 % 13},{i * 5 % 11},{'no' if i % 3 else 'yes'},{int(i % 3 == 0)}\n"
            for i in range(60)
        ), units=1, loss="bce", data="  transforms: [one_hot]\n")
    ),
    "an identifier": Case(with_table(table("id,a,b,c,y", index=True))),
    "a spreadsheet": Case(with_table(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))),
    "a web page": Case(with_table("<!DOCTYPE html>\n<html><head><title>404</title>\n")),
    "a pointer": Case(with_table("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")),
    "damaged compression": Case(with_table(gzip.compress(table().encode())[:-9])),
    "blanks": Case(with_table(table().replace(",", "  "))),
    "text without one_hot": Case(with_table(RARE, units=1, loss="bce"), (("validate", "c.yaml"),)),
    "a gap": Case(with_table(table().replace("setosa", "", 1)), (("validate", "c.yaml"),)),
    "a gate": Case(GOOD, ((*TRAIN[0], "--expect", "recall[setosa]>=2"),)),
    "a gate of no class": Case(GOOD, ((*TRAIN[0], "--expect", "recall[setsa]>=0"),)),
    "a gate on nothing": Case(GOOD, ((*TRAIN[0], "--expect", "hamming<1"),)),
    "an error as a document": Case(
        {"c.yaml": config(CSV).replace("epochs: 3", "epoch: 3")}, ((*TRAIN[0], "--json"),)
    ),
    **{
        f"the metric {metric}": word("[accuracy]", f"[{metric}]")
        for metric in ("auc_pr", "smape", "f1_macro", "specificity")
    },
    "an id that no layer knows": Case(
        with_table(words(), units=2, layer="{type: embedding, input_dim: 5, output_dim: 2}")
    ),
    "ids that were transformed": Case(
        with_table(
            words(),
            units=2,
            data="  transforms: [standardize]\n",
            layer="{type: embedding, input_dim: 9, output_dim: 2}",
        )
    ),
    "steps that are masked to the end": Case(
        with_table(
            words(),
            units=2,
            layer="{type: embedding, input_dim: 9, output_dim: 2, mask_zero: true}",
        ),
        (("validate", "c.yaml"),),
    ),
    "the layer conv3d": word("{type: dense, units: 8", "{type: conv3d, filters: 8"),
    "the layer lstm": word("{type: dense, units: 8", "{type: lstm, units: 8"),
    "a layer that comes later": word("units: 8,", "units: 8, input: dense_2,"),
    "a layer in a block that nobody reads": word(
        "{type: dense, units: 8, activation: relu}",
        "{type: repeat, times: 2, layers: [flatten, {type: dense, units: 9}, "
        "{type: dense, units: 3, input: flatten_1}]}",
    ),
    "the key kernel_constraint": word("units: 8", "units: 8, kernel_constraint: max_norm"),
    "the key l2 of a layer": word("units: 8", "units: 8, l2: 0.01"),
    "a model that is frozen": Case(
        {"c.yaml": config("digits", 10, layer="{type: flatten, trainable: false}").replace(
            "units: 10,", "units: 10, trainable: false,")}, (("validate", "c.yaml"),)),
    "the transform grayscale": word("[standardize]", "[grayscale]"),
    "the key dtype": word("target: y", "target: y, dtype: float32"),
    "the loss sparse_crossentropy": word("sparse_categorical_crossentropy", "sparse_crossentropy"),
    "the loss huber": word("sparse_categorical_crossentropy", "huber"),
    "the optimizer nadam": word("type: adam", "type: nadam"),
    "the source kmnist": word(CSV, "kmnist"),
}  # fmt: skip


def shown(case: Case, folder: Path) -> str:
    """What the commands of a case say, one after the other; the folder is called FOLDER."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    told = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        for command in case.commands:
            if callable(command):
                command(folder)
                continue
            call = dlcli(*command)
            told.append(f"$ dlcli {' '.join(command)}")
            told += [line for line in call.err.splitlines() if not _TRAINING.search(line)]
            told += call.out.splitlines()
            told.append(f"exit code {call.code}\n")
    finally:
        os.chdir(before)
    text = "\n".join(line.rstrip() for line in told)
    text = re.sub(r"(?<=loss )\d\.\d+|[\d.]+e?-?\d*(?=\) *;|, got)|(?<=got )[\d.]+", "N", text)
    text = re.sub(r'(?<="seconds": )[\d.]+', "N", text)
    return text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER") + "\n"


def file_of(name: str) -> Path:
    """Where the messages of a case are kept."""
    return FOLDER / f"{name.replace(' ', '_')}.txt"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = "/nowhere"
    os.environ.pop("DLCLI_DATA_DIR", None)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            file_of(name).write_text(shown(case, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
