"""`evaluation_curves.json` as the page wants it; written by answer_curves.py."""

from typing import Any

from dlcli.report.axes import LARGEST
from dlcli.report.described import Answers, Calibrated, Paired, Ranked

_MOST = 100_000
"""Entries of a list that are looked at: more than were ever written."""


def answers_of(document: Any) -> Answers:
    """Of one part; ValueError for what was not written like this."""
    rows, of = _count(document, "rows"), _count(document, "of")
    calibration = document.get("calibration")
    if rows > of:
        raise ValueError("more rows than the part has")
    return Answers(
        rows,
        of,
        tuple(_ranked(one) for one in _list(document.get("classes", []))),
        None if calibration is None else _calibrated(calibration),
        tuple(_paired(one) for one in _list(document.get("outputs", []))),
        _count(document, "columns") if "classes" in document else 0,
    )


def _ranked(one: Any) -> Ranked:
    yes, no = _count(one, "yes"), _count(one, "no")
    points = tuple((_real(t), _whole(h), _whole(a)) for t, h, a in _rows(one, "points", 3))
    for _, hits, alarms in points:
        if not hits + alarms > 0 or hits > yes or alarms > no:
            raise ValueError("impossible counts")
    if not yes or not no:
        raise ValueError("nothing to tell apart")
    areas = _share(_entry(one, "roc_auc")), _share(_entry(one, "average_precision"))
    return Ranked(_count(one, "class"), yes, no, *areas, points)


def _calibrated(found: Any) -> Calibrated:
    of = _entry(found, "of")
    if of not in ("yes", "answer", "labels"):
        raise ValueError("of nothing that is known")
    bins = tuple((_whole(n), _share(h), _share(f)) for n, h, f in _rows(found, "bins", 3))
    return Calibrated(of, _real(_entry(found, "error")), bins)


def _paired(one: Any) -> Paired:
    output = _entry(one, "output")
    points = tuple((_real(true), _real(answered)) for true, answered in _rows(one, "points", 2))
    return Paired(None if output is None else _whole(output), points, _count(one, "of"))


def _entry(document: Any, key: str) -> Any:
    if not isinstance(document, dict) or key not in document:
        raise ValueError(f"no {key}")
    return document[key]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise ValueError("no list")
    return value


def _rows(document: Any, key: str, width: int) -> list[list[Any]]:
    rows = _list(_entry(document, key))
    if any(len(_list(row)) != width for row in rows):
        raise ValueError("rows of another length")
    return rows


def _count(document: Any, key: str) -> int:
    return _whole(_entry(document, key))


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError("no count")
    return value


def _real(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < LARGEST:
        raise ValueError("no number")
    return float(value)


def _share(value: Any) -> float:
    if not 0 <= (number := _real(value)) <= 1 + 1e-9:  # a sum of roundings may be beyond
        raise ValueError("no share")
    return min(number, 1.0)
