"""The command line: each module parses the words of one command family and calls the pipeline.

Nothing here imports NumPy at the top, so `--help` and `schema` are instant; heavy imports
happen inside the command that needs them, after the numerics have been chosen.

A command is a function whose docstring is its help and whose parameters are its arguments and
options; `json: Json` and `debug: Debug` (options.py) belong to each. It prints its result on stdout
(one JSON document with `--json`, see outcome.py), says everything else by `say`, and lets a
DlcliError fly: main.py makes a sentence and an exit code of it.
"""
