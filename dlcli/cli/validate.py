"""`dlcli validate`: every error of a config at once, every shape, the layer table."""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dlcli.cli.annotations import Annotation, limited, of_error
from dlcli.cli.options import DataDir, Debug, Json, Overrides, default_workers, say
from dlcli.cli.outcome import complain, print_json
from dlcli.errors import ConfigError, DlcliError, UsageError

if TYPE_CHECKING:
    from dlcli.config import LoadedConfig
    from dlcli.pipeline.validate import LayerRow, Validated

_NotValid = tuple[Path, DlcliError]


def validate(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="YAML files, one or more.")
    ],
    overrides: Overrides = None,
    format: Annotated[
        Literal["text", "json", "github"] | None,
        typer.Option(
            "--format",
            help="text, json (as --json), or github: annotations of a pull request. Default: text.",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check configs without training; show shapes and FLOPs.

    All errors of all files are told at once. Exit 2 if a config is wrong; 3 if only data is.
    """
    if json and format not in (None, "json"):
        raise UsageError(f"--json and --format {format}: give one of them")
    form = "json" if json else format or "text"
    if len(configs) == 1 and form != "github":
        found, loaded = _check(configs[0], overrides or (), data_dir)
        if form == "json":
            print_json(_document(found))
        else:
            _show(loaded.name, found)
            if found.memory is not None:
                _fold(found.memory.told(default_workers()))
            _tell(configs[0], found)
        return
    _check_all(configs, overrides or (), data_dir, form)


def _check(
    config: Path, overrides: Sequence[str], data_dir: Path | None
) -> "tuple[Validated, LoadedConfig]":
    from dlcli.cli.configs import load_config

    loaded = load_config(config, overrides)

    from dlcli.pipeline.validate import validate as check  # with NumPy, which errors do not need

    return check(loaded, config.absolute().parent, data_dir), loaded


def _check_all(
    configs: Sequence[Path], overrides: Sequence[str], data_dir: Path | None, form: str
) -> None:
    """Check each, whatever is wrong with the others; the error of all of them comes last."""
    told: list[dict[str, Any]] = []
    annotations: list[Annotation] = []
    wrong: list[_NotValid] = []
    for config in configs:
        try:
            found, _ = _check(config, overrides, data_dir)
        except DlcliError as error:
            wrong.append((config, error))
            told.append({"config": str(config), "valid": False, "error": error.to_json()})
            annotations += of_error(error, config)
            if form == "text":
                complain(str(error))
            continue
        told.append({"config": str(config), **_document(found)})
        annotations += [
            Annotation("warning", str(config), "config warning", finding.told())
            for finding in found.findings
        ]
        if form == "text":
            _tell(config, found, found.told())
    if form == "github":
        command = shlex.join(["dlcli", "validate", *map(str, configs)])
        for annotation in limited(annotations, command):
            print(annotation)
    document = {"valid": not wrong, "configs": told}
    if wrong:
        raise _of_all(wrong, len(configs), document)
    if form == "json":
        print_json(document)
    elif form == "github":
        print(f"{_counted(len(configs))} valid")


def _of_all(wrong: Sequence[_NotValid], count: int, document: Mapping[str, Any]) -> DlcliError:
    """The error that ends the command: of the kind with the smallest exit code, so that a mistake
    in a config counts more than data that is wrong.

    It names no file, because names are quoted where they cannot be taken for a workflow command.
    """
    kind = type(min((error for _, error in wrong), key=lambda error: error.exit_code))
    of = "the config is" if count == 1 else f"{len(wrong)} of {_counted(count)}"
    words = f"{of} not valid"
    problems = [one for _, error in wrong for one in error.details.get("problems", ())]
    error = ConfigError(words, problems=problems) if kind is ConfigError else kind(words)
    error.result = document
    return error


def _counted(count: int) -> str:
    return "1 config is" if count == 1 else f"{count} configs are"


def _document(found: "Validated") -> dict[str, Any]:
    """What is known of a config that is valid, for programs."""
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
    return {
        "valid": True,
        "layers": layers,
        "parameters": found.parameters,
        "trainable_parameters": found.trainable,
        "flops": found.flops,
        "memory": None if found.memory is None else found.memory.to_json(default_workers()),
        "not_checked": list(found.unchecked),
        "findings": [finding.to_json() for finding in found.findings],
    }


def _show(name: str, found: "Validated") -> None:
    """The layer table."""
    if not found.layers:
        return
    from dlcli.console import print_table

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
    print_table(name, header, [*rows, total], sum(shown))


def _tell(config: Path, found: "Validated", more: str = "") -> None:
    """What was not looked at, what is odd, and that it is valid."""
    for text in found.unchecked:
        say(f"not checked: {text}")
    for finding in found.findings:
        say(f"warning: {finding.told()}")
    say(f"{config} is valid{more}")


def _fold(text: str) -> None:
    """A sentence on as many lines of a terminal as it takes."""
    for line in textwrap.wrap(text, 80, subsequent_indent="    "):
        say(line)


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
