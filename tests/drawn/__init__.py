"""Configs drawn from the whole vocabulary, each a small training, and the laws all of them keep.

    dice        chance that is the same everywhere
    options     values of a field from what its annotation says
    data        sources and their files; splits, transforms     (one table per family)
    network     layers that fit the rows and the target         (one table per family)
    drawing     `draw(seed)`: all of it together
    words       which words, options and kinds of value a config uses, and which there are
    laws        stop anywhere and resume, any number of workers, reproduce, evaluate

`python -m tests.drawn SEED` tries one seed, `python -m tests.drawn --from 0 --count 2000` many.
A word of the vocabulary joins by itself where its annotation says enough, and fails a test of
`test_words.py` where it does not: then one of the tables has to learn it.
"""
