"""The model card: what a network is, what it learned from, how good it is and what is not known.

A page of Markdown from a plain description. It names no time, host or folder, so the same run has
the same bytes. Its headings are those of Mitchell et al., "Model Cards for Model Reporting"
(FAT* 2019), as far as a program can fill them; where only a person can, the card says so.
"""

from dlcli.deploy.card_data import data, use
from dlcli.deploy.card_described import Card
from dlcli.deploy.card_metrics import metrics
from dlcli.deploy.card_wording import MOST_LAYERS, cut_off, names_of, number, shape_text
from dlcli.deploy.markdown import code, fenced, listed, table
from dlcli.wording import counted


def text_of(card: Card) -> str:
    """The page."""
    sections = [
        [f"# Model card: {code(card.name)}", "", _summary(card)],
        ["## Model details", *_details(card)],
        ["## Intended use", *use(card)],
        ["## Training and evaluation data", *data(card)],
        ["## Metrics", *metrics(card)],
        ["## Ethical considerations", "", _ETHICS],
        ["## Caveats and recommendations", "", *listed(card.limits)],
        ["## Reproducing this model", *_reproducing(card)],
    ]
    return "\n\n".join("\n".join(lines).rstrip() for lines in sections) + "\n"


_ETHICS = (
    "Nothing about people, fairness or harm was examined: a program cannot know what the rows "
    "stand for. Whoever publishes this model writes it here."
)


def _summary(card: Card) -> str:
    trained = counted(card.train_rows, "row")
    told = (
        f"A network of {counted(len(card.layers), 'layer')} and "
        f"{counted(card.parameters, 'parameter')} that {_task(card)}. It learned from {trained}."
    )
    if card.results:
        first = card.results[0]
        scalars = first.scalars
        words = ", ".join(f"{code(name)} {number(value)}" for name, value in scalars.items())
        told += f" On the {counted(first.rows, 'row')} of its {first.role} part: {words}."
    return told


def _task(card: Card) -> str:
    """What it does, as the end of a sentence."""
    of = f" of {names_of(card.targets)}" if card.targets else ""
    if card.rebuilds:
        return "gives its rows back, as autoencoders do"
    if card.kind == "regression":
        many = counted(card.count, "number") if card.count > 1 else "a number"
        return (
            f"predicts {many}: the value{'s' if card.count > 1 else ''}{of}"
            if of
            else (f"predicts {many}")
        )
    if card.kind == "multilabel":
        return f"judges {counted(card.count, 'label')}{of}, each on its own"
    return f"tells {counted(card.count, 'class', 'classes')}{of} apart"


def _details(card: Card) -> list[str]:
    settings = [f"{what}: {code(text, 400)}" for what, text in card.settings.items()]
    kept = f"Kept: the weights of epoch {card.kept} of {card.epochs}, {card.why_kept}"
    rows = [
        (
            code(layer.name),
            code(layer.type),
            ", ".join(map(code, layer.reads)),
            shape_text(layer.shape),
            layer.note,
            f"{layer.parameters:,}",
        )
        for layer in card.layers[:MOST_LAYERS]
    ]
    total = ("total", "", "", "", "", f"{card.parameters:,}")
    header = ("layer", "type", "reads", "output", "", "parameters")
    shown = [
        [
            row[j]
            for j in range(len(header))
            if header[j] or any(layer.note for layer in card.layers)
        ]
        for row in (header, *rows, total)
    ]
    more = cut_off(len(card.layers), MOST_LAYERS, "layers", "`model/model.json` has them all")
    learned = (
        "" if card.trained == card.parameters else f"{card.trained:,} of the parameters learned."
    )
    return [
        "",
        *listed([f"Task: {_task(card)}", *settings, kept, f"Seed: {card.seed}"]),
        "",
        *table(shown[0], shown[1:], 1),
        *(("", learned) if learned else ()),
        *more,
    ]


def _reproducing(card: Card) -> list[str]:
    commands = [
        "dlcli verify RUN      # every file is as it was written",
        "dlcli evaluate RUN    # the metrics above, again",
        "dlcli reproduce RUN   # trains it again and compares every bit",
    ]
    digests = [(code(name), code(digest)) for name, digest in card.digests.items()]
    versions = [*card.versions.items(), ("numerics class", card.numerics_class)]
    return [
        "",
        "With the run directory (`manifest.json` alone is enough for the last one):",
        "",
        *fenced(commands, "sh"),
        "",
        *table(("made with", "version"), [(name, code(value)) for name, value in versions]),
        "",
        *table(("digest of", "SHA-256"), digests),
    ]
