"""`dlcli validate`: every error of a config at once, every shape, the layer table."""

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcli.cli.options import DataDir, Debug, Json, Overrides, say
from dlcli.cli.outcome import print_json

if TYPE_CHECKING:
    from dlcli.pipeline.validate import LayerRow


def validate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.")],
    overrides: Overrides = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check a config without training: all errors at once, shapes, parameters, FLOPs."""
    from dlcli.cli.configs import load_config

    loaded = load_config(config, overrides or ())

    from dlcli.console import print_table
    from dlcli.pipeline.validate import validate as check

    found = check(loaded, config.absolute().parent, data_dir)
    if json:
        layers = [
            {
                "name": row.name,
                "type": row.type,
                "inputs": list(row.reads),
                "out_shape": list(row.out_shape),
                "parameters": row.parameters,
                "trainable_parameters": row.trainable,
                "frozen": row.frozen,
                "flops": row.flops,
                **({"mask": row.mask} if row.mask else {}),
            }
            for row in found.layers
        ]
        print_json(
            {
                "valid": True,
                "layers": layers,
                "parameters": found.parameters,
                "trainable_parameters": found.trainable,
                "flops": found.flops,
                "not_checked": list(found.unchecked),
                "findings": [finding.to_json() for finding in found.findings],
            }
        )
        return
    if found.layers:
        reads = _reads(found.layers)
        shown = [True, True, any(reads), any(row.mask for row in found.layers)]
        numbers = 2 if any(row.frozen for row in found.layers) else 1
        rows = [
            (
                *compress((row.name, row.type, read, row.mask), shown),
                " x ".join(str(length) for length in row.out_shape),
                *(f"{row.parameters:,}", _trainable(row))[:numbers],
                f"{row.flops:,}",
            )
            for row, read in zip(found.layers, reads, strict=True)
        ]
        sums = (f"{found.parameters:,}", f"{found.trainable:,}")[:numbers]
        total = (*compress(("total", "", "", ""), shown), "", *sums, f"{found.flops:,}")
        columns = compress(("layer", "type", "reads", "mask"), shown)
        counts = ("parameters", "trainable")[:numbers]
        header = (*columns, "output", *counts, "FLOPs a row")
        print_table(loaded.name, header, [*rows, total], sum(shown))
    for text in found.unchecked:
        say(f"not checked: {text}")
    for finding in found.findings:
        say(f"warning: {finding.told()}")
    say(f"{config} is valid")


def _trainable(row: "LayerRow") -> str:
    return "frozen" if row.frozen else f"{row.trainable:,}"


def _reads(rows: Sequence["LayerRow"]) -> list[str]:
    """What each layer reads; nothing where that is what stands above it, as in a chain."""
    found = []
    above = "data"
    for row in rows:
        inputs = [name if name != above else "above" for name in row.reads]
        found.append("" if inputs == ["above"] else ", ".join(inputs))
        above = row.name
    return found
