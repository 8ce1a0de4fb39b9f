"""A team of workers for a job of the pipeline; what ends it from outside becomes a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from dlcli.engine.team import Phases, Team, WorkerLost, team
from dlcli.errors import StorageError


@contextmanager
def workers_for(phases: Phases, workers: int, then: str = "try again") -> Iterator[Team]:
    """That many workers, or as many as the system gives.

    StorageError where one of them is lost or memory ends; `then` says what to do about the run.
    """
    try:
        with team(phases, workers) as members:
            yield members
    except (WorkerLost, MemoryError) as error:
        if isinstance(error, WorkerLost) and not error.lacked_memory:
            raise StorageError(
                f"{error}. Check the data files and the disk; with --workers 1 the details show; "
                f"{then}"
            ) from None
        what = str(error) if isinstance(error, WorkerLost) else "there is not enough memory"
        raise StorageError(
            f"{what}. Use fewer --workers, a smaller model or training.batch_size, or give "
            f"features as an uncompressed .npy file, which is read in place; {then}"
        ) from None
