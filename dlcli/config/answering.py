"""What a recorded config says of a network that is trained already: the sections that decide its
answers, read without any of those that decided how it was trained."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from dlcli.config.base import RECORDED, Section
from dlcli.config.data import Data
from dlcli.config.document import Document
from dlcli.config.root import Network
from dlcli.config.training import Loss
from dlcli.config.validation_errors import explain
from dlcli.config.wiring import write_out
from dlcli.config.wording import code
from dlcli.config.yaml_reader import Tree

T = TypeVar("T", bound=Section)


class Answering(Section):
    """The layers, the loss that says what their outputs are, and what is done to rows before."""

    data: Data
    model: Network
    loss: Loss


def answering_from_dict(config: Mapping[str, Any], label: str) -> Answering:
    """These sections of a config that dlcli wrote out, maybe long ago; whatever else is in it is
    not looked at. ConfigError where they are none."""
    sections = {name: config[name] for name in Answering.model_fields if name in config}
    for name, training in (("data", "split"), ("model", "initial_weights")):
        if isinstance(sections.get(name), Mapping):
            given = sections[name]
            sections[name] = {k: v for k, v in given.items() if k != training}
            split = given.get("split") if name == "data" else None
            if isinstance(split, Mapping) and "column" in split:  # it is no feature
                sections[name]["split"] = {k: split[k] for k in ("by", "column") if k in split}
    document = Document(label, tree=Tree(sections))
    try:
        found = Answering.model_validate(sections, context={RECORDED: True})
    except ValidationError as error:
        raise document.error(explain(document, error)) from None
    complaints = write_out(found.model.layers, tuple(found.data.inputs or ("",))).complaints
    if complaints:
        raise document.error(document.problem(*complaint) for complaint in complaints)
    return found


def component_of(kind: type[T], options: Mapping[str, Any]) -> T:
    """A component of which dlcli wrote these options down, maybe long ago; ValueError in plain
    words where they are none of it."""
    try:
        return kind.model_validate(dict(options), context={RECORDED: True})
    except ValidationError as error:
        finding: Any = error.errors(include_url=False)[0]
    path = code(".".join(map(str, finding["loc"])))
    if finding["type"] == "missing":
        raise ValueError(f"{path} is missing")
    if finding["type"] == "extra_forbidden":
        raise ValueError(f"there is no option {path}")
    message = finding.get("ctx", {}).get("message", "is not valid here")
    raise ValueError(message if finding["type"] == "sentence" else f"{path} {message}")
