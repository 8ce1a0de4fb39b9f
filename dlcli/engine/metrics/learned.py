"""What is being learned, as far as metrics must know it."""

from typing import Literal

from dlcli.frozen import frozen

Kind = Literal["multiclass", "binary", "multilabel", "regression"]


@frozen
class Learned:
    """What is being learned.

    classes: the number of classes (2 for binary), of labels, or of outputs for a regression.
    centers, scales: for a regression, about where its targets lie; see `Errors`.
    """

    kind: Kind
    classes: int
    centers: tuple[float, ...] | None = None
    scales: tuple[float, ...] | None = None
