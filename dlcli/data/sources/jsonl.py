"""Tables as JSON lines: an object a line, its keys the columns."""

from collections.abc import Sequence
from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.formats.columns import ReadColumns
from dlcli.data.formats.findings import quantised
from dlcli.data.formats.notation import JSON, Format
from dlcli.data.formats.text import Text, read_keys
from dlcli.data.sources.text_tables import NamedColumns, TextTable
from dlcli.frozen import frozen


@frozen
class Jsonl(NamedColumns, TextTable):
    """A table of JSON objects, one on a line, packed or not; nothing but null and a key that is not
    there need be missing.

    The options are those of `Csv`; columns are the keys of the first 1,000 rows.
    """

    word = "jsonl"

    def header_of(self, path: Path) -> Text:
        marks = tuple(dict.fromkeys(("", *self.missing)))
        return read_keys(path, Format(JSON, header=True, missing=marks))

    def odd(self, file: Text, wanted: Sequence[str], read: ReadColumns) -> tuple[Finding, ...]:
        return quantised(file, wanted, read)
