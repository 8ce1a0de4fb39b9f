"""The rows: sources, splits, transforms. NumPy only.

raw = Digits().load(places, seed)                  what the source brings
dataset = Split(test=0.2).apply(raw, seed)         parts: which rows
prepared = prepare(dataset, [Rescale(1 / 16)])     transforms, fitted on the training part
x = prepared.apply(dataset.train.take_features(slice(0, 32)))
"""

from dlcli.data.checks import class_targets
from dlcli.data.dataset import Column, Dataset, Declared, Part, Raw, Role, Table
from dlcli.data.digests import digests
from dlcli.data.fitting import Transform
from dlcli.data.places import Places, data_dir
from dlcli.data.preprocessing import Preprocessing, TransformError, prepare, shape_after
from dlcli.data.rows import read_rows
from dlcli.data.sources import SOURCES, Source
from dlcli.data.split import Split
from dlcli.data.targets import TargetScale
from dlcli.data.transforms import TRANSFORMS

__all__ = [
    "SOURCES",
    "TRANSFORMS",
    "Column",
    "Dataset",
    "Declared",
    "Part",
    "Places",
    "Preprocessing",
    "Raw",
    "Role",
    "Source",
    "Split",
    "Table",
    "TargetScale",
    "Transform",
    "TransformError",
    "class_targets",
    "data_dir",
    "digests",
    "prepare",
    "read_rows",
    "shape_after",
]
