"""Whether this machine computes what dlcli promises, and has what it needs: `dlcli doctor`.

Each check is a line: what was found, whether that is in order, and what to do where it is not.
Nothing is written, not even to try whether it could be.

What is wrong ends with the exit code that the same trouble would have in a training:

    1    slopes of a layer are not its derivatives: a bug in dlcli, or a broken NumPy
    11   the self-test gives other bits than on every machine of this class
    6    runs cannot be written, or there is no room for one

Everything else that is not as it should be is a warning, because training works all the same.
"""

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dlcli import __version__, numerics
from dlcli.data.places import data_dir as folder_of_data
from dlcli.engine.slopes import ALLOWED, slopes
from dlcli.errors import DlcliError, NotComparableError, StorageError
from dlcli.frozen import frozen
from dlcli.wording import counted

State = Literal["ok", "warning", "wrong"]

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "arrow": {"pyarrow": "22"},
    "figures": {"matplotlib": "3.9"},
    "images": {"pillow": "11"},
    "onnx": {"onnx": "1.17", "onnxruntime": "1.20"},
}
"""The optional packages, with the first version that will do; as pyproject.toml has them."""

_FOR: Mapping[str, str] = {
    "arrow": "Parquet",
    "figures": "figures for papers",
    "images": "pictures",
    "onnx": "ONNX",
}

LITTLE, NOTHING = 1 << 30, 50 << 20
"""Bytes: a warning where less is free than a fetched data set with its decoded arrays may need,
and no room where there is less than a small run with its checkpoints."""


@frozen
class Check:
    """One line.

    told: what was found. hint: what to do about it. facts: the same for programs.
    error: which kind of error it is, where it is wrong.
    """

    name: str
    state: State
    told: str
    hint: str = ""
    facts: Mapping[str, Any] | None = None
    error: type[DlcliError] | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs; what there is not is left out."""
        hint = {"hint": self.hint} if self.hint else {}
        facts = {} if self.facts is None else dict(self.facts)
        return {"name": self.name, "state": self.state, "told": self.told, **hint, **facts}


@frozen
class Examined:
    """All checks, in the order in which they are told."""

    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "healthy": not self._wrong,
            "warnings": sum(check.state == "warning" for check in self.checks),
            "checks": [check.to_json() for check in self.checks],
        }

    @property
    def _wrong(self) -> list[Check]:
        return [check for check in self.checks if check.state == "wrong"]

    def require_healthy(self) -> None:
        """The error of what is wrong, where anything is: that of the first such line."""
        wrong = self._wrong
        if not wrong:
            return
        kind = wrong[0].error or DlcliError
        told = "; ".join(f"{check.name}: {check.told}" for check in wrong)
        error = kind(f"something is wrong here: {told}", hint=wrong[0].hint or None)
        error.result = self.to_json()
        raise error


@frozen
class Processors:
    """What the system says of them.

    machine: how many there are. allowed: how many this process may use. quota: what its container
    gives, None where that is no limit. workers: what follows for `--workers`.
    """

    machine: int
    allowed: int
    quota: int | None
    workers: int


def examine(runs: Path, data_dir: Path | None, processors: Processors) -> Examined:
    """Go through all checks; about a second.

    runs: where run directories go. data_dir: as `--data-dir` gives it.
    """
    return Examined(
        (
            *_versions(),
            _arithmetic(),
            _self_test(),
            _gradients(),
            _disk("runs", runs, needed=True),
            _disk("data dir", folder_of_data(data_dir), needed=False),
            _processors(processors),
            *map(_extra, EXTRAS),
        )
    )


def _versions() -> Iterator[Check]:
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    yield Check(
        "dlcli",
        "ok",
        f"{__version__} on Python {python}, {system}",
        facts={"version": __version__, "python": python, "system": system},
    )
    yield Check("NumPy", "ok", np.__version__, facts={"version": np.__version__})
    core, threads = numerics.blas()
    facts = {"version": numerics.blas_version(), "core": core, "threads": threads}
    told = f"{facts['version']}, core {core}, "
    told += "1 thread" if threads == "1" else f"{threads} threads"
    if "unknown" in (core, threads):
        yield Check(
            "BLAS",
            "warning",
            told,
            "it is not the OpenBLAS of NumPy's wheel, so it cannot be asked: pip install "
            "--force-reinstall --only-binary :all: numpy",
            facts,
        )
        return
    alone = threads == "1"
    hint = "" if alone else "NumPy was loaded before dlcli; use the `dlcli` command"
    yield Check("BLAS", "ok" if alone else "warning", told, hint, facts)


def _arithmetic() -> Check:
    found = numerics.numerics_class()
    facts = {"class": found, "portable": found == numerics.PORTABLE}
    if found == numerics.PORTABLE:
        return Check("numerics", "ok", found, facts=facts)
    return Check(
        "numerics",
        "warning",
        found,
        "results have the same bits on machines of this class alone; the portable class is "
        f"{numerics.PORTABLE}",
        facts,
    )


def _self_test() -> Check:
    """Other bits are to be expected on other kinds of machines, and nowhere else."""
    found = numerics.self_test()
    facts = {"digest": found, "golden": numerics.GOLDEN}
    if found == numerics.GOLDEN:
        return Check("self-test", "ok", f"the golden digest, {found[:12]}", facts=facts)
    told = f"digest {found[:12]}, the golden one is {numerics.GOLDEN[:12]}"
    if not numerics.numerics_class().startswith(numerics.PORTABLE):
        return Check("self-test", "warning", told, "as is to be expected of this class", facts)
    return Check(
        "self-test",
        "wrong",
        told,
        "this kind of machine should compute the golden bits: install the NumPy that the README "
        "names, and try another machine if that changes nothing",
        facts,
        NotComparableError,
    )


def _gradients() -> Check:
    found = slopes()
    worst = max(found.worst.values())
    facts = {"checked": len(found.worst), "worst": worst, "allowed": ALLOWED}
    if found.wrong:
        names = ", ".join(found.wrong[:4]) + (", ..." if found.wrong[4:] else "")
        return Check(
            "gradients",
            "wrong",
            f"not the derivatives of {names}",
            "a bug in dlcli, or a broken NumPy: reinstall NumPy, and report it if that changes "
            "nothing",
            {**facts, "wrong": list(found.wrong)},
            DlcliError,
        )
    told = f"{len(found.worst)} layers and merges, off by {worst:.0e} at most"
    if found.missing:
        names = ", ".join(found.missing)
        return Check("gradients", "warning", told, f"not checked: {names}", facts)
    return Check("gradients", "ok", told, facts=facts)


def _disk(name: str, folder: Path, *, needed: bool) -> Check:
    """Room and permission, by what the system says; without trying.

    needed: whether no run can be written without it. A data dir that cannot be written to is one
    that somebody else keeps; it only cannot take what would be fetched.
    """
    folder = folder.absolute()
    at = folder
    try:
        while not at.exists() and at != at.parent:
            at = at.parent
        free = shutil.disk_usage(at).free
        writable = at.is_dir() and os.access(at, os.W_OK | os.X_OK)
    except (OSError, ValueError):  # a name that nothing can have, or no permission
        free, writable = 0, False
    facts = {"folder": str(folder), "free_bytes": free, "writable": writable}
    state: State = "ok"
    hint, told = "", f"{folder}: {_size(free)} free"
    if not writable:
        state = "wrong" if needed else "warning"
        told = f"{folder}: cannot be written"
        hint = (
            "give --output-dir, or allow writing there"
            if needed
            else "nothing can be fetched there; what is there can be read"
        )
    elif free < NOTHING and needed:
        state, hint = "wrong", "free some space"
    elif free < LITTLE:
        state, hint = "warning", "little room; free some space"
    return Check(name, state, told, hint, facts, StorageError if state == "wrong" else None)


def _processors(found: Processors) -> Check:
    limit = "no quota" if found.quota is None else f"a quota of {found.quota}"
    workers = counted(found.workers, "worker")
    return Check(
        "processors",
        "ok",
        f"{found.allowed} of {found.machine} may be used, {limit}: {workers} by default",
        facts={
            "machine": found.machine,
            "allowed": found.allowed,
            "quota": found.quota,
            "workers": found.workers,
        },
    )


def _extra(name: str) -> Check:
    """None need be installed, so one that is not is in order; one that is too old is not."""
    command = f"pip install 'dlcli[{name}]'"
    packages: dict[str, str | None] = {}
    for package in EXTRAS[name]:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = None
    facts = {"packages": packages, "install": command}
    there = {package: found for package, found in packages.items() if found is not None}
    told = ", ".join(f"{package} {found}" for package, found in there.items())
    label = f"{name} extra"
    if not there:
        return Check(label, "ok", f"not installed ({_FOR[name]}); {command}", facts=facts)
    missing = [package for package in packages if package not in there]
    wanted = EXTRAS[name]
    old = [one for one, found in there.items() if _numbers(found) < _numbers(wanted[one])]
    if old:
        return Check(label, "warning", told, f"too old: {', '.join(old)}; {command}", facts)
    if missing:
        words = f"without {', '.join(missing)}; {command}"
        return Check(label, "warning", told, words, facts)
    return Check(label, "ok", told, facts=facts)


def _numbers(found: str) -> tuple[int, ...]:
    """The numbers that a version begins with.

    >>> _numbers("1.20.0rc1"), _numbers("main")
    ((1, 20), ())
    """
    parts = found.split(".")
    return tuple(int(part) for part in takewhile(str.isdecimal, parts))


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(1 << 20), _size(3_500_000_000)
    ('1 MB', '3.5 GB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
