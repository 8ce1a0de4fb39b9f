"""The README's table "Add a ...", followed: one of each is added to a copy of the package, at the
places that the table names and nowhere else, and a config trains with all of them at once."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import dlcli
from tests.exactness.runs import environment

ROOT = Path(dlcli.__file__).parent
README = (ROOT.parent / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Added:
    """What somebody writes to add a thing.

    work, vocabulary: the files of its two places. code, words: the classes that are added there,
    before the table. row: what is added to the table; member: to the union.
    """

    work: str
    code: str
    row: str
    vocabulary: str
    words: str
    member: str


ADDED = {
    "layer": Added(
        "dlcli/engine/layers/__init__.py",
        """
from dlcli.engine.layers.doubled import Doubled
""",
        '"doubled": Doubled,',
        "dlcli/config/layers.py",
        """
class Doubled(OneInput):
    type: Literal["doubled"] = "doubled"
""",
        "Doubled",
    ),
    "merge": Added(
        "dlcli/engine/merges.py",
        '''
@frozen
class Total(Add):
    """As add."""
''',
        '"total": Total,',
        "dlcli/config/merges.py",
        """
class Total(MergeLayer):
    type: Literal["total"] = "total"
""",
        "Total",
    ),
    "loss": Added(
        "dlcli/engine/losses.py",
        '''
@frozen
class HalfSquaredError(MeanSquaredError):
    """(y - t)^2, as mean_squared_error."""
''',
        '"half_squared_error": HalfSquaredError,',
        "dlcli/config/training.py",
        """
class HalfSquaredError(LossModel):
    type: Literal["half_squared_error"] = "half_squared_error"
    tasks = ("regression",)
""",
        "HalfSquaredError",
    ),
    "metric": Added(
        "dlcli/engine/metrics/table.py",
        """
from dlcli.engine.metrics.worst import Worst
""",
        '"worst": Worst,',
        "dlcli/config/metrics.py",
        """
class Worst(MetricModel):
    type: Literal["worst"] = "worst"
    suits = NUMBERS
    best = "min"
""",
        "Worst",
    ),
    "optimizer": Added(
        "dlcli/engine/optimizers.py",
        '''
@frozen(kw_only=True)
class SignSGD(Optimizer):
    """theta -= learning_rate sign(g)"""

    learning_rate: float | Schedule = 0.001

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        np.sign(grad, out=work[0])
        work[0] *= theta.dtype.type(rate)
        theta -= work[0]
''',
        '"sign_sgd": SignSGD,',
        "dlcli/config/training.py",
        """
class SignSgd(OptimizerModel):
    type: Literal["sign_sgd"] = "sign_sgd"
    learning_rate: LearningRate = 0.001
""",
        "SignSgd",
    ),
    "schedule": Added(
        "dlcli/engine/schedules.py",
        '''
@frozen(kw_only=True)
class Halving(Schedule):
    """peak / (updates + 1)"""

    peak: float

    def after(self, step: int) -> float:
        return self.peak / (step + 1)
''',
        '"halving": Halving,',
        "dlcli/config/schedules.py",
        """
class Halving(Schedule):
    type: Literal["halving"] = "halving"
    peak: Rate
""",
        "Halving",
    ),
    "source": Added(
        "dlcli/data/sources/__init__.py",
        """
from dlcli.data.sources.squares import Squares
""",
        '"squares": Squares,',
        "dlcli/config/sources.py",
        """
class Squares(SourceModel):
    type: Literal["squares"] = "squares"
    rows: Annotated[int, Whole(2, 1000)] = 60
""",
        "Squares",
    ),
    "transform": Added(
        "dlcli/data/transforms/__init__.py",
        """
from dlcli.data.transforms.negate import Negate
""",
        '"negate": Negate,',
        "dlcli/config/transforms.py",
        """
class Negate(Rescale):
    type: Literal["negate"] = "negate"
    scale: Annotated[float, Real()] = -1.0
""",
        "Negate",
    ),
    "augmentation": Added(
        "dlcli/data/augmentation/__init__.py",
        """
from dlcli.data.augmentation.sign import RandomSign
""",
        '"random_sign": RandomSign,',
        "dlcli/config/augmentation.py",
        """
class RandomSign(Section):
    type: Literal["random_sign"] = "random_sign"
""",
        "RandomSign",
    ),
    "exporter": Added(
        "dlcli/deploy/exporters.py",
        '''
class Card(Exporter):
    """A page about the network."""

    def refuses(self, bundle: Bundle) -> str | None:
        return None

    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        from dlcli.artifacts import documents

        documents.write_text(run, f"{folder}/card.md", f"{len(bundle.theta)} numbers\\n")
        return [f"{folder}/card.md"]

    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        """A page answers nothing."""
        return Proof(ENGINE)
''',
        '"card": Card(),',
        "dlcli/config/deployment.py",
        "",
        '"card"',
    ),
    "command": Added(
        "dlcli/cli/main.py",
        """
from dlcli.cli.hello import hello
app.command("hello", cls=_Command)(hello)
""",
        "",
        "",
        "",
        "",
    ),
}
NEW_FILES = {
    "dlcli/data/transforms/negate.py": '''
from dlcli.data.transforms.scaling import Rescale
from dlcli.frozen import frozen


@frozen
class Negate(Rescale):
    """y = -x"""

    scale: float = -1.0
''',
    "dlcli/data/augmentation/sign.py": '''
import numpy as np

from dlcli.data.augmentation.base import Augmentation
from dlcli.frozen import frozen


@frozen
class RandomSign(Augmentation):
    """Turns the signs of a row round, with probability one half."""

    def check(self, row_shape):
        """Any row has signs."""

    def apply(self, x, draws):
        x[draws.uniform(1)[:, 0] < 0.5] *= np.float32(-1.0)
        return x
''',
    "dlcli/engine/layers/doubled.py": '''
import numpy as np

from dlcli.engine.layer import Layer
from dlcli.frozen import frozen


@frozen
class Doubled(Layer):
    """y = 2 x"""

    def out_shape(self, in_shape):
        return in_shape

    def forward(self, p, x, ctx, /):
        return np.multiply(x, x.dtype.type(2), out=ctx.scratch("y", x.shape, x.dtype)), None

    def backward(self, p, g, cache, dy, ctx, /, *, need_dx=True):
        return np.multiply(dy, dy.dtype.type(2), out=ctx.scratch("dx", dy.shape, dy.dtype))
''',
    "dlcli/engine/metrics/worst.py": '''
from dlcli.engine.metrics.base import Counted
from dlcli.engine.metrics.errors import NUMBERS, MeanAbsoluteError
from dlcli.engine.metrics.tallies import Errors
from dlcli.frozen import frozen


@frozen
class Worst(MeanAbsoluteError):
    """The sum of all errors."""

    def value(self, tally):
        return float(tally[1].sum())
''',
    "dlcli/data/sources/squares.py": '''
from dlcli.data.dataset import Declared, Raw, Table
from dlcli.data.sources.base import Source
from dlcli.frozen import frozen
from dlcli.randomness import Stream


@frozen
class Squares(Source):
    """x and x^2."""

    rows: int = 60

    def load(self, places, seed):
        x = Stream(seed, "squares").uniform(self.rows).reshape(-1, 1)
        return Raw({"all": Table(x, (x[:, 0] * x[:, 0]).astype("float64"))})

    def declare(self, places):
        return Declared((1,), {"all": self.rows}, target="numbers")
''',
    "dlcli/cli/hello.py": '''
def hello() -> None:
    """Say hello."""
    print("hello")
''',
}
"""Files that are new: the table names the folder."""

TABLES = {
    "layer": ("LAYERS", "Layer"),
    "merge": ("MERGES", "Merges"),
    "loss": ("LOSSES", "Loss"),
    "metric": ("METRICS", "Metric"),
    "optimizer": ("OPTIMIZERS", "Optimizer"),
    "schedule": ("SCHEDULES", "LearningRate"),
    "source": ("SOURCES", "Source"),
    "transform": ("TRANSFORMS", "Transform"),
    "augmentation": ("AUGMENTATIONS", "Augmentation"),
    "exporter": ("EXPORTERS", "DEPLOYMENT_FORMATS"),
}
CONFIG = """\
data:
  source: {type: squares, rows: 80}
  transforms: [negate]
  augmentation: [random_sign]
model:
  layers:
    - {type: dense, units: 4, activation: tanh}
    - {type: doubled, name: twice}
    - {type: total, inputs: [twice, dense_1]}
    - {type: dense, units: 1}
loss: half_squared_error
optimizer: {type: sign_sgd, learning_rate: {type: halving, peak: 0.1}}
training: {epochs: 2, early_stopping: {monitor: val_worst, patience: 9}}
evaluation: {metrics: [worst]}
deployment: {formats: [bundle, card]}
"""


def table() -> dict[str, list[str]]:
    """The cells of the README's table, by what is added."""
    lines = README[README.index("## Add a ...") :].split("\n## ")[0].splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def add(added: Added, names: tuple[str, str], root: Path) -> None:
    """Write what is added into the copy of the package."""
    row, union = names
    work = root / added.work
    text = work.read_text(encoding="utf-8")
    found = re.search(rf"^{row}: .*= {{$", text, re.MULTILINE)
    assert found, f"{added.work} has no table {row}"
    text = (
        f"{text[: found.start()]}{added.code}\n\n{found[0]}\n    {added.row}{text[found.end() :]}"
    )
    work.write_text(text, encoding="utf-8")
    words = root / added.vocabulary
    text = words.read_text(encoding="utf-8")
    found = re.search(rf"^{union} = (Annotated\[\s*|\()?", text, re.MULTILINE)
    assert found, f"{added.vocabulary} has no union {union}"
    joint = ", " if found[1] == "(" else " | "
    new = f"{added.words}\n\n{found[0]}{added.member}{joint}"
    words.write_text(text[: found.start()] + new + text[found.end() :], encoding="utf-8")


def test_the_readme_names_all_kinds_and_two_places_for_each() -> None:
    rows = table()
    assert rows.keys() == ADDED.keys()
    for kind, (work, contract, vocabulary, test) in rows.items():
        for cell in (work, contract, vocabulary, test):
            for path in re.findall(r"`((?:dlcli|tests)/[^`]*)`", cell):
                assert (ROOT.parent / path).exists(), f"{kind}: {path} is not there"
        added = ADDED[kind]
        folder = str(Path(added.work).parent) + "/"
        assert added.work in f"{work} {vocabulary}" or folder in work, kind
        assert added.vocabulary in vocabulary, kind
        for name in TABLES.get(kind, ()):
            assert f"`{name}`" in work + vocabulary, f"{kind}: {name}"


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package with one of each more."""
    root = tmp_path_factory.mktemp("larger")
    shutil.copytree(ROOT, root / "dlcli", ignore=shutil.ignore_patterns("__pycache__"))
    for kind, names in TABLES.items():
        add(ADDED[kind], names, root)
    for path, text in NEW_FILES.items():
        (root / path).write_text(text, encoding="utf-8")
    main = root / ADDED["command"].work
    text = main.read_text(encoding="utf-8")
    marker = 'app.command("schema"'
    main.write_text(text.replace(marker, ADDED["command"].code + marker), encoding="utf-8")
    return root


def dlcli_of(root: Path, *arguments: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "dlcli", *arguments],
        cwd=root,
        env=environment(PYTHONPATH=str(root)),
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_one_of_each_is_added_and_a_config_trains_with_all_of_them(larger: Path) -> None:
    (larger / "new.yaml").write_text(CONFIG, encoding="utf-8")
    run = Path(dlcli_of(larger, "train", "new.yaml").strip())
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["epoch"] == 2 and last["val_worst"] >= 0
    assert (run / "deploy" / "card" / "card.md").read_text() == "13 numbers\n"
    dlcli_of(larger, "reproduce", str(run))
    dlcli_of(larger, "verify", str(run))
    assert dlcli_of(larger, "hello") == "hello\n"
    assert "random_sign" in dlcli_of(larger, "schema")
    assert "y = 2 x" in dlcli_of(larger, "explain", "layers.doubled")
    assert "sign_sgd" in dlcli_of(larger, "list", "optimizers")
