"""What a person sees: stages, live tables, bars, curves, results. No time is said to be left
before there is evidence for it.

words, sparks, pace     numbers, times and names; pictures of one line; how long it still takes
bars                    bars of long work that is no training
live, reporter          a training while it goes on
results                 tables of what was found
curves                  the curves of a run that another process trains
"""

from dlcli.console.bars import Bar, show
from dlcli.console.curves import Curves
from dlcli.console.pace import Pace
from dlcli.console.reporter import ConsoleReporter
from dlcli.console.results import print_table
from dlcli.console.words import number

__all__ = ["Bar", "ConsoleReporter", "Curves", "Pace", "number", "print_table", "show"]
