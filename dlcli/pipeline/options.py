"""What the command line says about how to run."""

from contextlib import nullcontext
from dataclasses import field
from pathlib import Path

from dlcli.frozen import frozen
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.interruption import Patience, Stop


@frozen
class Options:
    """What the command line says about how to run; but for `epochs` nothing here may change a
    result.

    overrides: what `--set` gave, to be remembered. epochs: of a run that goes on, how many it is to
    have in all.
    """

    workers: int
    data_dir: Path | None = None
    output_dir: Path = Path("runs")
    name: str | None = None
    command: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    epochs: int | None = None
    stop: Stop = lambda: None
    patience: Patience = nullcontext
    gates: Gates = field(default_factory=Gates)
