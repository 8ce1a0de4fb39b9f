"""Commands in a process beside this one: what hangs or takes too much memory there, does no harm
here."""

import json
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.exactness.runs import PATIENCE, ROOT, environment

SERVER = """
import json, sys
from tests.cli.calls import dlcli
for line in sys.stdin:
    call = dlcli(*json.loads(line))
    print(json.dumps([call.code, call.err]), flush=True)
"""


class Commands:
    """One command after the other, all in one process; it starts with the first of them.

    first: what the process does before anything else, to limit itself.
    """

    def __init__(self, first: Callable[[], None] | None = None) -> None:
        self._first = first
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, *arguments: str | Path) -> tuple[int, str]:
        """Exit code and stderr."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment(PYTHONPATH=ROOT),
                preexec_fn=self._first,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps([*map(str, arguments)]) + "\n")
        stdin.flush()
        answers, _, _ = select.select([stdout], [], [], PATIENCE)
        if not answers or not (line := stdout.readline()):
            ended = self._process.poll()
            self.close()
            how = "hangs" if not answers else f"ended its process: {ended}"
            raise AssertionError(f"{' '.join(map(str, arguments))} {how}")
        code, err = json.loads(line)
        return code, err

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
