"""Running a command in a clean environment, and what it costs: time, and memory of all processes.

Memory is sampled from /proc, so it is known on Linux only. Looking costs the watched processes
time, the more memory they have; so the next look comes 25 times as long after as this one took.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where the package is, from which every job runs."""

PAUSE = 0.03
PATIENCE = 25
PINNED = ("OPENBLAS_", "NPY_")

Look = Callable[[Sequence[int]], int]
"""How much memory some processes have, in bytes."""


@dataclass(frozen=True)
class Finished:
    """A command that ended: wall time, peak of what was looked at (None where unknown), output.

    others: how many processors other processes (and the host of a virtual machine) kept busy
    meanwhile, None where unknown. Above a tenth, no ratio is worth much.
    """

    code: int
    seconds: float
    peak: int | None
    others: float | None
    out: str
    errors: str

    @property
    def complaint(self) -> str:
        """The last line it said on stderr."""
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"ended with {self.code}"


def proportional(pids: Sequence[int]) -> int:
    """The sum of proportional set sizes: every page counts once, however many share it."""
    return sum(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids)


def anonymous(pids: Sequence[int]) -> int:
    """Memory that no file backs: each process's own, and what all of them share, once.

    Pages that a worker still shares with the process that forked it count for both, so this is
    an upper bound.
    """
    status = [Path(f"/proc/{pid}/status") for pid in pids]
    own = sum(_field(path, "RssAnon:") for path in status)
    return own + max((_field(path, "RssShmem:") for path in status), default=0)


def anonymous_proportional(pids: Sequence[int]) -> int:
    """The same with every page counted once."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup") for pid in pids]
    return sum(_field(path, "Pss_Anon:") + _field(path, "Pss_Shmem:") for path in rollups)


def _field(path: Path, name: str) -> int:
    """A line in kB of a file of /proc, in bytes; 0 where the process is gone."""
    try:
        with path.open(encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(name)), 0)
    except (OSError, ValueError):
        return 0


def family(root: int) -> list[int]:
    """A process and all that it or its children started and that still run."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                parent = int(stat.rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without the pins of dlcli's BLAS: whoever wants them sets them.

    Bytecode may be cached, as it is for whatever is installed.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PINNED)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | dict(extra or {})


def run(
    command: Sequence[str],
    *,
    look: Look | None = proportional,
    extra: Mapping[str, str] | None = None,
    timeout: float = 900.0,
) -> Finished:
    """Run a command from the root of the repository to its end; code -1 after the timeout."""
    busy = _busy_seconds()
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment(extra),
        cwd=ROOT,
    )
    watcher = _Watcher(process.pid, look)
    watcher.start()
    try:
        out, errors = process.communicate(timeout=timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
        code, errors = -1, f"{errors}\nstopped after {timeout:.0f} s"
    except BaseException:
        process.kill()
        raise
    finally:
        seconds = time.perf_counter() - began
        watcher.finish()
    now = _busy_seconds()
    others = None if busy is None or now is None else max(0.0, (now - busy) / seconds)
    return Finished(code, seconds, watcher.peak or None, others, out, errors)


def _busy_seconds() -> float | None:
    """Processor seconds so far of everybody but us and the commands that we have run."""
    if not hasattr(os, "sysconf"):
        return None
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        user, nice, system, _, _, *interrupts = (int(word) for word in line.split()[1:9])
    except (OSError, ValueError):
        return None
    total = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
    times = os.times()
    return total - times.user - times.system - times.children_user - times.children_system


class _Watcher(threading.Thread):
    """Looks at a family's memory now and then and keeps the peak."""

    def __init__(self, pid: int, look: Look | None) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid, self._look = pid, look
        self._over = threading.Event()

    def run(self) -> None:
        if self._look is None or not Path("/proc/self").is_dir():
            return
        pause = PAUSE
        while not self._over.wait(pause):
            began = time.perf_counter()
            self.peak = max(self.peak, self._look(family(self._pid)))
            pause = max(PAUSE, PATIENCE * (time.perf_counter() - began))

    def finish(self) -> None:
        """No more looking."""
        self._over.set()
        self.join()
