"""A config file as somebody names it on the command line, also where there is none."""

from collections.abc import Sequence
from pathlib import Path

from dlcli.cli.init import examples
from dlcli.config import LoadedConfig
from dlcli.config import load_config as load
from dlcli.config.document import clip_label
from dlcli.errors import ConfigError
from dlcli.nearest import nearest

_MOST_FILES = 2000


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """As `dlcli.config.load_config`; the error about a file that is not there says what may be
    meant."""
    try:
        return load(path, overrides)
    except ConfigError as error:
        hint = None if _is_there(path) else _hint(path)
        if hint is None:
            raise
        label = clip_label(str(path))
        words = "there is no such file"
        raise ConfigError(
            f"{label}: {words}; {hint}",
            problems=[{**error.details["problems"][0], "hint": hint}],
        ) from None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _hint(path: Path) -> str | None:
    """The file that was likely meant, or the example of that name."""
    known = examples()
    shipped = path.name.removesuffix(".yaml").removesuffix(".yml")
    near = _near(path)
    if near is not None:
        return f"did you mean {clip_label(str(near))}?"
    if shipped in known:
        return (
            f"it is an example that comes with dlcli: `dlcli init --example {shipped}` writes "
            f"{shipped}.yaml here"
        )
    alike = nearest(shipped, known)
    if alike is None:
        return None
    return f"an example has a similar name: `dlcli init --example {alike}` writes it here"


def _near(path: Path) -> Path | None:
    """A file of the same name here, or of nearly the same in the folder that was named."""
    here = Path(path.name)
    if path.parent != Path() and here.is_file():
        return here
    names: list[str] = []
    try:
        for entry in path.parent.iterdir():
            if len(names) >= _MOST_FILES:
                break
            if entry.suffix.lower() in (".yaml", ".yml", ".json") and entry.is_file():
                names.append(entry.name)
    except OSError:
        return None
    wanted = path.name if path.suffix else f"{path.name}.yaml"
    for found in (wanted, f"{path.stem}.yaml", f"{path.stem}.yml"):
        if found in names:
            return path.parent / found
    near = nearest(wanted, names)
    return None if near is None else path.parent / near
