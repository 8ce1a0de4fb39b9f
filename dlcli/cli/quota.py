"""How many processors the container gives: the quota of its control group, versions 1 and 2.

`docker run --cpus=1.5` on a machine of 32 processors changes no affinity: the kernel lets the
group compute for 1.5 seconds in every second, and then makes all of it wait. More workers than
that get in each other's way.

    version 2    cpu.max: "150000 100000" (microseconds, and the period), or "max 100000"
    version 1    cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us

The group and every group above it count, up to the root of what is mounted here: inside a
container that is usually the container's own group. Source: the kernel's documentation, "Control
Group v2" and "CFS Bandwidth Control"; joblib's loky counts in the same way.
"""

import math
from collections.abc import Iterator
from pathlib import Path

_LARGEST = 1 << 20
"""Bytes that are read of a file; a machine with many containers has some thousand mounts."""
_MOST = 1 << 64
"""More microseconds than the kernel counts."""


def quota(root: Path = Path("/")) -> int | None:
    """The processors that the quota leaves, rounded up; None where there is no quota.

    root: where /proc and /sys are looked for. Whatever is missing or not understood is no quota.
    """
    shares = [share for folder in _groups(root) for share in _shares(folder)]
    return max(1, math.ceil(min(shares) - 1e-9)) if shares else None


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, each with those above it."""
    own: dict[str, str] = {}
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        for controller in controllers.split(","):
            own[controller] = path  # "" is version 2
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            controller = ""
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            controller = "cpu"
        else:
            continue
        if controller not in own:
            continue
        path = own[controller]
        mounted, top = _unescaped(fields[4]), _unescaped(fields[3])
        folder = root / mounted.lstrip("/")
        # What is mounted may be a group itself, whose path then is no part of the folder's.
        if not f"{path}/".startswith(f"{top.rstrip('/')}/"):  # /docker/1 is not in /docker/12
            path = top
        inside = path[len(top) :]
        parts = [part for part in inside.split("/") if part]
        if ".." in parts:
            parts = []
        for end in range(len(parts), -1, -1):
            yield folder.joinpath(*parts[:end])


def _shares(group: Path) -> Iterator[float]:
    """The processors that the quota of one group leaves."""
    limit = _read(group / "cpu.max").split()
    if len(limit) == 2:
        yield from _share(*limit)
    yield from _share(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> Iterator[float]:
    try:
        microseconds, of = int(quota), int(period)
    except ValueError:  # "max", or nothing
        return
    if 0 < of <= _MOST and 0 < microseconds <= _MOST:
        yield microseconds / of


def _unescaped(path: str) -> str:
    r"""A path of mountinfo, where a blank is written \040."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace")
    except (OSError, ValueError):
        return ""
