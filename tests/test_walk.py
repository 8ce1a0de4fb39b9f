"""The walk of a config value that the engine's README tells is the one that a program goes."""

import json
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import dlcli
from tests.cli.calls import train

PACKAGE = Path(dlcli.__file__).parent
README = PACKAGE / "engine" / "README.md"
MOMENTS = {
    "config/loading.py `_checked`",
    "builder.py `build`",
    "engine/layout.py `Layout.__init__`",
    "engine/fusion/dense.py `FusedDense.backward`",
    "engine/optimizers.py `Momentum._move`",
}
"""Where the value is checked, becomes a layer, gets its arrays, its gradient, and is moved."""

MOST = 32

CONFIG: dict[str, Any] = {
    "data": {"source": {"type": "friedman1", "samples": 40}},
    "model": {"layers": [{"type": "dense", "units": 32}, {"type": "dense", "units": 1}]},
    "loss": "mse",
    "optimizer": "momentum",
    "training": {"epochs": 1},
}


def told() -> list[str]:
    lines = README.read_text(encoding="utf-8").splitlines()
    found = [re.match(r"\d+\. `(\S+\.py)` (`\S+`)", line) for line in lines]
    return [f"{match[1]} {match[2]}" for match in found if match]


def _name(frame: FrameType) -> str | None:
    code = frame.f_code
    path = Path(code.co_filename)
    if not path.is_relative_to(PACKAGE) or code.co_qualname == "<module>":
        return None
    return f"{path.relative_to(PACKAGE).as_posix()} `{code.co_qualname}`"


def test_the_readme_lists_every_function_on_the_way(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    gone: dict[str, None] = {}
    reached: set[str] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        moment = _name(frame) if event == "call" else None
        if moment not in MOMENTS or moment in reached:
            return
        stack = []
        here: FrameType | None = frame
        while here is not None:
            name = _name(here)
            stack += [name] if name else []
            here = here.f_back
        built = moment == "builder.py `build`"
        if built and "builder.py `layers`" not in stack:
            return  # something else than a layer
        reached.add(moment)
        for name in reversed(stack):
            gone.setdefault(name)

    sys.setprofile(watch)
    try:
        done = train(config, tmp_path / "runs")
    finally:
        sys.setprofile(None)
    assert done.code == 0, done.err
    assert reached == MOMENTS
    assert list(gone) == told()
    assert len(told()) <= MOST
