"""The results as tables of at most 100 columns, and as JSON."""

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks import cases
from tests.benchmarks.ours import processors
from tests.benchmarks.race import BUSY, Result
from tests.benchmarks.verdicts import Verdict, fractions

WIDTH = 100


def machine(peers: dict[str, str], rows: str, rounds: int) -> dict[str, Any]:
    """What the numbers were measured on and with."""
    return {
        "processor": _processor(),
        "processors": processors(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "dlcli": importlib.metadata.version("dlcli") if _installed("dlcli") else "from the tree",
        "peers": peers,
        "rows": rows,
        "rounds": rounds,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")


def show(about: dict[str, Any], results: Sequence[Result], verdicts: Sequence[Verdict]) -> None:
    """Print everything on stdout."""
    console = Console(width=WIDTH, highlight=False)
    peers = ", ".join(f"{name} {version}" for name, version in about["peers"].items()) or "none"
    load = "" if about["load"] is None else f", load at the start {about['load']:.1f}"
    console.print(
        f"{about['processor']}, {about['processors']} processors{load}; {about['system']}, "
        f"Python {about['python']}, NumPy {about['numpy']}. Peers: {peers}. "
        f"Images: {about['rows']}. {about['rounds']} rounds, in turn; median, min-max."
    )
    console.print(_participants(results))
    console.print(_verdicts(verdicts))
    console.print(
        "sgemm: 512x512 products on every processor at once under dlcli's pins. GFLOP/s count "
        "products as direct ones, forward three times less the first layer's dx; Winograd "
        "convolutions execute fewer, so this is an effective rate. Memory: the peak of all "
        "processes of a job, proportional set sizes."
    )

    others = [
        taken for result in results for turns in result.turns.values() for taken in turns.others
    ]
    if others:
        disturbed = sum(taken > BUSY for taken in others)
        console.print(
            f"Other processes kept {statistics.median(others):.2f} processors busy (median of all "
            f"jobs; at most {max(others):.2f}; above {BUSY:g} in {disturbed} of {len(others)} "
            "jobs): the ratios are as good as these numbers are small."
        )


def _participants(results: Sequence[Result]) -> Table:
    """Everybody's own numbers."""
    table = Table(title="Everybody", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("job", min_width=16)
    table.add_column("who", min_width=18)
    for title in ("median", "min-max", "GFLOP/s", "of sgemm", "MB"):
        table.add_column(title, justify="right", no_wrap=True)
    for result in results:
        case = cases.BY_NAME.get(result.name)
        title = result.title
        for who, turns in result.turns.items():
            peak = f"{statistics.median(turns.peaks) / 1e6:,.0f}" if turns.peaks else ""
            if turns.absent:
                table.add_row(title, f"{who}: {turns.absent}", *[""] * 5)
            elif who.startswith("products"):
                speed = f"{statistics.median(turns.rates) / 1e9:,.0f}"
                table.add_row(title, f"sgemm{who.removeprefix('products')}", "", "", speed, "", "")
            elif case is None:
                table.add_row(title, who, *_spread(turns.seconds, ",.3f", " s"), "", "", peak)
            elif case.task == "infer":
                table.add_row(title, who, *_spread(turns.rates, ",.0f", "/s"), "", "", peak)
            else:
                flops = statistics.median(turns.rates) * case.network.training_flops
                part = fractions(case, result, who)
                shown = _short(statistics.median(part)) if part else ""
                rates = _spread(turns.rates, ",.0f", "/s")
                table.add_row(title, who, *rates, _short(flops / 1e9), shown, peak)
            title = ""
        table.add_section()
    return table


def _short(value: float) -> str:
    """Whole numbers where there are two figures, else two places."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _spread(values: Sequence[float], form: str, unit: str) -> tuple[str, str]:
    middle = f"{statistics.median(values):{form}}{unit}"
    return middle, f"{min(values):{form}}-{max(values):{form}}"


def _verdicts(verdicts: Sequence[Verdict]) -> Table:
    """Ratios beside their targets."""
    table = Table(title="Ratios", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", min_width=24)
    for title in ("reached", "min-max", "target", "stretch"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("met", justify="center")
    table.add_column("note")
    for verdict in verdicts:
        sign = "<= " if verdict.less else ""
        target, stretch = (
            "" if bound is None else f"{sign}{bound:g}"
            for bound in (verdict.target, verdict.stretch)
        )
        middle = "-" if verdict.median is None else f"{verdict.median:.2f}"
        spread = f"{min(verdict.values):.2f}-{max(verdict.values):.2f}" if verdict.values else ""
        met = {True: "yes", False: "no", None: ""}[verdict.met]
        table.add_row(verdict.title, middle, spread, target, stretch, met, verdict.note)
    return table


def write(
    path: Path, about: dict[str, Any], results: Sequence[Result], verdicts: Sequence[Verdict]
) -> None:
    """Write everything as JSON."""
    document = {
        "machine": about,
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "results": [result.to_json() for result in results],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
