"""Benchmarks: dlcli beside its peers, in turn, in the same minutes. Run by hand, never by pytest.

    python -m tests.benchmarks --peers torch,keras,sklearn     the table of the README
    python -m tests.benchmarks.profile                         where the time of a step goes
    python -m tests.benchmarks.scale                           memory, rows, CSV

Machines are shared and drift, so only ratios of runs that took turns are quoted (A B A B,
medians), and the machine's own rate of matrix products, measured in the same run, travels between
machines. `--peer-python` names the interpreter that has the peers, if it is not this one. NOTES.md
says what was tried and what each attempt gave.

    cases       what is measured, against whom, with which target
    job         one measurement, in a process of its own
    ours, torch_peer, keras_peer, sklearn_peer, products        who is measured in it
    whole_keras the script that a Keras user would run in place of `dlcli train`
    data        the rows that everybody gets
    watching    running a command, its time and its memory
    race        the turns; verdicts what they mean; report how it is shown
"""
