"""`dlcli report --figures DIR`: the charts of a page as files for a paper."""

from collections.abc import Sequence
from pathlib import Path

from dlcli import progress
from dlcli.artifacts.files import make_directory, write_bytes
from dlcli.artifacts.reading import read_end, read_start
from dlcli.errors import ArtifactError, UsageError, reason
from dlcli.pipeline.places import require_outside_runs
from dlcli.report.described import RunPage
from dlcli.report.figure_files import ENDINGS, MARK, files_of, require_matplotlib
from dlcli.report.figures import figures_of
from dlcli.wording import counted

_LOOKED_AT = 1 << 16
"""Bytes at the start and at the end of a file in which the mark stands, where there is one."""


class FigureFolder:
    """A folder that gets figures: everything is checked and drawn before anything is written."""

    def __init__(self, folder: Path) -> None:
        """UsageError without matplotlib, or where the folder is a file."""
        require_matplotlib()
        try:
            there, is_folder = folder.exists() or folder.is_symlink(), folder.is_dir()
            require_outside_runs(folder / "figure", f"--figures {folder}")
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--figures {folder}: cannot look at it: {error}", file=folder
            ) from None
        if there and not is_folder:
            raise UsageError(
                f"--figures {folder} is a file; give the name of a folder", file=folder
            )
        self._folder = folder
        self._files: dict[Path, bytes] = {}

    @property
    def paths(self) -> list[Path]:
        """The files, in the order of the page."""
        return list(self._files)

    def draw(self, pages: Sequence[RunPage], page: Path) -> None:
        """Draw what the page of these runs shows; UsageError where another file would be lost.

        page: where that page is going to lie.
        """
        figures = figures_of(pages)
        for figure in figures:
            for ending in ENDINGS:
                self._require_ours(self._folder / f"{figure.name}.{ending}", page)
        with progress.work("draw figures", len(figures), "figures") as at:
            for place, figure in enumerate(figures):
                for ending, data in files_of(figure).items():
                    self._files[self._folder / f"{figure.name}.{ending}"] = data
                at(place + 1)

    def write(self) -> None:
        """Write what was drawn, each file whole or not at all."""
        make_directory(self._folder)
        for path, data in self._files.items():
            write_bytes(path, data)
        figures = counted(len(self._files) // len(ENDINGS), "figure")
        progress.tell(f"{figures} in {self._folder}, each as {', '.join(ENDINGS)}")

    def _require_ours(self, path: Path, page: Path) -> None:
        if path.absolute() == page.absolute():
            raise UsageError(f"-o {page} is also the name of a figure; give another", file=page)
        try:
            there = path.exists() or path.is_symlink()
        except OSError as error:
            raise UsageError(f"{path}: cannot look at it: {reason(error)}", file=path) from None
        if there and not _is_ours(path):
            raise UsageError(
                f"{path} is there and no figure of dlcli, so nothing is written; "
                "give --figures another folder",
                file=path,
            )


def _is_ours(path: Path) -> bool:
    mark = MARK.encode()
    try:
        return mark in read_start(path, _LOOKED_AT) or mark in read_end(path, _LOOKED_AT)
    except ArtifactError:  # no regular file
        return False
