"""Whatever a file or an option contains: a config, or a ConfigError that can be printed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.config import config_from_dict, load_config, parse_config, resolved, resolved_text
from dlcli.errors import ConfigError
from tests.config.mutations import are_valid, documents, overrides

QUICK = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check(path: Path, options: list[str]) -> None:
    try:
        config = load_config(path, options).config
    except ConfigError as error:
        message = str(error)
        message.encode()  # no half characters: it can be written anywhere
        assert "is not valid here" not in message  # every kind of mistake has its own sentence
        assert all(line.isprintable() for line in message.splitlines())
    else:
        assert parse_config(resolved_text(config), "again").config == config
        assert config_from_dict(resolved(config)) == config


def test_the_documents_that_are_damaged_are_good_before() -> None:
    assert are_valid()


@QUICK
@given(documents(), overrides())
def test_damaged_configs_give_a_config_or_a_config_error(
    tmp_path: Path, content: bytes, options: list[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    check(path, options)


@QUICK
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_give_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    check(path, [])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["data", "model", "loss", "training", "name", ""]), values))
def test_any_recorded_data_gives_a_config_error(data: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        config_from_dict(data)
