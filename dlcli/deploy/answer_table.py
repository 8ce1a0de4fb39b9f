"""Answers as a table: what `predict` prints, and what stands in files of answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcli.deploy.network import Network
from dlcli.engine.layer import Array
from dlcli.errors import UsageError
from dlcli.frozen import frozen


@frozen
class Shown:
    """Which columns answers have.

    classes, probabilities: of a network that tells classes apart. top: so many classes, the most
        probable first, each with its probability; None: the most probable, and the probability of
        each.
    """

    classes: bool = True
    probabilities: bool = True
    top: int | None = None


EVERYTHING = Shown()


class AnswerTable:
    """Makes lines of answers, as a person wants them; UsageError for what the network has not."""

    def __init__(self, network: Network, shown: Shown = EVERYTHING) -> None:
        self._kind, count = network.loss.kind(network.model.out_shape)
        self._shown = shown
        names = list(network.classes or [])
        tells = self._kind in ("multiclass", "binary")
        if not tells and shown != EVERYTHING:
            raise UsageError(
                "--top, --classes and --proba are for networks that tell classes apart; this one "
                f"answers {'labels' if self._kind == 'multilabel' else 'numbers'}"
            )
        if self._kind == "multiclass":
            # Units without a class; labels that are digits must not be mistaken for their numbers.
            unit = "unit_{}" if names else "{}"
            names += [unit.format(index) for index in range(len(names), count)]
        elif self._kind == "binary":
            names = names if len(names) == 2 else ["0", "1"]
        self._names = names
        if shown.top is not None and not 1 <= shown.top <= len(names):
            raise UsageError(f"--top {shown.top}: the network knows {len(names)} classes")
        self.header = self._header(network) if not tells else self._class_header()

    def _class_header(self) -> list[str]:
        shown = self._shown
        if shown.top is not None:
            pairs = [(f"class_{k}", f"p_{k}") for k in range(1, shown.top + 1)]
            both = [shown.classes, shown.probabilities]
            return [word for pair in pairs for word, on in zip(pair, both, strict=True) if on]
        told = self._names if self._kind == "multiclass" else self._names[1:]
        probabilities = [f"p_{name}" for name in told]
        return [*(["class"] * shown.classes), *(probabilities * shown.probabilities)]

    def _header(self, network: Network) -> list[str]:
        outputs = int(np.prod(network.model.out_shape, dtype=np.int64))
        if outputs == 1:
            return ["value"]
        word, targets = "p" if self._kind == "multilabel" else "value", network.csv.target
        known = isinstance(targets, tuple) and len(targets) == outputs
        names = list(targets or ()) if known else [str(index) for index in range(outputs)]
        return [f"{word}_{name}" for name in names]

    def lines(self, answers: Array) -> list[list[Any]]:
        """One for each row: the class and each class's probability, or values."""
        flat = answers.reshape(len(answers), -1)
        if self._kind not in ("multiclass", "binary"):
            return _numbers(flat)
        shown, names = self._shown, self._names
        if shown.top is not None:
            return self._best(flat, shown.top)
        if self._kind == "multiclass":
            chosen = flat.argmax(axis=1).tolist()
        else:
            chosen = (flat[:, 0] > 0.5).astype(np.int64).tolist()
        classes = [[names[index]] for index in chosen]
        if not shown.probabilities:
            return [list(one) for one in classes]
        values = _numbers(flat)
        if not shown.classes:
            return values
        return [[*one, *row] for one, row in zip(classes, values, strict=True)]

    def _best(self, flat: Array, top: int) -> list[list[Any]]:
        """The most probable classes; of equal ones the first."""
        if self._kind == "binary":
            flat = np.concatenate([np.float32(1.0) - flat, flat], axis=1)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :top]
        values = _numbers(np.take_along_axis(flat, order, axis=1))
        lines = []
        for indices, numbers in zip(order.tolist(), values, strict=True):
            line: list[Any] = []
            for index, number in zip(indices, numbers, strict=True):
                line += [self._names[index]] * self._shown.classes
                line += [number] * self._shown.probabilities
            lines.append(line)
        return lines


def _numbers(flat: Array) -> list[list[float]]:
    """With the fewest digits that tell them apart from all others of their type."""
    return [[float(str(value)) for value in row] for row in flat]


def answer_table(network: Network, answers: Array) -> tuple[Sequence[str], list[list[Any]]]:
    """The header and one line for each row."""
    table = AnswerTable(network)
    return table.header, table.lines(answers)
