"""The dlcli command inside this process: what it prints and how it ends."""

import contextlib
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from dlcli.cli.main import run


@dataclass(frozen=True)
class Call:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def run(self) -> Path:
        """The run directory that `train` printed."""
        assert self.code == 0, self.err
        return Path(self.out.removesuffix("\n"))


def dlcli(*arguments: str | Path) -> Call:
    """Run a command as a shell would; a traceback that gets out fails the test that called."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["dlcli", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as end:
            assert isinstance(end.code, int)
            return Call(end.code, out.getvalue(), err.getvalue())
    raise AssertionError("a command must end with an exit code")


def train(config: Path, output: Path, *arguments: str | Path) -> Call:
    """`dlcli train` with one worker, into a directory of the test."""
    return dlcli("train", config, "--output-dir", output, "--workers", "1", *arguments)


def refused(call: Call, code: int) -> str:
    """A mistake as its maker sees it: the exit code, one sentence, no traceback, no output."""
    assert call.code == code, f"exit {call.code}: {call.out}{call.err}"
    assert "Traceback" not in call.err and "bug in dlcli" not in call.err
    assert call.out == ""
    message = call.err.splitlines()
    assert message, "an error must say something"
    return call.err


def settings(**values: Any) -> list[str]:
    """`--set` options: `settings(training__epochs=1)`."""
    pairs = [f"{key.replace('__', '.')}={value}" for key, value in values.items()]
    return [word for pair in pairs for word in ("--set", pair)]


def files(folder: Path) -> Mapping[str, bytes]:
    """Everything in a directory."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
