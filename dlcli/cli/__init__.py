"""The command line: each module parses the words of one command family and calls the pipeline.

Nothing here imports NumPy at the top, so `--help` and `schema` are instant; heavy imports
happen inside the command that needs them, after the numerics have been chosen.
"""
