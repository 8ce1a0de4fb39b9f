"""What a page says, as plain values: no word of it is HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.frozen import frozen


@frozen
class LayerLine:
    """A line of the table of layers; flops: of the forward pass of one row."""

    name: str
    type: str
    reads: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int
    flops: int


Grid = tuple[tuple[tuple[float, ...], ...], ...]
"""A filter: row by row, of each pixel its one or three channels."""


@frozen
class Filters:
    """The kernels of a convolution that reads pictures.

    values: filter by filter. count: how many the layer has, also where `values` has fewer.
    """

    layer: str
    values: tuple[Grid, ...]
    count: int

    @property
    def cut(self) -> str:
        """Which are shown, where they are not all."""
        if len(self.values) >= self.count:
            return ""
        return f"The first {len(self.values)} of {self.count:,} are shown."


@frozen
class Ranked:
    """How well a class (or label) is told from all others.

    yes, no: rows that are of it, and that are not. points: from the highest threshold to the
    lowest, each with its hits and false alarms.
    """

    place: int
    yes: int
    no: int
    roc_auc: float
    average_precision: float
    points: tuple[tuple[float, int, int], ...]


@frozen
class Calibrated:
    """How far probabilities can be taken at their word.

    of: "yes", the second of two classes; "answer", the class that was answered; "labels", all of
    them. bins: rows, the mean probability, the share that is so. error: see `thresholds.Bins`.
    """

    of: str
    error: float
    bins: tuple[tuple[int, float, float], ...]


@frozen
class Paired:
    """Numbers that are true, each with the one that was answered.

    output: which of a row's numbers they are; None: some of all, which are `of`.
    """

    output: int | None
    points: tuple[tuple[float, float], ...]
    of: int = 0


@frozen
class Answers:
    """What the answers to a part look like.

    rows: that were looked at, of so many. columns: how many classes or labels there are.
    """

    rows: int
    of: int
    ranked: tuple[Ranked, ...] = ()
    calibrated: Calibrated | None = None
    paired: tuple[Paired, ...] = ()
    columns: int = 0


@frozen
class Part:
    """A part that was evaluated.

    scalars: the metrics that are one number. lists: those that are one for each class, without
    `_per_class` at the end. matrices: by name; of several labels, a matrix of two by two for each.
    answers: None where the run kept nothing of them.
    """

    role: str
    rows: int
    scalars: Mapping[str, float]
    lists: Mapping[str, tuple[float, ...]]
    matrices: Mapping[str, tuple[tuple[float, ...], ...]]
    of_labels: Mapping[str, tuple[tuple[tuple[float, ...], ...], ...]]
    answers: Answers | None = None


@frozen
class Picture:
    """pixels: row by row, a byte for each of the one or three channels. name: of the value."""

    name: str
    pixels: bytes
    height: int
    width: int
    channels: int


@frozen
class Shown:
    """A row of the data: the cells of a table, or of each value pictures, signals (channel by
    channel) or numbers. is_cut: whether there is more of it."""

    cells: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    signals: tuple[tuple[tuple[float, ...], ...], ...] = ()
    numbers: tuple[tuple[float, ...], ...] = ()
    is_cut: bool = False


@frozen
class WorstRow:
    """A row that was answered badly. where: it was read. true, answered: in words. how: badly."""

    where: str
    true: str
    answered: str
    how: str
    shown: Shown = Shown()


@frozen
class WorstRows:
    """The worst first. of: so many rows of the part. header: the columns of a table, else none.
    cut: what is said where rows are larger than shown."""

    role: str
    of: int
    header: tuple[str, ...]
    rows: tuple[WorstRow, ...]
    cut: str = ""


@frozen
class Timing:
    """How long a stage took; rows: that it went through, where they were counted."""

    stage: str
    seconds: float
    rows: int | None = None


@frozen
class RunPage:
    """Everything that the page of a run says.

    label: what the run is called beside others. name: the config's. done: whether it is complete.
    epochs: the numbers of the epochs, from 1 without a gap; curves: each value, one an epoch.
    rates: the learning rate of the last update of each epoch, empty where it is not known.
    best: the best epoch; monitor, value: by what and how good. kept: why those weights are kept.
    kept_epoch: theirs, 0 where nothing is chosen yet.
    card: the model card, where there is one. findings: of the audit, each a code and a sentence.
    config: resolved, as YAML; settings: the same by dotted keys. data: digests by role.
    environment: what may differ between runs of the same bits, in words. targets: the names of what
    a regression answers, where they have some. worst: rows of the data, where somebody asks.
    """

    label: str
    name: str
    done: bool
    epochs: int
    curves: Mapping[str, Sequence[float]]
    rates: Sequence[float]
    best: int
    monitor: str
    value: float
    kept: str
    kept_epoch: int
    parts: tuple[Part, ...]
    classes: tuple[str, ...]
    layers: tuple[LayerLine, ...]
    filters: Filters | None
    timings: tuple[Timing, ...]
    card: str | None
    findings: tuple[tuple[str, str], ...]
    config: str
    settings: Mapping[str, Any]
    seed: int
    data: Mapping[str, str]
    environment: Mapping[str, str]
    targets: tuple[str, ...] = ()
    worst: WorstRows | None = None

    @property
    def parameters(self) -> int:
        """All parameters together."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        """Of one row's forward pass."""
        return sum(layer.flops for layer in self.layers)
