"""Numbers, names and cuts, as a model card writes them."""

from collections.abc import Sequence

from dlcli.deploy.markdown import code
from dlcli.engine.layer import Shape

MOST_CLASSES = 20
MOST_COLUMNS = 50
MOST_LAYERS = 100
MOST_TEXTS = 10
MOST_EPOCHS = 12
MOST_FINDINGS = 50
"""How many lines a table of these has."""


def number(value: float) -> str:
    """With four significant digits; a whole number of at most nine digits in full.

    >>> number(0.123456), number(12.0), number(123456789.5)
    ('0.1235', '12', '1.235e+08')
    """
    if abs(value) < 1e9 and value == int(value):
        return str(int(value))
    return f"{value:.4g}"


def shape_text(shape: Shape) -> str:
    """Lengths as people write them."""
    return " x ".join(map(str, shape)) or "1"


def names_of(names: Sequence[str], most: int = MOST_TEXTS) -> str:
    """Names in code spans, the first of them where there are many."""
    shown = ", ".join(map(code, names[:most]))
    left = len(names) - most
    return f"{shown} and {left:,} more" if left > 0 else shown


def cut_off(count: int, most: int, what: str, where: str) -> list[str]:
    if count <= most:
        return []
    return ["", f"The first {most} of {count:,} {what} are shown; {where}."]


def largest(support: Sequence[int], most: int = MOST_CLASSES) -> list[int]:
    """The classes with the most rows, in the order of the classes."""
    ranked = sorted(range(len(support)), key=lambda k: (-support[k], k))
    return sorted(ranked[:most])


def left_out(count: int, what: str) -> list[str]:
    if count <= MOST_CLASSES:
        return []
    plural = "labels" if what == "label" else "classes"
    return ["", f"The {MOST_CLASSES} largest of {count:,} {plural} are shown."]
