"""What a transform is, and what it is fitted on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.frozen import frozen


class Misfit(ValueError):
    """A transform cannot work on what it is given; the message is in plain words.

    at: the option that is at fault, as a place below the transform; () for the whole.
    """

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


@frozen
class TrainingRows:
    """The training rows as the steps so far leave them.

    chunks: goes through the rows in index order, anew with each call.
    dtype: what the steps compute in.
    """

    shape: Shape
    columns: Columns
    chunks: Callable[[], Iterator[Array]]
    dtype: np.dtype[np.floating]

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of a table are called: by their positions where they have no names."""
        if self.columns is not None:
            return tuple(column.name for column in self.columns)
        return tuple(str(j) for j in range(self.shape[0]))

    def called(self, position: int) -> str:
        """What messages call a place of the last axis."""
        return self.names[position] if len(self.shape) == 1 else str(position)


class Transform(ABC):
    """A frozen dataclass of choices."""

    fitted: ClassVar[type[Fitted]]
    """What fitting makes of it: a step that can be saved, made again and applied (fitted.py)."""
    handle_unknown: str | None = None
    """What is done with categories that training did not meet; None where there are none."""

    @abstractmethod
    def shape_after(self, shape: Shape) -> Shape | None:
        """The shape of a row afterwards, None where only fitting tells; Misfit where the
        transform cannot work on this shape."""

    @abstractmethod
    def fit(self, rows: TrainingRows) -> Fitted:
        """The step, fitted on the training rows; Misfit or DataError where that fails."""
