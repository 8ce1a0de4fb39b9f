"""Bundles that no training made: of layers, of drawn configs, of tables with names of all kinds."""

import csv
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dlcli import builder
from dlcli.artifacts import documents
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config.loading import LoadedConfig, load_config
from dlcli.data.dataset import ONLY
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.rows import Written
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_batch
from dlcli.deploy.exporter import Exporter
from dlcli.engine.graph import DATA, Link, connect
from dlcli.engine.layer import Array, Shape
from dlcli.engine.losses import Loss, MeanSquaredError
from dlcli.pipeline import deploy, design, prepare

Rows = dict[str, Array]


def of_links(
    links: Sequence[Link], shapes: Mapping[str, Shape], loss: Loss | None = None
) -> Bundle:
    """These layers with numbers that are drawn, for rows of float32 as they are."""
    model = builder.model(connect(links, shapes))
    return Bundle(
        model=model,
        loss=MeanSquaredError() if loss is None else loss,
        theta=weights(model, 0),
        preprocessing={
            name: Preprocessing(np.dtype(np.float32), shape, None) for name, shape in shapes.items()
        },
        row_dtypes=dict.fromkeys(shapes, "float32"),
        target_scale=None,
        classes=None,
        csv=Written(),
        arrays={name: name or None for name in shapes},
    )


def weights(model: Any, seed: int) -> Array:
    """Numbers for all arrays, biases too; positive ones for what is observed."""
    theta = model.layout.initial(seed)
    draw = np.random.default_rng(seed)
    for (_, slot), place in model.layout.places.items():
        own = theta[place.start : place.stop]
        if slot == "moving_variance":
            own[:] = draw.uniform(0.5, 2.0, len(own))
        elif slot in ("bias", "beta", "moving_mean"):
            own += (0.3 * draw.normal(size=len(own))).astype(np.float32)
        elif slot == "gamma":
            own *= draw.uniform(0.5, 1.5, len(own)).astype(np.float32)
    return np.asarray(theta)


def of_config(path: Path, data_dir: Path | None = None) -> tuple[Bundle, Rows]:
    """The network of a config with numbers that are drawn, and its first stored rows."""
    loaded: LoadedConfig = load_config(path)
    prepared = prepare.prepare(loaded, prepare.places(path.parent, data_dir))
    designed = design.design(loaded, prepared)
    theta = weights(designed.recipe.model, loaded.config.seed % 1000)
    part = prepared.dataset.train
    first = np.arange(min(16, len(part)))
    rows = {name: one.take_features(first) for name, one in part.each().items()}
    return deploy.bundle_of(loaded, prepared, designed, theta), rows


def exported(
    exporter: Exporter, bundle: Bundle, rows: Rows, folder: Path, name: str
) -> tuple[Path, Path]:
    """The folder of a format and its golden file, in a run of its own."""
    assert exporter.refuses(bundle) is None and exporter.lacks() is None
    run = RunDirectory.create(folder, "net")
    written = exporter.write(bundle, run, f"deploy/{name}")
    assert all(run.path(one).is_file() for one in written)
    golden = f"deploy/{name}/{GOLDEN}"
    documents.write_tensors(run, golden, golden_batch(rows, bundle.predict(rows)))
    return run.path(f"deploy/{name}"), run.path(golden)


def loaded_source(path: Path) -> ModuleType:
    """A module of source."""
    spec = importlib.util.spec_from_file_location(f"source_{abs(hash(str(path)))}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def one(rows: Rows) -> Any:
    """Rows as written source takes them."""
    return rows.get(ONLY, rows)


HOSTILE = (
    "plain",
    'it\'s "quoted"',
    '"""',
    "'''",
    "back\\slash \\",
    "two\nlines",
    "\\N{BULLET}",
    "{x} {0} %s",
    "größe/東京",
    "\u202ereversed",
    "#, __import__('os')",
)
"""Names that would break out of a literal, if they could."""


def hostile_table(folder: Path) -> Path:
    """A config whose columns, texts and classes have such names, and its CSV."""
    columns = [*(f"n {name}" for name in HOSTILE), "text", "class"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([name.replace("\n", " ") for name in columns])
    draw = np.random.default_rng(0)
    for row in range(66):
        numbers = [f"{value:.3f}" for value in draw.normal(size=len(HOSTILE))]
        writer.writerow([*numbers, HOSTILE[row % len(HOSTILE)], HOSTILE[-1 - row % len(HOSTILE)]])
    (folder / "table.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    path = folder / "hostile.yaml"
    path.write_text(
        "data:\n  source: {type: csv, path: table.csv, target: class}\n"
        "  transforms: [one_hot, standardize]\n"
        f"model: {{layers: [{{type: dense, units: {len(HOSTILE)}, activation: softmax}}]}}\n"
        "loss: sparse_categorical_crossentropy\noptimizer: adam\n"
        "training: {epochs: 1}\n",
        encoding="utf-8",
    )
    return path


NAMES_OF_LAYERS = ("class", "train", "x", "torch", "layers", "self", "forward", "inputs", "keras")
"""What layers may be called, and what already means something else where they are written."""


def named_badly() -> tuple[list[Link], dict[str, Shape]]:
    """A network whose layers and values are called so, of which some are halves of others."""
    from dlcli.engine.layers import Dense, Flatten, SeparableConv2D
    from dlcli.engine.layers.activations import Tanh
    from dlcli.engine.merges import Add, Concatenate

    links = [
        Link("sep", SeparableConv2D(2, (2, 2), padding="same"), ("nn",)),
        Link("sep_depthwise", SeparableConv2D(2, (2, 2), padding="same"), ("nn",)),
        Link("a.b", Tanh(), ("sep",)),
        Link("a_b", Add(), ("a.b", "sep_depthwise")),
        Link("flat", Flatten(), ("a_b",)),
        Link("both", Concatenate(), ("flat", "def")),
    ]
    before = "both"
    for name in NAMES_OF_LAYERS:
        links.append(Link(name, Dense(3), (before,)))
        before = name
    return links, {"nn": (3, 3, 1), "def": (2,)}


__all__ = ["DATA"]
