"""The dlcli command, watched: every process that computes reports what it computes on.

    python -m tests.exactness.computing REPORT train CONFIG ...

Each process that does a task of a team adds a line of JSON to REPORT once, from inside the
task: its process id, its BLAS core, NumPy's dispatch targets, and whether AVX-512 is there.
"""

import json
import os
import sys
from pathlib import Path

import dlcli.__main__
from dlcli import numerics

_told: set[int] = set()


def report(path: Path) -> None:
    """Say once what this process computes on; it must have no AVX-512."""
    if os.getpid() in _told:
        return
    _told.add(os.getpid())
    from numpy._core._multiarray_umath import __cpu_features__ as features

    core, threads = numerics.blas()
    found = sorted(name for name, there in features.items() if there)
    line = {"process": os.getpid(), "core": core, "threads": threads, "features": found}
    with path.open("a") as file:
        print(json.dumps(line), file=file)
    assert not [name for name in found if "AVX512" in name or name == "X86_V4"], found


def main() -> None:
    """Patch the one place through which all work of a team goes, then run the command."""
    path = Path(sys.argv.pop(1))
    from dlcli.engine.team import base, processes, threads

    share = base.share

    def watched(task: base.Task, worker: int, workers: int, count: int) -> None:
        report(path)
        share(task, worker, workers, count)

    for module in (base, processes, threads):
        module.share = watched  # type: ignore[attr-defined]
    dlcli.__main__.main()


if __name__ == "__main__":
    main()
