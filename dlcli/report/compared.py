"""Several runs side by side, as HTML: each a line, and only what is not alike in all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.deploy.card_wording import number
from dlcli.report.curves import key_of
from dlcli.report.described import RunPage
from dlcli.report.markup import code, escaped, paragraph, table

_MOST_DIFFERENCES = 200
_MISSING = object()
_MOST_ACROSS = 6
_ALWAYS_OTHERS = ("started", "finished", "command")
"""Of the environment: they say nothing about why runs differ."""


def legend(runs: Sequence[RunPage]) -> str:
    """Which line is which run."""
    items = "\n".join(
        f"<li>{key_of(place, f'{place + 1}. {escaped(run.label, 80)}')}</li>"
        for place, run in enumerate(runs)
    )
    told = paragraph('<span class="soft">Large points: the best epoch of each run.</span>')
    return f'<ul class="runs">\n{items}\n</ul>\n{told}'


def metrics(runs: Sequence[RunPage]) -> str:
    """Epochs, the best of them, and the metrics of every part that are not alike."""
    found = [_metrics_of(run) for run in runs]
    return _differences(runs, found, numbers=True) or _alike("metric")


def _metrics_of(run: RunPage) -> dict[str, str]:
    told = {
        "epochs": f"{run.epochs:,}",
        "best epoch": f"{run.best:,}",
        f"best {run.monitor}": number(run.value),
        "kept epoch": f"{run.kept_epoch:,}" if run.kept_epoch else "–",
    }
    for part in run.parts:
        told |= {f"{part.role} {name}": number(value) for name, value in part.scalars.items()}
    return told


def settings(runs: Sequence[RunPage]) -> str:
    """The values of the config."""
    return _differences(runs, [_shown(run.settings) for run in runs]) or _alike("setting")


def data(runs: Sequence[RunPage]) -> str:
    """The digests of the data."""
    found = [{name: digest[:12] for name, digest in run.data.items()} for run in runs]
    # Shortened only where that does not hide a difference.
    full = [dict(run.data) for run in runs]
    same = len({tuple(sorted(one.items())) for one in found}) == len(
        {tuple(sorted(one.items())) for one in full}
    )
    return _differences(runs, found if same else full) or _alike("digest")


def environment(runs: Sequence[RunPage]) -> str:
    """What may differ between runs of the same bits, and what their bits depend on."""
    found = [
        {what: value for what, value in run.environment.items() if what not in _ALWAYS_OTHERS}
        for run in runs
    ]
    return _differences(runs, found) or _alike("word")


def _alike(what: str) -> str:
    return paragraph(f"Nothing: every {what} is the same.")


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    words = {True: "true", False: "false", None: "null"}
    return {
        key: words[value] if value is None or isinstance(value, bool) else str(value)
        for key, value in values.items()
    }


def _differences(
    runs: Sequence[RunPage], found: Sequence[Mapping[str, str]], numbers: bool = False
) -> str:
    """Runs, and the keys that do not have the same value everywhere: a line a run, or a line a key
    where there are too many to stand beside each other."""
    keys = dict.fromkeys(key for one in found for key in one)
    differ = [key for key in keys if len({one.get(key, _MISSING) for one in found}) > 1]
    if not differ:
        return ""
    shown = differ[:_MOST_DIFFERENCES]
    lines = [["run", *(code(key, 120) for key in shown)]]
    for place, (run, one) in enumerate(zip(runs, found, strict=True), 1):
        cells = (escaped(one[key], 120) if key in one else "–" for key in shown)
        lines.append([f"{place}. {escaped(run.label, 80)}", *cells])
    if len(shown) > max(len(runs), _MOST_ACROSS):
        lines = [list(line) for line in zip(*lines, strict=True)]
    more = ""
    if len(differ) > len(shown):
        more = paragraph(f"The first {len(shown)} of {len(differ):,} differences are shown.")
    header, *rows = lines
    return table(header, rows, len(header) - 1 if numbers else 0, kind="level") + more
