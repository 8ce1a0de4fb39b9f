"""Folders of picture files, decoded once.

listing.py    which files there are, and of which class each is
decoding.py   the pixels of one file, by Pillow (extra `images`)
cache.py      the pixels of all, in a file that is mapped into memory
"""
