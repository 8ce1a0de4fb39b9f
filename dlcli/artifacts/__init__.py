"""The run directory: every file of a run, written and read in one place.

`files` writes (atomically and durably), `reading` and `tensors` read under bounds, `digests` say
what a file, an array or a document is. On these four stand `run_directory` (names, claiming,
lock), `checkpoints`, `manifest` with `verification`, `history`, and `weights`.
"""
