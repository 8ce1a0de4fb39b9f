"""What was seen of a table, and what was concluded, each conclusion with its reason in words."""

from pathlib import Path

from dlcli.data.audit import Finding
from dlcli.data.formats.notation import Format
from dlcli.data.looking.gathering import Facts, Gathered
from dlcli.data.looking.written import Written
from dlcli.frozen import frozen


@frozen
class Survey:
    """A table before anything is concluded. header: whether the first line holds names."""

    path: Path
    written: Written
    names: tuple[str, ...]
    header: bool
    gathered: Gathered


@frozen
class ColumnLook:
    """A column and what it is good for.

    role: feature, target, or ignored; index for one without a name, which the reader leaves out.
    reason: why, in words; "" for a usual feature. code: of the finding that it is, if it is one.
    """

    facts: Facts
    role: str
    reason: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        return self.facts.name


@frozen
class Look:
    """A table.

    format: how it is written; its header is None where the first line holds names.
    written_because: why, by the options of the source.
    marks: texts that stand for missing cells, beside the usual ones.
    task: regression, binary, multiclass, or series.
    series: the column by which the rows follow each other, where that is all there is.
    notes: what else a person should know.
    """

    path: Path
    format: Format
    written_because: dict[str, str]
    rows: int
    columns: tuple[ColumnLook, ...]
    marks: tuple[str, ...]
    target: str
    target_because: str
    task: str
    task_because: str
    series: str | None
    notes: tuple[Finding, ...]

    @property
    def header(self) -> bool:
        """Whether the first line holds names."""
        return self.format.header is not False

    def of(self, name: str) -> ColumnLook:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def having(self, role: str) -> tuple[ColumnLook, ...]:
        """The columns of a role."""
        return tuple(column for column in self.columns if column.role == role)

    @property
    def classes(self) -> tuple[tuple[str, int], ...]:
        """The classes of the target and their rows; empty for numbers."""
        return self.of(self.target).facts.counts if self.learns_classes else ()

    @property
    def learns_classes(self) -> bool:
        return self.task in ("binary", "multiclass")
