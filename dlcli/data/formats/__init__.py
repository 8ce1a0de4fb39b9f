"""File formats: from bytes that are not to be trusted to checked arrays.

Every reader works out from the header how many bytes there must be, compares that with the file
before any memory is allocated, and raises DataError naming the file and what is wrong with it.
"""
