"""Confusion matrices as they are shown: of many classes the largest, cells by their shares."""

from collections.abc import Sequence

from dlcli.deploy.card_wording import largest
from dlcli.frozen import frozen
from dlcli.report.style import SHADES


@frozen
class Cell:
    """Rows of one class that got one answer; share: of all rows of that class."""

    count: float
    share: float

    @property
    def shade(self) -> int:
        """Nothing is white, all of it is the darkest; a single row out of many shows, too."""
        if not self.share > 0:
            return 0
        return min(SHADES - 1, 1 + int(self.share * (SHADES - 1)))


@frozen
class Matrix:
    """places: the classes that are shown, of so many. rows: true classes; in them, answers."""

    places: tuple[int, ...]
    of: int
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def cut(self) -> str:
        """Which classes are shown, where they are not all."""
        if len(self.places) == self.of:
            return ""
        return f"The {len(self.places)} largest of {self.of:,} classes are shown."


def shown(matrix: Sequence[Sequence[float]]) -> Matrix:
    """Of a square matrix of counts."""
    sums = [sum(row) for row in matrix]
    chosen = tuple(largest([int(total) for total in sums]))
    rows = tuple(
        tuple(Cell(matrix[k][j], matrix[k][j] / sums[k] if sums[k] > 0 else 0.0) for j in chosen)
        for k in chosen
    )
    return Matrix(chosen, len(matrix), rows)
