"""Known data sets: what their files are, and how these come into the data dir.

known.py     the registry: files, addresses, sizes, digests, and where each is published
files.py     which of them are in the data dir, and whether they are what they should be
fetching.py  those that are absent, fetched: one file after the other, checked, put in place
transfer.py  one file over HTTP: resumed, bounded, tried again
storing.py   all writing below the data dir: parts, locks, pins, decoded arrays
decoded.py   archives that are decoded once, and mapped from then on
"""
