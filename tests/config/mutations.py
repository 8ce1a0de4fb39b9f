"""Broken configs by the thousand: realistic ones, damaged in ways that people and disks know.

    @given(documents())
    def test_...(content: bytes): ...

Every document is the content of a file. Most are wrong, some are still right, a few are no text.
"""

import json
import random
from functools import cache
from typing import Any

from hypothesis import strategies as st

from dlcli.config import parse_config
from dlcli.config.document import parse_document

MNIST = """\
# dlcli train mnist_cnn.yaml
version: 1
name: mnist-cnn
seed: 7
data:
  source: {type: mnist}
  split: {validation: 0.1, stratify: true}
  transforms:
    - {type: rescale, scale: 0.00392156862745098}
model:
  layers:
    - {type: conv2d, filters: 32, kernel_size: 3, activation: relu}
    - {type: max_pooling2d, pool_size: 2}
    - {type: conv2d, filters: 64, kernel_size: [3, 3], padding: same, activation: relu}
    - {type: max_pooling2d, pool_size: 2}
    - flatten
    - {type: dense, units: 10, activation: softmax}
loss: {type: sparse_categorical_crossentropy}
optimizer: {type: adam, learning_rate: 1e-3}
training: {epochs: 5, batch_size: 32}
evaluation: {metrics: [accuracy, precision, recall]}
deployment: {formats: [bundle]}
runtime: {numerics: portable}
"""

DIGITS = """\
data: {source: digits, transforms: [standardize]}
model:
  layers:
    - flatten
    - type: dense
      name: hidden
      units: 32
      kernel_initializer: he_normal
      bias_initializer: {type: constant, value: 0.1}
    - {type: activation, activation: {type: leaky_relu, negative_slope: 0.1}}
    - {type: dropout, rate: 0.2}
    - {type: dense, units: 10}
loss: sparse_categorical_crossentropy
optimizer:
  type: adamw
  lr: 2e-3
  weight_decay: 0.01
  exclude_from_weight_decay: [bias]
training:
  epochs: 3
  early_stopping: {monitor: val_accuracy, patience: 2}
  checkpoint: {every_steps: 100}
"""

CANCER = """\
name: "breast cancer"
data:
  source: {type: breast_cancer}
  split: {validation: 0.15, test: 0.25, stratify: true}
  transforms: [{type: min_max, minimum: -1.0}]
model:
  layers: [{type: dense, units: 16, activation: tanh},
           {type: dense, units: 1, activation: sigmoid}]
loss: bce
optimizer: {type: momentum, learning_rate: 0.05, nesterov: true}
training: {epochs: 4, keep: best}
evaluation: {metrics: [accuracy, f1, confusion_matrix]}
"""

FRIEDMAN = """\
seed: 3
data:
  source: {type: friedman1, samples: 500, noise: 0.5}
  transforms: [standardize]
  target_transform: standardize
model:
  layers:
    - {type: dense, units: 24, activation: {type: gelu, approximate: true}}
    - {type: dense, units: 1, use_bias: false}
loss: mse
optimizer: rmsprop
training: {epochs: 2, batch_size: 50, shard_size: 25, max_steps: 30, shuffle: false}
evaluation: {metrics: [mae, r2]}
runtime: {numerics: native}
"""

TABLE = """\
data:
  source:
    type: csv
    path: rows.csv
    target: price
    features: [area, rooms, "heating: kind"]
    delimiter: ";"
  transforms:
    - {type: one_hot, columns: ["heating: kind"]}
    - standardize
model: {layers: [{type: dense, units: 1}]}
loss: {type: mae}
optimizer: sgd
training: {epochs: 1}
"""

SCENES = """\
data:
  source: {type: npz, path: scenes.npz, target: y, test_target: y2}
  inputs:
    image: {array: x, test_array: x2, transforms: [{type: rescale, scale: 0.01}]}
    facts: {array: f, test_array: f2, transforms: [standardize]}
model:
  layers:
    - {type: flatten, input: image}
    - {type: dense, input: facts, units: 4, name: known}
    - {type: concatenate, inputs: [flatten_1, known]}
    - {type: dense, units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 1}
"""

VALID = {
    "mnist": MNIST,
    "digits": DIGITS,
    "cancer": CANCER,
    "friedman": FRIEDMAN,
    "table": TABLE,
    "scenes": SCENES,
}

# Values that have broken YAML readers and validators before.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3.5, 0.1, 1e-3, -0.0, 1e30, 1e308, 10**30, 2**63, 2**53,
    "", " ", "no", "1e-3", "010", "0x1F", "1:30", "~", "relu", "dense", "adam", "mse", "softmax",
    "accuracy", "digits", "val_loss", "a b", "ü漢\u0301", "\x00", "\n", "../up", "a" * 300,
    [], {}, [[]], [None], [1, 2, 3], [-1, -1], ["accuracy", "accuracy"], {"type": "dense"},
    {"type": None}, {"type": []}, {"": 0}, {"type": "<adam>"}, [{"type": "flatten"}] * 40,
]  # fmt: skip

KEYS = [
    "type", "name", "units", "filters", "lr", "learning_rate", "learnin_rate", "epochs", "layers",
    "activation", "kernel_size", "in_features", "metrics", "path", "split", "test", "validation",
    "", " ", "<<", "<dense>", "1", "null", "key: with colon", "é", "a" * 200,
]  # fmt: skip

# What a slip of the hand, a broken disk, or a YAML connoisseur puts into a file.
BYTES = [
    b"", b"\t", b"\n", b" ", b"  ", b":", b": ", b"-", b"- ", b"{", b"}", b"[", b"]", b",", b"#",
    b"&a ", b"*a", b"<<: ", b"!!python/object/apply:os.system ", b"!", b"'", b'"', b"|", b">",
    b"?", b"%YAML 1.1\n", b"---\n", b"...\n", b"@", b"`", b"\\", b'"\\UFFFFFFFF"', b'"\\ud800"',
    b".nan", b"-.inf", b"1e999", b"9" * 400, b"0o17", b"\x00", b"\x07", b"\x7f", b"\xff", b"\xc3",
    b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"\r", b"[" * 60, b"{a: " * 60, b"- " * 60,
]  # fmt: skip


def documents() -> st.SearchStrategy[bytes]:
    """Contents of config files: valid ones with up to four damages of one of two kinds."""
    return st.builds(
        _damaged,
        st.sampled_from(sorted(VALID)),
        st.integers(0, 2**64 - 1),
        st.booleans(),
        st.sampled_from([1, 1, 1, 2, 3, 4]),
    )


def overrides() -> st.SearchStrategy[list[str]]:
    """`--set` options, right and wrong."""
    return st.lists(st.integers(0, 2**64 - 1).map(_option), max_size=3)


def _damaged(name: str, seed: int, in_bytes: bool, times: int) -> bytes:
    chance = random.Random(seed)
    if in_bytes:
        content = VALID[name].encode()
        for _ in range(times):
            content = _edit(content, chance)
        return content
    data: Any = _parsed(name)
    for _ in range((times + 1) // 2):  # a change of structure is a coarse one
        data = _restructure(data, chance)
    # JSON is YAML; that NaN and huge numbers are written as they are is welcome.
    return json.dumps(data, ensure_ascii=False, indent=chance.choice([None, 1])).encode()


@cache
def _parsed(name: str) -> Any:
    return parse_document(VALID[name], name).data


def _edit(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    end = min(len(content), start + chance.choice([0, 0, 1, 1, 2, 5, 20, 200]))
    kind = chance.randrange(4)
    if kind == 0:  # put something in, or in the place of something
        return content[:start] + chance.choice(BYTES) + content[end:]
    if kind == 1:  # leave something out
        return content[:start] + content[end:]
    if kind == 2:  # write something twice
        return content[:end] + content[start:]
    if not content:
        return chance.choice(BYTES)
    at = min(start, len(content) - 1)  # flip a bit
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _restructure(data: Any, chance: random.Random) -> Any:
    """A copy with one change to one key or value, somewhere."""
    data = json.loads(json.dumps(data))
    places = [place for place in _containers(data) if place]
    if not places:
        return chance.choice(VALUES)
    place = chance.choice(places)
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = chance.choice(keys)
    kind = chance.randrange(10)
    if kind >= 7 and isinstance(place[key], int | float):  # another number: often still right
        place[key] = chance.choice([1, 2, 3, 7, place[key] * 2, place[key] + 1, place[key] / 3])
    elif kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, dict):
        place[_typo(key, chance)] = place.pop(key)
    elif kind == 2 and isinstance(place, dict):
        place[chance.choice(KEYS)] = chance.choice(VALUES)
    elif kind == 3:
        place[key] = chance.choice([[place[key]], {"type": place[key]}, {key: place[key]}])
    elif kind == 4:  # a value of elsewhere
        other = chance.choice(places)
        place[key] = json.loads(json.dumps(chance.choice(_values(other))))
    elif kind == 5 and isinstance(place, list):
        place.extend(json.loads(json.dumps(place)))
    else:
        place[key] = chance.choice(VALUES)
    return data


def _containers(data: Any) -> list[Any]:
    if not isinstance(data, dict | list):
        return []
    return [data, *(inner for value in _values(data) for inner in _containers(value))]


def _values(place: Any) -> list[Any]:
    return list(place.values()) if isinstance(place, dict) else list(place)


def _typo(key: object, chance: random.Random) -> str:
    word = str(key)
    at = chance.randrange(len(word) + 1)
    return chance.choice(
        [word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word.upper(), chance.choice(KEYS)]
    )


def _option(seed: int) -> str:
    chance = random.Random(seed)
    paths = [
        "optimizer.lr", "optimizer.learning_rate", "optimizer", "model.layers.0.units", "seed",
        "model.layers.-1", "model.layers.999.units", "model.layers.0.name", "loss.type", "a.b.c",
        "training.checkpoint.every_steps", "training.early_stopping.monitor", "name.x", "", ".",
        "evaluation.metrics.0", "data.source", "data.split.validation", "model.layers", "version.x",
    ]  # fmt: skip
    value = chance.choice(VALUES)
    texts = [
        json.dumps(value, ensure_ascii=False),
        str(value),
        chance.choice(BYTES).decode("latin1"),
    ]
    return chance.choice(paths) + chance.choice(["=", "=", "=", "", "=="]) + chance.choice(texts)


def are_valid() -> bool:
    """Whether the documents that everything starts from are good."""
    return all(parse_config(text, name).name for name, text in VALID.items())
