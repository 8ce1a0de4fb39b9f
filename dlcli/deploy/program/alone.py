"""The program of a bundle in a process of its own, where nothing of dlcli can be loaded but what it
carries, and of other packages NumPy alone."""

import subprocess
import sys
import time
from pathlib import Path

from dlcli.deploy.program.files import PREDICT
from dlcli.errors import ExportError

_PATIENCE = 600
"""Seconds after which a program that says nothing hangs."""

_ONLY = """
import runpy, sys
class Only:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in sys.stdlib_module_names and first not in ("__main__", "numpy", "dlcli"):
            raise ModuleNotFoundError("no module named " + repr(name), name=name)
sys.meta_path.insert(0, Only())
sys.argv[:] = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program, and lets nothing else be loaded."""


def prove_alone(path: Path, golden: Path) -> float:
    """ExportError unless a bundle, in its folder or in one file, answers the golden batch by
    itself as was recorded; the seconds from the start of its process to its end."""
    program = path / PREDICT if path.is_dir() else path
    command = [sys.executable, "-I", "-c", _ONLY, str(program), "--check", str(golden)]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"{program} cannot be run: {error}", file=program) from None
    seconds = time.perf_counter() - began
    if done.returncode:
        said = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        raise ExportError(
            f"{program} does not answer by itself: {said.removeprefix('error: ')}", file=program
        )
    return seconds
