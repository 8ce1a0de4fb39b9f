"""A disk that fails on command: every operation of `files.system` is counted."""

import errno
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from dlcli.artifacts import files
from dlcli.artifacts.files import Operations

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES, "SHORT": 0}


class Killed(BaseException):
    """The process ends here: nothing that it would still do reaches the disk."""


class Disk:
    """Counts operations and lets the n-th (from 1) go wrong.

    fault: a name of ERRORS; "KILL" (dies before it); "TORN" (dies in the middle of a write).
    for_good: whether all later operations go wrong too.
    """

    def __init__(self, n: int = 0, fault: str = "EIO", for_good: bool = False) -> None:
        self.n, self.fault, self.for_good = n, fault, for_good or fault in ("KILL", "TORN")
        self.count = 0
        self.failed = 0
        self.log: list[str] = []

    def operations(self) -> Operations:
        plain = files.system
        return Operations(
            **{f.name: self._wrap(f.name, getattr(plain, f.name)) for f in fields(Operations)}
        )

    def _wrap(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.count += 1
            self.log.append(name)
            if self.n == 0 or self.count < self.n or (self.count > self.n and not self.for_good):
                return operation(*arguments)
            self.failed += 1
            if self.fault == "TORN" and name == "write" and self.failed == 1:
                operation(arguments[0], arguments[1][: len(arguments[1]) // 2])
            if self.fault in ("KILL", "TORN"):
                raise Killed
            if self.fault == "SHORT":
                if name != "write":
                    return operation(*arguments)
                short = 0 if self.for_good and self.failed > 1 else len(arguments[1]) // 3
                return operation(arguments[0], arguments[1][:short])
            code = ERRORS[self.fault]
            target = arguments[0] if isinstance(arguments[0], Path) else None
            raise OSError(code, os.strerror(code), target)

        return counted
