"""`dlcli schema`: the config language as JSON Schema, for editors."""

import json as text

from dlcli.cli.options import Debug, Json


def schema(json: Json = False, debug: Debug = False) -> None:
    """Print the JSON Schema of the config file, for editors.

    With it they check and complete YAML. It is JSON with and without --json.
    """
    from dlcli.reference.schema import schema as described

    print(text.dumps(described(), indent=2))
