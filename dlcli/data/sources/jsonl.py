"""Tables as JSON lines: an object a line, its keys the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array, Role
from dlcli.data.formats.columns import ReadColumns, read_columns
from dlcli.data.formats.findings import TextColumn, first_texts, quantised, text_column
from dlcli.data.formats.notation import JSON, MISSING, Format
from dlcli.data.formats.text import Text, read_keys
from dlcli.data.sources.columnar import ColumnarSource, paths_of
from dlcli.frozen import frozen


@frozen
class Jsonl(ColumnarSource):
    """A table of JSON objects, one on a line, packed or not; nothing but null and a key that is not
    there need be missing.

    The options are those of `Csv`; columns are the keys of the first 1,000 rows.
    """

    word = "jsonl"

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

    def paths(self) -> dict[Role, str]:
        return paths_of(self.path, self.validation_path, self.test_path)

    def header_of(self, path: Path) -> Text:
        marks = tuple(dict.fromkeys(("", *self.missing)))
        return read_keys(path, Format(JSON, header=True, missing=marks))

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

    def odd(self, file: Text, wanted: Sequence[str], read: ReadColumns) -> tuple[Finding, ...]:
        return quantised(file, wanted, read)

    def first_look(self, file: Text, name: str, kind: str | None) -> TextColumn | None:
        return first_texts(file, name, kind)

    def check_together(self, files: Sequence[Text]) -> None:
        """Columns are known by their names, whatever their order."""
