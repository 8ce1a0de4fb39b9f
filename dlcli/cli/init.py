"""`dlcli init`: a config to start from."""

import shlex
import shutil
import sys
import textwrap
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from dlcli.cli.options import Debug, Json, print_path
from dlcli.cli.outcome import print_json
from dlcli.errors import StorageError, UsageError
from dlcli.nearest import nearest


def init(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Default: EXAMPLE.yaml here.")
    ] = None,
    example: Annotated[
        str, typer.Option("--example", help="Which example; `--list` shows them.")
    ] = "digits_cnn",
    listing: Annotated[bool, typer.Option("--list", help="List the examples.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write an example config, ready to train. Never overwrites a file."""
    known = examples()
    if listing and json:
        told = [{"name": name, "expected": _expected(known[name])} for name in known]
        print_json({"examples": told})
        return
    if listing:
        # A line each for programs; for people what their terminal has room for.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
        for name, source in known.items():
            line = f"{name:<16}{_expected(source)}"
            print(textwrap.fill(line, max(width, 40), subsequent_indent=" " * 16))
        return
    if example not in known:
        near = nearest(example, known)
        hint = f"there are {', '.join(known)}" if near is None else f"did you mean {near!r}?"
        raise UsageError(f"there is no example {example!r}; {hint}", hint=hint)
    target = path or Path(f"{example}.yaml")
    text = known[example].read_text(encoding="utf-8")
    command, rest = text.split("\n", 1)
    if command.startswith("# dlcli train"):
        text = f"# dlcli train {shlex.quote(str(target))}\n{rest}"
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        hint = "give another FILE, or remove it"
        raise UsageError(f"{target} exists already; {hint}", file=target, hint=hint) from None
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", file=target) from None
    if json:
        print_json({"config": str(target), "example": example})
    else:
        print_path(target)


def _expected(source: Traversable) -> str:
    """What its second line promises."""
    line = source.read_text(encoding="utf-8").splitlines()[1]
    return line.removeprefix("# expected:").strip()


def examples() -> dict[str, Traversable]:
    """The shipped configs by name: inside the installed package, or beside it in a checkout."""
    package = files("dlcli")
    folder = package / "examples"
    if not folder.is_dir():
        folder = Path(str(package)).parent / "configs"
    found = [item for item in folder.iterdir() if item.name.endswith(".yaml")]
    return {item.name.removesuffix(".yaml"): item for item in sorted(found, key=lambda i: i.name)}
