"""A dlcli process that is killed at a place of its own work: the same place whenever it is asked.

SIGKILL comes before the n-th disk operation, or before or within the n-th step of training, where
workers compute. No clock is looked at, so what was killed once can be killed in the same way again.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tests.exactness.runs import PATIENCE, ROOT, start

Place = Literal["operation", "step", "in a step"]

_SCRIPT = """
import os, signal, sys
import dlcli.__main__
import dlcli.numerics
place, left = sys.argv.pop(1), [int(sys.argv.pop(1))]

def counted(real, inside=False):
    def call(*arguments, **options):
        left[0] -= 1
        if left[0] == 0 and not inside:
            os.kill(os.getpid(), signal.SIGKILL)
        if left[0] == 0:
            kind = type(arguments[1])
            run = kind.run
            def last(self, phase, tasks):
                if phase == "update":  # the gradients are there, the step is half done
                    os.kill(os.getpid(), signal.SIGKILL)
                return run(self, phase, tasks)
            kind.run = last
        return real(*arguments, **options)
    return call

def choose(*arguments):
    real(*arguments)
    if place == "operation":
        from dataclasses import fields, replace
        from dlcli.artifacts import files
        wrapped = {f.name: counted(getattr(files.system, f.name)) for f in fields(files.Operations)}
        files.system = replace(files.system, **wrapped)
    else:
        from dlcli.engine.training import Training
        Training._step = counted(Training._step, place == "in a step")

# Only behind the pins of the numerics, which come before NumPy.
real, dlcli.numerics.choose = dlcli.numerics.choose, choose
dlcli.__main__.main()
"""


def killed(arguments: list[str | Path], place: Place | None, n: int = 0) -> bool:
    """Run dlcli until it is killed there; False where it came to its end before. None: to its end.

    What it says when it fails is said.
    """
    if place is None:
        process = start(arguments)
    else:
        python = (sys.executable, "-c", _SCRIPT, place, str(n))
        process = start(arguments, python=python, extra={"PYTHONPATH": ROOT})
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -9), f"{place} {n}: {err}"
    return process.returncode == -9


def drawn_place(
    choice: Callable[[list[Place]], Place], whole: Callable[[int], int]
) -> tuple[Place, int]:
    """A place by these dice: from the first operation to the middle of training."""
    place = choice(["operation", "operation", "step", "in a step"])
    return place, whole(300 if place == "operation" else 80)
