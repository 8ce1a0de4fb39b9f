"""Tables in Parquet files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array
from dlcli.data.formats.columns import ReadColumns
from dlcli.data.formats.findings import TextColumn
from dlcli.data.formats.parquet import (
    ParquetFile,
    large_numbers,
    look_at,
    read_parquet,
    read_schema,
)
from dlcli.data.sources.columnar import FEW, Opened
from dlcli.data.sources.text_tables import NamedColumns
from dlcli.frozen import frozen


@frozen
class Parquet(NamedColumns):
    """A table in a Parquet file; needs pyarrow (extra `arrow`).

    Columns hold what the file says: numbers, texts, truth values (the texts true and false), dates
    and times (in UTC where they have a zone). The options are those of `Csv`.
    """

    word = "parquet"

    def header_of(self, path: Path) -> ParquetFile:
        return read_schema(path, self.missing)

    def read(
        self,
        file: ParquetFile,
        wanted: Sequence[str],
        kinds: Mapping[str, str],
        reasons: Mapping[str, str],
        most: int | None,
    ) -> ReadColumns:
        return read_parquet(file, wanted, kinds, most)

    def look(self, file: ParquetFile, texts: Sequence[str], codes: Array) -> TextColumn:
        return look_at(file, texts, codes)

    def odd(
        self, file: ParquetFile, wanted: Sequence[str], read: ReadColumns
    ) -> tuple[Finding, ...]:
        return large_numbers(file, wanted, read)

    def first_look(self, file: ParquetFile, name: str, kind: str | None) -> TextColumn | None:
        found = read_parquet(file, [name], {} if kind is None else {name: kind}, FEW)
        texts = found.texts.get(name)
        return look_at(file, texts, found.numbers[:, 0]) if texts else None

    def _declared(
        self, file: Opened, wanted: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        kinds, reasons = super()._declared(file, wanted)
        assert isinstance(file, ParquetFile)
        dated = {name for name in wanted if file.types[file.position(name)] == "date"}
        for name in dated - kinds.keys():
            kinds[name] = "date"
        return kinds, reasons
