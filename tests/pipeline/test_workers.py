"""A worker that is lost, and memory that ends: what whoever looks on is told, and what to do."""

import pytest

from dlcli.engine.team import WorkerLost
from dlcli.errors import StorageError
from dlcli.pipeline.workers import workers_for

LESS = (
    "Use fewer --workers, a smaller model or training.batch_size, or give features as an "
    "uncompressed .npy file, which is read in place"
)
LOOK = "Check the data files and the disk; with --workers 1 the details show"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WorkerLost("it was ended", lacked_memory=True), f"it was ended. {LESS}"),
        (WorkerLost("it was ended", lacked_memory=False), f"it was ended. {LOOK}"),
        (MemoryError(), f"there is not enough memory. {LESS}"),
        (MemoryError("Unable to allocate 9 EiB"), f"there is not enough memory. {LESS}"),
    ],
)
@pytest.mark.parametrize("then", ["try again", "go on with `dlcli train --resume runs/a`"])
def test_what_ends_a_team_becomes_a_sentence(error: Exception, words: str, then: str) -> None:
    given = [then] if then != "try again" else []
    with pytest.raises(StorageError) as caught, workers_for({}, 1, *given):
        raise error
    assert str(caught.value) == f"{words}; {then}"


@pytest.mark.parametrize("error", [ValueError("a mistake"), RuntimeError("another")])
def test_any_other_error_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, workers_for({}, 1):
        raise error
    assert caught.value is error


def test_the_team_has_the_workers_that_were_asked_for_and_does_the_work() -> None:
    done: list[int] = []
    for workers in (1, 2):
        with workers_for({"note": lambda worker, number: done.append(number)}, workers) as team:
            assert team.workers == workers
            if workers == 1:
                team.run("note", 3)
    assert done == [0, 1, 2]
