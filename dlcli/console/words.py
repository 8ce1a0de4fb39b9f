"""Numbers, times and names as they are written on a terminal, and the console they go to."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dlcli.printable import printable

UNLIMITED = 10_000


def number(value: float) -> str:
    """A metric for people: four decimals, or four digits where that would say nothing.

    >>> number(0.98765), number(0.00001234), number(12345.678)
    ('0.9877', '1.234e-05', '1.235e+04')
    """
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.4f}"
    return f"{value:.4g}" if 1000 <= abs(value) < 10_000 else f"{value:.3e}"


def told(values: Mapping[str, Any]) -> dict[str, float]:
    """The loss and the first metric, of training and of validation; the rest is in the files.

    >>> told({"loss": 0.5, "accuracy": 0.9, "f1": 0.8, "val_loss": 0.6, "val_accuracy": 0.7})
    {'loss': 0.5, 'accuracy': 0.9, 'val_loss': 0.6, 'val_accuracy': 0.7}
    """
    numbers = {name: value for name, value in values.items() if isinstance(value, float)}
    training = [name for name in numbers if not name.startswith("val_")]
    validation = [name for name in numbers if name.startswith("val_")]
    shown = training[: 1 + ("loss" in numbers)] + validation[:2]
    return {name: numbers[name] for name in shown}


def pairs(values: Mapping[str, Any]) -> str:
    """What is told of an epoch, in one line."""
    return "  ".join(f"{name} {number(value)}" for name, value in told(values).items())


def on_one_line(text: str) -> str:
    """The text as it can be printed within a line.

    >>> on_one_line("val\\nloss\\x07")
    'val\\\\nloss\\\\x07'
    """
    return printable(text).replace("\n", "\\n")


def class_name(classes: Sequence[str] | None, index: int) -> str:
    known = classes is not None and index < len(classes)
    return printable(classes[index]) if classes is not None and known else str(index)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss.

    >>> clock(7.4), clock(75), clock(3700)
    ('0:07', '1:15', '1:01:40')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    clock = f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else clock


def console_on(*, stderr: bool) -> Console:
    """A console on a stream as it is now; a pipe has no width, so nothing is cut off there."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=UNLIMITED)


def can_draw(console: Console) -> bool:
    """Whether lines can be drawn again: on a terminal that knows how to move. Colours may be
    forced upon a pipe, but a pipe has no lines to go back to."""
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()
