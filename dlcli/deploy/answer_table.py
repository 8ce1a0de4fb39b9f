"""Answers as a table: what `predict` prints, and what stands in files of answers."""

from typing import Any

from dlcli.deploy.network import Network
from dlcli.engine.layer import Array


def answer_table(bundle: Network, answers: Array) -> tuple[list[str], list[list[Any]]]:
    """The header and one line for each row: the class and each class's probability, or values."""
    kind, count = bundle.loss.kind(bundle.model.out_shape)
    flat = answers.reshape(len(answers), -1)
    values = [[float(str(value)) for value in row] for row in flat]  # shortest digits of float32
    names = list(bundle.classes or [])
    if kind == "multiclass":
        # Units without a class; labels that are digits must not be mistaken for their numbers.
        unit = "unit_{}" if names else "{}"
        names += [unit.format(index) for index in range(len(names), count)]
        lines = [[names[int(row.argmax())], *v] for row, v in zip(flat, values, strict=True)]
        return ["class", *(f"p_{name}" for name in names)], lines
    if kind == "binary":
        names = names if len(names) == 2 else ["0", "1"]
        lines = [[names[int(row[0] > 0.5)], *v] for row, v in zip(flat, values, strict=True)]
        return ["class", f"p_{names[1]}"], lines
    if flat.shape[1] == 1:
        return ["value"], values
    word, targets = "p" if kind == "multilabel" else "value", bundle.csv.target
    known = isinstance(targets, tuple) and len(targets) == flat.shape[1]
    names = list(targets or ()) if known else [str(index) for index in range(flat.shape[1])]
    return [f"{word}_{name}" for name in names], values
