"""What a model card says of a run, as plain values: no word of it is Markdown."""

from collections.abc import Mapping
from typing import Any

from dlcli.engine.layer import Shape
from dlcli.engine.metrics import Kind
from dlcli.frozen import frozen


@frozen
class LayerLine:
    """A layer; note: what is special about it ("frozen"), or nothing."""

    name: str
    reads: tuple[str, ...]
    type: str
    shape: Shape
    parameters: int
    note: str


@frozen
class PartLine:
    """A part of the data. origin: where its rows come from."""

    role: str
    rows: int
    origin: str


@frozen
class ColumnLine:
    """A column as it is stored.

    seen: in the training part: the lowest and the highest value as texts, where it has any.
    texts: its categories there; None where it has none. gaps: how many cells were missing there.
    missing, unknown: what becomes of a missing cell, and of an unknown category.
    """

    name: str
    kind: str
    seen: tuple[str, str] | None
    texts: tuple[str, ...] | None
    gaps: int
    missing: str
    unknown: str


@frozen
class ValueLine:
    """A value of a row that is no table; name: empty where there is only one."""

    name: str
    shape: Shape
    dtype: str
    low: float
    high: float


@frozen
class Measured:
    """An evaluated part. metrics: as in evaluation.json. support: rows of each class (of labels:
    how many have it). matrix: which of the metrics is an unweighted confusion matrix."""

    role: str
    rows: int
    metrics: Mapping[str, Any]
    positive: str | None
    of_positive: frozenset[str]
    support: tuple[int, ...]
    matrix: str | None

    @property
    def scalars(self) -> dict[str, float]:
        """The metrics that are one number."""
        return {n: v for n, v in self.metrics.items() if isinstance(v, int | float)}


@frozen
class Card:
    """Everything that the card of a run says.

    kind, count: what is learned, see `Loss.kind`. targets: what the data calls it.
    classes: the names, or numbers where there are none; empty for numbers.
    counts: of each part, rows by class. spreads: of numbers, by target: lowest, median, highest.
    looked_at: rows of the training part in which ranges were looked for.
    scaled: whether the target is transformed in training.
    audited: whether the data was audited; findings: code and sentence of each.
    curve: the metrics of each epoch. shown: which of them.
    settings: parts of the config in its own words, by what they are called here.
    """

    name: str
    kind: Kind
    count: int
    rebuilds: bool
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    layers: tuple[LayerLine, ...]
    trained: int
    settings: Mapping[str, str]
    epochs: int
    kept: int
    why_kept: str
    seed: int
    source: str
    parts: tuple[PartLine, ...]
    cut: str
    counts: Mapping[str, tuple[int, ...]]
    spreads: tuple[tuple[str, float, float, float], ...]
    columns: tuple[ColumnLine, ...]
    values: tuple[ValueLine, ...]
    looked_at: int
    preparation: tuple[tuple[str, str], ...]
    scaled: bool
    weighs: bool
    audited: bool
    findings: tuple[tuple[str, str], ...]
    results: tuple[Measured, ...]
    curve: tuple[Mapping[str, float], ...]
    shown: tuple[str, ...]
    limits: tuple[str, ...]
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    numerics_class: str

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def train_rows(self) -> int:
        return next(part.rows for part in self.parts if part.role == "train")
