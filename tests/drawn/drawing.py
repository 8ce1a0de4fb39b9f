"""One config with its files, from one number."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.config import LOSS_CONFIGS, OPTIMIZER_CONFIGS, Config
from dlcli.config.base import Component
from dlcli.config.data import Data, Split
from dlcli.config.evaluation import Evaluation
from dlcli.config.metrics import METRIC_ALIASES, METRIC_CONFIGS, MetricModel, Task, suiting
from dlcli.config.root import Network
from dlcli.config.schedules import ReduceOnPlateau
from dlcli.config.training import CheckpointOptions, EarlyStopping, Training
from dlcli.config.yaml_reader import KEY_ALIASES
from tests.drawn.data import (
    Goal,
    Parts,
    Rows,
    augmentation,
    parts,
    rows,
    target_transform,
    transforms,
)
from tests.drawn.dice import Dice
from tests.drawn.network import ENDS, FITS, Chain, initial_weights, network
from tests.drawn.options import component, hint_of, options

STEPS = 30
"""A training takes no more steps than this, so that it is over in well below a second."""

EPOCHS = 3
WILD = 0.08
"""So often the learning rate is so large that training may diverge."""

NAMES = ("drawn", "a run", "größe/1", "1e3", "no", "x" * 80, "...")


@dataclass(frozen=True)
class Drawn:
    """A config, and the files that lie beside it."""

    seed: int
    config: dict[str, Any]
    files: dict[str, bytes]

    @property
    def text(self) -> str:
        """The YAML of it."""
        return json.dumps(self.config, ensure_ascii=False)  # JSON is YAML, too

    def write(self, folder: Path) -> Path:
        """Put everything into a folder; returns the path of the YAML."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        path = folder / "drawn.yaml"
        path.write_text(self.text, encoding="utf-8")
        return path


_SPLIT = ("validation", "test", "stratify", "by", "column", "folds", "fold")


def draw(seed: int) -> Drawn:
    """The config of this seed, the same everywhere."""
    dice = Dice(seed)
    found = rows(dice)
    cut = parts(dice, found)
    steps, left = ([], found) if found.inputs else transforms(dice, found)
    goal = found.goal
    rebuilds = _can_be_rebuilt(found, left) and dice.chance(0.08)
    if rebuilds:
        goal = Goal("numbers", left.shape)
        found.source.pop("positive_class", None)
    loss = dice.choice([w for w, fits in FITS.items() if w in LOSS_CONFIGS and fits(goal)])
    if rebuilds and dice.chance(0.3):
        loss = "binary_crossentropy"
        steps = [*steps, {"type": "clip", "minimum": 0.0, "maximum": 1.0}]  # what it learns
    data: dict[str, Any] = {"source": found.source}
    if cut.split or dice.chance(0.2):
        data["split"] = options(dice, Split, cut.split, skip=_SPLIT)
    if steps or dice.chance(0.3):
        data["transforms"] = steps
    if rebuilds:
        data["target"] = "features"
    mixes = loss != "sparse_categorical_crossentropy" and not rebuilds
    if not found.inputs and ((changes := _changes(dice, left, mixes)) or dice.chance(0.1)):
        data["augmentation"] = changes
    values = {} if found.inputs else {"": left}
    for name, (written, value) in found.inputs.items():
        own, behind = transforms(dice, value)
        values[name] = behind
        if own or dice.chance(0.3):
            written["transforms"] = own
        if (changes := _changes(dice, behind, False)) or dice.chance(0.1):
            written["augmentation"] = changes
        data.setdefault("inputs", {})[name] = written
    if loss not in ENDS and not rebuilds and dice.chance(0.5):
        data["target_transform"] = target_transform(dice)
    chain = network(dice, values, goal, loss)
    if "masking" in json.dumps(chain.layers):  # it knows padding by its numbers
        for one in (data, *data.get("inputs", {}).values()):
            one.pop("augmentation", None)
    if dice.chance(0.1):  # strict refuses, by chance, what is drawn by chance
        data["audit"] = dice.choice(["warn", "off"])
    skip = ("inputs", "split", "transforms", "augmentation", "target", "target_transform", "audit")
    config: dict[str, Any] = {
        "data": options(dice, Data, data, skip=skip),
        "model": options(dice, Network, {"layers": chain.layers}, skip=("initial_weights",)),
        "loss": component(dice, LOSS_CONFIGS, loss, _aliases("loss")),
    }
    learned = ("regression", math.prod(chain.shape)) if rebuilds else _learned(chain, loss)
    metrics = _metrics(dice, learned, _weighs(found.source))
    config["optimizer"] = _optimizer(dice, cut, metrics or [])
    if metrics is not None:
        config["evaluation"] = options(dice, Evaluation, {"metrics": metrics})
    config["training"] = _training(dice, cut, metrics or [], _class_weight(dice, goal, loss))
    _update_at_least_once(config, cut)
    if dice.chance(0.5):
        config["name"] = dice.choice(NAMES)
    if dice.chance(0.7):
        config["seed"] = dice.whole(0, 9) if dice.chance(0.8) else dice.whole(0, 2**53) * 2**10 - 1
        config["seed"] = max(0, config["seed"])
    config = options(dice, Config, config, skip=("name", "seed", "evaluation"))
    files = dict(found.files)
    if any(chain.arrays) and dice.chance(0.12):
        text = json.dumps(config)
        files["initial.safetensors"] = initial_weights(dice, chain, text)
        config["model"]["initial_weights"] = "initial.safetensors"
    return Drawn(seed, _with_short_keys(dice, config), files)


def _can_be_rebuilt(found: Rows, left: Rows) -> bool:
    """Whether a small network may learn the rows themselves."""
    few = left.shape != () and math.prod(left.shape) <= 100
    source = isinstance(found.source, dict)
    return few and source and not (found.inputs or left.ids or left.vocabulary or left.texts)


def _changes(dice: Dice, left: Rows, mixes: bool) -> list[Any]:
    """Augmentations; none of ids, which they would change."""
    return [] if left.ids or left.vocabulary else augmentation(dice, left, mixes)


def _optimizer(dice: Dice, cut: Parts, metrics: list[Any]) -> Any:
    drawn = component(dice, OPTIMIZER_CONFIGS, aliases=_aliases("optimizer"))
    if dice.chance(0.15):
        given = {"peak": dice.power(-3, -1), **_monitor(dice, cut, metrics)}
        rate = options(dice, ReduceOnPlateau, given, ("monitor",))
        written = {"type": drawn} if isinstance(drawn, str) else drawn
        return written | {"learning_rate": {"type": "reduce_on_plateau", **rate}}
    if dice.chance(WILD) and isinstance(drawn, dict):
        return drawn | {"learning_rate": 1000}
    return drawn


def _update_at_least_once(config: Any, cut: Parts) -> None:
    """Do not accumulate over more batches than the run has."""
    training, optimizer = config["training"], config["optimizer"]
    if isinstance(optimizer, dict) and "gradient_accumulation_steps" in optimizer:
        batches = -(-max(cut.training, 1) // training.get("batch_size", 32)) * training["epochs"]
        most = min(batches, training.get("max_steps") or batches)
        optimizer["gradient_accumulation_steps"] = min(
            most, optimizer["gradient_accumulation_steps"]
        )


def _learned(chain: Chain, loss: str) -> tuple[Task, int]:
    """What is learned, and the number of classes, labels or outputs."""
    outputs = math.prod(chain.shape)
    tasks = LOSS_CONFIGS[loss].tasks
    if "binary" not in tasks:
        return tasks[0], outputs
    return ("binary", 2) if outputs == 1 else ("multilabel", outputs)


def _metrics(dice: Dice, learned: tuple[Task, int], weighs: bool) -> list[Any] | None:
    """Metrics that suit what is learned, some by their short names; None leaves them to the
    defaults. weighs: whether rows have weights."""
    if dice.chance(0.15):
        return None
    task, classes = learned
    found: dict[str, Any] = {}
    for word in dice.some(suiting((task,)), most=5):
        for _ in range(2 if dice.chance(0.1) else 1):
            given = {}
            if word == "top_k_accuracy" and (classes <= 5 or dice.chance(0.5)):
                given["k"] = dice.whole(1, classes - 1)
            skip = () if weighs else ("weighted",)
            written = component(dice, METRIC_CONFIGS, word, METRIC_ALIASES, given, skip)
            found.setdefault(_metric(written).called, written)
    return list(found.values())


def _weighs(source: Any) -> bool:
    return isinstance(source, dict) and source.get("weight") is not None


def _metric(written: Any) -> MetricModel:
    document = {"type": written} if isinstance(written, str) else written
    word = METRIC_ALIASES.get(document["type"], document["type"])
    return METRIC_CONFIGS[word].model_validate(document | {"type": word})


def _monitored(metrics: list[Any]) -> list[str]:
    """What can be watched of these metrics, by short names where they are written so."""
    numbers = [one for one in metrics if _metric(one).best is not None]
    return [one if isinstance(one, str) else _metric(one).called for one in numbers]


def _class_weight(dice: Dice, goal: Goal, loss: str) -> Any:
    """Weights of classes, where a row is of one; None: none are given."""
    if goal.kind not in ("classes", "one-hot") or loss not in ENDS or dice.chance(0.7):
        return None
    if goal.kind == "one-hot" and loss == "binary_crossentropy":
        return None  # several labels
    if not goal.names or dice.chance(0.4):
        return "balanced"
    return {name: dice.choice([0.5, 1, dice.real(0.1, 9)]) for name in dice.some(goal.names, 1)}


def _training(dice: Dice, cut: Parts, metrics: list[Any], class_weight: Any) -> dict[str, Any]:
    epochs = dice.whole(1, EPOCHS)
    batch = dice.choice([1, 3, 7, 8, 13, 16, 31, 32, 33, 64, 100, 1000])
    given: dict[str, Any] = {"epochs": epochs}
    if batch == 32 or dice.chance(0.2):
        batch = 32
    else:
        given["batch_size"] = batch
    batches = -(-max(cut.training, 1) // batch)
    if batches * epochs > STEPS:
        given["max_steps"] = dice.whole(2, STEPS)
    elif dice.chance(0.3):
        given["max_steps"] = dice.whole(1, batches * epochs + 2)
    if dice.chance(0.5):
        given["shard_size"] = dice.whole(max(1, min(batch, cut.training) // 12), batch + 3)
    if dice.chance(0.5):
        given["early_stopping"] = _early_stopping(dice, cut, metrics)
    if dice.chance(0.7):
        given["checkpoint"] = options(dice, CheckpointOptions)
    watched = given.get("early_stopping", {}).get("monitor", "val_loss")
    if dice.chance(0.5):
        best = cut.validates or not watched.startswith("val_")
        given["keep"] = dice.choice(["last", "best"] if best else ["last"])
    if class_weight is not None or dice.chance(0.1):
        given["class_weight"] = class_weight
    skip = ("batch_size", "max_steps", "shard_size", "early_stopping", "checkpoint", "keep")
    skip = (*skip, "class_weight")
    return options(dice, Training, given, skip)


def _early_stopping(dice: Dice, cut: Parts, metrics: list[Any]) -> dict[str, Any]:
    return options(dice, EarlyStopping, _monitor(dice, cut, metrics), skip=("monitor",))


def _monitor(dice: Dice, cut: Parts, metrics: list[Any]) -> dict[str, Any]:
    """What is watched, where the default cannot be or something else is drawn."""
    given: dict[str, Any] = {}
    watched = ["loss", *_monitored(metrics)]
    if cut.validates:
        watched += [f"val_{name}" for name in watched]
    if not cut.validates or dice.chance(0.8):
        given["monitor"] = dice.choice(watched)
    return given


def _aliases(section: str) -> dict[str, str]:
    note = hint_of(Config, section).note(Component)
    return dict(note.aliases)


def _with_short_keys(dice: Dice, value: Any) -> Any:
    """The same config with some keys under their short names."""
    short = {key: alias for alias, key in KEY_ALIASES.items()}
    if isinstance(value, list):
        return [_with_short_keys(dice, item) for item in value]
    if isinstance(value, dict):
        return {
            short[key] if key in short and dice.chance(0.3) else key: _with_short_keys(dice, item)
            for key, item in value.items()
        }
    return value


__all__ = ["Drawn", "draw"]
