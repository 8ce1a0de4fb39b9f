"""How the file was written that a model was trained on."""

from dlcli.data.formats.notation import PLAIN, Format
from dlcli.frozen import frozen


@frozen
class Written:
    """How the file was written that a model was trained on; a file of rows is written alike.

    target: the column that was learned, and width: how many columns there were with it. They
        matter where there is no header; None where they are not known.
    """

    format: Format = PLAIN
    target: str | tuple[str, ...] | None = None
    width: int | None = None


PLAINLY = Written()
