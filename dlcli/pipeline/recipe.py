"""How large a network a table gets, and how it is trained: one function, to be replaced as one.

A function of what is known before training. Chosen on some thirty tables of 50 to 5,400 rows, over
five to twenty splits each, beside scikit-learn's network, as the simplest that is nowhere far
behind it. Why it is as it is:

- Two dense layers of 64: one layer learns what columns do together (a curve for each category) far
  too slowly; wider ones gain nothing below some 20,000 rows.
- An `l2` of 2 over the rows: as if a few rows spoke for small weights. What the rows say counts
  more the more of them there are, so no other strength suits 50 and 5,000 rows; half of it does as
  well. Bounded above, lest a handful of rows learn nothing.
- A little dropout: with l2 alone, small tables of many columns are learned by heart.
- Adam with a warm-up and a cosine to 0 over about 2,500 updates: nothing else that was tried
  mattered as much as that the rate falls to nothing.
- A validation part and early stopping from 1,000 rows on. A part of fewer rows picks an epoch by
  luck, and its rows are missed; the last epoch is the calmest one anyway.
"""

from dlcli.frozen import frozen

_UPDATES = 2500
_FEWEST_EPOCHS, _MOST_EPOCHS = 20, 200
_SMALL, _MIDDLE = 500, 20_000
_JUDGED = 1000
"""Rows from which on some of them can be set aside to judge epochs."""


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


def recipe(rows: int, columns: int, classes: int) -> Recipe:
    """What suits a table.

    rows: all of them, before any is set aside. columns: after the transforms. classes: 1 where
    numbers are learned.
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
