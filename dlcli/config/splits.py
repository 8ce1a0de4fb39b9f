"""How rows are cut into training, validation and test parts."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from dlcli.config.base import Grown
from dlcli.config.source_sections import Name
from dlcli.config.values import Choice, Real, Switch, Whole, wrong

VALIDATION = 0.1
TEST = 0.2
_Share = Annotated[float, Real(0.0, below=1.0)]


_BY = ("random", "order", "time", "group", "column")
_ITS_COLUMN = {
    "time": "the column of dates or times that the rows are sorted by",
    "group": "the column whose equal values stay in one part",
    "column": "the column that says train, validation or test",
}


class Split(Grown):
    """Which rows become the validation and the test part.

    validation: the share of the validation part; by default 0.1, where it applies.
    test: the share of the test part; by default 0.2, where it applies.
    stratify: whether every class keeps its share in each part.
    keep_rare: whether the last row of a class stays in the training part.
    by: random; order (the last rows of the file are the test part) or time (the last ones by a
        column); group (all rows of one value go to one part); column (which says train, validation
        or test).
    column: the column of the time, the group or the part.
    folds: the rows are cut into so many, of which one is the test part.
    fold: which of them, from 1.
    example: {validation: 0.1, test: 0.2, stratify: true}
    """

    later = ("by", "column", "folds", "fold")

    validation: _Share | None = None
    test: _Share | None = None
    stratify: Annotated[bool, Switch()] = False
    keep_rare: Annotated[bool, Switch()] = True
    by: Annotated[str, Choice(_BY)] = "random"
    column: Name | None = None
    folds: Annotated[int, Whole(2, 1000)] | None = None
    fold: Annotated[int, Whole(1, 1000)] | None = None

    # Before there was the option, the last row of a class could be drawn for another part.
    before: ClassVar[Mapping[str, Any]] = {"keep_rare": False}

    @model_validator(mode="after")
    def _column_suits(self) -> Self:
        if self.by in _ITS_COLUMN and self.column is None:
            raise wrong(f"`by: {self.by}` needs `column`, {_ITS_COLUMN[self.by]}", "by")
        if self.by not in _ITS_COLUMN and self.column is not None:
            words = "`column` goes with `by: time`, `by: group` or `by: column`"
            raise wrong(f"{words}, not with `by: {self.by}`", "column")
        if self.stratify and self.by != "random":
            words = "rows are stratified only where they are drawn at random"
            raise wrong(f"{words}: leave it out with `by: {self.by}`", "stratify")
        self._check_folds()
        for part in ("validation", "test") if self.by == "column" else ():
            if getattr(self, part):
                raise wrong(f"the column says which rows these are: leave `{part}` out", part)
        return self

    def _check_folds(self) -> None:
        if self.folds is None and self.fold is None:
            return
        if self.folds is None:
            raise wrong("`fold` needs `folds`: how many there are", "fold")
        if self.fold is None:
            words = "`folds` needs `fold`, the one that is tested (`dlcli train --folds "
            raise wrong(f"{words}{self.folds}` trains all of them)", "folds")
        if self.fold > self.folds:
            raise wrong(f"there are {self.folds} folds, and no number {self.fold}", "fold")
        if self.test:
            raise wrong("the test part is a fold: leave `test` out", "test")
        if self.by == "column":
            raise wrong("the column says which rows are tested: leave `folds` out", "folds")
