"""From a file, a text or recorded data to a config that is good as far as the file alone tells."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from dlcli.config.base import RECORDED
from dlcli.config.data import input_names
from dlcli.config.defaults import complete, safe_name
from dlcli.config.document import LARGEST_FILE, Document, document_of, parse_document, read_document
from dlcli.config.overrides import apply_overrides
from dlcli.config.resolved import cut_to, resolved, text_of
from dlcli.config.root import Config
from dlcli.config.rules import Sections, complaints
from dlcli.config.validation_errors import explain
from dlcli.config.yaml_reader import Path, Tree
from dlcli.errors import ConfigError
from dlcli.frozen import frozen


@frozen
class LoadedConfig:
    """A complete config (every default and name filled in) and the document it comes from.

    recorded: where dlcli wrote the config out, the document as it did so: of an earlier version
        it lacks the options that came later.
    """

    config: Config
    document: Document
    recorded: Mapping[str, Any] | None = None

    def resolved(self) -> dict[str, Any]:
        """The config written out, as it was where it was recorded: plain data for JSON."""
        full = resolved(self.config)
        return full if self.recorded is None else cut_to(full, self.recorded)

    @property
    def name(self) -> str:
        """The run's name, fit for a directory's name."""
        return safe_name(self.config.name or "")

    def error(self, path: Path, message: str) -> ConfigError:
        """An error at `path`, such as ("model", "layers", 3, "units"), with its source line."""
        return self.errors([(path, message)])

    def errors(self, problems: Iterable[tuple[Path, str]]) -> ConfigError:
        """Several problems in one error."""
        return self.document.error(self.document.problem(*problem) for problem in problems)


def load_config(path: FilePath, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read and check a config file; raises ConfigError with every problem found."""
    return _checked(read_document(path), overrides, path.stem)


LARGEST_RECORDED = 64 * LARGEST_FILE
"""Bytes of a config as dlcli writes it, with every default: many times those of what was given."""


def load_recorded(content: bytes, label: str) -> LoadedConfig:
    """As `load_config`, from the content of a file that dlcli itself wrote, maybe long ago."""
    document = document_of(content, label, LARGEST_RECORDED)
    return _checked(document, (), FilePath(label).stem, recorded=True)


def load_bytes(content: bytes, label: str, overrides: Sequence[str] = ()) -> LoadedConfig:
    """As `load_config`, from the content of a file; the label stands for its name."""
    document = document_of(content, label, LARGEST_FILE)
    return _checked(document, overrides, FilePath(label).stem)


def parse_recorded(data: Mapping[str, Any], label: str) -> LoadedConfig:
    """As `load_recorded`, from what a manifest holds; errors show the lines it would have."""
    config = config_from_dict(data, label)
    text = text_of(cut_to(resolved(config), data))
    return _checked(parse_document(text, label, LARGEST_RECORDED), (), label, recorded=True)


def parse_config(text: str, label: str, overrides: Sequence[str] = ()) -> LoadedConfig:
    """As `load_config`, from a text; the label stands where a file's name would."""
    return _checked(parse_document(text, label), overrides, FilePath(label).stem)


def config_from_dict(data: Mapping[str, Any], label: str = "config") -> Config:
    """The config that `resolved` wrote as plain data, in this version or an earlier one; raises
    ConfigError if it is none."""
    return _checked(Document(label, tree=Tree(dict(data))), (), label, recorded=True).config


def _checked(
    document: Document, overrides: Sequence[str], stem: str, recorded: bool = False
) -> LoadedConfig:
    apply_overrides(document, overrides)
    problems = list(document.problems)
    good: dict[str, Any] = {RECORDED: recorded}  # and the sections that are good in themselves
    config: Config | None = None
    try:
        config = Config.model_validate(document.data, context=good)
    except ValidationError as error:
        problems += explain(document, error)
    problems += [
        document.problem(*complaint) for complaint in complaints(_sections(document, good))
    ]
    if config is None or problems:
        raise document.error(problems)
    written = document.data if recorded else None
    return LoadedConfig(complete(config, safe_name(stem)), document, written)


def _sections(document: Document, good: Mapping[str, Any]) -> Sections:
    sections = {name: good[name] for name in Sections.__dataclass_fields__ if name in good}
    if "evaluation" not in document.data:
        sections["evaluation"] = Config.model_fields["evaluation"].default
    data = document.data.get("data")
    if isinstance(data, Mapping):
        sections["inputs"] = input_names(data.get("inputs"))
    return Sections(**sections)
