"""The rows of `metrics.jsonl` as they come, for those who look on while a run trains.

Only what is new is read, a piece at a time. The file only grows while training goes on; it is
written anew when a run goes on or ends, and then it is read from its beginning again.
"""

from collections.abc import Iterator
from typing import Any

from dlcli.artifacts.history import LIMIT
from dlcli.artifacts.reading import parse_json, regular
from dlcli.artifacts.run_directory import METRICS, RunDirectory
from dlcli.errors import ArtifactError

_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20
"""Bytes. An earlier version wrote matrices into its lines, too."""


class Followed:
    """The file of one run, and how far it was read."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._offset = 0
        self._last = b""
        self.rows = 0
        """How many rows were read."""
        self.is_cut = False
        """Whether the file ended within a line when it was read: that is being written, or never
        was written to its end."""

    def new(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows that are new, with their numbers; from 1 again where the file was written anew.

        ArtifactError for what dlcli did not write.
        """
        path = self._run.path(METRICS)
        if not path.exists():
            self._begin()
            return
        with regular(path) as (file, size):
            if size > LIMIT:
                raise ArtifactError(f"{path} has more than the {LIMIT} bytes that are read")
            file.seek(max(self._offset - len(self._last), 0))
            if size < self._offset or file.read(len(self._last)) != self._last:
                self._begin()
                file.seek(0)
            left, rest = size - self._offset, b""
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._offset += len(line) + 1
                    self._last = line + b"\n"
                    self.rows += 1
                    yield self.rows, self._parsed(line)
                if len(rest) > _LONGEST_LINE:
                    raise self._wrong(self.rows + 1)
            self.is_cut = bool(rest)

    def _begin(self) -> None:
        self._offset, self._last, self.rows, self.is_cut = 0, b"", 0, False

    def _parsed(self, line: bytes) -> dict[str, Any]:
        path = self._run.path(METRICS)
        row = parse_json(line, f"{path}, line {self.rows},")
        if not isinstance(row, dict) or row.get("epoch") != self.rows or row["epoch"] is True:
            raise self._wrong(self.rows)
        return row

    def _wrong(self, line: int) -> ArtifactError:
        path = self._run.path(METRICS)
        words = f"{path}, line {line}, is not an epoch that dlcli wrote"
        return ArtifactError(words, file=path, line=line)


def read_rows(run: RunDirectory) -> list[dict[str, Any]]:
    """The rows of `metrics.jsonl`, an epoch each; none if the run has not finished one.

    A last line that was not written to its end does not count: the run is at work, or was killed
    while it wrote. ArtifactError names the file and the line that dlcli did not write.
    """
    return [row for _, row in Followed(run).new()]
