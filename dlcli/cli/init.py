"""`dlcli init`: a config to start from, for a file of one's own or an example that is shipped."""

import contextlib
import re
import shlex
import shutil
import sys
import textwrap
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from dlcli import numerics
from dlcli.cli.describe import Target, require_data
from dlcli.cli.options import Debug, Json, print_path, require_name
from dlcli.cli.outcome import print_json
from dlcli.errors import StorageError, UsageError
from dlcli.nearest import nearest


def init(
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="A file, or a folder of pictures.")
    ] = None,
    target: Target = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: the name of DATA, .yaml."),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option("--example", metavar="NAME", help="A shipped config; `--list` shows them."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the examples.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a config for a table, arrays or pictures, or an example.

    It is ready to train. Nothing is overwritten.
    """
    require_name(output, "model.yaml")
    if listing:
        _list(json)
    elif example is not None:
        if data is not None:
            raise UsageError(
                f"give a file or --example, not both (a config of another name: -o {data})"
            )
        if target is not None:
            raise UsageError("--target is for a file of data, not for an example")
        file = output or Path(f"{example}.yaml")
        _write(file, _example(example, file))
        _end(file, json, {"example": example})
    elif data is None:
        raise UsageError(
            "give a file of data, or --example NAME (`--list` shows the examples)",
            hint="dlcli init DATA, or dlcli init --example digits_cnn",
        )
    else:
        _for_data(data, target, output, json)


def _for_data(data: Path, target: str | None, output: Path | None, json: bool) -> None:
    _require_data(data)
    file = output or Path(f"{_stem(data)}.yaml")
    _refuse_existing(file)  # before a large file is read
    numerics.choose("portable")
    from dlcli.cli.concluded import show_concluded
    from dlcli.pipeline.first import first

    found = first(data, target, file)
    _write(file, found.text)
    if not json:
        show_concluded(found)
    _end(file, json, {"data": str(data), "concluded": found.document()})


def _require_data(data: Path) -> None:
    """UsageError, with what was probably meant, where there is no such file."""
    try:
        require_data(data)
    except UsageError:
        name = data.name.removesuffix(".yaml")
        if data.name == str(data) and name in examples() and not data.exists():
            hint = f"dlcli init --example {name}"
            raise UsageError(
                f"there is no file {data}; {name!r} is an example: `{hint}` writes it",
                file=data,
                hint=hint,
            ) from None
        if data.suffix in (".yaml", ".yml") and not data.exists():
            hint = f"dlcli init --example NAME -o {shlex.quote(str(data))}"
            raise UsageError(
                f"there is no file {data}; give a file of data, or write an example there: "
                f"`{hint}`",
                file=data,
                hint=hint,
            ) from None
        raise


def _stem(data: Path) -> str:
    """The name without what says how it is written: trees for trees.csv.gz."""
    name = data.name or data.resolve().name
    for ends in ((".gz", ".bz2", ".xz", ".zip"), (".csv", ".tsv", ".txt", ".data", ".npy", ".npz")):
        for end in ends:
            if name.lower().endswith(end) and len(name) > len(end):
                name = name[: -len(end)]
                break
    return name


def _example(name: str, file: Path) -> str:
    """The text of an example that is going to be `file`; UsageError with the nearest name."""
    known = examples()
    if name not in known:
        near = nearest(name, known)
        hint = f"there are {', '.join(known)}" if near is None else f"did you mean {near!r}?"
        raise UsageError(f"there is no example {name!r}; {hint}", hint=hint)
    text = known[name].read_text(encoding="utf-8")
    command, rest = text.split("\n", 1)
    if command.startswith("# dlcli train"):
        return f"# dlcli train {shlex.quote(str(file))}\n{rest}"
    return text


def _list(json: bool) -> None:
    known = examples()
    if json:
        told = [{"name": name, "expected": _expected(known[name])} for name in known]
        print_json({"examples": told})
        return
    # A line each for programs; for people what their terminal has room for.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    for name, source in known.items():
        line = f"{name:<16}{_expected(source)}"
        print(textwrap.fill(line, max(width, 40), subsequent_indent=" " * 16))


def _refuse_existing(file: Path) -> None:
    try:
        file.lstat()
    except (OSError, ValueError):
        return
    raise _exists(file)


def _exists(file: Path) -> UsageError:
    hint = "give another name by -o, or remove it"
    return UsageError(f"{file} exists already; {hint}", file=file, hint=hint)


_FOR_EDITORS = "# yaml-language-server: $schema="


def _with_schema(text: str, file: Path) -> str:
    """A config whose third line tells editors where the schema of this dlcli lies: from `file`, if
    that is beside or below it, so that the line can be committed."""
    schema = Path(str(files("dlcli"))) / "config" / "schema.json"
    place = schema.as_uri()
    with contextlib.suppress(OSError, ValueError):
        near = schema.resolve().relative_to(file.resolve().parent).as_posix()
        place = near if re.fullmatch(r"[\w./+-]+", near, re.ASCII) else place
    first, second, *others = text.split("\n")
    others = [line for line in others if not line.startswith(_FOR_EDITORS)]
    return "\n".join([first, second, f"{_FOR_EDITORS}{place}", *others])


def _write(file: Path, text: str) -> None:
    """Write a config that does not exist yet."""
    text = _with_schema(text, file)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}", file=file) from None


def _end(file: Path, json: bool, told: dict[str, object]) -> None:
    if json:
        print_json({"config": str(file), **told})
    else:
        print_path(file)


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
