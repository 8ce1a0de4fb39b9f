"""What a command found, as Markdown for the page of a CI job: `--summary FILE`.

The file is added to, because GitHub gives all commands of a step one file. What comes of files
(names of runs, metrics and classes, messages that quote a config) stands in code spans or is
escaped; a message of several lines stands in a fence that nothing in it can close.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcli.artifacts import files
from dlcli.deploy.markdown import code, listed, prose, table
from dlcli.errors import DiffersError, DlcliError, GateError, UsageError
from dlcli.printable import printable
from dlcli.wording import counted

if TYPE_CHECKING:
    from dlcli.pipeline.gates import Gates

_MOST = 20_000
"""Characters of a message; GitHub takes no summary of a step that is larger than 1 MiB."""


def require_place(path: Path) -> None:
    """UsageError where nothing can be added to such a file; so that it is known beforehand."""
    try:
        good = path.is_file() if path.exists() else path.parent.is_dir() and path.name != ""
        good = good and os.access(path if path.exists() else path.parent, os.W_OK)
    except (OSError, ValueError):  # a name that no file can have, or no permission
        good = False
    if not good:
        raise UsageError(
            f"--summary {str(path)!r}: this is no file that can be written. In a job of GitHub it "
            "is $GITHUB_STEP_SUMMARY, which is empty elsewhere",
            file=path,
        )


class JobSummary:
    """A section of the page: what a command did, told in parts while it does it.

    command: "train". subject: of what, a config or a run.
    """

    def __init__(self, command: str, subject: str) -> None:
        self._command, self._subject = command, subject
        self._lines: list[str] = []

    def run(self, path: str, epochs: int, kept: int) -> None:
        """Where the run is, and whose weights it keeps."""
        self._add([prose(f"{counted(epochs, 'epoch')}, kept: {kept}. Run: ") + code(path, 400)])

    def results(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """A column for each part, a line for each metric that is one number."""
        names = list(dict.fromkeys(name for one in results.values() for name in _scalars(one)))
        header = ["metric", *(f"{part} ({one['rows']:,} rows)" for part, one in results.items())]
        rows = [
            [code(name), *(_shown(_scalars(one).get(name)) for one in results.values())]
            for name in names
        ]
        self._add(table(header, rows, len(results)))
        positive = next((one.get("positive_class") for one in results.values()), None)
        if positive is not None:
            self._add([f"The positive class is {code(str(positive))}."])

    def several(self, found: Mapping[str, Any]) -> None:
        """Of several runs: mean and spread, then each."""
        names = list(found["mean"])
        rows = [
            [code(name), _shown(found["mean"][name]), f"± {_shown(found['spread'][name])}"]
            for name in names
        ]
        count = len(found["runs"])
        what = f"{found['part']}, mean of {count} {found['kind']}"
        self._add(table(["metric", what, "spread"], rows, 2))
        each = [
            [code(run), *(_shown(one.get(name)) for name in names)]
            for run, one in found["runs"].items()
        ]
        self._add(table(["run", *map(code, names)], each, len(names)))

    def gates(self, gates: "Gates") -> None:
        """Whether each is met, and what was found."""
        rows = [
            [code(one.gate.text), code(one.part), _shown(one.found), _met(one.met)]
            for one in gates.judged
        ]
        if rows:
            self._add(table(["gate", "part", "found", ""], rows))

    def reproduced(self, told: Mapping[str, str]) -> None:
        """What was the same, of each run that was compared; "" names the only one."""
        self._add(
            listed([f"{code(name)}: {prose(text)}" if name else prose(text)
                    for name, text in told.items()])
        )  # fmt: skip

    def first_difference(self, name: str, error: DiffersError) -> None:
        """Where a run that was trained again differs first, as far as it is known."""
        known = {
            "run": name or None,
            "epoch": error.details.get("epoch"),
            "tensor": error.details.get("tensor"),
            "metric": error.details.get("metric"),
            "file": error.details.get("differing_file"),
        }
        rows = [[what, code(str(value))] for what, value in known.items() if value is not None]
        if rows:
            self._add(table(["first difference", ""], rows))

    def _add(self, lines: Sequence[str]) -> None:
        self._lines += [*lines, ""]

    def write(self, path: Path, error: DlcliError | None) -> None:
        """Add the section to the file; error: what ended the command.

        StorageError where that fails.
        """
        heading = f"### dlcli {self._command} {code(self._subject, 200)}: {_outcome(error)}"
        lines = [heading, "", *self._lines]
        if error is not None and not isinstance(error, GateError):
            lines += [*_fenced(str(error)), ""]
        text = "\n".join(lines)
        with files.storage("look at", path):
            begun = path.exists() and path.stat().st_size > 0
        files.append_text(path, f"\n{text}" if begun else text)


def _scalars(result: Mapping[str, Any]) -> dict[str, float]:
    return {k: v for k, v in result["metrics"].items() if isinstance(v, int | float)}


def _shown(value: float | None) -> str:
    from dlcli.deploy.card_wording import number  # with NumPy, which no mistake in a config needs

    return "" if value is None else number(float(value))


def _met(met: bool) -> str:
    return "met" if met else "**not met**"


def _outcome(error: DlcliError | None) -> str:
    """The end of the heading."""
    if error is None:
        return "done"
    words = {"gate": "not good enough", "differs": "differs", "interrupted": "interrupted",
             "not_comparable": "not comparable"}  # fmt: skip
    return f"**{words.get(error.kind, 'failed')}** (exit code {error.exit_code})"


def _fenced(text: str) -> list[str]:
    """A message as it is, in a fence that is longer than any run of its ticks."""
    shown = printable(text).encode("utf-8", "backslashreplace").decode()
    if len(shown) > _MOST:
        shown = f"{shown[:_MOST]}\n..."
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return [f"{fence}text", *shown.split("\n"), fence]
