"""What `init` writes where nobody has said how to learn: in bounds for all tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.pipeline.recipe import recipe

ROWS = st.integers(1, 10_000_000)


@pytest.mark.properties
@given(ROWS, st.integers(1, 10_000), st.integers(1, 1000))
def test_every_recipe_is_bounded_work(rows: int, columns: int, classes: int) -> None:
    chosen = recipe(rows, columns, classes)
    updates = chosen.epochs * -(-rows // chosen.batch_size)
    assert 20 <= chosen.epochs <= 200 and chosen.epochs % 10 == 0
    # The bound is the larger of what suits and of 20 passes through the rows.
    assert updates <= max(200 * 20, 5_000, 20 * -(-rows // chosen.batch_size))
    assert chosen.units in ((64, 64), (128, 128))
    assert 0 < chosen.l2 <= 0.02
    assert 0 < chosen.warmup_epochs < chosen.epochs


def test_only_tables_with_rows_to_spare_have_a_part_that_judges_epochs() -> None:
    for rows, share in ((999, 0.0), (1_000, 0.1)):
        chosen = recipe(rows, 5, 2)
        assert chosen.validation == share and (chosen.patience is not None) == (share > 0)


@given(ROWS, ROWS)
def test_more_rows_are_penalised_less_and_seen_less_often(one: int, other: int) -> None:
    few, many = (recipe(rows, 5, 1) for rows in sorted((one, other)))
    assert few.l2 >= many.l2 and few.batch_size <= many.batch_size
