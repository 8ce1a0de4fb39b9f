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

ENGINE = 3
"""Raised by every change of the engine that changes bits."""

GOLDEN = "afaa44a4bb49aa23fb9abd60e1599c24f4ed44fa328af7cf0e8189fddb0030e4"
"""The self-test's digest on the portable class."""

PORTABLE = f"linux-x86_64-v3/openblas-haswell/1/float32/engine-{ENGINE}"
"""The class whose bits are promised to be the same on any machine that reaches it."""

_GUARD = "DLCLI_REEXECUTED"
_PRESETS = ("NPY_", "OPENBLAS_")
"""What begins like this steers NumPy and its BLAS; nobody's presets may change results."""

restartable = False
"""Whether this process is the dlcli command, which may start itself again. A program that uses
dlcli as a library is never restarted."""


def pin(mode: Mode = "portable") -> None:
    """Set the environment that NumPy and its BLAS read when they are first imported.

    A processor that cannot run the portable kernels keeps its own: forced ones would end the
    process with an illegal instruction.
    """
    for name in _presets():
        del os.environ[name]
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if mode == "portable" and _runs_haswell():
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"


def choose(mode: Mode) -> None:
    """Pin `mode` for this process; called by the command line before anything needs NumPy.

    If NumPy is already loaded in another mode, or under presets of its own, the process
    executes itself again, once, with the pins in its environment and the interpreter's own
    flags. Where that does not help or is not possible, it computes in a class of its own.
    """
    again = os.environ.pop(_GUARD, None) is not None
    steered = any(name.startswith("NPY_") for name in _presets())
    pin(mode)
    if "numpy" not in sys.modules or again or not (restartable and _can_restart()):
        return
    core, threads = blas()
    wanted = mode == "portable" and _runs_haswell()
    if threads == "1" and (core == "haswell") == wanted and not steered:
        return
    os.environ[_GUARD] = mode
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _presets() -> list[str]:
    return [name for name in os.environ if name.startswith(_PRESETS)]


def _can_restart() -> bool:
    """Whether the program is still there to be read again: one from standard input is not."""
    return os.name == "posix" and bool(sys.executable) and sys.argv[0] not in ("", "-")


@cache
def _runs_haswell() -> bool:
    """Whether this is Linux on a processor with AVX2 and FMA, which the kernels need."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    try:
        # glibc 2.33 and later; each leaf: eax, ebx, ecx, edx as the processor has them, then
        # the same with only what the system lets programs use.
        leaf = ctypes.CDLL(None).__x86_get_cpuid_feature_leaf
    except (AttributeError, OSError):
        return _has_flags(Path("/proc/cpuinfo"))
    leaf.argtypes, leaf.restype = [ctypes.c_uint], ctypes.POINTER(ctypes.c_uint)
    fma, avx2 = leaf(0)[4 + 2] >> 12 & 1, leaf(1)[4 + 1] >> 5 & 1
    return bool(fma and avx2)


def _has_flags(cpuinfo: Path) -> bool:
    """The same from the kernel's list of what the processor has."""
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return {"avx2", "fma"} <= set(flags)


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
    a, b = signed[:3_003].reshape(3, 1_001), unit[:3_003].reshape(3, 1_001)
    summed = np.einsum("ij,ij->j", a, b)
    if not np.array_equal(summed, (a[0] * b[0] + a[1] * b[1]) + a[2] * b[2]):
        note(summed)  # products are not rounded before they are added
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
