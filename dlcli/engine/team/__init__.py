"""Workers, as processes or threads. Results never depend on which, or on how many."""

import os
import threading

from dlcli.engine.team.base import Alone, Phases, Task, Team
from dlcli.engine.team.processes import Processes, WorkerLost
from dlcli.engine.team.threads import Threads

__all__ = ["Alone", "Phases", "Processes", "Task", "Team", "Threads", "WorkerLost", "team"]


def team(phases: Phases, workers: int) -> Team:
    """A team of that many workers: processes where the system can fork one safely.

    Forking copies the calling thread only, so a process with several threads (a notebook, a
    test runner) gets threads instead.
    """
    if workers <= 1:
        return Alone(phases)
    if hasattr(os, "fork") and threading.active_count() == 1:
        return Processes(phases, workers)
    return Threads(phases, workers)
