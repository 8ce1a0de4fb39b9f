"""Every model of the vocabulary, under the same laws."""

import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from dlcli import config
from dlcli.config import Config
from dlcli.config.base import Section, table, whole_schema
from dlcli.config.document import Document
from dlcli.config.validation_errors import explain
from tests.config.models import every_model
from tests.exactness.runs import ROOT, command

REGISTRIES: dict[str, dict[str, Any]] = {
    name: getattr(config, name) for name in config.__all__ if name.endswith("_CONFIGS")
}
NASTY: list[Any] = [
    None, True, -1, 0, 10**30, 2**62, 1.5, -1e300, 1e300, "", "1", "x\ny", "a" * 5000, [], [None],
    [1, 2, 3], list(range(200_000)), {}, {"type": "x"}, {"type": None}, object(),
]  # fmt: skip


@pytest.mark.parametrize("model", every_model())
def test_every_model_refuses_an_unknown_key(model: type[Section]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"surely_unknown": 1})
    assert (("surely_unknown",), "extra_forbidden") in [
        (error["loc"], error["type"]) for error in caught.value.errors()
    ]


@pytest.mark.parametrize("model", every_model())
def test_every_bad_value_is_explained_by_a_sentence_of_ours(model: type[Section]) -> None:
    for field in set(model.model_fields) - {"type"}:  # known by then: it has chosen the model
        for value in NASTY:
            try:
                model.model_validate({field: value})
            except ValidationError as error:
                kinds = {e["type"] for e in error.errors()}
                assert kinds <= {"missing", "extra_forbidden", "sentence", "value", "model_type"}
                list(explain(Document("x"), error))


def test_no_number_is_unbounded() -> None:
    whole = whole_schema(Config)
    known = {**whole["$defs"], "Config": whole}
    # Of two classes of one name, the schema tells the modules, too.
    assert all(any(m.__name__ in key.split("__") for key in known) for m in every_model())
    for name, model in known.items():
        for choice in [
            choice
            for schema in model.get("properties", {}).values()
            for choice in [schema, *schema.get("anyOf", []), schema.get("items", {})]
        ]:
            if choice.get("type") in ("integer", "number"):
                assert "minimum" in choice or "exclusiveMinimum" in choice, name
                assert "maximum" in choice or "exclusiveMaximum" in choice, name


@pytest.mark.parametrize("model", every_model())
def test_models_are_immutable(model: type[Section]) -> None:
    assert model.model_config["frozen"]


def test_the_walk_finds_every_registered_component() -> None:
    found = set(every_model())
    assert all(model in found for registry in REGISTRIES.values() for model in registry.values())
    assert len(REGISTRIES) == 10


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_component_is_registered_under_its_own_type(registry: str) -> None:
    for name, model in REGISTRIES[registry].items():
        assert model.model_fields["type"].default == name
        assert get_args(model.model_fields["type"].annotation) == (name,)
        assert next(iter(model.model_fields)) == "type"


def test_a_table_reads_unions_with_and_without_annotation() -> None:
    from dlcli.config.training import Adam, Optimizer, Sgd

    assert table(Sgd | Adam) == {"sgd": Sgd, "adam": Adam}
    assert table(Optimizer) == config.OPTIMIZER_CONFIGS


SCHEMAS = """
import json, sys
from pathlib import Path
from dlcli.config import Config, json_schema, load_config
for name in sys.argv[1:]:
    load_config(Path(name))
for _ in range(2):
    print(json.dumps(json_schema()))
"""


@pytest.mark.thorough
def test_the_json_schema_does_not_depend_on_what_was_read_before() -> None:
    """What a config needs is built when it is read, and must not stay half known afterwards."""
    configs = sorted(str(path) for path in (Path(ROOT) / "configs").glob("*.yaml"))
    assert configs

    def told(*names: str) -> list[str]:
        out, _ = command(*names, python=(sys.executable, "-c", SCHEMAS), cwd=ROOT)
        return out.splitlines()

    (fresh,) = set(told())
    assert '"oneOf": []' not in fresh
    assert set(told(*configs)) == {fresh}


def test_the_json_schema_knows_short_forms_and_bounds() -> None:
    schema = config.json_schema()
    defs = schema["$defs"]
    assert defs["Dense"]["required"] == ["type", "units"]
    assert defs["Dense"]["properties"]["units"] == {
        "maximum": 1000000, "minimum": 1, "title": "Units", "type": "integer",
    }  # fmt: skip
    assert "lr" in defs["Adam"]["properties"]
    assert defs["Adam"]["additionalProperties"] is False
    assert schema["properties"]["loss"]["anyOf"][0]["enum"][-3:] == ["mse", "mae", "bce"]
    bare_layers = defs["Network"]["properties"]["layers"]["items"]["anyOf"][0]["enum"]
    assert bare_layers == [
        "max_pooling2d", "average_pooling2d", "max_pooling1d", "average_pooling1d",
        "global_average_pooling2d", "global_max_pooling2d", "global_average_pooling1d",
        "global_max_pooling1d", "zero_padding2d", "up_sampling2d", "masking",
        "batch_normalization", "layer_normalization", "group_normalization", "flatten",
        "column_embeddings",
    ]  # fmt: skip
