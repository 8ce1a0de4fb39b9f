"""How a word is written: in a config, and an option that must be given for an example."""

from typing import Any

from dlcli.config.document import parse_document
from dlcli.config.resolved import flow
from dlcli.reference.words import Entry

_PLACES = {
    "layers": "model:\n  layers:\n    - {}",
    "activations": "model:\n  layers:\n    - {{type: dense, units: 64, activation: {}}}",
    "initializers": "model:\n  layers:\n    - {{type: dense, units: 64, kernel_initializer: {}}}",
    "regularizers": "model:\n  layers:\n    - {{type: dense, units: 64, kernel_regularizer: {}}}",
    "losses": "loss: {}",
    "optimizers": "optimizer: {}",
    "schedules": "optimizer:\n  type: adam\n  learning_rate: {}",
    "metrics": "evaluation:\n  metrics:\n    - {}",
    "sources": "data:\n  source: {}",
    "transforms": "data:\n  transforms:\n    - {}",
    "target_transforms": "data:\n  target_transform: {}",
    "augmentations": "data:\n  augmentation:\n    - {}",
}
"""Where the words of each kind stand in a config."""

_USUAL: dict[str, Any] = {
    "filters": 32,
    "units": 64,
    "kernel_size": 3,
    "rate": 0.25,
    "target_shape": [4, 4, 2],
    "input_dim": 10_000,
    "output_dim": 32,
    "inputs": ["dense_1", "dense_2"],
    "peak": 0.01,
    "height": 32,
    "width": 32,
    "factor": 0.1,
    "height_factor": 0.1,
    "stddev": 0.1,
    "scale": 0.0625,
    "dims": [2, 3, 1],
    "categories": ["small", "medium", "large"],
    "num_bins": 64,
    "activation": "relu",
    "target": "y",
}
"""What an option may be, in an example."""


def example(entry: Entry, part: dict[str, Any]) -> Any:
    """The word with what must be given: what its docstring says, or something that may stand
    there. part: what the schema says of it."""
    if entry.example:
        return parse_document(f"example: {entry.example}", "example").data["example"]
    wanted = [name for name in part.get("required", ()) if name != "type"]
    if entry.kind and not wanted:
        return entry.word
    named = {"type": entry.word} if entry.kind else {}
    return named | {name: _something(name, part["properties"][name]) for name in wanted}


def _something(name: str, schema: dict[str, Any]) -> Any:
    """A value that the schema of an option takes."""
    if name in _USUAL:
        return _USUAL[name]
    for one in schema.get("anyOf", ()):
        return _something("", one)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [_something("", schema["items"])] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", 1))
        within = 1 if low <= 1 <= high and schema.get("exclusiveMinimum") != 1 else high
        return within if kind == "integer" else float(within)
    return {"boolean": True, "object": {}}.get(str(kind), name or "name")


def in_a_config(entry: Entry, value: Any) -> str:
    """The lines of a config in which a word, or a section, stands."""
    written = flow(value)
    if entry.kind:
        return _PLACES[entry.kind].format(written)
    if entry.name == "config":
        return "\n".join(f"{key}: {flow(below)}" for key, below in value.items())
    names = entry.name.split(".")
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(names)]
    return "\n".join(lines) + f" {written}"
