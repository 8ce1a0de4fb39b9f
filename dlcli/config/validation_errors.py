"""The validator's findings in plain words, each at its place in the file."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from dlcli.config import synonyms
from dlcli.config.absent import absent_key
from dlcli.config.base import ONE, SEVERAL, Section, fields_of, tag
from dlcli.config.document import Document, Problem
from dlcli.config.root import Config
from dlcli.config.wording import code, instead, listing, meant, nearest, squeeze
from dlcli.config.yaml_reader import Path


def explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    """A problem for every finding but those that another one explains already."""
    findings: list[Any] = list(error.errors(include_url=False))
    suggested: set[Path] = set()
    for finding in findings:
        if finding["type"] == "extra_forbidden":
            path, model = _follow(finding["loc"][:-1])
            path = (*path, finding["loc"][-1])
            message, near = _unknown_key(document.spelling(path), path, model)
            suggested.update((*path[:-1], key) for key in near)
            yield document.problem(path, message, at="key")
    yield from _missing(document, findings, suggested)
    for finding in findings:
        if finding["type"] in ("extra_forbidden", "missing"):
            continue
        path, _ = _follow(finding["loc"])
        context = finding.get("ctx", {})
        path = (*path, *context.get("at", ()))
        if document.is_broken(path):
            continue
        if finding["type"] == "sentence":
            yield document.problem(path, context["message"])
        elif finding["type"] == "value":
            yield document.problem(path, f"{_name(document, path)} {context['message']}")
        elif finding["type"] in ("model_type", "model_attributes_type"):
            words = f"must be a mapping of keys{instead(finding['input'])}"
            yield document.problem(path, f"{_name(document, path)} {words}")
        else:  # no check of ours ends here; still no reason to hide that something is wrong
            yield document.problem(path, f"{_name(document, path)} is not valid here")


def _name(document: Document, path: Path) -> str:
    """kernel_size[1]"""
    end = len(path)
    while end and isinstance(path[end - 1], int):
        end -= 1
    if end == 0:
        return "the config"
    return code(document.spelling(path[:end]) + "".join(f"[{index}]" for index in path[end:]))


def _follow(location: Sequence[str | int]) -> tuple[Path, type[Section]]:
    """The location without the names of union members, and the model it leads to or into."""
    path: list[str | int] = []
    model: type[Section] = Config
    members: dict[str, type[Section]] = {}
    for part in location:
        if part in (ONE, SEVERAL):
            continue
        if part in members:
            model, members = members[str(part)], {}
            continue
        path.append(part)
        if isinstance(part, str) and part in model.model_fields:
            field = fields_of(model)[part]
            inside = _models([field.annotation])
            if len(inside) == 1:
                model = inside[0]
            members = {tag(m.model_fields["type"].default): m for m in inside if _typed(m)}
    return tuple(path), model


def _typed(model: type[Section]) -> bool:
    return "type" in model.model_fields


def _models(annotations: Sequence[Any]) -> list[type[Section]]:
    """Every model that an annotation mentions."""
    found: list[type[Section]] = []
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            found.append(annotation)
        else:
            found.extend(_models(get_args(annotation)))
    return found


def _described(model: type[Section]) -> str:
    """How a message calls what the model describes."""
    if _typed(model):
        return code(model.model_fields["type"].default)
    return "a config" if model is Config else "this section"


def _missing(
    document: Document, findings: Sequence[Any], suggested: set[Path]
) -> Iterator[Problem]:
    """One problem for each mapping that lacks keys which no misspelt one stands for."""
    lacking: dict[Path, list[str]] = {}
    owners: dict[Path, type[Section]] = {}
    for finding in findings:
        if finding["type"] != "missing":
            continue
        *above, key = finding["loc"]
        path, owner = _follow(above)
        owners[path] = owner
        skipped = path in document.tree.incomplete or document.is_broken(path)
        if (*path, key) not in suggested and not skipped:
            lacking.setdefault(path, []).append(key)
    for path, keys in lacking.items():
        what = f"the key {code(keys[0])} is" if len(keys) == 1 else f"the keys {listing(keys)} are"
        needs = "needs it" if len(keys) == 1 else "needs them"
        yield document.problem(
            (*path, keys[0]), f"{what} missing: {_described(owners[path])} {needs}"
        )


def _unknown_key(key: str, path: Path, model: type[Section]) -> tuple[str, list[str]]:
    """What to say of a key that the model has not, and the keys that were likely meant."""
    what = f"unknown key {code(key)}"
    known = list(model.model_fields)
    word = squeeze(key)
    sentences = synonyms.KEY_SENTENCES
    if _typed(model):
        own = synonyms.KEY_SENTENCES_OF.get(model.model_fields["type"].default, {})
        sentences = {**sentences, **own}
    if word in sentences and word not in map(squeeze, known):
        return f"{what}: {sentences[word]}", []
    for foreign in synonyms.KEYS.get(word, ()):
        if foreign in known:
            return f"{what}{meant(foreign)}", [foreign]
    lacking = absent_key(model.__name__, word)
    if lacking is not None and word not in map(squeeze, known):
        return f"{what}: {lacking}", []
    near = nearest(key, known)
    if near is not None:
        return f"{what}{meant(near)}", [near]
    home = _home(str(path[-1]))
    if home is not None:
        return f"{what}: it belongs {home}", []
    return f"{what}; {_described(model)} takes {listing(known)}", []


def _home(key: str) -> str | None:
    """Where a key belongs that was written elsewhere."""
    if key in Config.model_fields:
        return "at the top of the file"
    homes = {"learning_rate": "optimizer", "validation": "data.split", "test": "data.split"}
    homes |= dict.fromkeys(("monitor", "patience", "min_delta"), "training.early_stopping")
    for section, field in Config.model_fields.items():
        for model in _models([field.annotation]):
            if not _typed(model):
                homes |= dict.fromkeys(model.model_fields, section)
    return f"under {code(homes[key])}" if key in homes else None
