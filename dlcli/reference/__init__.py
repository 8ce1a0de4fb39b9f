"""What every word of the config language means: for editors, for `list` and `explain`, for people.

docstrings   a docstring taken apart: prose, and a line for each option
working      the docstrings of the classes that do the work, without importing them
words        every word, every section, and what is said of their options
often        what options mean that many words have
schema       the JSON Schema with all of this in it
values       what an option may be, in plain words; how a component is written
page         a word explained, and the page of all words

An author of a new word writes nothing here: it is described by the docstring of its class in
`dlcli/config/`, or, where that has none, of the class that does the work; and so are its options,
by a line `name: words.` in either of them.
"""
