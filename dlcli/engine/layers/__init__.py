"""The layers: LAYERS lists them by the name they have in a configuration.

Activations are layers too; ACTIVATIONS lists them, in activations.py.
"""

from dlcli.engine.layer import Layer
from dlcli.engine.layers.activations import ACTIVATIONS
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.layers.dense import Dense
from dlcli.engine.layers.dropout import Dropout
from dlcli.engine.layers.pool2d import AveragePooling2D, MaxPooling2D
from dlcli.engine.layers.reshape import Flatten, Reshape

LAYERS: dict[str, type[Layer]] = {
    "average_pooling2d": AveragePooling2D,
    "conv2d": Conv2D,
    "dense": Dense,
    "dropout": Dropout,
    "flatten": Flatten,
    "max_pooling2d": MaxPooling2D,
    "reshape": Reshape,
}

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "AveragePooling2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPooling2D",
    "Reshape",
]
