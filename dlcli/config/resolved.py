"""The config written out: every default, canonical names, in one fixed order."""

from collections.abc import Iterator, Mapping
from typing import Any

from dlcli.config.base import whole_schema
from dlcli.config.root import Config
from dlcli.config.scalars import write_scalar
from dlcli.config.yaml_reader import KEY_ALIASES


def resolved(config: Config) -> dict[str, Any]:
    """Plain data for JSON; `config_from_dict` makes an equal config of it."""
    return config.model_dump(mode="json")


def resolved_text(config: Config) -> str:
    """YAML that loads again to an equal config; equal configs give equal text."""
    return text_of(resolved(config))


def text_of(data: dict[str, Any]) -> str:
    """What `resolved` gives as YAML, its keys in their order."""
    return "".join(f"{line}\n" for line in _mapping(data))


def cut_to(full: Any, recorded: Any) -> Any:
    """A config written out, without the options that `recorded` does not have.

    >>> cut_to({"a": 1, "b": [{"c": 2, "new": 3}]}, {"b": [{"c": 0}], "a": 0})
    {'a': 1, 'b': [{'c': 2}]}
    """
    if isinstance(full, dict) and isinstance(recorded, Mapping):
        return {key: cut_to(full[key], recorded[key]) for key in full if key in recorded}
    if isinstance(full, list) and isinstance(recorded, list) and len(full) == len(recorded):
        return [cut_to(*pair) for pair in zip(full, recorded, strict=True)]
    return full


def _mapping(data: dict[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        key = write_scalar(key)  # names of columns may be anything
        if isinstance(value, dict) and value and not _short(value):
            yield f"{key}:"
            yield from (f"  {line}" for line in _mapping(value))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield f"{key}:"
            for item in value:
                first, *others = _mapping(item) if isinstance(item, dict) else [flow(item)]
                yield f"  - {first}"
                yield from (f"    {line}" for line in others)
        else:
            yield f"{key}: {flow(value)}"


def _short(value: dict[str, Any]) -> bool:
    """Whether a mapping reads well on one line: components with few options."""
    return "type" in value and len(value) <= 3 and not any(map(_nested, value.values()))


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write_scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return write_scalar(value)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the config language, for editors."""
    schema = whole_schema(Config)
    for model in schema["$defs"].values():
        properties = model["properties"]
        if "const" in properties.get("type", {}):
            model["required"] = ["type", *model.get("required", [])]
        for alias, key in KEY_ALIASES.items():
            if key in properties:
                properties[alias] = properties[key]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
