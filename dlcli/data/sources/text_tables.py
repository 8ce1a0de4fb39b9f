"""What tables in files of text have in common, and what those have whose files name the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from dlcli.data.dataset import Array
from dlcli.data.formats.columns import ReadColumns, read_columns
from dlcli.data.formats.findings import TextColumn, first_texts, text_column
from dlcli.data.formats.notation import MISSING
from dlcli.data.formats.text import Text
from dlcli.data.sources.columnar import ColumnarSource
from dlcli.frozen import frozen


class TextTable(ColumnarSource):
    """A table whose cells are texts, line by line."""

    def read(
        self,
        file: Text,
        wanted: Sequence[str],
        kinds: Mapping[str, str],
        reasons: Mapping[str, str],
        most: int | None,
    ) -> ReadColumns:
        return read_columns(file, wanted, kinds, reasons, most)

    def look(self, file: Text, texts: Sequence[str], codes: Array) -> TextColumn:
        return text_column(file, texts, codes)

    def first_look(self, file: Text, name: str, kind: str | None) -> TextColumn | None:
        return first_texts(file, name, kind)


@frozen
class NamedColumns(ColumnarSource):
    """A table whose file names its columns, so that nothing need be said of how it is written; the
    options are those of `Csv`."""

    path: str
    target: str | tuple[str, ...]
    features: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    test_path: str | None = None
    validation_path: str | None = None
    positive_class: str | None = None
    missing: tuple[str, ...] = MISSING
    missing_target: str = "error"
    keys: tuple[str, ...] = field(default=(), metadata={"chosen": False})

    def check_together(self, files: Sequence[object]) -> None:
        """Columns are known by their names, whatever their order."""
