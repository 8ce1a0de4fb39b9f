"""Tables in Parquet files."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array, Role
from dlcli.data.formats.columns import ReadColumns
from dlcli.data.formats.findings import TextColumn
from dlcli.data.formats.notation import MISSING
from dlcli.data.formats.parquet import (
    ParquetFile,
    large_numbers,
    look_at,
    read_parquet,
    read_schema,
)
from dlcli.data.sources.columnar import FEW, ColumnarSource, Opened, paths_of
from dlcli.frozen import frozen


@frozen
class Parquet(ColumnarSource):
    """A table in a Parquet file; needs pyarrow (extra `arrow`).

    Columns hold what the file says: numbers, texts, truth values (the texts true and false), dates
    and times (in UTC where they have a zone). The options are those of `Csv`.
    """

    word = "parquet"

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

    def check_together(self, files: Sequence[ParquetFile]) -> None:
        """Columns are known by their names, whatever their order."""

    def _declared(
        self, file: Opened, wanted: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        kinds, reasons = super()._declared(file, wanted)
        assert isinstance(file, ParquetFile)
        dated = {name for name in wanted if file.types[file.position(name)] == "date"}
        for name in dated - kinds.keys():
            kinds[name] = "date"
        return kinds, reasons
