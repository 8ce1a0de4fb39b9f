"""The page of a run, and that of several side by side."""

from collections.abc import Sequence

from dlcli.deploy.card_wording import MOST_FINDINGS, number
from dlcli.report import anatomy, cardtext, compared, epochs, judged, worst
from dlcli.report.curves import chart
from dlcli.report.described import RunPage
from dlcli.report.epochs import EpochChart
from dlcli.report.markup import code, escaped, paragraph, section, table
from dlcli.report.style import style_sheet
from dlcli.wording import counted

MARK = "<!DOCTYPE html>\n<!-- a report of dlcli -->\n"
"""How every page begins, by which it is known again."""

_MOST_POINTS = 30_000
"""Points with a title of their own; of more epochs than that, only every so many have one."""


def text_of(runs: Sequence[RunPage]) -> str:
    """The page of one run, or of several in this order."""
    body = _one(runs[0]) if len(runs) == 1 else _several(runs)
    title = escaped(runs[0].label if len(runs) == 1 else f"{len(runs)} runs", 200)
    return (
        f'{MARK}<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{title}</title>\n<style>\n{style_sheet()}</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _one(run: RunPage) -> str:
    own = cardtext.sections(run.card or "")
    parts = [of(run, part) for part in run.parts for of in (judged.of_classes, judged.of_answers)]
    reproducing = own.get("Reproducing this model", "")
    return "\n".join(
        text
        for text in [
            f"<header>\n<h1>{escaped(run.label)}</h1>",
            _unfinished(run),
            f"{_facts(run)}\n</header>",
            section("Curves", _drawn(epochs.of_run(run))),
            section("Metrics", judged.metrics(run), *parts),
            section("Worst rows", worst.rows(run.worst)),
            section("Network", anatomy.layers(run), anatomy.filters(run.filters)),
            section("Time", _times(run)),
            section("Data", _data(run, own)),
            section("What is fed in, what comes out", _card(own, "Intended use")),
            section("Caveats", _card(own, "Caveats and recommendations")),
            section("Config", f"<pre>{escaped(run.config)}</pre>"),
            section("Environment", _pairs(run.environment, "what", "value")),
            section("Reproducing", cardtext.html_of(reproducing) or _digests(run)),
        ]
        if text
    )


def _several(runs: Sequence[RunPage]) -> str:
    head = [f"<header>\n<h1>{len(runs)} runs side by side</h1>"]
    head += [
        paragraph(f'<span class="warn">{escaped(run.label)} is not finished.</span>')
        for run in runs
        if not run.done
    ]
    return "\n".join(
        text
        for text in [
            *head,
            f"{compared.legend(runs)}\n</header>",
            section("Metrics", compared.metrics(runs)),
            section("Curves", _drawn(epochs.of_runs(runs))),
            section("What differs in the config", compared.settings(runs)),
            section("What differs in the data", compared.data(runs)),
            section("What differs in the environment", compared.environment(runs)),
        ]
        if text
    )


def _unfinished(run: RunPage) -> str:
    if run.done:
        return ""
    told = (
        f"This run is not finished: it has {counted(run.epochs, 'epoch')} so far, and no weights "
        "were chosen or evaluated."
    )
    return paragraph(f'<span class="warn">{told}</span>')


def _facts(run: RunPage) -> str:
    """The numbers that people look for first."""
    facts = [("epochs", f"{run.epochs:,}"), (f"best epoch, by {run.monitor}", f"{run.best:,}")]
    facts.append((f"{run.monitor} of epoch {run.best:,}", number(run.value)))
    if run.layers:
        facts += [("parameters", f"{run.parameters:,}"), ("FLOPs of a row", f"{run.flops:,}")]
    for part in run.parts[:1]:
        # Those of the kept weights, which may be others than the best.
        of = f" of epoch {run.kept_epoch:,}" if run.kept_epoch != run.best else ""
        facts += [(f"{part.role} {name}{of}", number(v)) for name, v in part.scalars.items()]
    facts.append(("seed", str(run.seed)))
    items = "\n".join(
        f"<li><b>{escaped(value, 40)}</b><span>{escaped(what, 60)}</span></li>"
        for what, value in facts
    )
    kept = paragraph(escaped(run.kept)) if run.kept else ""
    return f'<ul class="facts">\n{items}\n</ul>{kept}'


def _stride(points: int) -> int:
    return max(1, -(-points // _MOST_POINTS))


def _told_of(stride: int) -> str:
    if stride == 1:
        return ""
    return paragraph(
        f'<span class="soft">Lines go through all epochs; every {stride}th has a point that tells '
        "its value.</span>"
    )


def _drawn(charts: Sequence[EpochChart]) -> str:
    stride = _stride(sum(len(curve.values) for one in charts for curve in one.curves))
    figures = [
        chart(
            one.title if one.name is None else code(one.title),
            one.curves,
            one.places,
            stride,
            linear=one.linear,
        )
        for one in charts
    ]
    inner = "\n".join(text for text in figures if text)
    return f'{_told_of(stride)}<div class="tiles">\n{inner}\n</div>' if inner else ""


def _times(run: RunPage) -> str:
    if not run.timings:
        return ""
    rows = []
    for timing in run.timings:
        speed = ""
        if timing.rows and timing.seconds > 0:
            speed = f"{timing.rows / timing.seconds:,.0f}"
        counted = "" if timing.rows is None else f"{timing.rows:,}"
        rows.append([escaped(timing.stage), f"{timing.seconds:,.2f}", counted, speed])
    return table(("stage", "seconds", "rows", "rows per second"), rows, 3)


def _card(own: dict[str, str], title: str) -> str:
    return cardtext.html_of(own.get(title, ""))


def _data(run: RunPage, own: dict[str, str]) -> str:
    """As the model card tells it; without one, what is known before the end."""
    told = _card(own, "Training and evaluation data")
    if told:
        return told
    parts = [_digests(run)]
    if run.findings:
        items = "".join(
            f"<li>{code(kind)}: {escaped(text, 1000)}</li>"
            for kind, text in run.findings[:MOST_FINDINGS]
        )
        parts.append(f"<h3>What the audit found</h3>\n<ul>{items}</ul>")
    return "\n".join(part for part in parts if part)


def _digests(run: RunPage) -> str:
    return _pairs(run.data, "data", "SHA-256")


def _pairs(pairs: object, what: str, value: str) -> str:
    assert isinstance(pairs, dict)
    if not pairs:
        return ""
    rows = [[escaped(name, 80), code(text, 400)] for name, text in pairs.items()]
    return table((what, value), rows)
