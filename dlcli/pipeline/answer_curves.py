"""What the answers to a part look like beyond its metrics: `evaluation_curves.json`.

For classes, hits and false alarms at thresholds and how probabilities are kept; for numbers, some
answers beside what was true. All of it is worked out from the answers of the evaluation itself, so
it has the run's bits, and a page needs neither the data nor the network.

    {"test": {"rows": 500, "of": 500, "columns": 2,
              "classes": [{"class": 1, "yes": 40, "no": 460, "roc_auc": 0.9,
                           "average_precision": 0.8, "points": [[threshold, hits, alarms], ...]}],
              "calibration": {"of": "yes", "error": 0.02, "bins": [[rows, held, found], ...]}}}
    {"test": {"rows": 500, "of": 2000,
              "outputs": [{"output": 0, "of": 500, "points": [[true, answered], ...]}]}}

    rows: that were looked at; of: that the part has.
    columns: how many classes or labels there are. classes: of two the second alone, else those with
    most rows; none that has no row, or all.
    calibration: of the yes (two classes), of the answered class ("answer") or of all labels.
    outputs: each on its own, or where there are many, some numbers of all of them ("output" is
    null). of: of so many.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.data.targets import TargetScale
from dlcli.deploy.card_wording import largest
from dlcli.engine.batch import Examples
from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Shape
from dlcli.engine.metrics import Answered, Kind, Learned, Rows
from dlcli.engine.metrics.ranking import AveragePrecision, RocAuc
from dlcli.engine.metrics.thresholds import at_thresholds, calibration, spread_out
from dlcli.engine.witness import Witness
from dlcli.pipeline import examples as pipeline_examples
from dlcli.pipeline.measures import in_own_units
from dlcli.randomness import Stream

_MOST_NUMBERS = 1 << 23
"""Numbers of answers that are kept (32 MiB); of larger parts some rows are drawn."""

_MOST_PAIRS = 500
"""Answers of a regression that are shown."""

_MOST_OUTPUTS = 8
_POINTS = {True: 100, False: 40}
"""Thresholds that are shown, where there is one curve, and where there are more."""


def witness_of(
    seed: int, parts: Mapping[str, Examples], learns: tuple[Kind, int], out_shape: Shape
) -> Witness:
    """Keeps as many answers as are looked at; where they are not all, rows are drawn at random,
    the same whenever the run is made again.

    parts: of the roles that are evaluated.
    """
    most = _MOST_NUMBERS // max(1, int(np.prod(out_shape, dtype=np.int64)))
    if learns[0] == "regression":
        most = min(most, _MOST_PAIRS)
    return Witness(
        {role: _drawn(seed, role, len(one), most) for role, one in parts.items()}, out_shape
    )


def _drawn(seed: int, role: str, count: int, most: int) -> Array:
    if count <= most:
        return np.arange(count)
    return np.sort(Stream(seed, "answers looked at", role).permutation(count)[: max(1, most)])


def curves_of(
    witness: Witness,
    role: str,
    part: Examples,
    learned: pipeline_examples.Learned,
    learns: tuple[Kind, int],
    scale: TargetScale | None,
) -> dict[str, Any]:
    """The document of one part, whose answers the witness has.

    part: its examples, asked where the rows themselves are learned.
    """
    kind, count = learns
    positions, answers = witness.positions[role], witness.answers(role)
    told: dict[str, Any] = {"rows": len(positions), "of": len(part)}
    if kind != "regression":
        assert learned.targets is not None
        room = Answered(Learned(kind, count), len(positions), weighted=False)
        room.put(np.arange(len(positions)), answers, learned.targets[positions])
        rows = room.at(slice(None))
        return {
            **told,
            "columns": count,
            "classes": _classes(rows),
            "calibration": _calibration(rows),
        }
    if scale is not None:
        answers = in_own_units(scale, answers)
    return {**told, "outputs": _outputs(true_numbers(part, learned, positions, scale), answers)}


def true_numbers(
    part: Examples,
    learned: pipeline_examples.Learned,
    positions: Array,
    scale: TargetScale | None,
) -> Array:
    """What a regression should answer to the rows at these positions, in the data's own units."""
    if learned.original is not None:
        return learned.original[positions]
    if learned.targets is None:  # the rows themselves are learned
        return part.fetch(positions, Context("true numbers")).targets.copy()
    targets = learned.targets[positions]
    return targets if scale is None else in_own_units(scale, targets)


def _classes(rows: Rows) -> list[dict[str, Any]]:
    columns = rows.scores.shape[1]
    support = [int(rows.yes(column).sum()) for column in range(columns)]
    found = []
    for column in largest(support):
        yes = rows.yes(column)
        if not 0 < support[column] < len(yes):  # there is nothing to be told apart
            continue
        at = at_thresholds(rows.scores[:, column], yes)
        shown = spread_out(at, _POINTS[columns == 1])
        thresholds = [float(str(value)) for value in shown.thresholds]
        found.append(
            {
                "class": column if columns > 1 or rows.targets.ndim == 2 else 1,
                "yes": support[column],
                "no": len(yes) - support[column],
                "roc_auc": RocAuc().score(at.hits, at.alarms),
                "average_precision": AveragePrecision().score(at.hits, at.alarms),
                "points": [
                    list(point)
                    for point in zip(
                        thresholds, shown.hits.tolist(), shown.alarms.tolist(), strict=True
                    )
                ],
            }
        )
    return found


def _calibration(rows: Rows) -> dict[str, Any]:
    scores, columns = rows.scores, range(rows.scores.shape[1])
    if rows.targets.ndim == 2:
        what, held = "labels", scores.reshape(-1)
        found = np.stack([rows.yes(column) for column in columns], axis=1).reshape(-1)
    elif len(columns) == 1:
        what, held, found = "yes", scores[:, 0], rows.yes(0)
    else:
        what, held = "answer", scores.max(axis=1)
        found = scores.argmax(axis=1) == rows.targets
    bins = calibration(held, found)
    return {
        "of": what,
        "error": bins.error,
        "bins": [list(bin) for bin in zip(*(one.tolist() for one in bins), strict=True)],
    }


def _outputs(true: Array, answers: Array) -> list[dict[str, Any]]:
    true, answers = true.reshape(len(true), -1), answers.reshape(len(answers), -1)
    count = answers.shape[1]
    if count <= _MOST_OUTPUTS:
        each = range(count)
        return [_pairs(k, true[:, k], answers[:, k], len(true)) for k in each]
    chosen = np.linspace(0, true.size - 1, min(_MOST_PAIRS, true.size)).astype(np.int64)
    return [_pairs(None, true.reshape(-1)[chosen], answers.reshape(-1)[chosen], true.size)]


def _pairs(output: int | None, true: Array, answers: Array, of: int) -> dict[str, Any]:
    # As they are: of large numbers that lie close together, float32 would hide all differences.
    pairs = zip(true, answers, strict=True)
    points = [[float(str(number)) for number in pair] for pair in pairs]
    return {"output": output, "of": of, "points": points}
