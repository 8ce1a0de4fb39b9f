"""`--summary FILE`: whatever a command ends with is told in Markdown, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli.cli.outcome import complain
from dlcli.errors import DlcliError

if TYPE_CHECKING:
    from dlcli.pipeline.job_summary import JobSummary

SummaryFile = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Add the result as Markdown, such as to $GITHUB_STEP_SUMMARY.",
    ),
]


@contextmanager
def summarized(path: Path | None, command: str, subject: Path) -> Iterator["JobSummary | None"]:
    """A page to add to in the block; it is written when that ends, also where an error ends it.

    Interruptions and gates that are not met are errors like others. A page that cannot be written
    is an error of its own, unless there is one already: that one is told. None where no page is
    wanted; UsageError where it could not be written.
    """
    if path is None:
        yield None
        return
    from dlcli.pipeline.job_summary import JobSummary, require_place

    require_place(path)
    page = JobSummary(command, str(subject))
    try:
        yield page
    except DlcliError as error:
        try:
            page.write(path, error)
        except DlcliError as second:
            complain(str(second))
        raise
    page.write(path, None)
