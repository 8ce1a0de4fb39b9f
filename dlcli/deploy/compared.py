"""The answers of a format beside those of the engine, row by row."""

from collections.abc import Mapping

import numpy as np

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporter import require_near
from dlcli.deploy.roundings import as_sure_as_the_engine
from dlcli.engine.layer import Array
from dlcli.errors import ExportError
from dlcli.frozen import frozen


@frozen
class Compared:
    """largest: the largest |a - b|. beyond: as of a Proof (see exporter.py)."""

    largest: float
    beyond: int


def compared(
    bundle: Bundle, stored: Mapping[str, Array], found: Array, wanted: Array, what: str
) -> Compared:
    """How near the answers to stored rows are; ExportError where one is too far away.

    found: of the format; wanted: of the engine. A row of which the engine's answer is not finite
    is refused by dlcli, and one of which a prepared number is not finite, too; the format's must
    then not be finite either. what: how messages call what answered.
    """
    if found.shape != wanted.shape:
        return Compared(require_near(found, wanted, what), 0)
    fine = answerable(bundle, stored, wanted)
    if (_finite(found) & ~fine).any():
        raise ExportError(
            f"{what} has an answer to a row that the engine has none for; do not deploy it"
        )
    some = {name: rows[fine] for name, rows in stored.items()}
    excused = as_sure_as_the_engine(bundle, some, found[fine], wanted[fine])
    # The rows keep their numbers, by which a message calls them.
    judged, known = np.zeros_like(wanted), np.zeros_like(wanted)
    judged[fine], known[fine] = np.where(excused, wanted[fine], found[fine]), wanted[fine]
    require_near(judged, known, what)
    apart = np.abs(found[fine].astype(np.float64) - wanted[fine].astype(np.float64))
    return Compared(float(apart.max(initial=0.0)), int(excused.sum()))


def answerable(bundle: Bundle, stored: Mapping[str, Array], wanted: Array) -> Array:
    """Which rows are answered by dlcli: all that is prepared, and the answer, is finite."""
    fine = _finite(wanted)
    for name, fitted in bundle.preprocessing.items():
        fine = fine & _finite(fitted.apply(stored[name]))
    return fine


def _finite(numbers: Array) -> Array:
    """Which rows have finite numbers alone."""
    return np.asarray(np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))
