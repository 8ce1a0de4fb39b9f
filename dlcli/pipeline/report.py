"""`dlcli report`: the page of a run that was trained before, or of several side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcli.artifacts import documents
from dlcli.artifacts.files import write_text
from dlcli.artifacts.manifest import read_manifest
from dlcli.artifacts.reading import read_start
from dlcli.artifacts.run_directory import (
    EVALUATION,
    EVALUATION_CURVES,
    MANIFEST,
    MODEL,
    MODEL_CARD,
    REPORT,
    RESOLVED_CONFIG,
    RunDirectory,
    is_many,
)
from dlcli.artifacts.verification import check_file
from dlcli.deploy.bundle import Bundle
from dlcli.errors import ArtifactError, UsageError
from dlcli.pipeline import provenance
from dlcli.pipeline.many_plan import each_run
from dlcli.pipeline.page import described
from dlcli.pipeline.places import require_outside_runs
from dlcli.pipeline.resume import require_same_config
from dlcli.report.described import RunPage
from dlcli.report.page import MARK, text_of

if TYPE_CHECKING:
    from dlcli.pipeline.report_figures import FigureFolder


def report_runs(
    paths: Sequence[Path],
    output: Path | None,
    *,
    rows: bool = False,
    data_dir: Path | None = None,
    figures: "FigureFolder | None" = None,
) -> Path:
    """Write the page of a run, or of several side by side; where it lies.

    output: the file; without one, `report.html` in the run, of which there must be one only.
    rows: whether those that one run answered worst are shown; its data is read for that.
    figures: gets the charts of the page as files.
    """
    directories = [RunDirectory.open(path) for path in _each(paths)]

    def text(place: Path) -> str:
        pages = _pages(directories, rows, data_dir)
        if figures is not None:
            figures.draw(pages, place)
        return text_of(pages)

    if rows and len(directories) > 1:
        raise UsageError("--rows is for one run; several are compared without their rows")
    if data_dir is not None and not rows:
        raise UsageError("--data-dir is for --rows: a page is made of the run's own files")
    if output is None:
        if len(directories) > 1:
            raise UsageError("several runs have no place in common: give the page one, -o FILE")
        directory = directories[0]
        with directory.lock():
            output = directory.path(REPORT)
            documents.write_text(directory, REPORT, text(output))
    else:
        _require_ours(output)
        write_text(output, text(output))
    if figures is not None:
        figures.write()
    return output


def _pages(directories: Sequence[RunDirectory], rows: bool, data_dir: Path | None) -> list[RunPage]:
    pages = [recorded(directory) for directory in directories]
    if rows:
        from dlcli.pipeline.worst_rows import worst_rows  # prepares the data again

        pages = [replace(pages[0], worst=worst_rows(directories[0].root, data_dir))]
    return pages


def _each(paths: Sequence[Path]) -> Iterable[Path]:
    """The runs; those of a directory that holds several, one by one."""
    for path in paths:
        if is_many(path):
            yield from (place for _, place in each_run(path) if place.is_dir())
        else:
            yield path


def _require_ours(output: Path) -> None:
    """UsageError where another file than a page would be lost."""
    try:
        there = output.exists() or output.is_symlink()
        folder = output.is_dir()
    except (OSError, ValueError) as error:
        raise UsageError(f"-o {output}: cannot look at it: {error}", file=output) from None
    require_outside_runs(output, f"-o {output}")
    if folder:
        raise UsageError(f"-o {output} is a folder; give the name of a file in it", file=output)
    if there and not output.is_file():
        raise UsageError(f"-o {output} is no regular file; give another name", file=output)
    if there and read_start(output, len(MARK)) != MARK.encode():
        raise UsageError(
            f"-o {output} is there and no page of dlcli; give another name", file=output
        )


def recorded(directory: RunDirectory) -> RunPage:
    """What is known of a run, finished or not; UsageError where it has no epoch yet.

    ArtifactError where a file that the page reads is not what the manifest says.
    """
    manifest = read_manifest(directory.path(MANIFEST))
    try:
        loaded = provenance.recorded_config(directory)
    except UsageError as error:
        path = directory.path(RESOLVED_CONFIG)
        raise ArtifactError(f"{path} is damaged or was edited: {error}", file=path) from None
    require_same_config(directory, loaded, manifest)
    if manifest.status != "complete":
        return described(directory, loaded, manifest, (), {})
    names = [EVALUATION, *(name for name in manifest.files if name.startswith(f"{MODEL}/"))]
    names += [name for name in (EVALUATION_CURVES, MODEL_CARD) if name in manifest.files]
    for name in names:
        check_file(directory, manifest, name)
    bundle = Bundle.load(directory.path(MODEL))
    arrays = bundle.model.layout.named(bundle.theta)
    return described(directory, loaded, manifest, bundle.model.plain, arrays)
