"""The program of a bundle: what lets it answer where there is Python and NumPy, but no dlcli."""
