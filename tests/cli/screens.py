"""The real command on a terminal with a small model of its screen: what a person has seen."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pyte

from tests.exactness.runs import PATIENCE, environment

TERM = "xterm-256color"
ROOT = str(Path(__file__).parents[2])


class Screen:
    """A terminal with a command on it.

    A context: a command that is still at work at its end is killed.

    frames: what stood on it, each time that something else did. out: stdout, if that is a pipe.
    """

    def __init__(
        self,
        columns: int,
        lines: int,
        *arguments: str | Path,
        both: bool = False,
        cwd: Path | None = None,
        **extra: str,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, self._theirs = pty.openpty()
        self.written = b""
        self.frames: list[list[str]] = []
        self.out = ""
        self._is_gone = False
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlcli", *map(str, arguments)],
            env=environment(
                **{
                    "PYTHONPATH": ROOT,
                    "TERM": "xterm-256color",
                    "COLUMNS": "",
                    "LINES": "",
                    **extra,
                }
            ),
            cwd=cwd,
            stdin=self._theirs,
            stdout=self._theirs if both else subprocess.PIPE,
            stderr=self._theirs,
        )
        os.close(self._theirs)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.end()

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """The window becomes another one; the kernel tells the command."""
        self._set_size(columns, lines)
        self._screen.resize(lines, columns)

    def until(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen is so; what stands on it then."""
        while not (self.frames and seen(self.frames[-1])):
            assert self._read(), f"the command has ended: {self.text}"
        return self.frames[-1]

    def go_away(self) -> None:
        """The window is closed; the command is not told, as under `nohup`."""
        os.close(self._ours)
        self._is_gone = True

    def end(self) -> int:
        """Wait for the end of the command; its exit code."""
        if not self._is_gone:
            while self._read():
                pass
            os.close(self._ours)
        out, _ = self.process.communicate(timeout=PATIENCE)
        self.out = (out or b"").decode()
        return self.process.returncode

    def _read(self) -> bool:
        try:
            piece = os.read(self._ours, 1 << 16)
        except OSError:  # nobody writes to it any more
            return False
        self.written += piece
        self._stream.feed(piece)
        if not self.frames or self.frames[-1] != self._now():
            self.frames.append(self._now())
        return bool(piece)

    def _now(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def lines(self) -> list[str]:
        """All that was left on the screen, and what went out of it at its top."""
        width = self._screen.columns
        gone = [
            "".join(line[column].data for column in range(width)).rstrip()
            for line in self._screen.history.top
        ]
        return [line for line in (*gone, *self._now()) if line]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor is visible."""
        return not self._screen.cursor.hidden
