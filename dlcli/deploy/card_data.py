"""What a model card says of the data: what goes in, what comes out, what was learned from."""

from dlcli.deploy.card_described import Card, ValueLine
from dlcli.deploy.card_wording import (
    MOST_CLASSES,
    MOST_COLUMNS,
    MOST_FINDINGS,
    cut_off,
    largest,
    left_out,
    names_of,
    number,
    shape_text,
)
from dlcli.deploy.markdown import code, listed, prose, table
from dlcli.wording import counted


def use(card: Card) -> list[str]:
    lines = ["", "### Input", ""]
    if card.columns:
        lines += _columns(card)
    else:
        lines += listed([_value(value, card) for value in card.values])
    if card.preparation:
        prepared = [
            f"{code(name)}: {code(steps, 400)}" if name else code(steps, 400)
            for name, steps in card.preparation
        ]
        lines += ["", "What is done to a row before the network, fitted on the training part:", ""]
        lines += listed(prepared)
    return [*lines, "", "### Answers", "", *_answers(card)]


def _columns(card: Card) -> list[str]:
    shown = card.columns[:MOST_COLUMNS]
    told = [any(one.gaps for one in shown), any(one.unknown for one in shown)]
    rows = []
    for one in shown:
        texts = one.texts
        seen = "" if one.seen is None else f"{one.seen[0]} to {one.seen[1]}"
        if texts is not None:
            seen = names_of(texts)
        cells = [code(one.name), one.kind, seen, *([f"{one.gaps:,}"] if told[0] else [])]
        rows.append([*cells, one.missing, *([one.unknown] if told[1] else [])])
    header = ["column", "holds", "seen in training", *(["missing in training"] if told[0] else [])]
    header += ["a missing cell", *(["an unknown category"] if told[1] else [])]
    more = cut_off(
        len(card.columns), MOST_COLUMNS, "columns", "`model/preprocessing.json` has them all"
    )
    return [
        f"A row of {counted(len(card.columns), 'column')}, by name:",
        "",
        *table(header, rows),
        *more,
        *_looked(card),
    ]


def _looked(card: Card) -> list[str]:
    if card.looked_at >= card.train_rows:
        return []
    return [
        "",
        f"What was seen in training is what the first {card.looked_at:,} of {card.train_rows:,} "
        "training rows hold.",
    ]


def _value(value: ValueLine, card: Card) -> str:
    what = {0: "a number", 1: "numbers", 2: "a grid"}.get(len(value.shape), "an image")
    if len(value.shape) == 3:
        what = "an image (height x width x channels)"
    name = f"{code(value.name)}: " if value.name else ""
    of = "" if card.looked_at >= card.train_rows else f" in the first {card.looked_at:,} rows"
    noun = "pixels" if len(value.shape) == 3 else "numbers"
    return (
        f"{name}{what} of shape {shape_text(value.shape)}, stored as `{value.dtype}`; {noun} were "
        f"{number(value.low)} to {number(value.high)} in training{of}"
    )


def _answers(card: Card) -> list[str]:
    if card.rebuilds:
        return ["The row as the network gives it back, after the transforms above."]
    if card.kind == "regression":
        of = names_of(card.targets) if card.targets else "the target"
        told = f"The value of {of}, in the units of the data."
        if card.scaled:
            told += " The network learned a transformed target; answers are transformed back."
        return [told, *(["", *_spreads(card)] if card.spreads else [])]
    names = names_of(card.classes, MOST_CLASSES)
    if card.kind == "multilabel":
        return [f"For each label its probability; above 0.5 it holds. The labels: {names}."]
    told = "The class, and the probability of each; the most probable one is the answer."
    if card.kind == "binary":
        told = (
            f"The class, and the probability of {code(card.classes[1])}; above 0.5 that is the "
            "answer."
        )
    return [f"{told} The classes: {names}."]


def _spreads(card: Card) -> list[str]:
    rows = [(code(name), *map(number, three)) for name, *three in card.spreads[:MOST_CLASSES]]
    header = ("target, in the training part", "lowest", "median", "highest")
    more = cut_off(len(card.spreads), MOST_CLASSES, "targets", "the others were learned alike")
    return [*table(header, rows, 3), *more]


def data(card: Card) -> list[str]:
    total = sum(part.rows for part in card.parts)
    rows = [
        (part.role, part.origin, f"{part.rows:,}", f"{100 * part.rows / total:.1f} %")
        for part in card.parts
    ]
    lines = ["", f"Source: {code(card.source, 400)}", "", card.cut, ""]
    lines += table(("part", "rows are", "rows", "share"), rows, 2)
    if card.weighs:
        lines += ["", "Rows have weights, by which they count in the loss."]
    if card.classes and card.counts:
        lines += ["", *_classes(card)]
    lines += ["", "### What the audit found", ""]
    if not card.findings:
        return [*lines, "Nothing." if card.audited else "It was off (`data.audit`)."]
    found = [f"{code(kind)}: {prose(text)}" for kind, text in card.findings[:MOST_FINDINGS]]
    more = cut_off(len(card.findings), MOST_FINDINGS, "findings", "training told the others")
    return [*lines, *listed(found), *more]


def _classes(card: Card) -> list[str]:
    chosen = largest(card.counts["train"])
    roles = [part.role for part in card.parts]
    what = "label" if card.kind == "multilabel" else "class"
    rows = [
        (code(card.classes[k]), *(f"{card.counts[role][k]:,}" for role in roles)) for k in chosen
    ]
    return [*table((what, *roles), rows, len(roles)), *left_out(len(card.classes), what)]
