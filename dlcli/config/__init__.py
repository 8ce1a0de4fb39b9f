"""The config language: a YAML file becomes a checked, complete, immutable `Config`.

scalars, yaml_reader, document             the strict YAML reader, places, how a problem is shown
base, values                               the building blocks: sections, components, bounds
layers, metrics, training, ..., root       the vocabulary
absent, synonyms                           words of the field that it does not have, or calls so
rules, defaults              what the sections must be to each other; what they leave open
wording, validation_errors                 problems in plain words
overrides, loading, resolved              in and out
answering                   the part of a recorded config that matters once a network is trained
"""

from dlcli.config.activations import ACTIVATION_CONFIGS
from dlcli.config.answering import Answering, answering_from_dict, component_of
from dlcli.config.document import LARGEST_FILE
from dlcli.config.initializers import INITIALIZER_CONFIGS
from dlcli.config.layers import LAYER_CONFIGS
from dlcli.config.loading import (
    LARGEST_RECORDED,
    LoadedConfig,
    config_from_dict,
    load_bytes,
    load_config,
    load_recorded,
    parse_config,
    parse_recorded,
)
from dlcli.config.metrics import METRIC_CONFIGS
from dlcli.config.regularizers import REGULARIZER_CONFIGS
from dlcli.config.resolved import json_schema, resolved, resolved_text, text_of
from dlcli.config.root import Config
from dlcli.config.sources import SOURCE_CONFIGS
from dlcli.config.training import LOSS_CONFIGS, OPTIMIZER_CONFIGS
from dlcli.config.transforms import TARGET_TRANSFORM_CONFIGS, TRANSFORM_CONFIGS

__all__ = [
    "ACTIVATION_CONFIGS",
    "INITIALIZER_CONFIGS",
    "LARGEST_FILE",
    "LARGEST_RECORDED",
    "LAYER_CONFIGS",
    "LOSS_CONFIGS",
    "METRIC_CONFIGS",
    "OPTIMIZER_CONFIGS",
    "REGULARIZER_CONFIGS",
    "SOURCE_CONFIGS",
    "TARGET_TRANSFORM_CONFIGS",
    "TRANSFORM_CONFIGS",
    "Answering",
    "Config",
    "LoadedConfig",
    "answering_from_dict",
    "component_of",
    "config_from_dict",
    "json_schema",
    "load_bytes",
    "load_config",
    "load_recorded",
    "parse_config",
    "parse_recorded",
    "resolved",
    "resolved_text",
    "text_of",
]
