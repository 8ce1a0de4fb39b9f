"""Written source as a whole: imports, what comes of dlcli's own functions, and definitions."""

import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from dlcli import __version__
from dlcli.artifacts.digests import Array, digest_bytes
from dlcli.artifacts.tensors import encode_tensors
from dlcli.data.dataset import ONLY
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources.excerpts import excerpt
from dlcli.deploy.sources.rows import Written, gives

WEIGHTS = "model.safetensors"
CONSTANTS = "preprocessing.safetensors"
SOURCE = "model.py"


def document(
    words: str,
    imports: Iterable[str],
    written: Written,
    definitions: Sequence[str],
    main: str,
) -> str:
    """A module that stands alone.

    words: its docstring. imports: lines; those of what is not read are left out. written: what is
    done to rows; its functions of dlcli are taken over. definitions: texts, in their order, those
    of `written` among them. main: what is run.
    """
    taken = excerpt(written.functions)
    text = "\n\n\n".join([_HERE, *definitions, _FUNCTIONS, *taken.pieces, main])
    needed = [line for line in (*imports, *taken.imports) if _is_read(line, text)]
    lines = import_lines(needed)
    return f'"""{words}"""\n\nfrom __future__ import annotations\n\n{lines}\n\n{text.rstrip()}\n'


def _is_read(line: str, text: str) -> bool:
    """Whether what a line imports is read in a text."""
    module, _, name = line.rpartition(" ")
    plain = not module.startswith("from") and " as " not in line
    end = r"\." if plain else r"\b"
    return re.search(rf"\b{re.escape(name)}{end}", text) is not None


_FUNCTIONS = """\
# What the definitions above read: functions of dlcli, as they are there."""

_HERE = "HERE = Path(__file__).resolve().parent"


def import_lines(lines: Iterable[str]) -> str:
    """Imports without repetition: those of Python first, each group in order.

    >>> print(import_lines(["import torch", "from re import sub", "import re", "from re import I"]))
    import re
    from re import I, sub
    <BLANKLINE>
    import torch
    """
    groups: dict[bool, set[str]] = {True: set(), False: set()}
    names: dict[str, set[str]] = {}
    for line in lines:
        module = line.split()[1]
        found = re.fullmatch("from (.*) import (.*)", line)
        if found is not None:
            names.setdefault(module, set()).add(found[2])
        else:
            groups[module.split(".")[0] in sys.stdlib_module_names].add(line)
    for module, some in names.items():
        inside = f"from {module} import {', '.join(sorted(some))}"
        groups[module.split(".")[0] in sys.stdlib_module_names].add(inside)
    return "\n\n".join(
        "\n".join(sorted(group, key=lambda line: (line.startswith("from"), line)))
        for group in (groups[True], groups[False])
        if group
    )


def words(
    bundle: Bundle,
    title: str,
    example: Mapping[str, str],
    files: Mapping[str, Mapping[str, Array]],
) -> str:
    """The docstring of a module: what it is, how it is used, what it takes and gives, what its
    numbers are. Nothing in it comes from a config or from data but numbers and the names of values,
    which are words.

    example: lines of Python, each with what it does. files: the arrays of each file beside it.
    """
    lines = []
    for name, one in bundle.preprocessing.items():
        shape = ", ".join(map(str, ("n", *one.row_shape)))
        which = "" if name == ONLY else f" of {name}"
        lines.append(f"rows{which} ({shape}), {bundle.row_dtypes[name]}")
    digests = [
        f"{name:<27} {digest_bytes(encode_tensors(arrays))}" for name, arrays in files.items()
    ]
    width = max(map(len, example))
    shown = "\n".join(f"{line:<{width}}  # {does}" for line, does in example.items())
    return f"""{title}

{textwrap.indent(shown, "    ")}

takes    {f"{chr(10)}         ".join(lines)}
gives    {gives(bundle)}

Written by dlcli {__version__}. SHA-256 of the arrays that lie beside it:

{textwrap.indent(chr(10).join(digests), "    ")}

Run by Python, it answers the rows of golden.safetensors, and says how far its answers are from
those that were recorded there: at most 1e-5 + 1e-4 of their size.
"""


CHECK = '''\
def check(predict: Callable[[Any], Any]) -> int:
    """Answer the rows of golden.safetensors; 0 where the answers are as recorded there, else 1."""
    golden = safetensors.numpy.load_file(HERE / "golden.safetensors")
    rows = {name[2:]: array for name, array in golden.items() if name.startswith("x.")}
    found, wanted = predict(golden["x"] if "x" in golden else rows), golden["y"]
    largest, near = apart(np.asarray(found), wanted)
    said = "as they were recorded" if near else "NOT as they were recorded"
    print(f"{len(wanted)} rows: answers are {said}, largest difference {largest:g}")
    return 0 if near else 1'''

IMPORTS = (
    "import safetensors.numpy",
    "import sys",
    "from collections.abc import Callable",
    "from collections.abc import Mapping",
    "from collections.abc import Sequence",
    "from functools import cache",
    "from pathlib import Path",
    "from typing import Any",
    "import numpy as np",
)
"""What definitions that all modules share need of others."""
