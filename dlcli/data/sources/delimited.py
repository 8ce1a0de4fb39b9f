"""Tables in delimited text files."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.formats.columns import ReadColumns
from dlcli.data.formats.findings import (
    leading_zeros,
    quantised,
)
from dlcli.data.formats.notation import MISSING, Format
from dlcli.data.formats.text import Text, read_header
from dlcli.data.sources.text_tables import TextTable
from dlcli.errors import DataError
from dlcli.frozen import frozen


@frozen
class Csv(TextTable):
    """A table in a delimited text file.

    Compressed by gzip, bzip2 or xz, or in a zip archive of one member, it is read all the same.

    delimiter, header, decimal, thousands, comment, quote, names, missing: how it is written; see
        Format.
    target: the column to learn. Text becomes classes in sorted order, whole numbers int64,
        other numbers float64. Several: numbers, (n, columns) float64.
    missing_target: "error", or "drop" for rows whose target is missing.
    weight: the column of the weights of rows.
    kinds: "text", "number", "date" or a format of dates, for columns whose look misleads, such as
        codes that begin with digits.
    features: the columns to learn from, in this order; by default all others in file order but
        those of `ignore`, and the keys.
    test_path, validation_path: files with the same columns for these parts.
    keys: the columns by which the rows are going to be split.
    """

    word = "csv"

    path: str
    target: str | tuple[str, ...]
    features: tuple[str, ...] | None = None
    delimiter: str = ","
    header: bool | None = None
    decimal: str = "."
    thousands: str | None = None
    comment: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    test_path: str | None = None
    positive_class: str | None = None
    names: tuple[str, ...] | None = None
    quote: str = '"'
    missing: tuple[str, ...] | None = MISSING
    missing_target: str = "error"
    ignore: tuple[str, ...] = ()
    validation_path: str | None = None
    keys: tuple[str, ...] = field(default=(), metadata={"chosen": False})

    @property
    def format(self) -> Format:
        """How the file is written."""
        return Format(
            self.delimiter,
            self.header,
            self.decimal,
            self.thousands,
            self.comment,
            self.quote,
            self.names,
            self.missing or (),
        )

    def header_of(self, path: Path) -> Text:
        return read_header(path, self.format)

    def odd(self, file: Text, wanted: Sequence[str], read: ReadColumns) -> tuple[Finding, ...]:
        return (
            *quantised(file, wanted, read),
            *leading_zeros(file, wanted, read, {file.position(name) for name in self.kinds}),
        )

    def check_together(self, files: Sequence[Text]) -> None:
        """Without a header the columns are known by their places, so all files must have as
        many."""
        first, last = files[0], files[-1]
        if not first.header and len(first.names) != len(last.names):
            raise DataError(
                f"{last.path}, line {last.line} has {len(last.names)} cells, but {first.path} has "
                f"{len(first.names)}: without a header both must have the same columns."
            )
