"""Small configs and data files, which train in milliseconds."""

from pathlib import Path

import numpy as np

KINDS = ("ash", "beech", "cédre")

TREES = """\
name: trees
seed: 4
data:
  source: {type: csv, path: trees.csv, target: kind, features: [height, girth, soil]}
  split: {validation: 0.2, test: 0.25, stratify: true}
  transforms:
    - {type: one_hot, columns: [soil]}
    - standardize
model:
  layers:
    - {type: dense, units: 7, activation: relu}
    - {type: dropout, rate: 0.2}
    - {type: dense, units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: {type: adam, learning_rate: 0.02}
training: {epochs: 4, batch_size: 10, keep: best}
evaluation: {metrics: [accuracy, f1, recall_per_class, confusion_matrix]}
"""

PRICES = """\
name: prices
data:
  source: {type: csv, path: trees.csv, target: height, features: [girth]}
  transforms: [standardize]
  target_transform: {type: min_max, minimum: -1.0, maximum: 3.0}
model:
  layers:
    - {type: dense, units: 5, activation: tanh}
    - {type: dense, units: 1}
loss: mse
optimizer: {type: momentum, learning_rate: 0.05}
training: {epochs: 3, batch_size: 16}
evaluation: {metrics: [r2, mae]}
"""

IMAGES = """\
name: images
data:
  source: digits
  split: {validation: 0.1, test: 0.2}
  transforms: [{type: rescale, scale: 0.0625}]
model:
  layers:
    - {type: conv2d, filters: 9, kernel_size: 3, activation: relu}
    - {type: max_pooling2d}
    - flatten
    - {type: dense, units: 10, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: adam
training: {epochs: 2, batch_size: 50, max_steps: 20}
evaluation: {metrics: [accuracy]}
"""

YES_NO = """\
name: yes-no
data: {source: breast_cancer, transforms: [standardize]}
model: {layers: [{type: dense, units: 6, activation: tanh}, {type: dense, units: 1}]}
loss: bce
optimizer: {type: sgd, learning_rate: 0.1}
training: {epochs: 3, early_stopping: {monitor: val_accuracy, patience: 1}}
evaluation: {metrics: [accuracy, precision]}
"""

SMALL = {"trees": TREES, "prices": PRICES, "images": IMAGES, "yes-no": YES_NO}


def trees(rows: int = 120) -> str:
    """A CSV of trees; the kind follows from the measures, more or less."""
    draw = np.random.default_rng(1)
    lines = ["id,height,soil,girth,kind"]
    for row in range(rows):
        kind = row % 3
        height = 10.0 + 4 * kind + draw.normal()
        soil = ("clay", "sand")[int(draw.integers(2))]
        lines.append(f"{row},{height:.4f},{soil},{draw.uniform(0.5, 2.5):.4f},{KINDS[kind]}")
    return "\n".join(lines) + "\n"


def write(folder: Path, name: str) -> Path:
    """The YAML of one of `SMALL` with its data beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trees.csv").write_text(trees(), encoding="utf-8")
    path = folder / f"{name}.yaml"
    path.write_text(SMALL[name], encoding="utf-8")
    return path
