"""`dlcli schema`: the config language as JSON Schema, for editors."""

import json


def schema() -> None:
    """Print the JSON Schema of the config file, for editors that check and complete YAML."""
    from dlcli.config import json_schema

    print(json.dumps(json_schema(), indent=2))
