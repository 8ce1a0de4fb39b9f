"""Proofs of written source: it is run as somebody else would run it, and asked.

In a process of its own, of the same Python, which knows nothing of dlcli: rows go in through its
standard input, answers come back through its standard output.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dlcli.artifacts.tensors import decode_tensors, encode_tensors, read_tensors
from dlcli.data.dataset import ONLY
from dlcli.data.preprocessing import Preprocessing
from dlcli.deploy.bundle import Bundle, golden_rows
from dlcli.deploy.compared import compared
from dlcli.deploy.exporter import Proof
from dlcli.deploy.rows_like import rows_like
from dlcli.engine.layer import Array
from dlcli.errors import ArtifactError, DataError, ExportError
from dlcli.frozen import frozen

SECONDS = 1800.0
"""So long may a process take to answer."""

_ABSENT = 77
"""How it ends where the library cannot be loaded."""

_PROGRAM = """\
import importlib.util, json, os, sys
out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
if "KERAS_BACKEND" not in os.environ:
    there = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
    os.environ.update({{"KERAS_BACKEND": name for name in there[:1]}})
try:
    import numpy, safetensors.numpy
    import {package}
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit({absent})
spec = importlib.util.spec_from_file_location("model", sys.argv[1])
model = sys.modules["model"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)
x = safetensors.numpy.load(sys.stdin.buffer.read())
rows = x["x"] if "x" in x else {{name[2:]: array for name, array in x.items()}}
y = numpy.ascontiguousarray({ask})
out.write(safetensors.numpy.save({{"y": y}}, {{"dlcli": json.dumps({runtime})}}))
out.close()
"""


@frozen
class Asked:
    """How source is asked.

    package: what must be installed. ask: an expression of the answers to `rows` by the module
    `model`. runtime: one of what answered, a text.
    """

    package: str
    ask: str
    runtime: str


def prove(bundle: Bundle, source: Path, golden: Path, asked: Asked) -> Proof:
    """The proof that source answers the golden batch, and rows like it, as the bundle does.

    ExportError where it does not; a proof without a runtime where the library is not there.
    """
    if importlib.util.find_spec(asked.package) is None:
        return Proof(None)
    recorded = read_tensors(golden).arrays
    rows, wanted = golden_rows(recorded, bundle), recorded["y"]
    others = _taken(bundle, rows_like(rows, bundle.preprocessing))
    if len(next(iter(others.values()))):
        wanted = np.concatenate([wanted, bundle.predict(others)])
        rows = {name: np.concatenate([x, others[name]]) for name, x in rows.items()}
    answered = _answers(source, rows, asked)
    if answered is None:
        return Proof(None)
    found, runtime = answered
    seen = compared(bundle, rows, found, wanted, f"{source} on {runtime}")
    return Proof(runtime, len(found), seen.largest, seen.beyond)


def _taken(bundle: Bundle, rows: Mapping[str, Array]) -> dict[str, Array]:
    """Those of the rows that written source takes: as dlcli's own command, it refuses rows that are
    no numbers once they are prepared."""
    good = np.ones(len(next(iter(rows.values()))), np.bool_)
    for name, one in bundle.preprocessing.items():
        stored = rows[name].reshape(len(good), -1)
        if stored.dtype.kind == "f":
            good &= ~np.isinf(stored).any(axis=1)
        good &= _finite(one, rows[name])
    return {name: array[good] for name, array in rows.items()}


def _finite(fitted: Preprocessing, rows: Array) -> Array:
    try:
        prepared = fitted.apply(rows)
    except DataError:  # a category that training did not have
        if len(rows) == 1:
            return np.zeros(1, np.bool_)
        return np.concatenate([_finite(fitted, rows[i : i + 1]) for i in range(len(rows))])
    return np.asarray(np.isfinite(prepared.reshape(len(rows), -1)).all(axis=1))


def _answers(source: Path, rows: Mapping[str, Array], asked: Asked) -> tuple[Array, str] | None:
    """The answers, and what gave them; None where the library cannot be loaded."""
    program = _PROGRAM.format(
        package=asked.package, absent=_ABSENT, ask=asked.ask, runtime=asked.runtime
    )
    batch = {"x" if name == ONLY else f"x.{name}": array for name, array in rows.items()}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", program, str(source.resolve())],
            input=encode_tensors(batch),
            capture_output=True,
            timeout=SECONDS,
            cwd=source.resolve().anchor,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"{source} did not answer within {SECONDS:.0f} seconds") from None
    if done.returncode == _ABSENT:
        return None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ExportError(f"{source} does not run: {said[-1] if said else done.returncode}")
    try:
        answers = decode_tensors(done.stdout, f"what {source} answers")
        return answers.arrays["y"], str(answers.metadata)
    except (ArtifactError, KeyError) as error:
        raise ExportError(f"{source} answers in another way: {error}") from None
