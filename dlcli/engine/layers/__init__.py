"""The layers: LAYERS lists them by the name they have in a configuration.

Activations are layers too; ACTIVATIONS lists them, in activations.py.
"""

from dlcli.engine.layer import Layer
from dlcli.engine.layers.activations import ACTIVATIONS
from dlcli.engine.layers.batch_normalization import BatchNormalization
from dlcli.engine.layers.column_embeddings import ColumnEmbeddings
from dlcli.engine.layers.conv1d import Conv1D
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.layers.conv2d_transpose import Conv2DTranspose
from dlcli.engine.layers.dense import Dense
from dlcli.engine.layers.depthwise_conv2d import DepthwiseConv2D
from dlcli.engine.layers.dropout import Dropout
from dlcli.engine.layers.global_pool import GlobalAveragePooling2D, GlobalMaxPooling2D
from dlcli.engine.layers.group_normalization import GroupNormalization
from dlcli.engine.layers.layer_normalization import LayerNormalization
from dlcli.engine.layers.lookup import Embedding
from dlcli.engine.layers.pool1d import AveragePooling1D, MaxPooling1D
from dlcli.engine.layers.pool2d import AveragePooling2D, MaxPooling2D
from dlcli.engine.layers.reshape import Flatten, Reshape
from dlcli.engine.layers.resized import UpSampling2D, ZeroPadding2D
from dlcli.engine.layers.separable_conv2d import SeparableConv2D
from dlcli.engine.layers.steps import GlobalAveragePooling1D, GlobalMaxPooling1D, Masking

LAYERS: dict[str, type[Layer]] = {
    "average_pooling1d": AveragePooling1D,
    "average_pooling2d": AveragePooling2D,
    "batch_normalization": BatchNormalization,
    "column_embeddings": ColumnEmbeddings,
    "conv1d": Conv1D,
    "conv2d": Conv2D,
    "conv2d_transpose": Conv2DTranspose,
    "dense": Dense,
    "depthwise_conv2d": DepthwiseConv2D,
    "dropout": Dropout,
    "embedding": Embedding,
    "flatten": Flatten,
    "global_average_pooling1d": GlobalAveragePooling1D,
    "global_average_pooling2d": GlobalAveragePooling2D,
    "global_max_pooling1d": GlobalMaxPooling1D,
    "global_max_pooling2d": GlobalMaxPooling2D,
    "group_normalization": GroupNormalization,
    "layer_normalization": LayerNormalization,
    "masking": Masking,
    "max_pooling1d": MaxPooling1D,
    "max_pooling2d": MaxPooling2D,
    "reshape": Reshape,
    "separable_conv2d": SeparableConv2D,
    "up_sampling2d": UpSampling2D,
    "zero_padding2d": ZeroPadding2D,
}

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "ColumnEmbeddings",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "LayerNormalization",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "Reshape",
    "SeparableConv2D",
    "UpSampling2D",
    "ZeroPadding2D",
]
