"""What an option may be, in plain words, from what the schema says of it."""

from typing import Any

from dlcli.config.wording import choices
from dlcli.reference.words import ONE_OF, entries

Schema = dict[str, Any]
_UNBOUNDED = 1e9
"""Beyond, a bound only keeps numbers finite."""


def told(schema: Schema) -> str:
    """The values that a schema takes.

    >>> told({"type": "integer", "minimum": 1, "maximum": 1000000})
    'whole number from 1 to 1,000,000'
    >>> told({"anyOf": [{"type": "boolean"}, {"type": "null"}]})
    'true or false'
    """
    if "anyOf" in schema:
        either = schema["anyOf"]
        if any(_words(one) for one in either):  # of which those without options are listed, too
            either = [one for one in either if "enum" not in one]
        found: dict[str, None] = {}
        for one in either:
            several = one.get("type") == "array" and told(_item(one)) in found
            found |= {} if one == {"type": "null"} else {_such(one) if several else told(one): None}
        return " or ".join(found)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return choices(schema["enum"])
    if "$ref" in schema or "oneOf" in schema:
        return _words(schema) or "a section"
    kind = schema["type"]
    if kind in ("integer", "number"):
        return _number("whole number" if kind == "integer" else "number", schema)
    if kind == "array":
        return f"{_noun(schema)} of: {told(_item(schema))}"
    if kind == "object":
        return f"names, and for each: {told(schema['additionalProperties'])}"
    names = {"boolean": "true or false", "string": "text", "number": "number"}
    return " or ".join(names[one] for one in ([kind] if isinstance(kind, str) else kind))


def _item(schema: Schema) -> Schema:
    """What stands in a list; in those of a fixed length, what stands first."""
    found: Schema = schema["items"] if "items" in schema else schema["prefixItems"][0]
    return found


def _noun(schema: Schema) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    return "pair" if least == most == 2 else "list"


def _such(schema: Schema) -> str:
    """Several of what has just been told."""
    return f"a {_noun(schema)} of such"


def _words(schema: Schema) -> str:
    """What the words of a union are words for, "" if it is none."""
    if "oneOf" not in schema:
        return ""
    one = schema["oneOf"][0]["$ref"].rpartition("__")[2].rpartition("/")[2]
    members = {member["$ref"].rpartition("/")[2] for member in schema["oneOf"]}
    for entry in entries().values():
        full = f"{entry.model.__module__.replace('.', '__')}__{entry.model.__name__}"
        if entry.kind and entry.model.__name__ == one and {full, one} & members:
            return ONE_OF[entry.kind]
    return ""


def _number(noun: str, schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and low == high:
        return _written(low)
    if low is not None and high is not None and low > -_UNBOUNDED and high < _UNBOUNDED:
        return f"{noun} from {_written(low)} to {_written(high)}"
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bounds = []
    if above is not None:
        bounds.append(f"above {_written(above)}")
    if low is not None and low > -_UNBOUNDED:
        bounds.append(f"{_written(low)} or more")
    if below is not None:
        bounds.append(f"below {_written(below)}")
    if high is not None and high < _UNBOUNDED:
        bounds.append(f"at most {_written(high)}")
    return ", ".join([noun, " and ".join(bounds)] if bounds else [noun])


def _written(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def default(name: str, part: Schema) -> Any:
    """What an option is if it is not given, a component without options by its word alone."""
    value = part["properties"][name].get("default")
    if isinstance(value, dict) and len(value) == 1 and "type" in value:
        return value["type"]
    return value
