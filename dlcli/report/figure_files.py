"""Figures as files: SVG, PDF and PNG by matplotlib, the same bytes wherever and whenever.

matplotlib is an extra, loaded here only, and only for who asks for figures. Nothing of a machine
or a person changes what is drawn: neither their settings (matplotlibrc) nor their fonts, time or
place; another version of matplotlib may. What a file says of itself has no moment and no version,
and a mark by which it is known again.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlcli.errors import UsageError
from dlcli.report.figure_drawing import drawn
from dlcli.report.figures import Figure
from dlcli.report.markup import readable

MARK = "a figure of dlcli report"
"""Stands in every file, near its start or its end."""

ENDINGS = ("svg", "pdf", "png")

_SETTINGS: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, and is found there first
    "font.size": 8.0,
    "text.parse_math": False,  # a name with two $ in it is no formula
    "path.simplify": False,  # corners were chosen already
    "svg.fonttype": "none",  # texts stay texts
    "svg.hashsalt": "dlcli",
    "pdf.fonttype": 42,  # TrueType, which publishers take
}


def require_matplotlib() -> None:
    """UsageError where matplotlib is not there, or cannot be loaded."""
    hint = "pip install 'dlcli[figures]'"
    try:
        with _undisturbed():
            import matplotlib.backends.backend_agg
            import matplotlib.backends.backend_pdf
            import matplotlib.backends.backend_svg
            import matplotlib.figure  # noqa: F401
    except ImportError:
        raise UsageError(
            "figures are drawn by the package matplotlib, which is not installed: "
            f"`{hint}` installs it",
            hint=hint,
        ) from None
    except Exception as error:  # its settings are read by loading it, and may be anything
        raise UsageError(
            f"matplotlib, which draws figures, cannot be loaded here: {error}"
        ) from error


def files_of(figure: Figure, endings: Sequence[str] = ENDINGS) -> dict[str, bytes]:
    """By their endings; matplotlib must be there (see `require_matplotlib`)."""
    import matplotlib

    title, note = readable(figure.title, 200), readable(figure.note, 200)
    about: dict[str, dict[str, str | None]] = {
        "svg": {"Creator": MARK, "Title": title, "Description": note or None, "Date": None},
        "pdf": {
            "Creator": MARK, "Title": title, "Subject": note or None, "Producer": None,
            "CreationDate": None, "ModDate": None,
        },
        "png": {"Software": MARK, "Title": title, "Description": note},
    }  # fmt: skip
    if not note:
        del about["png"]["Description"]
    files = {}
    with _undisturbed(), matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        picture = drawn(figure)
        if picture.get_layout_engine() is not None:  # once, so that all files have one layout
            picture.draw_without_rendering()
            picture.set_layout_engine("none")
        for ending in endings:
            buffer = io.BytesIO()
            picture.savefig(buffer, format=ending, metadata=about[ending])
            files[ending] = buffer.getvalue()
    return files


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without words about caches, fonts that lack a letter, and settings that are not used."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"(?s)(Glyph |Matplotlib currently does not support)")
            yield
    finally:
        logger.setLevel(before)
