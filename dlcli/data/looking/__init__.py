"""Looking at a file that nobody has described: how it is written, what its columns hold, what
could be learned from it.

    written.py      delimiter, quote, comments, header, decimals: by trying them
    gathering.py    what each column holds, over the whole file, in bounded memory
    moments.py      dates and periods
    concluding.py   the target, the task, which columns are of use
    look.py         the result
    arrays.py       the same for files of arrays

Nothing here decides for a run: what was found is written into a config, where a person sees it.
"""
