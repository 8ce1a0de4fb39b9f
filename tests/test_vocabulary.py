"""The config's words and the objects that do the work say the same: names, fields, defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from dlcli import config as vocabulary
from dlcli.builder import DESCRIBED, build
from dlcli.config.augmentation import AUGMENTATION_CONFIGS
from dlcli.config.data import Split as SplitConfig
from dlcli.config.metrics import defaults
from dlcli.config.schedules import SCHEDULE_CONFIGS
from dlcli.data.augmentation import AUGMENTATIONS
from dlcli.data.sources import SOURCES
from dlcli.data.split import Split
from dlcli.data.transforms import TRANSFORMS
from dlcli.engine.initializers import INITIALIZERS
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.engine.losses import LOSSES
from dlcli.engine.merges import MERGES
from dlcli.engine.metrics import METRICS
from dlcli.engine.optimizers import OPTIMIZERS
from dlcli.engine.regularizers import REGULARIZERS
from dlcli.engine.schedules import SCHEDULES

MISSING = "no default"

WRITTEN_OUT = ("activation", "residual", "branches", "repeat")
"""Words of the config that become other layers."""

OF_THE_DATA = ("column_embeddings",)
"""Layers of which the data decides more than the config says; bundles say all of it."""

Table = Mapping[str, Any]
TABLES: dict[str, tuple[Table, Table, frozenset[str]]] = {
    # The config's classes, the working classes, and fields that only the config has.
    "layers": (
        {
            k: v
            for k, v in vocabulary.LAYER_CONFIGS.items()
            if k not in {*MERGES, *WRITTEN_OUT, *OF_THE_DATA}
        },
        {k: v for k, v in LAYERS.items() if k not in OF_THE_DATA},
        frozenset({"name", "input", "trainable"}),
    ),
    "layers of the data": (
        {k: DESCRIBED[k] for k in OF_THE_DATA},
        {k: LAYERS[k] for k in OF_THE_DATA},
        frozenset(),
    ),
    "merges": (
        {k: v for k, v in vocabulary.LAYER_CONFIGS.items() if k in MERGES},
        MERGES,
        frozenset({"name", "inputs", "trainable"}),
    ),
    "activations": (vocabulary.ACTIVATION_CONFIGS, ACTIVATIONS, frozenset()),
    "initializers": (vocabulary.INITIALIZER_CONFIGS, INITIALIZERS, frozenset()),
    "regularizers": (vocabulary.REGULARIZER_CONFIGS, REGULARIZERS, frozenset()),
    "losses": (vocabulary.LOSS_CONFIGS, LOSSES, frozenset()),
    "optimizers": (vocabulary.OPTIMIZER_CONFIGS, OPTIMIZERS, frozenset()),
    "metrics": (vocabulary.METRIC_CONFIGS, METRICS, frozenset({"name"})),
    "schedules": (SCHEDULE_CONFIGS, SCHEDULES, frozenset()),
    "sources": (vocabulary.SOURCE_CONFIGS, SOURCES, frozenset()),
    "augmentations": (AUGMENTATION_CONFIGS, AUGMENTATIONS, frozenset()),
    "transforms": (vocabulary.TRANSFORM_CONFIGS, TRANSFORMS, frozenset()),
}
SPLIT_FROM_CONFIG = frozenset(
    {
        *("conv1d", "conv2d", "conv2d_transpose", "dense"),
        *("depthwise_conv2d", "separable_conv2d"),
    }
)
"""Layers whose `activation:` becomes a layer of its own, so their working classes have none."""

PAIRS = [
    pytest.param(table, name, id=f"{table}-{name}")
    for table, (configs, works, _) in TABLES.items()
    for name in sorted(configs.keys() | works.keys())
]


def plain(value: Any) -> Any:
    """A default as lists and plain values: components by name, tuples as lists."""
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    for works in (INITIALIZERS, ACTIVATIONS):
        for name, kind in works.items():
            if type(value) is kind:
                return {
                    "type": name,
                    **{f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(kind)},
                }
    if hasattr(value, "model_dump"):
        return {key: plain(part) for key, part in value.model_dump().items()}
    return value


def config_fields(model: Any) -> dict[str, Any]:
    return {
        name: MISSING
        if field.is_required()
        else plain(field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
        if name != "type"
    }


def work_fields(kind: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(kind):
        if not field.metadata.get("chosen", True):
            continue
        if field.default is not dataclasses.MISSING:
            found[field.name] = plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = plain(field.default_factory())
        else:
            found[field.name] = MISSING
    return found


@pytest.mark.parametrize("table", TABLES)
def test_both_sides_know_the_same_names(table: str) -> None:
    configs, works, _ = TABLES[table]
    assert sorted(configs) == sorted(works)


@pytest.mark.parametrize(("table", "name"), PAIRS)
def test_both_sides_have_the_same_fields_and_defaults(table: str, name: str) -> None:
    configs, works, extra = TABLES[table]
    written = config_fields(configs[name])
    for field in extra | ({"activation"} if name in SPLIT_FROM_CONFIG else set()):
        written.pop(field)
    assert written == work_fields(works[name])


@pytest.mark.parametrize(("table", "name"), PAIRS)
def test_every_component_is_built_with_its_own_defaults(table: str, name: str) -> None:
    configs, works, _ = TABLES[table]
    values: dict[str, Any] = {
        "units": 3, "filters": 2, "kernel_size": 3, "target_shape": [3], "rate": 0.5,
        "images": "i", "labels": "l", "path": "p", "target": "t", "features": "f", "scale": 2.0,
        "dims": [2, 1], "inputs": ["a", "b"], "peak": 0.5, "values": [0.5, 0.1],
        "decay_rate": 0.5, "boundaries": [3], "decay_steps": 3, "columns": [[0, 2, 3]],
        "input_dim": 5, "output_dim": 2, "stddev": 0.5, "l1": 0.5, "padding": 2,
        "width_factor": 0.5, "categories": ["a", "b"], "num_bins": 4, "maximum": 1.0,
        "factor": 0.5, "height_factor": 0.5, "value_range": [0.0, 2.0], "height": 4, "width": 3,
    }  # fmt: skip
    required = [key for key, value in config_fields(configs[name]).items() if value == MISSING]
    required += {
        "step": ["boundaries"], "random_crop": ["padding"], "random_translation": ["width_factor"],
        "clip": ["maximum"], "l1_l2": ["l1"], "random_erasing": ["value_range"],
    }.get(name, [])  # fmt: skip
    required += ["decay_steps"] * (name in ("exponential", "inverse_time"))
    made = build(configs[name](**{key: values[key] for key in required}), works)
    assert type(made) is works[name]
    for key, default in work_fields(works[name]).items():
        assert key in required or plain(getattr(made, key)) == default


@pytest.mark.parametrize("word", METRICS)
def test_a_metric_says_the_same_of_itself_on_both_sides(word: str) -> None:
    config, work = vocabulary.METRIC_CONFIGS[word], METRICS[word]
    assert config.suits == work.suits
    assert (config.best is not None) == work.scalar


def test_what_is_measured_by_default_suits_every_task_once() -> None:
    for task in ("multiclass", "binary", "multilabel", "regression"):
        assert [one.type for one in defaults((task,))] in (
            ["accuracy"],
            ["mean_absolute_error", "r2"],
        )


@pytest.mark.parametrize("word", LOSSES)
def test_a_loss_says_the_same_of_itself_on_both_sides(word: str) -> None:
    config, work = vocabulary.LOSS_CONFIGS[word], LOSSES[word]
    assert config.folds == work.folds
    learned = {work().kind(shape)[0] for shape in ((1,), (2,), (3,))}
    assert set(config.tasks) == learned
    assert config().classifies == ("regression" not in learned)


def test_every_loss_folds_an_activation_that_exists() -> None:
    folds = {loss.folds for loss in LOSSES.values()}
    assert folds - {None} <= set(ACTIVATIONS)


def test_the_split_has_the_same_fields_and_defaults() -> None:
    assert config_fields(SplitConfig) == work_fields(Split)


def test_the_options_of_a_layer_of_the_data_are_those_of_the_config_or_found_in_the_data() -> None:
    config = config_fields(vocabulary.LAYER_CONFIGS["column_embeddings"])
    found = work_fields(LAYERS["column_embeddings"])
    shared = config.keys() & found.keys()
    assert {name: config[name] for name in shared} == {name: found[name] for name in shared}
    own = {"name", "input", "trainable", "output_dim", "default_output_dim"}
    assert config.keys() - shared == own
    assert found.keys() - shared == {"columns"}


def test_every_word_for_a_layer_is_one_of_the_engine_or_is_written_out() -> None:
    assert set(vocabulary.LAYER_CONFIGS) == {*LAYERS, *MERGES, *WRITTEN_OUT}


@pytest.mark.parametrize(("table", "name"), PAIRS)
def test_what_does_the_work_is_immutable(table: str, name: str) -> None:
    of_no_fields = object.__new__(TABLES[table][1][name])
    with pytest.raises(dataclasses.FrozenInstanceError):
        of_no_fields.another = 1
