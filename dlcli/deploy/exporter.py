"""The contract of a format that a trained network can be written as.

An exporter says what it cannot hold, before anything is trained; writes a folder of a run; and
proves that what lies there gives the engine's answers.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import __version__
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.deploy.bundle import Bundle
from dlcli.engine.layer import Array
from dlcli.errors import ExportError
from dlcli.frozen import frozen
from dlcli.wording import counted

ABSOLUTE, RELATIVE = 1e-5, 1e-4
"""How far an answer a may be from the engine's b: |a - b| <= ABSOLUTE + RELATIVE |b|."""


ENGINE = f"dlcli {__version__}"
"""What answered where it was the engine itself, by the bundle as dlcli reads it."""


@frozen
class Proof:
    """What was seen when a format answered beside the engine.

    runtime: what answered, with its version ("onnxruntime 1.20.1"); None where it is not
        installed here, so that nothing was run.
    rows: how many rows were answered.
    largest_difference: the largest |a - b| of all answers; 0 where they are the same to the bit.
    beyond: how many numbers are further away than ABSOLUTE + RELATIVE |b|, but no further than
        roundings move the engine's own answer (see roundings.py).
    seconds: from the start of a process of its own to the end of its answers; in no record.
    """

    runtime: str | None
    rows: int = 0
    largest_difference: float = 0.0
    beyond: int = 0
    seconds: float | None = None

    @property
    def is_by_the_engine(self) -> bool:
        """Whether nothing but dlcli itself answered, so that there is nothing to tell of."""
        return self.runtime == ENGINE

    def to_json(self) -> dict[str, Any]:
        """For the record of a run, and for programs."""
        return {
            "runtime": self.runtime,
            "rows": self.rows,
            "largest_difference": self.largest_difference,
            "beyond": self.beyond,
        }

    def describe(self) -> str:
        """What was seen, in one sentence."""
        if self.runtime is None:
            return "nothing was run, because what answers by it is not installed here"
        far = f"largest difference {self.largest_difference:.1e}"
        how = far if self.largest_difference else "bit for bit"
        after = "" if self.seconds is None else f", {self.seconds:.2g} s after its start"
        count = counted(self.rows, "row")
        return f"{self.runtime} gives the engine's answers to {count}, {how}{after}"

    def warn(self) -> str | None:
        """What a person should know of it; None where all numbers are near."""
        if not self.beyond:
            return None
        what = "1 number is" if self.beyond == 1 else f"{self.beyond:,} numbers are"
        return (
            f"{what} further away than {ABSOLUTE:g} + {RELATIVE:g} of their size, and passed only "
            "because roundings of its weights and inputs move the engine's own answers about as "
            "far: the network amplifies roundings, so the last digits of its answers mean nothing; "
            "scale its inputs or its target"
        )


class Exporter(ABC):
    """One format."""

    @abstractmethod
    def refuses(self, bundle: Bundle) -> str | None:
        """What the format cannot hold, in a sentence that begins with what it is; None where it
        can hold everything.

        bundle: the network before it is trained: all but its numbers is as it will be.
        """

    def lacks(self) -> str | None:
        """A sentence about the extra that writing needs and that is not installed, with the
        command that installs it; None where nothing lacks."""
        return None

    @abstractmethod
    def write(self, bundle: Bundle, run: RunDirectory, folder: str) -> list[str]:
        """Write the network into a folder of a run; returns the names of its files.

        bundle: everything there is; `bundle.model.plain` is the graph without fused layers. Files
            are written by artifacts/documents.py, under names that begin with the run's folder.
        The same bundle gives the same bytes.
        """

    @abstractmethod
    def prove(self, bundle: Bundle, folder: Path, golden: Path) -> Proof:
        """ExportError unless what was written gives the answers of the golden batch, and those of
        the bundle to rows like these (see rows_like.py).

        golden: a file of stored rows, as they were before preprocessing, and of the engine's
            answers to them.
        """

    def prove_by_itself(self, folder: Path, golden: Path) -> Proof | None:
        """The same where a format answers by itself: in a process of its own, without dlcli. It
        takes longer, so that it is not done whenever something is trained, but by `dlcli export`.
        None for a format that does not answer by itself."""
        return None


def require_near(found: Array, wanted: Array, what: str) -> float:
    """The largest difference between the answers of a format and those of the engine.

    ExportError where one is further away than ABSOLUTE + RELATIVE |b|. what: how messages call
    what answered. An answer that is not finite must be the same.
    """
    if found.shape != wanted.shape:
        raise ExportError(
            f"{what} answers with rows of shape {found.shape[1:]} where the engine has "
            f"{wanted.shape[1:]}; do not deploy it"
        )
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        near = np.isfinite(apart) & (apart <= ABSOLUTE + RELATIVE * np.abs(b))
    far = (apart != 0.0) & ~near
    if far.any():
        row = int(np.argmax(far.reshape(len(far), -1).any(axis=1)))
        raise ExportError(
            f"{what} does not give the engine's answers: {int(far.sum()):,} of {far.size:,} "
            f"numbers are further away than {ABSOLUTE:g} + {RELATIVE:g} of their size, the first "
            f"in row {row} (counted from 0), the largest by {float(np.nanmax(apart)):g}; do not "
            "deploy it"
        )
    return float(apart.max(initial=0.0))
