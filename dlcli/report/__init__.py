"""The page of a run, or of several side by side: HTML and SVG from plain descriptions.

A page is one file: no script, no request, no font of its own. Nothing here reads or writes a file,
and no word of a page is about the moment in which it is made.
"""
