"""The same arithmetic in Keras: run by `pytest -m parity`, which needs `keras` and `torch` (CPU).

twins.py says which component of Keras does the same and which options are drawn. A word of the
vocabulary that has no row there fails a test, and one that Keras has not is in BY_HAND.
"""
