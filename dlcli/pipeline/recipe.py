"""How large a network a table gets, and how it is trained: one function, to be replaced as one.

Measured on small tables beside scikit-learn's network of the same size: two layers of 64 units,
a penalty that falls with the rows, a little dropout, Adam whose rate rises and then falls along a
cosine over about 2,500 updates. Nothing else that was tried mattered as much as that the rate falls
to nothing and that few rows are penalised more.
"""

from dlcli.frozen import frozen

_UPDATES = 2500
_FEWEST_EPOCHS, _MOST_EPOCHS = 20, 200
_SMALL, _MIDDLE = 500, 20_000
_JUDGED = 1000


@frozen
class Recipe:
    """units: of the hidden layers. dropout: behind each. l2: the penalty of each kernel.
    learning_rate: the peak. validation: the share of rows that are set aside to judge epochs, 0.0
    where every row is needed. patience: of early stopping, in epochs; None without it."""

    units: tuple[int, ...]
    dropout: float
    l2: float
    learning_rate: float
    warmup_epochs: int
    epochs: int
    batch_size: int
    validation: float
    patience: int | None


def recipe(rows: int, columns: int, task: str, classes: int) -> Recipe:
    """What suits a table.

    rows: all of them, before any is set aside. columns: after the transforms. task: regression,
    binary or multiclass. classes: 1 where numbers are learned.
    """
    batch_size = 16 if rows < _SMALL else 32 if rows < _MIDDLE else 256
    batches = max(1, round(0.8 * rows) // batch_size)
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, 10 * round(_UPDATES / batches / 10)))
    width = 64 if max(columns, classes) <= 128 and rows < _MIDDLE else 128
    judged = rows >= _JUDGED
    return Recipe(
        units=(width, width),
        dropout=0.1,
        l2=_two_digits(min(0.02, max(1e-5, 2 / rows))),
        learning_rate=0.005 if rows < _MIDDLE else 0.002,
        warmup_epochs=max(1, epochs // 20),
        epochs=epochs,
        batch_size=batch_size,
        validation=0.1 if judged else 0.0,
        patience=max(5, epochs // 4) if judged else None,
    )


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")
