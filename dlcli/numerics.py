"""Which arithmetic this process computes with, and how it is pinned.

The same config and data give the same bits on every Linux x86-64 machine with AVX2, because
what would change them is fixed before NumPy is first imported: the BLAS kernel family
(`OPENBLAS_CORETYPE=Haswell`, which every such machine can run) and one BLAS thread (dlcli runs
its own workers over fixed shards). A variable can be misspelt, ignored or set too late, so
nothing is trusted: the effective core and thread count are read back from the library, and a
self-test of a few milliseconds is compared with a golden digest. The result has a name, the
*numerics class*, which every manifest records; bits are only ever compared within a class.

This module imports no NumPy at the top: pinning has to come first.
"""

import ctypes
import hashlib
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

Mode = Literal["portable", "native"]

ENGINE = 1
"""Raised by every change of the engine that changes bits."""

GOLDEN = "afaa44a4bb49aa23fb9abd60e1599c24f4ed44fa328af7cf0e8189fddb0030e4"
"""The self-test's digest on the portable class."""

PORTABLE = f"linux-x86_64-v3/openblas-haswell/1/float32/engine-{ENGINE}"
"""The class whose bits are promised to be the same on any machine that reaches it."""

_GUARD = "DLCLI_REEXECUTED"
_UNSET = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENBLAS_DEFAULT_NUM_THREADS")


def pin(mode: Mode = "portable") -> None:
    """Set the environment that NumPy and its BLAS read when they are first imported."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if mode == "portable":
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    else:
        os.environ.pop("OPENBLAS_CORETYPE", None)
    for name in _UNSET:
        os.environ.pop(name, None)


def choose(mode: Mode) -> None:
    """Pin `mode` for this process; called by the command line before anything needs NumPy.

    If NumPy is already loaded in another mode, the process re-executes itself once with the
    pins in its environment and the interpreter's own flags.
    """
    pin(mode)
    if "numpy" not in sys.modules or os.environ.get(_GUARD) == mode:
        return
    core, threads = blas()
    if threads == "1" and (core == "haswell") == (mode == "portable"):
        return
    os.environ[_GUARD] = mode
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def blas() -> tuple[str, str]:
    """The core type and the thread count that the loaded BLAS really uses, or "unknown".

    Asks the library itself: OpenBLAS falls back silently when it does not know a core type.
    """
    library = _openblas()
    if library is None:
        return "unknown", "unknown"
    core = threads = "unknown"
    for suffix in ("64_", ""):
        try:
            name = getattr(library, f"scipy_openblas_get_corename{suffix}")
            count = getattr(library, f"scipy_openblas_get_num_threads{suffix}")
        except AttributeError:
            continue
        name.restype = ctypes.c_char_p
        count.restype = ctypes.c_int
        core, threads = name().decode().lower(), str(count())
    return core, threads


def _openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that NumPy's own wheel brought and loaded."""
    import numpy as np

    folder = Path(np.__file__).parent.parent / "numpy.libs"
    for path in sorted(folder.glob("libscipy_openblas*")):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


def blas_version() -> str:
    """The version of the BLAS that NumPy was built with, for the manifest."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    found = config.get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


@cache
def self_test() -> str:
    """The digest of a few milliseconds of everything the engine's bits rest on.

    Matrix products in every orientation and with every kind of edge, the elementary functions
    of the portable list, reductions, a stable sort, raw random words, and one QR.
    """
    import numpy as np

    words = np.random.Philox(key=np.array([1, 2], np.uint64)).random_raw(40_000)
    unit = (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    signed = unit * np.float32(8.0) - np.float32(4.0)
    digest = hashlib.sha256(words[:64].astype("<u8").tobytes())

    def note(array: np.typing.ArrayLike) -> None:
        digest.update(np.ascontiguousarray(array).tobytes())

    for m, k, n in ((64, 100, 48), (37, 53, 29), (200, 9, 32), (1, 64, 10), (16, 300, 7)):
        a, b = signed[: m * k].reshape(m, k), signed[m * k : m * k + k * n].reshape(k, n)
        c = a @ b
        note(c)
        note(a.T @ c)
        note(c @ b.T)
    sample = signed[:5_003]
    for array in (np.exp(sample), np.tanh(sample), np.sin(sample), np.cos(sample)):
        note(array)
    note(np.log(unit[1:5_003] + np.float32(1e-6)))
    note(np.sqrt(unit[:5_003]))
    note(sample / (unit[:5_003] + np.float32(1.0)))
    table = signed[:30_000].reshape(300, 100)
    for reduced in (table.sum(axis=0), table.sum(axis=1), table.mean(axis=1), table.max(axis=1)):
        note(reduced)
    note(np.sum(table, dtype=np.float64))
    note(np.argsort(table[:, 0], kind="stable"))
    note(np.linalg.qr(signed[: 24 * 24].reshape(24, 24))[0])
    return digest.hexdigest()


@cache
def numerics_class() -> str:
    """The name of the arithmetic in force; equal names promise equal bits."""
    core, threads = blas()
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = "x86_64" if machine == "amd64" else machine
    level = "-v3" if machine == "x86_64" and _has_avx2() else ""
    name = f"{system}-{machine}{level}/openblas-{core}/{threads}/float32/engine-{ENGINE}"
    digest = self_test()
    return name if digest == GOLDEN else f"{name}/{digest[:12]}"


def _has_avx2() -> bool:
    """Whether NumPy found AVX2 (and with it FMA3) on this processor."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {})
    # NumPy lists its baseline and, of what else it was built for, what this processor has.
    known = [name.upper() for key in ("baseline", "found") for name in simd.get(key, [])]
    return any(name in ("AVX2", "X86_V3", "X86_V4") for name in known)
