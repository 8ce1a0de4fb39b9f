"""The promise that a row's answer depends on no other row and on no place, tried on a bundle.

As a program, `python -m tests.deploy.neighbours`, it tries a network with wide layers and one of
each kind of convolution, and prints a digest of the answers: for processors other than this one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from dlcli.deploy import answering as answering_of
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.rows_like import rows_like
from dlcli.engine import inference, products
from dlcli.engine.context import Moment
from dlcli.engine.folding import Inference
from dlcli.engine.model import Pass
from dlcli.engine.team import team

Array = np.ndarray[Any, Any]

COUNT = 330
"""More rows than tiles are tried with."""


def require_apart(bundle: Bundle, brought: Mapping[str, Array], count: int = COUNT) -> None:
    """Rows like these are answered as if each were alone: as the bundle says, and in tiles even
    where its layers are small."""
    rows = rows_like(brought, bundle.preprocessing, count)
    own = replace(bundle, tiled=False)
    alone = _require_same_at_every_place(own, rows)
    assert alone[:20].tobytes() == _by_passes_of_one(own, _some(rows, slice(0, 20))).tobytes()
    with everything_tiled():
        _require_same_at_every_place(replace(bundle, tiled=True), rows)
    if bundle.tiled:
        _require_same_at_every_place(bundle, rows)


@contextmanager
def everything_tiled() -> Iterator[None]:
    """Tiles for all dense layers, however small."""
    with mock.patch.object(products, "SMALL", 1):
        yield


def _require_same_at_every_place(bundle: Bundle, rows: Mapping[str, Array]) -> Array:
    """Alone, first, last, among others, in blocks of any length, by any number of workers."""
    count = len(next(iter(rows.values())))
    with bundle.answering() as answering:
        together = answering(rows)
        for length in (1, 2, 3, 7, 16, 33):
            for start in range(0, min(count, 3 * length), length):
                some = slice(start, min(start + length, count))
                assert answering(_some(rows, some)).tobytes() == together[some].tobytes(), length
        backwards = answering({name: x[::-1] for name, x in rows.items()})
        assert backwards[::-1].tobytes() == together.tobytes()
        for place in (0, count // 2, count - 1):
            (own,) = answering(_some(rows, slice(place, place + 1)))
            assert own.tobytes() == together[place].tobytes(), place
            everywhere = answering({name: _repeated(x, place) for name, x in rows.items()})
            assert everywhere.tobytes() == np.repeat(own[None], count, axis=0).tobytes(), place
    with (
        mock.patch.object(inference, "MOST", 50),
        mock.patch.object(answering_of, "_DESK_BYTES", 1),
        bundle.answering(partial(team, workers=3)) as answering,
    ):
        assert answering(rows).tobytes() == together.tobytes()
    return together


def _by_passes_of_one(bundle: Bundle, rows: Mapping[str, Array]) -> Array:
    """The answers of a network to which each row goes by itself."""
    inference = Inference(bundle.model, bundle.theta)
    inference.refresh()
    way = Pass(inference.model, inference.model.layout.views(inference.theta), Moment())
    answers = []
    count = len(next(iter(rows.values())))
    with np.errstate(all="ignore"):
        for place in range(count):
            one = _some(rows, slice(place, place + 1))
            xs = [bundle.preprocessing[name].apply(one[name]) for name in bundle.model.inputs]
            y = bundle.loss.predict(way.forward(*xs)).copy()
            answers.append(y if bundle.target_scale is None else bundle.target_scale.inverse(y))
    return np.concatenate(answers)


def _some(rows: Mapping[str, Array], some: slice) -> dict[str, Array]:
    return {name: x[some] for name, x in rows.items()}


def _repeated(x: Array, place: int) -> Array:
    return np.repeat(x[place : place + 1], len(x), axis=0)


def digest(answers: Array) -> str:
    """Of their bytes."""
    return hashlib.sha256(np.ascontiguousarray(answers).tobytes()).hexdigest()


def main() -> None:
    """Print a digest of the answers of each network that is tried."""
    import tempfile
    from pathlib import Path

    from tests.deploy.test_neighbours import NETS, bundle, config

    for name in ("wide", "dense on every pixel", "convolution by Winograd", "plain convolution"):
        layers, options = NETS[name]
        with tempfile.TemporaryDirectory() as folder:
            deployed, rows = bundle(config(layers, batch=24, **options), Path(folder))
        require_apart(deployed, {"": rows}, 310 if name == "wide" else 40)
        print(name, digest(deployed.predict(rows)))


if __name__ == "__main__":
    main()
